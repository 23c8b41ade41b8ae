//! `events.jsonl`: what happened in a run, one JSON object a line, only ever appended to.
//!
//! Every line has `time` (seconds since 1970, UTC) and `event`, one of the kinds of [`Event`]:
//! `state`, `progress`, `metric`, `sample`, `log`, `warning`. Unknown kinds and torn lines are passed over by
//! readers, so that old programs can follow new runs.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::State;
use crate::error::{Error, Result};

/// One line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Seconds since 1970, UTC.
    pub time: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run entered a state.
    State {
        /// The new state.
        state: State,
    },
    /// Part of a step is done.
    Progress {
        /// Index of the step.
        step: usize,
        /// What is being done.
        stage: String,
        /// Finished units.
        done: u64,
        /// All units.
        total: u64,
        /// Units a second lately; absent before it is known.
        rate: Option<f64>,
        /// Seconds left in this stage; absent before it is known.
        eta_secs: Option<f64>,
    },
    /// A number for live charts.
    Metric {
        /// Index of the step.
        step: usize,
        /// Name of the series.
        name: String,
        /// Abscissa.
        at: u64,
        /// Ordinate; absent when it is not a finite number.
        value: Option<f64>,
    },
    /// What a model says, on the way to another one.
    Sample {
        /// Index of the step.
        step: usize,
        /// Abscissa, as of the metrics.
        at: u64,
        /// What it was given.
        prompt: String,
        /// How it went on.
        text: String,
        /// How the original goes on, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        truth: Option<String>,
    },
    /// Something worth knowing.
    Log {
        /// A sentence.
        message: String,
    },
    /// Something was done, but not as asked.
    Warning {
        /// A sentence.
        message: String,
    },
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Appends to `events.jsonl`.
pub struct EventLog {
    file: File,
    path: PathBuf,
}

impl EventLog {
    /// Opens or makes the file; an unfinished last line of a killed process is closed.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |e: std::io::Error| Error::io("opening the event log", path, &e);
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(io)?;
        let mut last = [b'\n'];
        if file.metadata().map_err(io)?.len() > 0 {
            file.seek(SeekFrom::End(-1)).and_then(|_| file.read_exact(&mut last)).map_err(io)?;
        }
        if last != *b"\n" {
            file.write_all(b"\n").map_err(io)?;
        }
        Ok(Self { file, path: path.to_owned() })
    }

    /// Appends one line in a single write.
    pub fn append(&mut self, time: f64, event: Event) -> Result<()> {
        let mut text = serde_json::to_vec(&Line { time, event })
            .map_err(|e| Error::bug(format!("an event cannot be written: {e}")))?;
        text.push(b'\n');
        self.file.write_all(&text).map_err(|e| Error::io("writing the event log", &self.path, &e))
    }
}

/// Follows an `events.jsonl` that another process writes.
#[derive(Debug, Default)]
pub struct Tail {
    path: PathBuf,
    offset: u64,
    partial: Vec<u8>,
}

impl Tail {
    /// Follows the file at `path` from its start; it need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, offset: 0, partial: Vec::new() }
    }

    /// The whole lines written since the last call, at most about a megabyte at once; a line that is
    /// still being written waits for the next call. Lines that cannot be read are left out.
    pub fn poll(&mut self) -> Result<Vec<Line>> {
        const AT_ONCE: u64 = 1 << 20;
        let io = |e: std::io::Error| Error::io("following the event log", &self.path, &e);
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(io(e)),
        };
        file.seek(SeekFrom::Start(self.offset)).map_err(io)?;
        let read = file.take(AT_ONCE).read_to_end(&mut self.partial).map_err(io)?;
        self.offset += read as u64;
        let whole = self.partial.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        let rest = self.partial.split_off(whole);
        let lines = std::mem::replace(&mut self.partial, rest);
        Ok(lines.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(message: &str) -> Event {
        Event::Log { message: message.to_owned() }
    }

    #[test]
    fn the_reader_waits_for_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut tail = Tail::new(path.clone());
        assert_eq!(tail.poll().unwrap(), []);
        let mut events = EventLog::open(&path).unwrap();
        events.append(1.0, log("one")).unwrap();
        events.file.write_all(b"{\"time\":2.0,\"event\":\"l").unwrap();
        assert_eq!(tail.poll().unwrap(), [Line { time: 1.0, event: log("one") }]);
        assert_eq!(tail.poll().unwrap(), []);
        events.file.write_all(b"og\",\"message\":\"two\"}\n").unwrap();
        assert_eq!(tail.poll().unwrap(), [Line { time: 2.0, event: log("two") }]);
    }

    #[test]
    fn a_torn_line_is_closed_and_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        std::fs::write(&path, b"{\"time\":1,\"event\":\"new_kind\",\"x\":1}\n{\"time\":2.0,\"ev").unwrap();
        EventLog::open(&path).unwrap().append(3.0, log("after")).unwrap();
        let lines = Tail::new(path).poll().unwrap();
        let events: Vec<Event> = lines.into_iter().map(|line| line.event).collect();
        assert_eq!(events, [Event::Unknown, log("after")]);
    }
}
