//! The reader thread: data files and run folders, so that the window never waits for a disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::Trouble;
use super::mailbox::Mailbox;
use crate::data::Dataset;
use crate::error::{Error, Result};

/// A request to read something.
#[derive(Clone, Debug)]
pub enum FileAsk {
    /// A data file, with the columns that the user mapped by hand.
    Data(PathBuf),
}

/// What was read.
#[derive(Debug)]
pub enum FileAnswer {
    /// A data file.
    Data(PathBuf, Result<Arc<Dataset>, Trouble>),
}

/// Handle of the thread.
pub struct ReaderThread {
    mailbox: Arc<Mailbox<FileAsk, 3>>,
    answers: Receiver<FileAnswer>,
}

impl ReaderThread {
    /// Starts the thread; `wake` is called after each answer.
    pub fn start(wake: impl Fn() + Send + 'static) -> Result<Self> {
        let mailbox = Arc::new(Mailbox::default());
        let (sender, answers) = sync_channel(16);
        let theirs = Arc::clone(&mailbox);
        std::thread::Builder::new()
            .name("memoscope-reader".to_owned())
            .spawn(move || serve(&theirs, &sender, &wake))
            .map_err(|e| Error::bug(format!("the reader thread does not start: {e}")))?;
        Ok(Self { mailbox, answers })
    }

    /// Leaves a request.
    pub fn ask(&self, ask: FileAsk) {
        self.mailbox.put(0, ask);
    }

    /// The answers since the last call.
    pub fn answers(&self) -> impl Iterator<Item = FileAnswer> + '_ {
        self.answers.try_iter()
    }
}

impl Drop for ReaderThread {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

fn serve(mailbox: &Mailbox<FileAsk, 3>, answers: &SyncSender<FileAnswer>, wake: &(impl Fn() + Send)) {
    while let Some((_ticket, ask)) = mailbox.take() {
        let answer = match ask {
            FileAsk::Data(path) => {
                let read = Err(Error::bug("not landed").at(&path)).map_err(Trouble::from);
                FileAnswer::Data(path, read)
            }
        };
        if answers.send(answer).is_err() {
            return;
        }
        wake();
    }
}
