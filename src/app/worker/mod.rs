//! Work beside the window: one engine thread for interactive measurements, one reader for files.
//!
//! Requests lie in a mailbox with one place a kind, so the newest request wins and nothing piles up.
//! Answers come through a bounded channel that the window empties every frame.

mod asks;
mod engine;
mod laboratory;
mod live;
mod mailbox;
mod reader;
mod run_folder;
mod run_work;
mod sets;
mod sheet;

pub use asks::{AllRuns, FileAnswer, FileAsk};
pub use engine::{Answer, Ask, EngineThread, Side};
pub use laboratory::{Laboratory, ModelCard};
pub use live::LiveAsk;
pub use mailbox::{Mailbox, Ticket};
pub use reader::ReaderThread;
pub use run_work::Picture;
pub use sets::SetSheet;
pub use sheet::DataSheet;

use crate::error::Error;

/// An error as the window shows it: what happened, what to do, where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// What failed.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The file concerned.
    pub path: Option<std::path::PathBuf>,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error.fault() {
            Some(f) => Self { message: f.message.clone(), hint: f.hint.clone(), path: f.path.clone() },
            None => Self { message: error.to_string(), ..Self::default() },
        }
    }
}

impl Trouble {
    /// Everything as text, for the clipboard.
    pub fn details(&self) -> String {
        let mut text = self.message.clone();
        if let Some(hint) = &self.hint {
            text.push_str("\nhint: ");
            text.push_str(hint);
        }
        if let Some(path) = &self.path {
            text.push_str("\nfile: ");
            text.push_str(&path.display().to_string());
        }
        text
    }
}
