//! The Unlearn view: what is to be forgotten and kept, a technique, a ratio that moves live; what runs did, and all of
//! them against each other.

mod battery;
mod edits;
mod front;
mod knobs;
mod live;
mod model;
mod picker;
mod result;
mod sets;
mod setup;
mod texts;
mod whereabouts;

use std::path::Path;
use std::sync::Arc;

use egui::{Align, Layout, Ui, vec2};

use super::View;
use crate::app::command::{Action, Command};
use crate::app::context::ViewCx;
use crate::app::draft::DraftCommand;
use crate::app::runs::{RunCommand, RunEntry};
use crate::app::state::Slot;
use crate::app::style::Icon;
use crate::app::style::tokens::GAP;
use crate::app::unlearn::SLOTS;
use crate::app::widgets::{accent_button, button, icon_button, segmented};
use crate::methods::unlearn::pareto::Outcome;

const METHOD: &str = "unlearn";

/// What is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Page {
    #[default]
    SetUp,
    Result,
    Pareto,
}

/// Transient state.
#[derive(Default)]
pub(super) struct Unlearn {
    page: Page,
    setup: setup::Setup,
    result: result::Results,
    front: front::Front,
    /// The step of the chosen run that is looked at.
    step: Option<(String, usize)>,
    /// The run that was chosen when it was last looked.
    seen: Option<String>,
}

impl View for Unlearn {
    fn view_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        self.follow(cx);
        self.head_ui(cx, ui);
        match self.page {
            Page::SetUp => self.setup.setup_ui(cx, ui),
            Page::Result => {
                if let Some(page) = self.result.results_ui(cx, &mut self.step, ui) {
                    self.page = page;
                }
            }
            Page::Pareto => {
                if self.front.front_ui(cx, &mut self.step, ui) {
                    self.page = Page::Result;
                }
            }
        }
    }
}

impl Unlearn {
    /// A run that was just started, or chosen elsewhere, is looked at.
    fn follow(&mut self, cx: &ViewCx<'_>) {
        let current = cx.state.runs.current().filter(|run| is_ours(run));
        let id = current.map(|run| run.id.clone());
        if self.seen == id {
            return;
        }
        if let Some(run) = current {
            if self.step.as_ref().is_none_or(|(known, _)| *known != run.id) {
                self.step = first_step(run).map(|step| (run.id.clone(), step));
            }
            if run.state.is_active() && self.page == Page::SetUp {
                self.page = Page::Result;
            }
        }
        self.seen = id;
    }

    fn head_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let layout = Layout::left_to_right(Align::Center);
        ui.allocate_ui_with_layout(vec2(ui.available_width(), 36.0), layout, |ui| {
            ui.heading("Unlearn");
            ui.add_space(GAP);
            let choices = [
                (Page::SetUp, "Set up", "Texts, technique, settings, and the ratio live"),
                (Page::Result, "Results", "What each run removed, what it cost, and where it lies"),
                (Page::Pareto, "Pareto", "All runs: what is left against what is kept"),
            ];
            if let Some(page) = segmented(ui, "Unlearn", self.page, &choices) {
                self.page = page;
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if self.page == Page::SetUp && is_set_up(cx) {
                    self.setup.actions_ui(cx, ui);
                } else if self.page != Page::SetUp && accent_button(ui, Some(Icon::Plus), "New run").clicked() {
                    self.page = Page::SetUp;
                }
            });
        });
        ui.add_space(GAP);
    }
}

/// Whether the experiment that is being set up is one of unlearning.
fn is_set_up(cx: &ViewCx<'_>) -> bool {
    cx.state.draft.experiment.steps.first().is_some_and(|step| step.method == METHOD)
}

fn is_ours(run: &RunEntry) -> bool {
    run.methods.iter().any(|m| m == METHOD)
}

/// The first step that unlearns.
fn first_step(run: &RunEntry) -> Option<usize> {
    run.unlearned.first().map(|u| u.0).or_else(|| run.methods.iter().position(|m| m == METHOD))
}

/// An edit of a run that is over or under way.
struct Unit<'a> {
    run: &'a Arc<RunEntry>,
    step: usize,
    /// Absent while it is computed.
    outcome: Option<&'a Outcome>,
}

/// All edits, newest run first.
fn units<'a>(cx: &ViewCx<'a>) -> Vec<Unit<'a>> {
    let of_run = |run: &'a Arc<RunEntry>| -> Vec<Unit<'a>> {
        let steps = run.methods.iter().enumerate().filter(|(_, m)| *m == METHOD).map(|(i, _)| i);
        let outcome = |step: usize| run.unlearned.iter().find(|u| u.0 == step).map(|u| &u.1);
        steps.map(|step| Unit { run, step, outcome: outcome(step) }).collect()
    };
    cx.state.runs.entries.iter().filter(|run| is_ours(run) && !run.is_archived).flat_map(of_run).collect()
}

/// Looks at an edit.
fn choose(cx: &ViewCx<'_>, unit: &Unit<'_>, step: &mut Option<(String, usize)>) {
    *step = Some((unit.run.id.clone(), unit.step));
    if cx.state.runs.chosen.first() != Some(&unit.run.id) {
        cx.send(Command::Run(RunCommand::Choose(vec![unit.run.id.clone()])));
    }
}

/// Undo, redo, copy and run: what can be done with what is set up.
fn work_ui(cx: &ViewCx<'_>, can_run: bool, ui: &mut Ui) {
    let draft = &cx.state.draft;
    ui.add_enabled_ui(can_run, |ui| {
        let keys = Action::RunExperiment.keys(ui.ctx()).unwrap_or_default();
        let run = accent_button(ui, Some(Icon::Play), "Run")
            .on_hover_text(format!("Start a process of its own  ({keys})"))
            .on_disabled_hover_text(match &draft.estimate {
                Slot::Loading(_) => "The inputs are being read",
                _ => "Mend first what the card at the right says",
            });
        if run.clicked() {
            cx.act(Action::RunExperiment);
        }
    });
    if button(ui, Some(Icon::Copy), "Copy as command").clicked() {
        cx.act(Action::CopyCommand);
    }
    let [can_undo, can_redo] = draft.history();
    for (can, icon, name, action) in
        [(can_redo, Icon::Redo, "Redo", Action::Redo), (can_undo, Icon::Undo, "Undo", Action::Undo)]
    {
        ui.add_enabled_ui(can, |ui| {
            if icon_button(ui, icon, name, false).clicked() {
                cx.act(action);
            }
        });
    }
}

/// A run and its model; the model of one that makes it itself has no name.
fn run_and_model(run: &RunEntry) -> String {
    if run.model.is_empty() { run.name.clone() } else { format!("{} · {}", run.name, run.model) }
}

/// Makes the experiment one of unlearning; open files with the names of its sets are taken.
fn take_method(cx: &ViewCx<'_>) {
    cx.send(Command::Edit(DraftCommand::Method(METHOD.to_owned())));
    for slot in SLOTS {
        let is_named = |path: &Path| path.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case(slot));
        if let Some(entry) = cx.state.data.iter().find(|d| is_named(&d.path)) {
            cx.send(Command::Edit(DraftCommand::Input(slot.to_owned(), vec![entry.path.clone()])));
        }
    }
}
