//! What the Unlearn view knows beside the experiment and the runs: rows of the sets, the edit whose ratio moves, and
//! edits that runs left.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use egui::Context;

use super::command::Command;
use super::dialogs::Dialog;
use super::shell;
use super::views::ViewId;
use super::window::Window;
use super::worker::{Ask, FileAsk, LiveAsk, SetSheet, Trouble};
use crate::data::Dataset;
use crate::figures::Figure;
use crate::methods::unlearn::live::{Facts, Point};
use crate::runs::Experiment;
use crate::runs::unlearned::Overlaps;

/// Slots of the method whose rows are shown.
pub const SLOTS: [&str; 3] = ["forget", "retain", "holdout"];

/// Steps of runs: the run's id and the index of the step.
pub type Steps = Vec<(String, usize)>;

/// Something of the Unlearn view.
#[derive(Clone, Debug)]
pub enum UnlearnCommand {
    /// Read the rows of the sets of an experiment, whose key this is.
    Sets(u64, Box<Experiment>),
    /// Compute the scores of an experiment, whose key this is, and cut them at a ratio.
    Start(u64, Box<Experiment>, f64),
    /// Cut at another ratio.
    Move(f64),
    /// No more of it.
    Stop,
    /// Write the model with this much removed; without a path the user is asked for one.
    KeepCut(f64, Option<PathBuf>),
    /// Read the edits of these steps and compare them.
    Overlaps(Steps),
    /// Write the edited model of a step of a run; without a path the user is asked for one.
    KeepModel(String, usize, Option<PathBuf>),
    /// Write a figure that belongs to these runs; without a path the user is asked for one.
    Export(Box<Figure>, Vec<String>, Option<PathBuf>),
}

/// Rows of the three sets.
#[derive(Clone, Debug, Default)]
pub struct SetSheets {
    /// In the order of [`SLOTS`]; absent where nothing is given.
    pub sets: [Option<Result<SetSheet, Trouble>>; 3],
    /// Rows to retain that are also to be forgotten, by their place among the rows of that set.
    pub shared: Vec<bool>,
}

/// An edit whose ratio moves.
#[derive(Debug, Default)]
pub struct LiveEdit {
    /// The key of its experiment; none when there is none.
    pub key: Option<u64>,
    /// Stage, units done and in all, while scores are computed.
    pub stage: Option<(String, u64, u64)>,
    /// What is known once there are scores.
    pub facts: Option<Arc<Facts>>,
    /// What ratios did that were tried, in their order.
    pub points: Vec<Point>,
    /// The ratio that is wanted.
    pub wanted: f64,
    /// Whether a measurement is on its way.
    pub is_busy: bool,
    /// Why there is none.
    pub trouble: Option<Trouble>,
}

/// State of the Unlearn view that others compute.
#[derive(Default)]
pub struct UnlearnState {
    /// The rows of the experiment with this key.
    pub sets: Option<(u64, Arc<SetSheets>)>,
    /// The key that was asked for last.
    pub sets_asked: Option<u64>,
    /// The edit whose ratio moves.
    pub live: LiveEdit,
    /// Edits of the steps that were asked for.
    pub overlaps: BTreeMap<Steps, Result<Arc<Overlaps>, Trouble>>,
    /// Models that were written, with where they are; the last one at the end.
    pub kept: Vec<PathBuf>,
}

impl LiveEdit {
    /// Takes over what a ratio does; each ratio once, in ascending order.
    pub fn take(&mut self, point: Point) {
        let at = self.points.partition_point(|p| p.ratio < point.ratio);
        match self.points.get_mut(at).filter(|p| p.ratio == point.ratio) {
            Some(known) => *known = point,
            None => self.points.insert(at, point),
        }
    }

    /// What the wanted ratio does, or the last one that is known and near.
    pub fn shown(&self) -> Option<&Point> {
        let distance = |p: &&Point| (p.ratio - self.wanted).abs();
        self.points.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }
}

