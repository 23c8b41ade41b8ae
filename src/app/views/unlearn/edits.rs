//! What can be done with an edited model: keep it, open it, go on from it, compare it with the original.

use std::collections::BTreeMap;
use std::path::Path;

use egui::Ui;
use serde_json::{Value, json};

use super::{Page, Unit};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::draft::DraftCommand;
use crate::app::runs::RunCommand;
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, TIGHT};
use crate::app::unlearn::UnlearnCommand;
use crate::app::views::ViewId;
use crate::app::widgets::{accent_button, badge, button, caption};
use crate::runs::store::SavedStep;
use crate::runs::{Experiment, InputRef, ModelRef, Step};

/// Draws chain and buttons. Returns another page when that is wanted.
pub(super) fn actions_ui(cx: &ViewCx<'_>, unit: &Unit<'_>, step: &SavedStep, ui: &mut Ui) -> Option<Page> {
    chain_ui(cx, unit, step, ui);
    let mut page = None;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(GAP, TIGHT);
        let keep = accent_button(ui, Some(Icon::Download), "Keep this model…");
        if keep.on_hover_text("As a Hugging Face folder of its own").clicked() {
            cx.send(Command::Unlearn(UnlearnCommand::KeepModel(unit.run.id.clone(), unit.step, None)));
        }
        let saved = step.models.first().map(|made| unit.run.path.join(&made.path));
        if let Some(folder) = &saved {
            let open = button(ui, Some(Icon::Model), "Open edited");
            if open.on_hover_text("The edited model, in Model, Compare and here").clicked() {
                cx.send(Command::OpenModel(folder.clone()));
                cx.send(Command::Show(ViewId::Compare));
            }
            let around = button(ui, Some(Icon::Landscape), "Loss between both");
            if around.on_hover_text("Sets up a landscape along the line between both models").clicked() {
                landscape(cx, unit, folder);
            }
        }
        let go_on = button(ui, Some(Icon::Plus), "Build on it");
        if go_on.on_hover_text("The next run starts from the model with this edit; it can be undone").clicked() {
            build_on(cx, unit);
            page = Some(Page::SetUp);
        }
        let again = button(ui, Some(Icon::Copy), "Reuse settings");
        if again.on_hover_text("Takes the experiment of this run to Set up").clicked()
            && let Some(experiment) = experiment_of(cx, unit)
        {
            cx.send(Command::Edit(DraftCommand::Replace(Box::new(experiment))));
            page = Some(Page::SetUp);
        }
        if button(ui, Some(Icon::Runs), "In Runs").clicked() {
            cx.send(Command::Run(RunCommand::Choose(vec![unit.run.id.clone()])));
            cx.send(Command::Show(ViewId::Runs));
        }
    });
    page
}

/// The edits behind the edited model, the first one first.
fn chain_ui(cx: &ViewCx<'_>, unit: &Unit<'_>, step: &SavedStep, ui: &mut Ui) {
    let overlaps = cx.state.unlearn.overlaps.values().filter_map(|found| found.as_ref().ok());
    let known = overlaps.flat_map(|found| &found.edits).find(|e| e.run == unit.run.id && e.step == unit.step);
    let n_before = step.config.get("apply").and_then(Value::as_array).map_or(0, Vec::len);
    if n_before == 0 {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.label(caption(ui, "Edits of this model, in order"));
        let own = step.config.get("technique").and_then(Value::as_str).unwrap_or_default().to_owned();
        let names = known.map_or_else(|| vec![format!("{n_before} earlier"), own], |edit| edit.chain.clone());
        for name in names {
            Icon::Right.show(ui, 12.0, cx.tokens.text_faint);
            badge(ui, &name, cx.tokens.accent, cx.tokens.accent_soft);
        }
    });
    ui.add_space(TIGHT);
}

/// The folder of the main edit of a step.
fn folder_of(unit: &Unit<'_>) -> String {
    let ratio = unit.outcome.and_then(|o| o.ratio).unwrap_or(0.0);
    let folder = unit.run.path.join("checkpoints").join(format!("{}-{}", unit.step, super::METHOD));
    folder.join(format!("edit-{ratio}")).display().to_string()
}

/// The experiment of the run with this step alone; models that earlier steps made become their paths.
fn experiment_of(cx: &ViewCx<'_>, unit: &Unit<'_>) -> Option<Experiment> {
    let details = cx.state.runs.details.get(&unit.run.id)?;
    let mut experiment = details.experiment.clone()?;
    let mut step = experiment.steps.get(unit.step).cloned()?;
    let made = |of: usize, output: Option<&String>| {
        let models = &details.steps.get(of)?.models;
        let found = models.iter().find(|m| output.is_none_or(|name| m.name == *name))?;
        Some(unit.run.path.join(&found.path))
    };
    let name = step.inputs.remove("model").and_then(|input| input.names().first().cloned());
    let given = name.map_or_else(|| experiment.model.clone(), |name| experiment.model_ref(&name).cloned());
    experiment.model = given.map(|model| match model.step.and_then(|of| made(of, model.output.as_ref())) {
        Some(path) => ModelRef { path: Some(path), ..ModelRef::default() },
        None => model,
    });
    experiment.models.clear();
    let mut data = BTreeMap::new();
    for slot in ["forget", "retain", "holdout", "answers"] {
        let input = step.inputs.remove(slot);
        let name = input.as_ref().and_then(|i| i.names().first()).map_or(slot, String::as_str);
        if let Some(set) = experiment.data.get(name) {
            data.insert(slot.to_owned(), set.clone());
        }
    }
    experiment.data = data;
    experiment.steps = vec![step];
    experiment.sweep.clear();
    Some(experiment)
}

/// The next run starts from the model with this edit. The edit of a run is the whole way from the model as it came, so
/// it takes the place of those before it.
fn build_on(cx: &ViewCx<'_>, unit: &Unit<'_>) {
    let Some(mut experiment) = experiment_of(cx, unit) else { return };
    if let Some(step) = experiment.steps.first_mut() {
        step.config.insert("apply".to_owned(), json!([folder_of(unit)]));
    }
    cx.send(Command::Edit(DraftCommand::Replace(Box::new(experiment))));
}

/// A landscape along the line from the original to the edited model, on the texts to forget and to retain.
fn landscape(cx: &ViewCx<'_>, unit: &Unit<'_>, edited: &Path) {
    let Some(mut experiment) = experiment_of(cx, unit) else { return };
    experiment.name = format!("{} from original to edited", experiment.name);
    experiment.data.retain(|slot, _| ["forget", "retain"].contains(&slot.as_str()));
    let sets = experiment.data.keys().cloned().collect();
    let edited = ModelRef { path: Some(edited.to_owned()), ..ModelRef::default() };
    experiment.models = [("others".to_owned(), edited)].into();
    let config = json!({"span": "models", "axes": 1}).as_object().cloned().unwrap_or_default();
    let inputs = [("data".to_owned(), InputRef::Many(sets))].into();
    experiment.steps = vec![Step { method: "landscape".to_owned(), config, inputs }];
    cx.send(Command::Edit(DraftCommand::Replace(Box::new(experiment))));
    cx.send(Command::Show(ViewId::Experiment));
}
