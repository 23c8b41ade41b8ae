//! The views. Each is a file or folder of its own; none knows another.

mod compare;
mod data;
mod experiment;
mod figures;
mod landscape;
mod log;
mod model;
mod runs;
mod start;
mod train;
mod unlearn;

use egui::Ui;
use serde::{Deserialize, Serialize};

use super::context::ViewCx;
use super::style::Icon;

/// Names of the views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ViewId {
    /// Open things.
    Start,
    /// Inspect a model.
    Model,
    /// Inspect data.
    Data,
    /// Original and paraphrase side by side.
    Compare,
    /// Set up a measurement.
    Experiment,
    /// Set up a training and watch it.
    Train,
    /// Progress and results.
    Runs,
    /// Make a model forget.
    Unlearn,
    /// The loss around a model.
    Landscape,
    /// Charts and export.
    Figures,
    /// What happened.
    Log,
}

impl ViewId {
    /// All, in the order of the rail.
    pub const ALL: [Self; 11] = [
        Self::Start,
        Self::Model,
        Self::Data,
        Self::Compare,
        Self::Experiment,
        Self::Train,
        Self::Runs,
        Self::Unlearn,
        Self::Landscape,
        Self::Figures,
        Self::Log,
    ];

    /// Shown name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::Model => "Model",
            Self::Data => "Data",
            Self::Compare => "Compare",
            Self::Experiment => "Experiment",
            Self::Train => "Train",
            Self::Runs => "Runs",
            Self::Unlearn => "Unlearn",
            Self::Landscape => "Landscape",
            Self::Figures => "Figures",
            Self::Log => "Log",
        }
    }

    /// Its sign.
    pub fn icon(self) -> Icon {
        match self {
            Self::Start => Icon::Start,
            Self::Model => Icon::Model,
            Self::Data => Icon::Data,
            Self::Compare => Icon::Compare,
            Self::Experiment => Icon::Experiment,
            Self::Train => Icon::Train,
            Self::Runs => Icon::Runs,
            Self::Unlearn => Icon::Unlearn,
            Self::Landscape => Icon::Landscape,
            Self::Figures => Icon::Figures,
            Self::Log => Icon::Log,
        }
    }
}

/// What every view can do.
pub trait View {
    /// Draws it and sends commands.
    fn view_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui);
}

/// The transient state of all views.
#[derive(Default)]
pub struct Views {
    start: start::Start,
    model: model::Model,
    data: data::Data,
    compare: compare::Compare,
    experiment: experiment::Experiment,
    train: train::Train,
    runs: runs::Runs,
    unlearn: unlearn::Unlearn,
    landscape: landscape::Landscape,
    figures: figures::Figures,
    log: log::Log,
}

impl Views {
    /// The view of this name.
    pub fn get(&mut self, id: ViewId) -> &mut dyn View {
        match id {
            ViewId::Start => &mut self.start,
            ViewId::Model => &mut self.model,
            ViewId::Data => &mut self.data,
            ViewId::Compare => &mut self.compare,
            ViewId::Experiment => &mut self.experiment,
            ViewId::Train => &mut self.train,
            ViewId::Runs => &mut self.runs,
            ViewId::Unlearn => &mut self.unlearn,
            ViewId::Landscape => &mut self.landscape,
            ViewId::Figures => &mut self.figures,
            ViewId::Log => &mut self.log,
        }
    }
}
