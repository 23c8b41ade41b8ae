//! Setting up: the technique at the left, model and texts in the middle with the ratio under them, settings at the right.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use egui::{Rect, ScrollArea, Ui, pos2};
use serde_json::Value;

use super::{is_set_up, knobs, live, model, picker, sets, take_method, work_ui};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::state::Slot;
use crate::app::style::Icon;
use crate::app::style::tokens::PAD;
use crate::app::unlearn::UnlearnCommand;
use crate::app::widgets::{accent_button, empty_ui, region};
use crate::methods::schema::Problem;
use crate::methods::unlearn::live::can_move;
use crate::methods::unlearn::technique::{Need, Technique, find};
use crate::runs::Experiment;

const LIST: f32 = 190.0;
const SIDE: f32 = 296.0;
/// Height of the strip with the ratio.
const STRIP: f32 = 252.0;
/// Its height where there is nothing to move.
const LOW: f32 = 112.0;

/// Transient state.
#[derive(Default)]
pub(super) struct Setup {
    picker: picker::Picker,
    sets: sets::Sets,
    knobs: knobs::Knobs,
    live: live::Live,
    /// What is wrong, for the draft of this serial.
    problems: (Option<u64>, Vec<Problem>),
}

impl Setup {
    /// Draws the page.
    pub(super) fn setup_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        if !is_set_up(cx) {
            return other_ui(cx, ui);
        }
        self.update(cx);
        let room = ui.available_rect_before_wrap();
        let Some(technique) = technique(cx) else {
            return region(ui, room.with_max_x(room.left() + LIST), "techniques", |ui| self.picker.picker_ui(cx, ui));
        };
        region(ui, room.with_max_x(room.left() + LIST), "techniques", |ui| self.picker.picker_ui(cx, ui));
        let middle = Rect::from_min_max(
            pos2(room.left() + LIST + PAD, room.top()),
            pos2(room.right() - SIDE - PAD, room.bottom()),
        );
        let strip = if can_move(technique) { STRIP } else { LOW };
        let split = (middle.bottom() - strip).max(middle.top() + 240.0);
        region(ui, middle.with_max_y(split - PAD), "texts", |ui| {
            model::model_ui(cx, ui);
            self.sets.sets_ui(cx, technique, ui);
        });
        let key = live_key(&cx.state.draft.experiment, cx);
        let can_start = self.problems.1.is_empty();
        region(ui, middle.with_min_y(split), "live", |ui| self.live.live_ui(cx, technique, key, can_start, ui));
        region(ui, room.with_min_x(room.right() - SIDE), "settings", |ui| {
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                ui.set_max_width(ui.available_width() - 10.0);
                self.knobs.knobs_ui(cx, technique, &self.problems.1, ui);
            });
        });
    }

    /// Undo, redo, copy and run.
    pub(super) fn actions_ui(&self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let can_run = self.problems.1.is_empty() && !matches!(cx.state.draft.estimate, Slot::Failed(..));
        work_ui(cx, can_run, ui);
    }

    /// Problems belong to the draft as it is, and so do the rows.
    fn update(&mut self, cx: &ViewCx<'_>) {
        let draft = &cx.state.draft;
        if self.problems.0 != Some(draft.serial) {
            let mut problems = draft.experiment.problems();
            problems.extend(technique(cx).into_iter().flat_map(|technique| missing(cx, technique)));
            self.problems = (Some(draft.serial), problems);
        }
        let key = sets_key(cx);
        if cx.state.unlearn.sets_asked != Some(key) {
            cx.send(Command::Unlearn(UnlearnCommand::Sets(key, Box::new(draft.experiment.clone()))));
        }
    }
}

/// Inputs that the technique needs beside those of the method.
fn missing(cx: &ViewCx<'_>, technique: &Technique) -> Vec<Problem> {
    let experiment = &cx.state.draft.experiment;
    let (Some(step), Some(method)) = (experiment.steps.first(), cx.state.draft.method()) else { return Vec::new() };
    let needs = [("retain", technique.retain), ("answers", technique.answers)];
    let is_missing = |(name, need): &(&str, Need)| {
        let slot = method.inputs().iter().find(|slot| slot.name == *name);
        *need == Need::Yes && slot.is_some_and(|slot| experiment.input_names(step, slot).is_empty())
    };
    let problem = |(name, _): (&str, Need)| Problem {
        path: format!("steps.0.inputs.{name}"),
        message: format!("`{name}` is missing: {} needs it", technique.title),
        hint: (name == "answers").then(|| "give it under “All settings”: other answers to the same prompts".to_owned()),
    };
    needs.into_iter().filter(is_missing).map(problem).collect()
}

/// The technique that is set up.
pub(super) fn technique(cx: &ViewCx<'_>) -> Option<&'static Technique> {
    let config = cx.state.draft.config();
    let default = || cx.state.draft.method()?.fields().into_iter().find(|f| f.path == "technique").map(|f| f.default);
    let id = config.get("technique").cloned().or_else(default)?;
    find(id.as_str()?).ok()
}

/// Different for experiments whose rows may differ.
fn sets_key(cx: &ViewCx<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let experiment = &cx.state.draft.experiment;
    serde_json::to_string(&(&experiment.data, experiment.seed)).unwrap_or_default().hash(&mut hasher);
    for entry in &cx.state.data {
        entry.path.hash(&mut hasher);
        entry.sheet.ready().map(|sheet| Arc::as_ptr(&sheet.dataset) as usize).hash(&mut hasher);
    }
    hasher.finish()
}

/// Different for experiments whose scores may differ: everything but the ratio counts.
fn live_key(experiment: &Experiment, cx: &ViewCx<'_>) -> u64 {
    let mut bare = Experiment { name: String::new(), ..experiment.clone() };
    bare.sweep.clear();
    for name in ["ratio", "ratios", "save_model"] {
        if let Some(step) = bare.steps.first_mut() {
            step.config.remove(name);
        }
    }
    let mut hasher = DefaultHasher::new();
    serde_json::to_value(&bare).unwrap_or(Value::Null).to_string().hash(&mut hasher);
    cx.state.model.ready().map(|card| card.path.clone()).hash(&mut hasher);
    hasher.finish()
}

/// Another method is set up: where nothing would be lost it gives way at once.
fn other_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let draft = &cx.state.draft;
    let is_untouched =
        draft.config().is_empty() && draft.experiment.steps.len() < 2 && draft.experiment.sweep.is_empty();
    if is_untouched {
        return take_method(cx);
    }
    let method = draft.method().map_or("something else", |m| m.card().title);
    let about = format!(
        "The experiment that is being set up is of another kind: {method}. Unlearning takes its place; Undo brings it back."
    );
    empty_ui(Icon::Unlearn, "Make a model forget", &about, ui, |ui| {
        if accent_button(ui, Some(Icon::Unlearn), "Set up unlearning").clicked() {
            take_method(cx);
        }
    });
}
