//! Which model is to forget, and the edits that it starts from.

use std::path::{Path, PathBuf};

use egui::{ComboBox, RichText, Role, Ui, WidgetInfo};
use serde_json::{Value, json};

use crate::app::command::{Action, Command};
use crate::app::context::{ViewCx, short_path};
use crate::app::draft::DraftCommand;
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, size};
use crate::app::widgets::{badge, button, caption, soft};

/// The model of the experiment, as a path.
pub(super) fn path_of(cx: &ViewCx<'_>) -> Option<PathBuf> {
    let method = cx.state.draft.method()?;
    let slot = method.inputs().iter().find(|slot| slot.name == "model")?;
    cx.state.draft.inputs(slot).into_iter().next()
}

/// Whether the model of the experiment is the open one.
pub(super) fn is_open(cx: &ViewCx<'_>) -> bool {
    cx.state.model.ready().is_some_and(|card| path_of(cx).as_ref() == Some(&card.path))
}

/// Name of a model's folder, with the one it lies in where several have the same.
pub(super) fn shown(path: &Path) -> String {
    let part = |p: &Path| p.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name = part(path);
    match path.ancestors().find(|p| p.join("experiment.json").is_file()) {
        Some(run) => format!("{name} of {}", part(run)),
        None => name,
    }
}

/// Draws the line with the model, and the line with the edits where there are some.
pub(super) fn model_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let given = path_of(cx);
    let open = cx.state.model.ready().map(|card| card.path.clone());
    let mut known: Vec<PathBuf> = open.iter().cloned().chain(cx.state.settings.recent_models.clone()).collect();
    known.extend(cx.state.unlearn.kept.iter().rev().cloned());
    let mut seen = std::collections::BTreeSet::new();
    known.retain(|path| seen.insert(path.clone()));
    ui.horizontal(|ui| {
        ui.label(RichText::new("Model").font(semibold(size::BODY)));
        let text = given.as_deref().map_or_else(|| "Choose a model".to_owned(), shown);
        let combo = ComboBox::from_id_salt("unlearn model").width(260.0).truncate().selected_text(text);
        let response = combo.show_ui(ui, |ui| {
            for path in &known {
                let is_on = given.as_ref() == Some(path);
                if ui.selectable_label(is_on, shown(path)).on_hover_text(short_path(path)).clicked() {
                    let paths = vec![path.clone()];
                    cx.send(Command::Edit(DraftCommand::Input("model".to_owned(), paths)));
                }
            }
            if known.is_empty() {
                ui.label(soft(ui, "No model was opened yet"));
            }
        });
        response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Model that is to forget"));
        match &given {
            Some(path) if !is_open(cx) => {
                if button(ui, Some(Icon::Model), "Open it").on_hover_text("So that the ratio can move live").clicked() {
                    cx.send(Command::OpenModel(path.clone()));
                }
            }
            Some(_) => {
                badge(ui, "open", cx.tokens.good, cx.tokens.good_soft);
            }
            None => {
                if button(ui, Some(Icon::Folder), "Model folder…").clicked() {
                    cx.act(Action::OpenModelFolder);
                }
                if button(ui, Some(Icon::Sample), "Open the sample").clicked() {
                    cx.act(Action::OpenSample);
                }
            }
        }
    });
    edits_ui(cx, ui);
    ui.add_space(GAP);
}

/// The edits that are put on the model first.
fn edits_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let config = cx.state.draft.config();
    let folders: Vec<&str> =
        config.get("apply").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let Some((last, before)) = folders.split_last() else { return };
    ui.horizontal_wrapped(|ui| {
        ui.label(caption(ui, "Starts from the model with"));
        for folder in &folders {
            Icon::Right.show(ui, 12.0, cx.tokens.text_faint);
            badge(ui, &edit_name(folder), cx.tokens.accent, cx.tokens.accent_soft).on_hover_text(*folder);
        }
        let undo = button(ui, Some(Icon::Undo), "Undo last edit");
        if undo.on_hover_text(format!("Without {}", edit_name(last))).clicked() {
            let rest = (!before.is_empty()).then(|| json!(before));
            cx.send(Command::Edit(DraftCommand::Field("apply".to_owned(), rest)));
        }
    });
}

/// An edit by the run that made it.
fn edit_name(folder: &str) -> String {
    let path = Path::new(folder);
    let part = |p: &Path| p.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    match path.ancestors().find(|p| p.join("experiment.json").is_file()) {
        Some(run) => format!("{} of {}", part(path).replace("edit-", "ratio "), part(run)),
        None => part(path),
    }
}
