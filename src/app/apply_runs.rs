//! What is done with runs: choose, cancel, note, arrange, look at.

use std::path::Path;

use egui::Context;

use super::Window;
use super::command::Command;
use super::dialogs::Dialog;
use super::draft::DraftCommand;
use super::history::{self, Step};
use super::paths::full;
use super::runs::{RunCommand, RunList};
use super::shell;
use super::views::ViewId;
use super::worker::FileAsk;

impl Window {
    /// Details of the chosen runs are read when they are over, and again when they change.
    pub(super) fn want_details(&self) {
        let RunList { chosen, details, logs, .. } = &self.state.runs;
        // Of a whole sweep the numbers and curves are looked at, and not the tables of a hundred runs.
        const MOST: usize = 8;
        for id in chosen.iter().take(MOST).filter(|id| !details.contains_key(*id)) {
            self.reader.ask(FileAsk::Details(id.clone()));
        }
        for id in chosen.iter().filter(|id| !logs.contains_key(*id)) {
            self.reader.ask(FileAsk::Events(id.clone()));
        }
    }

    /// Shows a run where the other runs are; of one elsewhere, what it was asked to do.
    pub(super) fn open_run(&mut self, ctx: &Context, path: &Path) {
        let is_here = path.parent().is_some_and(|parent| full(&self.runs_dir) == parent);
        let id = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if let Some(id) = id.filter(|_| is_here) {
            self.apply_run(ctx, RunCommand::Choose(vec![id]));
            return shell::show(&mut self.tree, ViewId::Runs);
        }
        self.say("This run is in another folder; `memoscope open` with it shows its results");
        self.reader.ask(FileAsk::Experiment(path.join("experiment.json")));
        shell::show(&mut self.tree, ViewId::Experiment);
    }

    pub(super) fn apply_run(&mut self, ctx: &Context, command: RunCommand) {
        match command {
            RunCommand::Choose(ids) => {
                self.state.runs.chosen = ids;
                self.state.runs.follow();
                self.state.runs.forget();
                self.want_details();
            }
            RunCommand::Cancel(id) => self.reader.ask(FileAsk::Cancel(id)),
            RunCommand::Checkpoints(id) => self.reader.ask(FileAsk::Checkpoints(id)),
            RunCommand::Resume(id) => self.reader.ask(FileAsk::Resume(id)),
            RunCommand::Trash(id) => {
                self.history.push(Step::Trash(id.clone()));
                self.trash(id);
            }
            RunCommand::Restore(id) => self.reader.ask(FileAsk::Restore(id)),
            RunCommand::Trashed => self.reader.ask(FileAsk::Trashed),
            RunCommand::Note(id, change) => {
                if let Some(run) = self.state.runs.find(&id) {
                    self.history.push(Step::Note(id.clone(), history::inverse(run, &change), change.clone()));
                }
                self.reader.ask(FileAsk::Note(id, change));
            }
            RunCommand::Queue(change) => self.reader.ask(FileAsk::Queue(change)),
            RunCommand::Share(runs, table) => self.reader.ask(FileAsk::Share(runs, table)),
            RunCommand::Look(look) => {
                let before = std::mem::replace(&mut self.state.settings.table, (*look).clone());
                self.history.push(Step::Look(Box::new(before), look));
            }
            RunCommand::Hide(id, is_hidden) => {
                if is_hidden {
                    self.state.runs.hidden.insert(id);
                } else {
                    self.state.runs.hidden.remove(&id);
                }
            }
            RunCommand::Baseline(id) => self.state.settings.baseline = id,
            RunCommand::Reuse(id) => {
                let experiment = self.state.runs.details.get(&id).and_then(|d| d.experiment.clone());
                if let Some(experiment) = experiment {
                    self.apply(ctx, Command::Edit(DraftCommand::Replace(Box::new(experiment))));
                    shell::show(&mut self.tree, ViewId::Experiment);
                }
            }
            RunCommand::ShowFigure(run, file) => {
                self.state.runs.figure = Some((run, file));
                self.state.runs.brushed = None;
                shell::show(&mut self.tree, ViewId::Figures);
            }
            RunCommand::Brush(brush) => self.state.runs.brushed = brush,
            RunCommand::Rows(viewer, want) => self.reader.ask(FileAsk::Rows(viewer, want)),
            RunCommand::SaveTable(id, file, Some(path)) => self.reader.ask(FileAsk::SaveTable(id, file, path)),
            RunCommand::SaveTable(id, file, None) => {
                let name = Path::new(&file).with_extension("csv");
                let name = name.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
                self.ask_path(ctx, Dialog::Save("Tables", &["csv"]), "Save as", &name, move |path| {
                    Command::Run(RunCommand::SaveTable(id, file, Some(path)))
                });
            }
        }
    }

    fn trash(&mut self, id: String) {
        self.state.runs.chosen.retain(|c| *c != id);
        self.reader.ask(FileAsk::Trash(id));
    }

    /// Takes back, or makes again, the last change of layout, columns, notes, or a deletion.
    pub(super) fn step_beside(&mut self, is_back: bool) {
        let step = if is_back { self.history.back() } else { self.history.forward() };
        match step {
            Some(Step::Layout(before, after)) => {
                self.tree = if is_back { *before } else { *after };
                self.forget_layout();
            }
            Some(Step::Trash(id)) if is_back => self.reader.ask(FileAsk::Restore(id)),
            Some(Step::Trash(id)) => self.trash(id),
            Some(Step::Note(id, back, forward)) => {
                self.reader.ask(FileAsk::Note(id, if is_back { back } else { forward }));
            }
            Some(Step::Look(before, after)) => self.state.settings.table = if is_back { *before } else { *after },
            None => self.say(if is_back { "Nothing to undo" } else { "Nothing to redo" }),
        }
    }
}
