//! How one token looks: its color, its number, its tooltip.

use egui::{Color32, RichText, Ui, vec2};

use super::basics::{caption, mono};
use crate::app::state::ColorBy;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::size;
use crate::app::style::{Tokens, tokens};
use crate::methods::compare::Cell;

/// What tokens are colored by, with the scale of signed values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenLook {
    /// What the color means.
    pub color: ColorBy,
    /// Largest absolute contribution of both sides.
    pub largest: f64,
}

impl TokenLook {
    /// How full the ink is: 0..=1, or −1..=1 for signed values. Absent values have none.
    pub fn fullness(self, cell: &Cell) -> Option<f32> {
        match self.color {
            // Full ink at loss 0; half at 1.4 nats, a sixteenth at 5.5.
            ColorBy::Loss => cell.loss().map(|loss| (-loss / 2.0).exp() as f32),
            // Full ink at rank 0, none from rank 10 000.
            ColorBy::Rank => cell.rank.map(|r| 1.0 - (f64::from(r) + 1.0).log10() as f32 / 4.0).map(|t| t.max(0.0)),
            ColorBy::Gradient => cell.contribution.map(|c| (c / self.largest.max(f64::MIN_POSITIVE)) as f32),
            ColorBy::Off => None,
        }
    }

    /// Fill of a token.
    pub fn fill(self, cell: &Cell, t: &Tokens) -> Option<Color32> {
        let fullness = self.fullness(cell)?;
        Some(if self.color == ColorBy::Gradient { t.diverging(fullness) } else { t.ramp(fullness) })
    }
}

/// The number that the color stands for.
pub fn value_text(color: ColorBy, cell: &Cell) -> String {
    match color {
        ColorBy::Loss => cell.loss().map_or_else(String::new, |l| format!("{l:.2}")),
        ColorBy::Rank => cell.rank.map_or_else(String::new, |r| r.to_string()),
        ColorBy::Gradient => cell.contribution.map_or_else(String::new, share_text),
        ColorBy::Off => cell.id.to_string(),
    }
}

/// A share in percent with its sign; tiny ones are 0.
fn share_text(share: f64) -> String {
    let percent = 100.0 * share;
    if percent.abs() < 0.05 { "0".to_owned() } else { format!("{percent:+.1}").replace('-', "−") }
}

/// Everything about a token.
pub fn token_tooltip_ui(cell: &Cell, ui: &mut Ui) {
    let t = tokens(ui);
    ui.set_max_width(300.0);
    ui.spacing_mut().item_spacing.y = 3.0;
    ui.horizontal(|ui| {
        let shown = if cell.shown.is_empty() { "(no text)" } else { cell.shown.as_str() };
        ui.label(RichText::new(shown).font(semibold(size::TITLE)));
        ui.label(caption(ui, format!("id {}", cell.id)));
    });
    let bytes: Vec<String> = cell.bytes.iter().take(24).map(|b| format!("{b:02x}")).collect();
    ui.label(mono(bytes.join(" ")).size(size::SMALL).color(t.text_faint));
    ui.add_space(2.0);
    egui::Grid::new("token numbers").num_columns(2).spacing(vec2(16.0, 2.0)).show(ui, |ui| {
        let mut row = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                ui.label(caption(ui, name));
                ui.label(mono(value));
                ui.end_row();
            }
        };
        row("log-probability", cell.log_prob.map(|p| format!("{} nats", decimal(p, 4))));
        row("probability", cell.log_prob.map(|p| percent(p.exp())));
        row("rank", cell.rank.map(|r| if r == 0 { "0, the most likely".to_owned() } else { r.to_string() }));
        row("entropy", cell.entropy.map(|e| format!("{e:.3} nats")));
        row("share of alignment", cell.contribution.map(|c| format!("{} %", decimal(100.0 * c, 2))));
    });
    if cell.log_prob.is_none() {
        ui.label(caption(ui, "The first token: nothing predicts it."));
    }
    if !cell.top.is_empty() {
        ui.add_space(4.0);
        ui.label(caption(ui, "The model expected"));
        alternatives_ui(cell, t, ui);
    }
}

fn alternatives_ui(cell: &Cell, t: &Tokens, ui: &mut Ui) {
    for alternative in &cell.top {
        let (rect, _) = ui.allocate_exact_size(vec2(260.0, 20.0), egui::Sense::hover());
        let is_it = alternative.id == cell.id;
        let bar = rect.with_max_x(rect.left() + rect.width() * alternative.probability as f32);
        ui.painter().rect_filled(bar.shrink2(vec2(0.0, 1.0)), 3.0, t.accent_soft);
        let ink = if is_it { t.accent } else { t.text };
        let font = if is_it { semibold(size::BODY) } else { egui::FontId::proportional(size::BODY) };
        let painter = ui.painter();
        painter.text(rect.left_center() + vec2(6.0, 0.0), egui::Align2::LEFT_CENTER, &alternative.shown, font, ink);
        let number = egui::FontId::monospace(size::SMALL);
        let at = rect.right_center() - vec2(4.0, 0.0);
        painter.text(at, egui::Align2::RIGHT_CENTER, percent(alternative.probability), number, t.text_soft);
    }
}

/// A number with a true minus, and without one where it rounds to zero.
fn decimal(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}").replace('-', "−");
    let is_zero = text.chars().all(|c| "−0.".contains(c));
    if is_zero { text.trim_start_matches('−').to_owned() } else { text }
}

/// A probability for reading.
pub(super) fn percent(p: f64) -> String {
    match p {
        p if p >= 0.9995 => "≈ 100 %".to_owned(),
        p if p >= 0.001 => format!("{:.1} %", 100.0 * p),
        p => format!("{:.1e} %", 100.0 * p),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_has_no_sign() {
        assert_eq!([-0.00004, -0.5, 0.5].map(|v| decimal(v, 2)), ["0.00", "−0.50", "0.50"]);
    }
}
