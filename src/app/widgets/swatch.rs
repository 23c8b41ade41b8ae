//! The color of a run.

use egui::{Sense, Ui, WidgetInfo, vec2};

use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::plot::run_color;
use crate::app::runs::{NoteChange, RunCommand, RunEntry};
use crate::figures::palette::SERIES;

/// The color of a run, hollow while charts leave it out. A click hides or shows it, the other button chooses a color.
pub fn swatch_ui(cx: &ViewCx<'_>, run: &RunEntry, ui: &mut Ui) {
    let is_hidden = cx.state.runs.hidden.contains(&run.id);
    let (rect, response) = ui.allocate_exact_size(vec2(22.0, 22.0), Sense::click());
    let name = format!("{} {} in charts", if is_hidden { "Show" } else { "Hide" }, run.name);
    response.widget_info(|| WidgetInfo::selected(egui::Role::CheckBox, true, !is_hidden, name.as_str()));
    let ink = run_color(run.color, ui.visuals().dark_mode);
    if is_hidden {
        ui.painter().circle_stroke(rect.center(), 5.0, egui::Stroke::new(1.5, ink));
    } else {
        ui.painter().circle_filled(rect.center(), 6.0, ink);
    }
    if response.hovered() {
        ui.painter().circle_stroke(rect.center(), 9.0, egui::Stroke::new(1.0, cx.tokens.border_strong));
    }
    if response.clicked() {
        cx.send(Command::Run(RunCommand::Hide(run.id.clone(), !is_hidden)));
    }
    let response = response.on_hover_text(format!("{name}; right click for another color"));
    response.context_menu(|ui| {
        ui.horizontal(|ui| {
            for color in 0..SERIES {
                let (rect, response) = ui.allocate_exact_size(vec2(24.0, 24.0), Sense::click());
                response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, format!("Color {}", color + 1)));
                ui.painter().circle_filled(rect.center(), 8.0, run_color(color, ui.visuals().dark_mode));
                if response.clicked() {
                    cx.send(Command::Run(RunCommand::Note(run.id.clone(), NoteChange::Color(color))));
                    ui.close();
                }
            }
        });
    });
}
