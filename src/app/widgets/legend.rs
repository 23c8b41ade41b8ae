//! What the colors of tokens mean, with units.

use egui::{Align2, FontId, Mesh, Rect, Sense, Ui, pos2, vec2};

use crate::app::state::ColorBy;
use crate::app::style::tokens;
use crate::app::style::tokens::size;

/// A color bar with numbers under it.
pub fn legend_ui(color: ColorBy, largest: f64, ui: &mut Ui) {
    let largest = format!("{:.1}", 100.0 * largest);
    let (title, ticks): (&str, Vec<(f32, String)>) = match color {
        ColorBy::Loss => {
            let at = |loss: f32| (1.0 - (-loss / 2.0).exp(), format!("{loss}"));
            ("loss, nats", vec![(0.0, "0".into()), at(1.0), at(2.0), at(4.0), (1.0, "8+".into())])
        }
        ColorBy::Rank => {
            let names = ["0", "9", "99", "999", "10⁴"];
            ("rank", names.iter().enumerate().map(|(i, n)| (i as f32 / 4.0, (*n).to_owned())).collect())
        }
        ColorBy::Gradient => (
            "share of alignment, %",
            vec![(0.0, format!("−{largest}")), (0.5, "0".into()), (1.0, format!("+{largest}"))],
        ),
        ColorBy::Off => return,
    };
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(230.0, 28.0), Sense::hover());
    response.on_hover_text(match color {
        ColorBy::Loss => "−ln p of each token given those before it. Full ink: the model knows what comes.",
        ColorBy::Rank => "How many tokens the model holds more likely. Full ink: none.",
        _ => "How much of the inner product of both gradients comes from this token.",
    });
    let painter = ui.painter();
    let beside = pos2(rect.right() - 132.0, rect.top() + 8.0);
    painter.text(beside, Align2::RIGHT_CENTER, title, FontId::proportional(size::SMALL), t.text_faint);
    let bar =
        Rect::from_min_max(pos2(rect.right() - 124.0, rect.top() + 3.0), pos2(rect.right() - 10.0, rect.top() + 12.0));
    let mut mesh = Mesh::default();
    const STEPS: u32 = 32;
    for i in 0..=STEPS {
        let f = i as f32 / STEPS as f32;
        let fill = if color == ColorBy::Gradient { t.diverging(2.0 * f - 1.0) } else { t.ramp(1.0 - f) };
        let x = bar.left() + f * bar.width();
        mesh.colored_vertex(pos2(x, bar.top()), fill);
        mesh.colored_vertex(pos2(x, bar.bottom()), fill);
        if i > 0 {
            let v = 2 * i;
            mesh.add_triangle(v - 2, v - 1, v);
            mesh.add_triangle(v - 1, v, v + 1);
        }
    }
    painter.add(mesh);
    painter.rect_stroke(bar, 2.0, egui::Stroke::new(1.0, t.border_strong), egui::StrokeKind::Outside);
    for (f, text) in ticks {
        let at = pos2(bar.left() + f * bar.width(), bar.bottom() + 1.0);
        painter.text(at, Align2::CENTER_TOP, text, FontId::proportional(10.0), t.text_faint);
    }
}
