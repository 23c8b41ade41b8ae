//! The engine thread: it owns the loaded model and answers interactive requests.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::Trouble;
use super::laboratory::{Laboratory, ModelCard};
use super::live::LiveAsk;
use super::mailbox::{Mailbox, Ticket};
use crate::error::{Error, Result};
use crate::methods::compare::{Alignment, Measurement, Pair};
use crate::methods::unlearn::live::{Facts, Point};

/// Left or right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Left.
    Original,
    /// Right.
    Paraphrase,
}

impl Side {
    /// Both, left first.
    pub const BOTH: [Self; 2] = [Self::Original, Self::Paraphrase];

    /// 0 or 1.
    pub fn index(self) -> usize {
        match self {
            Self::Original => 0,
            Self::Paraphrase => 1,
        }
    }

    /// Shown name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Original => "Original",
            Self::Paraphrase => "Paraphrase",
        }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Open a model folder or hub id.
    Load(PathBuf),
    /// Measure both texts of a pair, then line them up.
    Measure([String; 2]),
    /// Compare the gradients of both texts.
    Align([String; 2]),
    /// Split a text into tokens.
    Tokenize(String),
    /// Continue a text greedily by this many tokens.
    Continue(String, usize),
    /// Find or compute the scores of an edit whose ratio moves.
    Live(Box<LiveAsk>),
    /// Cut the scores with this key at a ratio, and measure.
    Ratio(u64, f64),
    /// Write the model with this much removed.
    KeepCut(f64, PathBuf),
}

/// Kinds of requests.
const KINDS: usize = 8;
/// The kind that computes scores.
const LIVE: usize = 5;

impl Ask {
    fn kind(&self) -> usize {
        match self {
            Self::Load(_) => 0,
            Self::Measure(_) => 1,
            Self::Tokenize(_) => 2,
            Self::Align(_) => 3,
            Self::Continue(..) => 4,
            Self::Live(_) => LIVE,
            Self::Ratio(..) => 6,
            Self::KeepCut(..) => 7,
        }
    }
}

/// An answer.
#[derive(Debug)]
pub enum Answer {
    /// The model of this path, or why there is none.
    Loaded(PathBuf, Result<Arc<ModelCard>, Trouble>),
    /// A pair of texts, measured.
    Measured([String; 2], Result<Box<Pair>, Trouble>),
    /// A pair of texts, aligned.
    Aligned([String; 2], Result<Box<Alignment>, Trouble>),
    /// A text, in tokens.
    Tokenized(Result<Measurement, Trouble>),
    /// What the model says next.
    Continued(String, Result<String, Trouble>),
    /// Stage, units done and in all of the scores with this key.
    Stage(u64, String, u64, u64),
    /// The scores with this key are there, or not to be had.
    Live(u64, Result<Box<Facts>, Trouble>),
    /// What a ratio does to the model.
    Ratio(u64, f64, Result<Point, Trouble>),
    /// A model was written.
    Kept(PathBuf, Result<(), Trouble>),
}

/// Handle of the thread.
pub struct EngineThread {
    mailbox: Arc<Mailbox<Ask, KINDS>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

impl EngineThread {
    /// Starts the thread; `wake` is called after each answer.
    pub fn start(wake: impl Fn() + Send + 'static) -> Result<Self> {
        let mailbox = Arc::new(Mailbox::default());
        let (sender, answers) = sync_channel(16);
        let theirs = Arc::clone(&mailbox);
        let thread = std::thread::Builder::new()
            .name("memoscope-engine".to_owned())
            .spawn(move || serve(&theirs, &sender, &wake))
            .map_err(|e| Error::bug(format!("the engine thread does not start: {e}")))?;
        Ok(Self { mailbox, answers, thread: Some(thread) })
    }

    /// Leaves a request; a newer one of the same kind replaces it.
    pub fn ask(&self, ask: Ask) {
        if matches!(ask, Ask::Load(_)) {
            self.stop_live();
        }
        self.mailbox.put(ask.kind(), ask);
    }

    /// Scores that are being computed are not wanted any more.
    pub fn stop_live(&self) {
        self.mailbox.cancel(LIVE);
    }

    /// The answers since the last call.
    pub fn answers(&self) -> impl Iterator<Item = Answer> + '_ {
        self.answers.try_iter()
    }
}

