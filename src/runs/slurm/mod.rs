//! Slurm as executor: the runs of a sweep as one job array over a shared folder.
//!
//! The program writes a job script, hands it to `sbatch`, follows it through `squeue` and `sacct`, and stops it with
//! `scancel`. An element of the array is `memoscope resume` on the folder of its run, so an element that was preempted
//! or requeued goes on where it stopped, and what a run says about itself is in its folder as everywhere else.

mod commands;
mod follow;
mod script;

pub use follow::{Element, cancel, follow, look, submit};
pub use script::check_option;

use serde::{Deserialize, Serialize};

/// How a sweep is handed to Slurm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Elements at work at once; all that fit when absent.
    pub jobs: Option<usize>,
    /// Further options of `sbatch`, such as `--partition=gpu`.
    pub options: Vec<String>,
}

/// A job array that was handed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Id of the array.
    pub id: String,
    /// Indices of its elements, which are places among the runs of the sweep.
    pub elements: Vec<usize>,
    /// When, seconds since 1970.
    pub submitted: f64,
}
