//! What is done with runs: choose, cancel, note, arrange, look at.

use egui::Context;

use super::Window;
use super::command::Command;
use super::draft::DraftCommand;
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

    pub(super) fn apply_run(&mut self, ctx: &Context, command: RunCommand) {
        match command {
            RunCommand::Choose(ids) => {
                self.state.runs.chosen = ids;
                self.state.runs.follow();
                self.state.runs.forget();
                self.want_details();
            }
            RunCommand::Cancel(id) => self.reader.ask(FileAsk::Cancel(id)),
            RunCommand::Resume(id) => self.reader.ask(FileAsk::Resume(id)),
            RunCommand::Trash(id) => {
                self.state.runs.chosen.retain(|c| *c != id);
                self.reader.ask(FileAsk::Trash(id));
            }
            RunCommand::Restore(id) => self.reader.ask(FileAsk::Restore(id)),
            RunCommand::Trashed => self.reader.ask(FileAsk::Trashed),
            RunCommand::Note(id, change) => self.reader.ask(FileAsk::Note(id, change)),
            RunCommand::Queue(change) => self.reader.ask(FileAsk::Queue(change)),
            RunCommand::Share(runs, table) => self.reader.ask(FileAsk::Share(runs, table)),
            RunCommand::Look(look) => self.state.settings.table = *look,
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
        }
    }
}
