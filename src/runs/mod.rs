//! Runs: experiment files, plans, run folders, the queue and the command line.
//!
//! An [`Experiment`] is what was typed and touches nothing. A [`Plan`] is everything resolved and
//! checked. [`execute()`] carries a plan out inside a [`RunDir`], where a killed process loses at most
//! the last ten seconds and [`resume`] ends with the same bytes. What methods compute is not known here.

mod assign;
pub mod bench;
pub mod check;
pub mod cli;
pub mod clock;
pub mod corpus;
pub mod demo;
pub mod document;
pub mod estimate;
pub mod event_files;
mod execute;
mod experiment;
pub mod filter;
mod host;
pub mod index;
pub mod inputs;
pub mod inspect;
mod kernel_cache;
pub mod lineage;
mod made;
mod observer;
mod page;
mod paths;
mod plan;
pub mod queue;
mod rate;
pub mod slurm;
pub mod store;
pub mod sweep;
pub mod unlearned;
pub mod verify;

pub use assign::set;
pub use execute::{execute, resume, set_threads};
pub use experiment::{DataRef, Experiment, InputRef, ModelRef, Step};
pub use host::{Control, RunHost};
pub use made::StepOutput;
pub use observer::{Observer, Progress, Unobserved};
pub use page::{Page, Panel};
pub use plan::{Plan, PlannedData, PlannedModel, PlannedStep, Ready, plan};
pub use store::RunDir;