impl Drop for EngineThread {
    fn drop(&mut self) {
        self.mailbox.close();
        // A full channel would keep the thread waiting.
        while self.thread.as_ref().is_some_and(|t| !t.is_finished()) {
            if self.answers.recv_timeout(std::time::Duration::from_millis(20)).is_err() {
                break;
            }
        }
        drop(self.thread.take());
    }
}

fn serve(mailbox: &Mailbox<Ask, KINDS>, answers: &SyncSender<Answer>, wake: &(impl Fn() + Send)) {
    let mut laboratory = Laboratory::default();
    while let Some((ticket, ask)) = mailbox.take() {
        let asked = ask.clone();
        let tell = |answer: Answer| {
            // Progress that the window has no time for is passed over.
            if answers.try_send(answer).is_ok() {
                wake();
            }
        };
        let work = std::panic::AssertUnwindSafe(|| answer(&mut laboratory, &ticket, ask, &tell));
        let mut answer = std::panic::catch_unwind(work).unwrap_or_else(|_| {
            let error = Error::bug("the engine stopped at an internal error");
            failed(asked.clone(), error.hint("what it said is on the terminal").into())
        });
        if let Some((path, error)) = laboratory.close_if_changed() {
            let trouble = Trouble::from(error);
            answer = failed(asked, trouble.clone());
            if answers.send(Answer::Loaded(path, Err(trouble))).is_err() {
                return;
            }
        }
        // What a ratio did stays true when another one is wanted by now.
        let can_be_late = match &answer {
            Answer::Measured(..) | Answer::Aligned(..) | Answer::Live(..) => true,
            Answer::Ratio(_, _, found) => found.is_err(),
            _ => false,
        };
        let stale = can_be_late && !ticket.is_current();
        if !stale && answers.send(answer).is_err() {
            return;
        }
        wake();
    }
}

/// The answer when the work came to nothing: the window goes on and says so.
fn failed(ask: Ask, trouble: Trouble) -> Answer {
    match ask {
        Ask::Load(path) => Answer::Loaded(path, Err(trouble)),
        Ask::Measure(texts) => Answer::Measured(texts, Err(trouble)),
        Ask::Align(texts) => Answer::Aligned(texts, Err(trouble)),
        Ask::Tokenize(_) => Answer::Tokenized(Err(trouble)),
        Ask::Continue(text, _) => Answer::Continued(text, Err(trouble)),
        Ask::Live(ask) => Answer::Live(ask.key, Err(trouble)),
        Ask::Ratio(key, ratio) => Answer::Ratio(key, ratio, Err(trouble)),
        Ask::KeepCut(_, path) => Answer::Kept(path, Err(trouble)),
    }
}

fn answer(laboratory: &mut Laboratory, ticket: &Ticket, ask: Ask, tell: &dyn Fn(Answer)) -> Answer {
    match ask {
        Ask::Load(path) => {
            let loaded = laboratory.load(ticket, &path).map_err(Trouble::from);
            Answer::Loaded(path, loaded)
        }
        Ask::Measure(texts) => {
            let measured = laboratory.pair(ticket, &texts).map_err(Trouble::from);
            Answer::Measured(texts, measured.map(Box::new))
        }
        Ask::Align(texts) => {
            let aligned = laboratory.align(ticket, &texts).map_err(Trouble::from);
            Answer::Aligned(texts, aligned.map(Box::new))
        }
        Ask::Tokenize(text) => Answer::Tokenized(laboratory.tokenize(&text).map_err(Trouble::from)),
        Ask::Continue(text, n) => {
            let continued = laboratory.continue_greedily(ticket, &text, n).map_err(Trouble::from);
            Answer::Continued(text, continued)
        }
        Ask::Live(ask) => {
            let key = ask.key;
            let told = |stage: &str, done, total| tell(Answer::Stage(key, stage.to_owned(), done, total));
            let facts = laboratory.start_live(ticket, &ask, &told).map_err(Trouble::from);
            Answer::Live(key, facts.map(Box::new))
        }
        Ask::Ratio(key, ratio) => Answer::Ratio(key, ratio, laboratory.cut(ticket, key, ratio).map_err(Trouble::from)),
        Ask::KeepCut(ratio, path) => {
            let kept = laboratory.keep_cut(ratio, &path).map_err(Trouble::from);
            Answer::Kept(path, kept)
        }
    }
}