impl Window {
    pub(super) fn apply_unlearn(&mut self, ctx: &Context, command: UnlearnCommand) {
        match command {
            UnlearnCommand::Sets(key, experiment) => {
                self.state.unlearn.sets_asked = Some(key);
                let open = self.state.data.iter().filter_map(|d| Some((d.path.clone(), d.sheet.ready()?)));
                let open: Vec<(PathBuf, Arc<Dataset>)> =
                    open.map(|(path, sheet)| (path, Arc::clone(&sheet.dataset))).collect();
                self.reader.ask(FileAsk::Sets(key, experiment, open));
            }
            UnlearnCommand::Start(key, experiment, ratio) => self.start_live(key, *experiment, ratio),
            UnlearnCommand::Move(ratio) => {
                let live = &mut self.state.unlearn.live;
                live.wanted = ratio;
                live.trouble = None;
                if let (Some(key), Some(_)) = (live.key, &live.facts) {
                    live.is_busy = true;
                    self.engine.ask(Ask::Ratio(key, ratio));
                }
            }
            UnlearnCommand::Stop => self.stop_live(),
            UnlearnCommand::KeepCut(ratio, Some(path)) => self.engine.ask(Ask::KeepCut(ratio, path)),
            UnlearnCommand::KeepCut(ratio, None) => {
                self.ask_folder(ctx, move |path| Command::Unlearn(UnlearnCommand::KeepCut(ratio, Some(path))));
            }
            UnlearnCommand::Overlaps(steps) => self.reader.ask(FileAsk::Overlaps(steps)),
            UnlearnCommand::KeepModel(run, step, Some(path)) => self.reader.ask(FileAsk::KeepModel(run, step, path)),
            UnlearnCommand::KeepModel(run, step, None) => {
                self.ask_folder(ctx, move |path| Command::Unlearn(UnlearnCommand::KeepModel(run, step, Some(path))));
            }
            UnlearnCommand::Export(figure, runs, Some(path)) => {
                let spec = Box::new(self.state.desk.page.spec.clone());
                self.reader.ask(FileAsk::ExportFigure(figure, runs, spec, path));
            }
            UnlearnCommand::Export(figure, runs, None) => {
                let name = format!("{}.{}", figure.id, self.state.desk.page.spec.format.extension());
                let dialog = Dialog::Save("Figures", &["pdf", "svg", "png", "csv", "tex"]);
                self.ask_path(ctx, dialog, "Save as", &name, move |path| {
                    Command::Unlearn(UnlearnCommand::Export(figure, runs, Some(path)))
                });
            }
        }
    }

    /// Asks for the name of a folder that is made.
    fn ask_folder(&self, ctx: &Context, then: impl FnOnce(PathBuf) -> Command + Send + 'static) {
        self.ask_path(ctx, Dialog::Save("Model folder", &[]), "Keep the model as a new folder", "edited-model", then);
    }

    fn start_live(&mut self, key: u64, experiment: Experiment, ratio: f64) {
        let kept = self.state.runs.entries.iter().filter(|r| r.methods.iter().any(|m| m == "unlearn"));
        let steps = |r: &Arc<super::runs::RunEntry>| {
            let of = |i: usize| r.path.join("checkpoints").join(format!("{i}-unlearn"));
            (0..r.methods.len()).map(of).collect::<Vec<_>>()
        };
        let kept = kept.flat_map(steps).collect();
        let stage = Some(("reading".to_owned(), 0, 0));
        self.state.unlearn.live = LiveEdit { key: Some(key), stage, wanted: ratio, ..LiveEdit::default() };
        self.engine.ask(Ask::Live(Box::new(LiveAsk { key, experiment, kept })));
    }

    /// Tells the engine thread that nobody wants it.
    pub(super) fn stop_live(&mut self) {
        self.state.unlearn.live = LiveEdit::default();
        self.engine.stop_live();
    }

    /// Takes over what the engine thread found, if it is still wanted.
    pub(super) fn take_live(&mut self, key: u64, found: Result<Box<Facts>, Trouble>) {
        let live = &mut self.state.unlearn.live;
        if live.key != Some(key) {
            return;
        }
        live.stage = None;
        match found {
            Ok(facts) => {
                let before = Point { reading: facts.before, ..Point::default() };
                live.facts = Some(Arc::from(facts));
                live.take(before);
                live.is_busy = true;
                self.engine.ask(Ask::Ratio(key, live.wanted));
            }
            Err(trouble) => live.trouble = Some(trouble),
        }
    }

    /// Takes over what a ratio does.
    pub(super) fn take_ratio(&mut self, key: u64, ratio: f64, found: Result<Point, Trouble>) {
        let live = &mut self.state.unlearn.live;
        if live.key != Some(key) {
            return;
        }
        live.is_busy &= live.wanted != ratio;
        match found {
            Ok(point) => live.take(point),
            Err(trouble) if live.wanted == ratio => live.trouble = Some(trouble),
            Err(_) => {}
        }
    }

    /// A model was written.
    pub(super) fn take_kept(&mut self, path: PathBuf, written: Result<(), Trouble>) {
        match written {
            Ok(()) => {
                self.say(&format!("Saved {}", path.display()));
                self.state.unlearn.kept.push(path);
            }
            Err(trouble) => self.say_trouble("unlearn", &trouble),
        }
    }

    /// Where runs are shown that were just started: in the view that started them.
    pub(super) fn show_started(&mut self) {
        let shown = &self.state.shown;
        let has_own_place = [ViewId::Train, ViewId::Unlearn].iter().any(|view| shown.contains(view));
        if !has_own_place || shown.contains(&ViewId::Experiment) {
            shell::show(&mut self.tree, ViewId::Runs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_kept_in_order_and_once() {
        let mut live = LiveEdit::default();
        for (ratio, n_zeroed) in [(0.2, 2), (0.0, 0), (0.1, 1), (0.2, 20)] {
            live.take(Point { ratio, n_zeroed, ..Point::default() });
        }
        let all: Vec<(f64, usize)> = live.points.iter().map(|p| (p.ratio, p.n_zeroed)).collect();
        assert_eq!(all, [(0.0, 0), (0.1, 1), (0.2, 20)]);
        live.wanted = 0.16;
        assert_eq!(live.shown().map(|p| p.ratio), Some(0.2));
    }
}
