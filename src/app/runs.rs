//! The runs as the window knows them: read from their folders, never from memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::curves::RunLog;
use super::names::RunNames;
use super::parts::{TablePart, Viewer, Want};
use super::shared::SharedRows;
use super::table::TableLook;
use super::worker::Trouble;
use crate::figures::Figure;
use crate::methods::Table;
use crate::methods::unlearn::pareto::Outcome;
use crate::runs::Experiment;
use crate::runs::lineage::{Lineage, Studied};
use crate::runs::store::SavedStep;

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunState {
    /// Waits for its turn.
    #[default]
    Queued,
    /// Computes.
    Running,
    /// Has all its results.
    Done,
    /// Stopped by an error.
    Failed,
    /// Stopped by the user; can be resumed.
    Cancelled,
    /// Its process is gone; can be resumed.
    Interrupted,
}

impl RunState {
    /// Shown name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Running => "Running",
            Self::Done => "Done",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Interrupted => "Interrupted",
        }
    }

    /// Whether its process lives or will.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }

    /// Whether it can go on from where it stopped.
    pub fn can_resume(self) -> bool {
        matches!(self, Self::Failed | Self::Cancelled | Self::Interrupted)
    }
}

/// One row of the run table.
#[derive(Clone, Debug, Default)]
pub struct RunEntry {
    /// Name of the folder: stable and unique.
    pub id: String,
    /// The folder.
    pub path: PathBuf,
    /// Name from the experiment.
    pub name: String,
    /// Ids of the methods.
    pub methods: Vec<String>,
    /// Model, as shown.
    pub model: String,
    /// Where it stands.
    pub state: RunState,
    /// Present stage, in words.
    pub stage: String,
    /// Units done and in all.
    pub progress: Option<[u64; 2]>,
    /// Units a second.
    pub rate: Option<f64>,
    /// Seconds to go.
    pub eta: Option<f64>,
    /// When it was asked for, seconds since 1970.
    pub created: f64,
    /// Seconds of work.
    pub seconds: Option<f64>,
    /// Why it failed.
    pub trouble: Option<Trouble>,
    /// Everything that was set: dotted name and value.
    pub config: BTreeMap<String, String>,
    /// Headline numbers by name; the same id in several steps has the step's index before it.
    pub scalars: BTreeMap<String, f64>,
    /// Their names in the order of the report.
    pub order: Vec<String>,
    /// What its finished steps did with models.
    pub studied: Vec<Studied>,
    /// Whether the results belong to an older version of a method.
    pub stale: Vec<String>,
    /// Marked by the user.
    pub is_starred: bool,
    /// Noted by the user.
    pub note: String,
    /// Tags of the user.
    pub tags: Vec<String>,
    /// Kept out of the usual list.
    pub is_archived: bool,
    /// Device it computes on.
    pub device: String,
    /// Place of its color in the palette, the same everywhere.
    pub color: usize,
    /// The sweep that it belongs to.
    pub sweep: Option<PointOf>,
    /// What steps of unlearning did, by their index.
    pub unlearned: Vec<(usize, Outcome)>,
}

/// A place in a sweep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PointOf {
    /// Name of the folder of the sweep.
    pub id: String,
    /// What is special about the run: dotted paths and values.
    pub values: serde_json::Map<String, serde_json::Value>,
}

impl PointOf {
    /// Shown name of the sweep.
    pub fn title(&self) -> &str {
        self.id.strip_suffix(".sweep").unwrap_or(&self.id)
    }
}

/// A model that a training has kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Steps that were taken; none for the finished model.
    pub steps: Option<u64>,
    /// The model folder.
    pub path: PathBuf,
}

/// A change of what the user wrote about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteChange {
    /// Star or not.
    Star(bool),
    /// Free text.
    Text(String),
    /// Tags in order.
    Tags(Vec<String>),
    /// Kept out of the usual list or not.
    Archive(bool),
    /// Another name than the experiment's; empty for none.
    Title(String),
    /// Another color.
    Color(usize),
}

/// Runs that wait for their turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Ids, the next first.
    pub waiting: Vec<String>,
    /// Whether no further run is started.
    pub is_paused: bool,
    /// Runs worked on at once.
    pub parallel: usize,
}

/// A change of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueChange {
    /// Start no further runs, or go on.
    Pause(bool),
    /// Move a waiting run to this place, 0 being the next.
    Move(String, usize),
    /// Work on so many runs at once.
    Parallel(usize),
}

/// Everything of one run, read when it is looked at.
#[derive(Debug, Default)]
pub struct RunDetails {
    /// Name of the folder.
    pub id: String,
    /// What was asked for.
    pub experiment: Option<Experiment>,
    /// Method cards, headline numbers and notes, step by step.
    pub steps: Vec<SavedStep>,
    /// Whether all steps are there.
    pub is_complete: bool,
    /// The tables; of very long ones only the beginning.
    pub tables: Vec<Arc<Table>>,
    /// Rows that the files of the tables have, in the same order.
    pub table_rows: Vec<usize>,
    /// The files of the tables, in the same order.
    pub table_files: Vec<String>,
    /// The figures by file name.
    pub figures: Vec<(String, Arc<Figure>)>,
    /// What could not be read.
    pub troubles: Vec<Trouble>,
}

