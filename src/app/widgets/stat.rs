//! A strip of numbers with their names.

use egui::{Align2, FontId, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::basics::caption;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens;
use crate::app::style::tokens::size;

/// A number to show.
#[derive(Clone, Debug, Default)]
pub struct Stat {
    /// Name.
    pub name: &'static str,
    /// Value as text; `–` when undefined.
    pub value: String,
    /// Unit, such as `nats/token`.
    pub unit: &'static str,
    /// Formula and source, for the tooltip.
    pub about: &'static str,
    /// Change against the other side, with whether it is toward memorized.
    pub change: Option<(String, bool)>,
}

/// Draws the numbers in columns: name, value, and unit or change; the last ones only where there is room.
pub fn stats_ui(stats: &[Stat], ui: &mut Ui) {
    let room = ui.available_rect_before_wrap();
    const LEAST: f32 = 58.0;
    let n = ((room.width() / LEAST) as usize).clamp(1, stats.len().max(1));
    let width = room.width() / n as f32;
    for (i, stat) in stats.iter().take(n).enumerate() {
        let left = room.left() + i as f32 * width;
        let rect = Rect::from_min_size(pos2(left, room.top()), vec2(width, room.height()));
        let response = ui.interact(rect, ui.scope_id().with(stat.name), Sense::hover());
        response.widget_info(|| {
            WidgetInfo::labeled(Role::Label, true, format!("{} {} {}", stat.name, stat.value, stat.unit))
        });
        stat_ui(stat, rect, ui);
        response.on_hover_ui(|ui| {
            ui.label(egui::RichText::new(stat.name).font(semibold(size::BODY)));
            ui.label(stat.about);
            ui.label(caption(ui, format!("in {}", stat.unit)));
        });
    }
}

fn stat_ui(stat: &Stat, rect: Rect, ui: &Ui) {
    let t = tokens(ui);
    let small = FontId::proportional(10.5);
    let painter = ui.painter();
    painter.text(rect.left_top(), Align2::LEFT_TOP, stat.name, small.clone(), t.text_faint);
    let middle = rect.left_top() + vec2(0.0, 16.0);
    painter.text(middle, Align2::LEFT_TOP, &stat.value, semibold(size::TITLE), t.text);
    let below = rect.left_top() + vec2(0.0, 37.0);
    match &stat.change {
        Some((change, toward)) => {
            let ink = if *toward { t.accent } else { t.text_soft };
            painter.text(below, Align2::LEFT_TOP, format!("Δ {change}"), small, ink);
        }
        None => {
            painter.text(below, Align2::LEFT_TOP, stat.unit, small, t.text_faint);
        }
    }
}
