//! What is open, chosen and laid out. Views read it; only commands and answers change it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::desk::Desk;
use super::draft::Draft;
use super::keys::Keys;
use super::log::LogBuffer;
use super::preview::MadeRows;
use super::runs::RunList;
use super::table::TableLook;
use super::unlearn::UnlearnState;
use super::views::ViewId;
use super::worker::{DataSheet, ModelCard, Trouble};
use crate::engine::cuda::Cards;
use crate::methods::compare::{Alignment, Measurement, Pair};

/// Something that is opened in the background.
#[derive(Clone, Debug, Default)]
pub enum Slot<T> {
    /// Nothing is asked for.
    #[default]
    Empty,
    /// On its way.
    Loading(PathBuf),
    /// Here.
    Ready(T),
    /// Not to be had.
    Failed(PathBuf, Trouble),
}

impl<T> Slot<T> {
    /// What is here, if it is.
    pub fn ready(&self) -> Option<&T> {
        match self {
            Self::Ready(value) => Some(value),
            _ => None,
        }
    }
}

/// Light, dark, or what the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Appearance {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
    /// As the desktop.
    #[default]
    System,
}

/// What tokens are colored by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColorBy {
    /// −ln p.
    #[default]
    Loss,
    /// Rank of the token.
    Rank,
    /// Share in the gradient alignment.
    Gradient,
    /// No color.
    Off,
}

/// How Compare looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CompareLook {
    /// What the color means.
    pub color: ColorBy,
    /// Numbers under the tokens.
    pub numbers: bool,
    /// Signs for white space.
    pub whitespace: bool,
    /// Text fields above the tokens.
    pub editors: bool,
}

impl Default for CompareLook {
    fn default() -> Self {
        Self { color: ColorBy::Loss, numbers: false, whitespace: true, editors: true }
    }
}

/// What is remembered between sessions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Theme.
    pub appearance: Appearance,
    /// Scale of everything; 0 means 1.
    pub zoom: f32,
    /// Models, newest first.
    pub recent_models: Vec<PathBuf>,
    /// Data, newest first.
    pub recent_data: Vec<PathBuf>,
    /// Models and data that stay at the top of the recent ones.
    pub favorites: BTreeSet<PathBuf>,
    /// Docking layout.
    pub layout: Option<egui_tiles::Tree<ViewId>>,
    /// How Compare looks.
    pub compare: CompareLook,
    /// The run that others are compared with.
    pub baseline: Option<String>,
    /// How the table of runs looks.
    pub table: TableLook,
    /// Shortcuts that were changed.
    pub keys: Keys,
}

impl Settings {
    /// Puts `path` first in a list of recent items; favorites are never dropped from it.
    pub fn remember(list: &mut Vec<PathBuf>, favorites: &BTreeSet<PathBuf>, path: &std::path::Path) {
        const KEPT: usize = 8;
        list.retain(|p| p != path);
        list.insert(0, path.to_owned());
        let mut others = 0;
        list.retain(|p| {
            let is_favorite = favorites.contains(p);
            others += usize::from(!is_favorite);
            is_favorite || others <= KEPT
        });
    }
}

/// A measured pair.
#[derive(Clone, Debug, Default)]
pub struct MeasuredPair {
    /// Both texts.
    pub pair: Pair,
    /// Different for every measurement: the key of caches.
    pub serial: u64,
}

/// What Compare shows.
#[derive(Default)]
pub struct CompareState {
    /// Texts of both sides as typed or chosen.
    pub texts: [String; 2],
    /// Which pair of the chosen data they are.
    pub pair: Option<usize>,
    /// The last measurement; stays while a newer one is on its way.
    pub measured: Option<Arc<MeasuredPair>>,
    /// The last alignment, for the texts of `measured`.
    pub alignment: Slot<Arc<Alignment>>,
    /// Why the texts cannot be measured.
    pub trouble: Option<Trouble>,
    /// When the texts were changed and not asked for yet.
    pub changed: Option<Instant>,
    /// Whether a measurement is on its way.
    pub is_busy: bool,
}

impl CompareState {
    /// Whether the measurement belongs to other texts.
    pub fn is_stale(&self) -> bool {
        self.measured
            .as_ref()
            .is_some_and(|m| m.pair.sides[0].text != self.texts[0] || m.pair.sides[1].text != self.texts[1])
    }
}

/// An open data file.
#[derive(Clone, Debug)]
pub struct DataEntry {
    /// Where it is.
    pub path: PathBuf,
    /// Its rows.
    pub sheet: Slot<Arc<DataSheet>>,
}

/// The prompt box of the Model view.
#[derive(Default)]
pub struct Probe {
    /// Tokens of the typed text.
    pub tokens: Option<Result<Measurement, Trouble>>,
    /// Typed text and what the model says next.
    pub continuation: Option<(String, Result<String, Trouble>)>,
    /// Whether a continuation is on its way.
    pub is_busy: bool,
}

/// A short message.
#[derive(Clone, Debug)]
pub struct Toast {
    /// What it says; lines after the first are details.
    pub text: String,
    /// Whether it is an error.
    pub is_bad: bool,
    /// When it came.
    pub since: Instant,
}

/// The machine we run on.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// Name of the graphics adapter.
    pub adapter: String,
    /// Whether pictures are drawn by the processor.
    pub is_software: bool,
    /// Threads for measurements.
    pub n_threads: usize,
    /// Bytes of main memory that this program uses.
    pub memory_used: u64,
    /// Bytes of main memory.
    pub memory_total: u64,
    /// Busy share of all processors, 0 to 1.
    pub busy: f32,
    /// Graphics cards that compute, once they were asked.
    pub cards: Option<Arc<Cards>>,
}

/// Everything the window shows.
#[derive(Default)]
pub struct State {
    /// Remembered between sessions.
    pub settings: Settings,
    /// The open model.
    pub model: Slot<Arc<ModelCard>>,
    /// The open data files.
    pub data: Vec<DataEntry>,
    /// The chosen one of them.
    pub data_index: Option<usize>,
    /// The Compare view.
    pub compare: CompareState,
    /// The Model view's prompt box.
    pub probe: Probe,
    /// The runs.
    pub runs: RunList,
    /// The experiment that is being set up.
    pub draft: Draft,
    /// The first rows of sets that are made.
    pub made: MadeRows,
    /// The Unlearn view.
    pub unlearn: UnlearnState,
    /// The page of figures.
    pub desk: Desk,
    /// What happened.
    pub log: LogBuffer,
    /// Short messages.
    pub toasts: Vec<Toast>,
    /// The machine.
    pub machine: Machine,
    /// Views on screen now.
    pub shown: BTreeSet<ViewId>,
    /// Whether files hang over the window.
    pub is_dropping: bool,
}

impl State {
    /// The chosen data, once it is read.
    pub fn sheet(&self) -> Option<&Arc<DataSheet>> {
        self.data.get(self.data_index?)?.sheet.ready()
    }
}
