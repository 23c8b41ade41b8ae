//! The groups of [`Config`](super::Config).

mod check;
mod model;
mod regularize;
mod rows;
mod update;

pub use check::{Check, Checkpoints, Stop, Unit};
pub use model::{Freeze, Fresh, FreshActivation, FreshFamily, LoraOptions, Vocabulary, VocabularySource};
pub use regularize::{Regularize, SpectralForm, SpectralSplit, TiedDropout};
pub use rows::{Layout, Length, LongRows, Mitigation, RowOptions};
pub use update::{Decay, LearningRate, OptimizerOptions, Rule};
