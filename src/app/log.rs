//! What happened, newest last, bounded.

use std::collections::VecDeque;

/// How grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As expected.
    Info,
    /// Done, but not as asked.
    Warning,
    /// Not done.
    Error,
}

impl Level {
    /// All, mildest first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Error];

    /// Shown name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Info => "Info",
            Self::Warning => "Warning",
            Self::Error => "Error",
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Local time, `hh:mm:ss`.
    pub time: String,
    /// How grave.
    pub level: Level,
    /// Who speaks: `window`, `engine`, or the name of a run.
    pub source: String,
    /// What is said.
    pub text: String,
}

/// The last events.
#[derive(Default)]
pub struct LogBuffer {
    lines: VecDeque<LogLine>,
    /// Raised by every event: the key of caches.
    pub serial: u64,
}

impl LogBuffer {
    const KEPT: usize = 100_000;

    /// Adds an event of now.
    pub fn add(&mut self, level: Level, source: &str, text: impl Into<String>) {
        let time = chrono::Local::now().format("%H:%M:%S").to_string();
        self.push(LogLine { time, level, source: source.to_owned(), text: text.into() });
    }

    /// Adds an event.
    pub fn push(&mut self, line: LogLine) {
        if self.lines.len() == Self::KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        self.serial += 1;
    }

    /// The events, oldest first.
    pub fn lines(&self) -> &VecDeque<LogLine> {
        &self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_events_are_dropped() {
        let mut log = LogBuffer::default();
        for i in 0..LogBuffer::KEPT + 5 {
            log.push(LogLine { time: String::new(), level: Level::Info, source: String::new(), text: i.to_string() });
        }
        assert_eq!(log.lines().len(), LogBuffer::KEPT);
        assert_eq!(log.lines().front().map(|l| l.text.as_str()), Some("5"));
    }
}
