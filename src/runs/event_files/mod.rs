//! The events of a run as files for other programs: CSV, JSONL, and event files of TensorBoard.

mod record;
mod table;
mod tensorboard;

pub use table::{csv, jsonl};
pub use tensorboard::{StepNames, beginning, records, tensorboard};

use super::store::{Line, RunDir, Tail};
use crate::error::{Error, Result};

/// All events of a run in order.
///
/// # Errors
/// The run has none yet.
pub fn events(run: &RunDir) -> Result<Vec<Line>> {
    let mut tail = Tail::new(run.events_path());
    let mut lines = Vec::new();
    loop {
        let more = tail.poll()?;
        if more.is_empty() {
            break;
        }
        lines.extend(more);
    }
    if lines.is_empty() {
        return Err(Error::config("the run has no events yet").hint("`memoscope resume` begins it").at(run.path()));
    }
    Ok(lines)
}
