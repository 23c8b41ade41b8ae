//! Runs: experiment files, plans, run folders, the queue and the command line.
//!
//! An [`Experiment`] is what was typed and touches nothing.

mod experiment;
pub mod store;

pub use experiment::{DataRef, Experiment, InputRef, ModelRef, Step, set};
pub use store::RunDir;
