//! A strip of numbers with their names.

use egui::{Color32, Ui, vec2};

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

/// Draws the numbers in equal columns.
pub fn stats_ui(stats: &[Stat], ui: &mut Ui) {
    let width = (ui.available_width() / stats.len().max(1) as f32).floor();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        for stat in stats {
            let response = ui.allocate_ui(vec2(width, 50.0), |ui| stat_ui(stat, width, ui)).response;
            response.on_hover_ui(|ui| {
                ui.label(egui::RichText::new(stat.name).font(semibold(size::BODY)));
                ui.label(stat.about);
            });
        }
    });
}

fn stat_ui(stat: &Stat, width: f32, ui: &mut Ui) {
    ui.vertical(|ui| {
        ui.set_width(width);
        ui.spacing_mut().item_spacing.y = 1.0;
        ui.label(caption(ui, stat.name));
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 5.0;
            ui.label(egui::RichText::new(&stat.value).font(semibold(size::TITLE + 1.0)));
            if let Some((change, toward)) = &stat.change {
                let t = tokens(ui);
                let ink: Color32 = if *toward { t.accent } else { t.text_faint };
                ui.label(egui::RichText::new(change).size(size::SMALL).color(ink));
            }
        });
        ui.label(caption(ui, stat.unit));
    });
}