impl RunDetails {
    /// How many rows a table has; of long ones only the first are in `tables`.
    pub fn n_rows(&self, table: usize) -> usize {
        let read = self.tables.get(table).map_or(0, |t| t.rows());
        self.table_rows.get(table).copied().unwrap_or(read).max(read)
    }

    /// Whether only the beginning of a table was read.
    pub fn is_part(&self, table: usize) -> bool {
        self.tables.get(table).is_some_and(|t| t.rows() < self.n_rows(table))
    }

    /// Which table the figure in `file` means by `id`: the one of the same step.
    pub fn table_of(&self, file: &str, id: &str) -> Option<usize> {
        let step = self.steps.iter().find(|step| step.figures.iter().any(|f| f.file == file))?;
        let table = step.tables.iter().find(|table| table.id == id)?;
        self.table_files.iter().position(|f| *f == table.file)
    }
}

/// All runs, and the ones that are looked at.
#[derive(Default)]
pub struct RunList {
    /// Newest first.
    pub entries: Vec<Arc<RunEntry>>,
    /// Names of everything in `entries`.
    pub names: Arc<RunNames>,
    /// How their models descend from each other.
    pub lineage: Arc<Lineage>,
    /// Raised when `entries` changes.
    pub serial: u64,
    /// Why the folder of runs cannot be read.
    pub trouble: Option<Trouble>,
    /// The chosen runs; details are those of the first.
    pub chosen: Vec<String>,
    /// Details of the runs that are looked at.
    pub details: BTreeMap<String, Arc<RunDetails>>,
    /// Events of the runs that are looked at or at work.
    pub logs: BTreeMap<String, Arc<RunLog>>,
    /// Figures of runs at work, as far as they are known, by the names that their files will have.
    pub partial: BTreeMap<String, Vec<(String, Arc<Figure>)>>,
    /// Models that training runs have kept, as far as somebody asked.
    pub checkpoints: BTreeMap<String, Vec<Checkpoint>>,
    /// Chosen runs that charts leave out.
    pub hidden: BTreeSet<String>,
    /// Runs that wait.
    pub queue: QueueState,
    /// Runs in the trash: id and name.
    pub trash: Vec<(String, String)>,
    /// Rows that the chosen runs share.
    pub shared: Option<Arc<SharedRows>>,
    /// The figure that the Figures view shows: run and file stem.
    pub figure: Option<(String, String)>,
    /// Rows behind a brushed bar or point, and of which figure.
    pub brushed: Option<Brush>,
    /// Rows of long tables that are looked at.
    pub parts: BTreeMap<Viewer, Arc<TablePart>>,
}

/// Rows behind a brushed mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brush {
    /// Run id.
    pub run: String,
    /// What was brushed, in words.
    pub what: String,
    /// Which of the run's tables.
    pub table: usize,
    /// Rows of the table.
    pub rows: Vec<usize>,
}

impl RunList {
    /// The run of this id.
    pub fn find(&self, id: &str) -> Option<&Arc<RunEntry>> {
        self.entries.iter().find(|e| e.id == id)
    }

    /// Lets go of what was read of runs that nobody looks at: tables and events can be large.
    pub fn forget(&mut self) {
        let shown = self.figure.as_ref().map(|(run, _)| run.clone());
        let chosen = &self.chosen;
        let active: BTreeSet<&String> = self.entries.iter().filter(|e| e.state.is_active()).map(|e| &e.id).collect();
        self.details.retain(|id, _| chosen.contains(id) || shown.as_ref() == Some(id));
        self.logs.retain(|id, _| chosen.contains(id) || active.contains(id));
        self.checkpoints.retain(|id, _| chosen.contains(id));
        self.parts.retain(|_, part| self.details.contains_key(&part.want.run));
    }

    /// The Figures view goes along with the choice: a figure of a run that is not chosen any more gives way to the
    /// first one of the first chosen run, once that is read.
    pub fn follow(&mut self) {
        let is_chosen = self.figure.as_ref().is_some_and(|(run, _)| self.chosen.contains(run));
        let first = self.current_details().and_then(|d| Some((d.id.clone(), d.figures.first()?.0.clone())));
        if let Some(first) = first.filter(|_| !is_chosen) {
            self.figure = Some(first);
            self.brushed = None;
        }
    }

