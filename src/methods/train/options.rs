//! The groups of [`Config`](super::Config).

mod check;
mod model;
mod regularize;
mod rows;
mod update;

pub(super) use check::{Check, Checkpoints, Stop, Unit};
pub(super) use model::{Freeze, Fresh, FreshActivation, FreshFamily, LoraOptions, Vocabulary, VocabularySource};
pub(super) use regularize::{Regularize, SpectralForm, SpectralSplit, TiedDropout};
pub(super) use rows::{Layout, Length, LongRows, Mitigation, RowOptions};
pub(super) use update::{LearningRate, OptimizerOptions, Rule};
