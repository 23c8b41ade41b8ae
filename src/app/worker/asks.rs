//! What the reader thread is asked, and what it answers.

use std::path::PathBuf;
use std::sync::Arc;

use super::run_work::Picture;
use super::{DataSheet, Trouble};
use crate::app::curves::RunLog;
use crate::app::log::LogLine;
use crate::app::names::RunNames;
use crate::app::parts::{TablePart, Viewer, Want};
use crate::app::preview::RowsPreview;
use crate::app::runs::{Checkpoint, NoteChange, QueueChange, QueueState, RunDetails, RunEntry};
use crate::app::shared::SharedRows;
use crate::app::unlearn::SetSheets;
use crate::data::make::Make;
use crate::data::{DataSpec, Dataset};
use crate::engine::cuda::Cards;
use crate::error::Result;
use crate::figures::{ExportSpec, Figure};
use crate::runs::lineage::Lineage;
use crate::runs::sweep::Checked;
use crate::runs::unlearned::Overlaps;
use crate::runs::{Experiment, Page, slurm};

/// A request.
#[derive(Debug)]
pub enum FileAsk {
    /// Read a data file.
    Data(PathBuf, DataSpec),
    /// Count the tokens of a data file with the tokenizer of this model folder, whose context has so many.
    Count(PathBuf, Arc<DataSheet>, PathBuf, usize),
    /// The first rows of a set that is made, with this seed.
    MadeRows(Box<Make>, u64),
    /// Make a set with this seed and write it.
    MakeData(Box<Make>, u64, PathBuf),
    /// The models that a run has kept so far.
    Checkpoints(String),
    /// How much memory is in use, here and on the cards.
    Memory,
    /// Everything of a run.
    Details(String),
    /// Start experiments, one after the other.
    Start(Vec<Experiment>),
    /// Start every run of an experiment with a sweep, here or by Slurm.
    StartSweep(Box<Experiment>, Option<slurm::Settings>),
    /// What an experiment will need.
    Estimate(Box<Experiment>, u64),
    /// Stop a run.
    Cancel(String),
    /// Go on with a run.
    Resume(String),
    /// Move a run to the trash.
    Trash(String),
    /// Take a run out of the trash.
    Restore(String),
    /// What is in the trash.
    Trashed,
    /// Star, note, tags of a run.
    Note(String, NoteChange),
    /// Order and pause of the queue.
    Queue(QueueChange),
    /// The events of a run.
    Events(String),
    /// Rows that the tables of this id share.
    Share(Vec<Arc<RunDetails>>, String),
    /// Rows of a table of a run, for somebody.
    Rows(Viewer, Want),
    /// Write a whole table of a run as CSV.
    SaveTable(String, String, PathBuf),
    /// Draw a page as it will be written, so many pixels wide; the key comes back with it.
    Preview(u64, Box<Page>, u32),
    /// Write a page, and its description beside it when asked to.
    Export(Box<Page>, PathBuf, bool),
    /// Write every figure and table of a run.
    ExportAll(String, Box<ExportSpec>),
    /// Read the file of a page.
    Page(PathBuf),
    /// Write text, such as an experiment or a table.
    Write(PathBuf, String),
    /// Read an experiment file.
    Experiment(PathBuf),
    /// Rows of the sets of an experiment, whose key this is; these files are open.
    Sets(u64, Box<Experiment>, Vec<(PathBuf, Arc<Dataset>)>),
    /// Edits of these steps of runs, and how much they overlap.
    Overlaps(Vec<(String, usize)>),
    /// Write the edited model of a step of a run as a folder.
    KeepModel(String, usize, PathBuf),
    /// Write a figure that belongs to these runs.
    ExportFigure(Box<Figure>, Vec<String>, Box<ExportSpec>, PathBuf),
}

/// All runs, and what is gathered from them beside the window.
#[derive(Debug)]
pub struct AllRuns {
    /// Newest first.
    pub entries: Vec<Arc<RunEntry>>,
    /// The names in them.
    pub names: Arc<RunNames>,
    /// How their models descend from each other.
    pub lineage: Arc<Lineage>,
}

/// What came of it.
#[derive(Debug)]
pub enum FileAnswer {
    /// A data file.
    Data(PathBuf, Result<Arc<DataSheet>, Trouble>),
    /// The same data file with lengths in tokens.
    Counted(PathBuf, Arc<DataSheet>),
    /// The first rows of the set of this key.
    MadeRows(String, Result<Arc<RowsPreview>, Trouble>),
    /// A data file that was made.
    MadeData(PathBuf),
    /// The models that a run has kept so far, by the id of the run.
    Checkpoints(String, Vec<Checkpoint>),
    /// Bytes used by this program and installed, and the busy share of all processors, 0 to 1.
    Memory(u64, u64, f32),
    /// The cards that compute.
    Cards(Arc<Cards>),
    /// All runs.
    Runs(Result<AllRuns, Trouble>),
    /// Everything of a run.
    Details(Arc<RunDetails>),
    /// What runs said.
    Log(Vec<LogLine>),
    /// Events of a run, from the start.
    Events(Arc<RunLog>),
    /// Figures of a run as far as they are known, by the names that their files will have; none when it is done.
    Partial(String, Vec<(String, Arc<Figure>)>),
    /// Runs that wait.
    Queue(QueueState),
    /// Runs in the trash: id and name.
    Trashed(Vec<(String, String)>),
    /// Rows that tables share.
    Shared(Arc<SharedRows>),
    /// Rows of a table, for somebody.
    Rows(Viewer, Arc<TablePart>),
    /// Done, in words; or not.
    Said(Result<String, Trouble>),
    /// Runs were put into the queue.
    Started(Vec<String>),
    /// An experiment file.
    Experiment(Box<Experiment>),
    /// The page with this key as it will be written.
    Preview(u64, Result<Picture, Trouble>),
    /// A page from its file.
    Page(Result<Box<Page>, Trouble>),
    /// What an experiment will need, for the draft of this serial.
    Estimated(u64, Result<Box<Checked>, Trouble>),
    /// Rows of the sets of the experiment with this key.
    Sets(u64, Arc<SetSheets>),
    /// Edits of these steps.
    Overlaps(Vec<(String, usize)>, Result<Arc<Overlaps>, Trouble>),
    /// A model was written.
    Kept(PathBuf, Result<(), Trouble>),
}
