//! Runs: experiment files, plans, run folders, the queue and the command line.
//!
//! An [`Experiment`] is what was typed and touches nothing.

mod experiment;
pub mod inspect;
pub mod store;
pub mod verify;

pub use experiment::{DataRef, Experiment, InputRef, ModelRef, Step, set};
pub use inspect::{Inspection, inspect};
pub use store::RunDir;
pub use verify::{Verification, compare, verify};