    /// The runs of a sweep, in the order of their folders.
    pub fn of_sweep(&self, id: &str) -> Vec<&Arc<RunEntry>> {
        let mut runs: Vec<_> = self.entries.iter().filter(|r| r.sweep.as_ref().is_some_and(|s| s.id == id)).collect();
        runs.sort_by(|a, b| a.id.cmp(&b.id));
        runs
    }

    /// The sweep whose runs are chosen, when there are several and all belong to it.
    pub fn chosen_sweep(&self) -> Option<&str> {
        let of = |id: &String| Some(self.find(id)?.sweep.as_ref()?.id.as_str());
        let first = of(self.chosen.first()?)?;
        (self.chosen.len() > 1 && self.chosen.iter().all(|id| of(id) == Some(first))).then_some(first)
    }

    /// The first chosen run.
    pub fn current(&self) -> Option<&Arc<RunEntry>> {
        self.find(self.chosen.first()?)
    }

    /// Details of the first chosen run.
    pub fn current_details(&self) -> Option<&Arc<RunDetails>> {
        self.details.get(self.chosen.first()?)
    }
}

/// Something to be done with runs.
#[derive(Clone, Debug)]
pub enum RunCommand {
    /// Look at these.
    Choose(Vec<String>),
    /// Stop gracefully; a second time at once.
    Cancel(String),
    /// Look for the models that it has kept.
    Checkpoints(String),
    /// Go on from the last checkpoint.
    Resume(String),
    /// Move to the trash.
    Trash(String),
    /// Compare the others with this one.
    Baseline(Option<String>),
    /// Take a run out of the trash.
    Restore(String),
    /// Look into the trash.
    Trashed,
    /// Star, note, tags and the like.
    Note(String, NoteChange),
    /// Order and pause of the queue.
    Queue(QueueChange),
    /// Charts leave a run out, or show it again.
    Hide(String, bool),
    /// Find the rows that the tables of this id share in these runs.
    Share(Vec<Arc<RunDetails>>, String),
    /// Take its experiment into the form.
    Reuse(String),
    /// Show a figure of a run in Figures.
    ShowFigure(String, String),
    /// Rows behind a brushed mark.
    Brush(Option<Brush>),
    /// Read these rows of a table.
    Rows(Viewer, Want),
    /// Write a whole table as CSV; without a path the user is asked for one.
    SaveTable(String, String, Option<PathBuf>),
    /// How the table of runs looks.
    Look(Box<TableLook>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_which_only_the_beginning_was_read_is_known() {
        let table = Table::new("t", "T").column("row", "", "", crate::methods::Values::ints(0..3));
        let details = RunDetails {
            tables: vec![Arc::new(table.clone()), Arc::new(table)],
            table_rows: vec![3, 1_000_000],
            ..RunDetails::default()
        };
        assert_eq!([0, 1, 2].map(|t| details.is_part(t)), [false, true, false]);
        assert_eq!([0, 1, 2].map(|t| details.n_rows(t)), [3, 1_000_000, 0]);
    }

    #[test]
    fn figures_follow_the_choice() {
        let details = |id: &str| RunDetails {
            id: id.into(),
            figures: vec![("roc".into(), Arc::default()), ("bars".into(), Arc::default())],
            ..RunDetails::default()
        };
        let mut runs = RunList { chosen: vec!["a".into()], ..RunList::default() };
        runs.follow();
        assert_eq!(runs.figure, None, "nothing is read yet");
        for id in ["a", "b"] {
            runs.details.insert(id.into(), Arc::new(details(id)));
        }
        runs.follow();
        assert_eq!(runs.figure, Some(("a".into(), "roc".into())));
        runs.figure = Some(("a".into(), "bars".into()));
        runs.follow();
        assert_eq!(runs.figure, Some(("a".into(), "bars".into())), "what the user picked stays");
        runs.chosen = vec!["b".into(), "a".into()];
        runs.follow();
        assert_eq!(runs.figure, Some(("a".into(), "bars".into())), "its run is still chosen");
        runs.chosen = vec!["b".into()];
        runs.follow();
        assert_eq!(runs.figure, Some(("b".into(), "roc".into())));
    }

    #[test]
    fn what_nobody_looks_at_is_let_go() {
        let entry = |id: &str, state| Arc::new(RunEntry { id: id.into(), state, ..RunEntry::default() });
        let mut runs = RunList {
            entries: vec![entry("a", RunState::Done), entry("b", RunState::Running), entry("c", RunState::Done)],
            chosen: vec!["a".into()],
            figure: Some(("c".into(), "f".into())),
            ..RunList::default()
        };
        for id in ["a", "b", "c", "gone"] {
            runs.details.insert(id.into(), Arc::default());
            runs.logs.insert(id.into(), Arc::default());
        }
        runs.forget();
        assert_eq!(runs.details.keys().collect::<Vec<_>>(), ["a", "c"], "chosen, or shown as a figure");
        assert_eq!(runs.logs.keys().collect::<Vec<_>>(), ["a", "b"], "chosen, or at work");
    }
}
