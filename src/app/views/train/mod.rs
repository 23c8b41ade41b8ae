//! The Train view: set up a training with its rows in sight, then watch what the model learns and memorizes.

mod begin;
mod checkpoints;
mod options;
mod said;
mod setup;
mod watch;

use std::sync::Arc;

use egui::{ComboBox, Role, Ui, WidgetInfo};

use self::setup::Setup;
use self::watch::Watch;
use super::View;
use crate::app::command::{Action, Command};
use crate::app::context::ViewCx;
use crate::app::runs::{RunCommand, RunEntry};
use crate::app::state::Slot;
use crate::app::style::Icon;
use crate::app::style::tokens::GAP;
use crate::app::widgets::{accent_button, button, header, icon_button, segmented};

const METHOD: &str = "train";

/// What is on screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    SetUp,
    Watch,
}

/// Transient state.
#[derive(Default)]
pub(super) struct Train {
    /// What was chosen; until then trainings are watched where there are some.
    mode: Option<Mode>,
    /// The training that was looked at last: another one is shown when it is chosen or begins.
    seen: Option<String>,
    setup: Setup,
    watch: Watch,
}

impl View for Train {
    fn view_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let runs: Vec<&Arc<RunEntry>> =
            cx.state.runs.entries.iter().filter(|r| r.methods.iter().any(|m| m == METHOD)).collect();
        let current = cx.state.runs.current().filter(|run| runs.iter().any(|r| r.id == run.id));
        if let Some(run) = current
            && self.seen.as_ref() != Some(&run.id)
        {
            self.seen = Some(run.id.clone());
            self.mode = Some(Mode::Watch);
        }
        let chosen = self.mode.unwrap_or(Mode::Watch);
        let mode = if runs.is_empty() { Mode::SetUp } else { chosen };
        let is_training = cx.state.draft.method().is_some_and(|m| m.card().id == METHOD);
        header(ui, "Train", "", |ui| match mode {
            Mode::SetUp if is_training => setup_actions_ui(cx, ui),
            Mode::SetUp => {}
            Mode::Watch => watch_actions_ui(cx, current, &mut self.mode, ui),
        });
        if !runs.is_empty() {
            self.modes_ui(cx, &runs, (mode, current), ui);
        }
        match (mode, current) {
            (Mode::SetUp, _) if is_training => self.setup.setup_ui(cx, ui),
            (Mode::SetUp, _) => begin::begin_ui(cx, ui),
            (Mode::Watch, Some(run)) => self.watch.watch_ui(cx, run, ui),
            (Mode::Watch, None) => {
                if let Some(run) = runs.first() {
                    cx.send(Command::Run(RunCommand::Choose(vec![run.id.clone()])));
                }
            }
        }
    }
}

impl Train {
    /// Set up or watch, and which training.
    fn modes_ui(
        &mut self,
        cx: &ViewCx<'_>,
        runs: &[&Arc<RunEntry>],
        (mode, current): (Mode, Option<&Arc<RunEntry>>),
        ui: &mut Ui,
    ) {
        ui.horizontal(|ui| {
            let choices =
                [(Mode::SetUp, "Set up", "A new training"), (Mode::Watch, "Watch", "Trainings at work and finished")];
            if let Some(mode) = segmented(ui, "Show", mode, &choices) {
                self.mode = Some(mode);
            }
            if mode == Mode::Watch {
                choice_ui(cx, runs, current, ui);
            }
        });
        ui.add_space(GAP);
    }
}

/// Which training is watched.
fn choice_ui(cx: &ViewCx<'_>, runs: &[&Arc<RunEntry>], current: Option<&Arc<RunEntry>>, ui: &mut Ui) {
    let shown = current.map_or("Choose a training", |run| run.name.as_str());
    let combo = ComboBox::from_id_salt("training").width(260.0).selected_text(shown);
    let response = combo.show_ui(ui, |ui| {
        for run in runs {
            let text = format!("{}  ·  {}", run.name, run.state.title().to_lowercase());
            let is_on = current.is_some_and(|c| c.id == run.id);
            if ui.selectable_label(is_on, text).on_hover_text(&run.id).clicked() {
                cx.send(Command::Run(RunCommand::Choose(vec![run.id.clone()])));
            }
        }
    });
    response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Training"));
}

fn setup_actions_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let draft = &cx.state.draft;
    let can_run = draft.experiment.problems().is_empty() && !matches!(draft.estimate, Slot::Failed(..));
    ui.add_enabled_ui(can_run, |ui| {
        let run = accent_button(ui, Some(Icon::Play), "Run").on_hover_text("Start training in a process of its own");
        if run.on_disabled_hover_text("Mend first what is marked below").clicked() {
            cx.act(Action::RunExperiment);
        }
    });
    let all = button(ui, Some(Icon::Experiment), "All options");
    if all.on_hover_text("The same experiment with every option, sweeps and seeds").clicked() {
        cx.act(Action::ShowExperiment);
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
}

fn watch_actions_ui(cx: &ViewCx<'_>, run: Option<&Arc<RunEntry>>, mode: &mut Option<Mode>, ui: &mut Ui) {
    let Some(run) = run else { return };
    let send = |command: RunCommand| cx.send(Command::Run(command));
    if run.state.is_active() {
        let stop = accent_button(ui, Some(Icon::Stop), "Stop");
        if stop.on_hover_text("After this step, with a checkpoint; it can be resumed").clicked() {
            send(RunCommand::Cancel(run.id.clone()));
        }
    }
    if run.state.can_resume() && accent_button(ui, Some(Icon::Resume), "Resume").clicked() {
        send(RunCommand::Resume(run.id.clone()));
    }
    let details = cx.state.runs.details.get(&run.id);
    if let Some(experiment) = details.and_then(|d| d.experiment.as_ref()) {
        let again = button(ui, Some(Icon::Edit), "Change and run again");
        if again.on_hover_text("Take its settings into a new training").clicked() {
            begin::replace(cx, experiment.clone());
            *mode = Some(Mode::SetUp);
        }
    }
    let all = button(ui, Some(Icon::Runs), "Results").on_hover_text("Numbers, figures and tables in Runs");
    if all.clicked() {
        cx.act(Action::ShowRuns);
    }
}
