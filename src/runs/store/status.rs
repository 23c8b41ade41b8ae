//! `status.json`: in which state a run is, and how far.

use serde::{Deserialize, Serialize};

/// The state of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for its turn.
    #[default]
    Queued,
    /// A process works on it.
    Running,
    /// Finished; its results are whole.
    Done,
    /// Stopped by an error; can be resumed.
    Failed,
    /// Stopped by the user; can be resumed.
    Cancelled,
    /// Its process is gone without a word; can be resumed.
    Interrupted,
}

impl State {
    /// The word in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether nothing more will happen without the user.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// The content of `status.json`. Times are seconds since 1970, UTC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The state when the file was written; a dead process cannot correct it, so read it through `RunDir::status`.
    pub state: State,
    /// Process that works on the run.
    pub pid: u32,
    /// When the run was put into the queue.
    pub created: f64,
    /// When work began, the first time.
    pub started: Option<f64>,
    /// When the process last said that it lives; every two seconds.
    pub heartbeat: Option<f64>,
    /// When work ended.
    pub finished: Option<f64>,
    /// Seconds of work of all processes together.
    pub worked_secs: f64,
    /// Index of the step in work.
    pub step: usize,
    /// What is being done.
    pub stage: String,
    /// Finished units of the stage.
    pub done: u64,
    /// All units of the stage.
    pub total: u64,
    /// Units a second lately.
    pub rate: Option<f64>,
    /// Seconds left in this stage.
    pub eta_secs: Option<f64>,
    /// Why the run failed, with what to do.
    pub error: Option<String>,
    /// Exit code of the process, when it ended by itself.
    pub exit_code: Option<u8>,
}
