//! The Experiment view: a form made from the method's own declaration, checked while typing.

mod form;
mod presets;
mod side;
mod slots;
mod vary;

use std::collections::BTreeMap;

use egui::{ScrollArea, Ui, vec2};

use super::View;
use crate::app::command::{Action, Command};
use crate::app::context::ViewCx;
use crate::app::draft::DraftCommand;
use crate::app::rows_ui::RowsLook;
use crate::app::state::Slot;
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, PAD, size};
use crate::app::widgets::{accent_button, button, caption, header, icon_button, region, soft, title};
use crate::methods;
use crate::methods::schema::Problem;

/// Transient state.
#[derive(Default)]
pub(super) struct Experiment {
    /// What is typed into number and text fields, by path, while it has the keyboard.
    typed: BTreeMap<String, String>,
    /// How the rows of sets that are made look, by slot.
    rows: BTreeMap<String, RowsLook>,
    /// What is wrong, for the draft of this serial.
    problems: (Option<u64>, Vec<Problem>),
}

impl View for Experiment {
    fn view_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let draft = &cx.state.draft;
        if self.problems.0 != Some(draft.serial) {
            self.problems = (Some(draft.serial), draft.experiment.problems());
        }
        let can_run = self.problems.1.is_empty() && !matches!(draft.estimate, Slot::Failed(..));
        header(ui, "Experiment", "", |ui| {
            ui.add_enabled_ui(can_run, |ui| {
                let keys = Action::RunExperiment.keys(ui.ctx()).unwrap_or_default();
                let n: usize = draft.factors().unwrap_or_default().iter().product();
                let name = if n > 1 { format!("Run {n}") } else { "Run".to_owned() };
                let run = accent_button(ui, Some(Icon::Play), &name)
                    .on_hover_text(format!("Start a process of its own  ({keys})"));
                let run = run.on_disabled_hover_text("Mend first what the card at the right says");
                if run.clicked() {
                    cx.act(Action::RunExperiment);
                }
            });
            if button(ui, Some(Icon::Copy), "Copy as command").clicked() {
                cx.act(Action::CopyCommand);
            }
            if button(ui, Some(Icon::Download), "Save as…").clicked() {
                cx.act(Action::SaveExperiment);
            }
            if button(ui, Some(Icon::Folder), "Open file…").clicked() {
                cx.act(Action::OpenExperiment);
            }
            let [can_undo, can_redo] = draft.history();
            ui.add_enabled_ui(can_redo, |ui| {
                if icon_button(ui, Icon::Redo, "Redo", false).clicked() {
                    cx.act(Action::Redo);
                }
            });
            ui.add_enabled_ui(can_undo, |ui| {
                if icon_button(ui, Icon::Undo, "Undo", false).clicked() {
                    cx.act(Action::Undo);
                }
            });
        });
        let room = ui.available_rect_before_wrap();
        let (list, side) = (232.0, 300.0);
        region(ui, room.with_max_x(room.left() + list), "methods", |ui| methods_ui(cx, ui));
        let middle = egui::Rect::from_min_max(
            egui::pos2(room.left() + list + PAD, room.top()),
            egui::pos2(room.right() - side - PAD, room.bottom()),
        );
        region(ui, middle, "form", |ui| {
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                ui.set_max_width(ui.available_width() - 8.0);
                form::form_ui(cx, &self.problems.1, &mut self.typed, &mut self.rows, ui);
            });
        });
        region(ui, room.with_min_x(room.right() - side), "side", |ui| {
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| side::side_ui(cx, &self.problems.1, ui));
        });
    }
}

/// The methods by group.
fn methods_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let t = cx.tokens;
    let chosen = cx.state.draft.experiment.steps.first().map(|s| s.method.as_str());
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        let mut groups: Vec<&str> = methods::registry().iter().map(|m| m.card().group).collect();
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            ui.add_space(GAP);
            ui.label(caption(ui, group.to_uppercase()));
            for method in methods::registry().iter().filter(|m| m.card().group == group) {
                let card = method.card();
                let is_on = chosen == Some(card.id);
                let width = ui.available_width() - 8.0;
                let small = egui::FontId::proportional(size::SMALL);
                let about = ui.painter().layout(card.about.to_owned(), small, t.text_faint, width - 24.0);
                let height = about.size().y + 38.0;
                let (rect, response) = ui.allocate_exact_size(vec2(width, height), egui::Sense::click());
                response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, is_on, card.title));
                if is_on || response.hovered() {
                    ui.painter().rect_filled(rect, 8.0, if is_on { t.accent_soft } else { t.hover });
                }
                let mut inner = ui.new_child(egui::UiBuilder::new().max_rect(rect.shrink2(vec2(12.0, 8.0))));
                inner.spacing_mut().item_spacing.y = 2.0;
                let ink = if is_on { t.accent } else { t.text };
                inner.label(
                    egui::RichText::new(card.title).font(crate::app::style::fonts::semibold(size::BODY)).color(ink),
                );
                inner.label(about);
                if response.clicked() {
                    cx.send(Command::Edit(DraftCommand::Method(card.id.to_owned())));
                }
            }
        }
        if methods::registry().is_empty() {
            ui.label(title("No methods"));
            ui.label(soft(ui, "This build has none registered."));
        }
    });
}
