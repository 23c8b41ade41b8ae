//! What surrounds a method in a run: events, status, journal, cancelling.
//!
//! A second thread, the heartbeat, looks ten times a second whether somebody asked to stop, writes
//! `status.json` every two seconds and makes the journal durable every five. When the work does not
//! come to an end within a second of the request, the heartbeat ends the process in its place.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::clock::now;
use super::observer::{Observer, Progress, Unobserved};
use super::rate::RateMeter;
use super::store::{CancelRequest, Event, EventLog, Journal, Partial, Parts, RunDir, SavedTable, State, Status};
use crate::engine::Place;
use crate::engine::weights::LoadReport;
use crate::error::{Error, Result};
use crate::figures::Figure;
use crate::methods::{Host, Sample, Table};

const TICK: Duration = Duration::from_millis(100);
const STATUS_EVERY: Duration = Duration::from_secs(2);
const SYNC_EVERY: Duration = Duration::from_secs(5);
const EVENT_EVERY: Duration = Duration::from_millis(250);
/// The promise is a second from the request; the rest is for noticing it and for the last writes.
const STUCK_AFTER: Duration = Duration::from_millis(500);
/// Work that was told to stop may write what it holds, such as the checkpoint of a training; a second request ends it.
const SAVED_WITHIN: Duration = Duration::from_mins(1);

/// How a run is stopped and watched.
pub struct Control {
    /// Set from anywhere to stop gracefully.
    pub stop: Arc<AtomicBool>,
    /// Whether the process may be ended when the work does not stop by itself. Only for processes that do nothing else.
    pub owns_process: bool,
    /// Who watches.
    pub observer: Box<dyn Observer>,
}

impl Default for Control {
    fn default() -> Self {
        Self { stop: Arc::default(), owns_process: false, observer: Box::new(Unobserved) }
    }
}

/// The [`Host`] of a run folder.
pub struct RunHost {
    shared: Arc<Shared>,
    journal: Journal,
    observer: Box<dyn Observer>,
    meter: RateMeter,
    step: usize,
    /// Where models are made.
    pub place: Place,
    /// Name of the step's folder.
    folder: String,
    last_event: Option<Instant>,
    last_stage: String,
    /// The first write that failed; it stops the run as soon as the method reports progress.
    failure: Option<Error>,
    /// The weight files in use; results are only kept while they stay as they were.
    weights: Vec<LoadReport>,
    /// The tables of the present step that come part by part.
    parts: Parts,
    /// Its figures on the way.
    partial: Partial,
    heartbeat: Option<JoinHandle<()>>,
}

struct Shared {
    run: RunDir,
    state: Mutex<Shown>,
    stop: Arc<AtomicBool>,
    finished: AtomicBool,
    /// Whether the work has been told to stop.
    is_told: AtomicBool,
    owns_process: bool,
    begun: Instant,
    worked_before: f64,
}

struct Shown {
    status: Status,
    events: EventLog,
}

impl RunHost {
    /// Begins work on a run that the caller has locked.
    pub fn begin(run: &RunDir, control: Control) -> Result<Self> {
        run.clear_cancel()?;
        run.remove_leftovers()?;
        run.reserve_space()?;
        let mut status = run.status(now())?;
        let worked_before = status.worked_secs;
        let fresh = Status {
            state: State::Running,
            pid: std::process::id(),
            created: status.created,
            started: status.started.or_else(|| Some(now())),
            heartbeat: Some(now()),
            worked_secs: worked_before,
            ..Status::default()
        };
        let resumed = std::mem::replace(&mut status, fresh).started.is_some();
        run.write_status(&status)?;
        let mut events = EventLog::open(&run.events_path())?;
        events.append(now(), Event::State { state: State::Running })?;
        let journal = Journal::open(&run.journal_path())?;
        let (stop, owns_process) = (control.stop, control.owns_process);
        let shared = Arc::new(Shared {
            run: run.clone(),
            state: Mutex::new(Shown { status, events }),
            stop,
            finished: AtomicBool::new(false),
            is_told: AtomicBool::new(false),
            owns_process,
            begun: Instant::now(),
            worked_before,
        });
        let heartbeat = Some(start_heartbeat(Arc::clone(&shared), journal.handle()?)?);
        let mut host = Self {
            shared,
            observer: control.observer,
            meter: RateMeter::default(),
            step: 0,
            place: Place::default(),
            folder: String::new(),
            last_event: None,
            last_stage: String::new(),
            failure: None,
            weights: Vec::new(),
            parts: Parts::new(run, ""),
            partial: Partial::new(run, ""),
            heartbeat,
            journal,
        };
        host.report_opening(resumed);
        Ok(host)
    }

    /// Says what the next progress is about, the name of the step's folder, and what the names of its other files
    /// begin with.
    pub fn set_step(&mut self, step: usize, folder: &str, prefix: &str) {
        self.step = step;
        folder.clone_into(&mut self.folder);
        self.parts = Parts::new(&self.shared.run, prefix);
        self.partial = Partial::new(&self.shared.run, prefix);
    }

    /// Completes the tables of the step that came part by part, and removes what was shown on the way.
    pub fn finish_tables(&mut self) -> Result<Vec<SavedTable>> {
        self.partial.clear();
        std::mem::replace(&mut self.parts, Parts::new(&self.shared.run, "")).finish()
    }

    /// Says which weight files the coming work reads.
    pub fn watch_weights(&mut self, weights: Vec<LoadReport>) {
        self.weights = weights;
    }

    /// Fails when a weight file in use was changed: what was computed since is not to be trusted.
    pub fn check_weights(&self) -> Result<()> {
        self.weights.iter().try_for_each(LoadReport::check_unchanged)
    }

    /// A line in the log.
    pub fn log(&mut self, message: &str) {
        self.observer.message(message);
        self.append(Event::Log { message: message.to_owned() });
    }

    /// Ends the work: the result becomes the state of the run. Gives the result back, with a failed
    /// write of the host in place of the cancellation that it caused.
    pub fn finish<T>(mut self, result: Result<T>) -> Result<T> {
        self.shared.finished.store(true, Ordering::SeqCst);
        if let Some(thread) = self.heartbeat.take() {
            thread.thread().unpark();
            // The thread neither panics nor blocks; were it gone there would be nothing to wait for.
            let _ = thread.join();
        }
        let result = match (result, self.failure.take()) {
            (Err(Error::Cancelled), Some(failure)) => Err(failure),
            (result, Some(failure)) => {
                // The results are whole; what happened on the way is not.
                self.observer.message(&format!("warning: not every event could be written: {failure}"));
                result
            }
            (result, None) => result,
        };
        let synced = self.journal.sync();
        let (state, error) = match &result {
            Ok(_) => (State::Done, None),
            Err(Error::Cancelled) => (State::Cancelled, None),
            Err(error) => (State::Failed, Some(error)),
        };
        let code = error.map_or(if state == State::Cancelled { 130 } else { 0 }, Error::exit_code);
        let ended = self.shared.end(state, error.map(Error::to_string), code);
        let value = result?;
        synced.and(ended).map(|()| value)
    }

    fn report_opening(&mut self, resumed: bool) {
        if resumed {
            self.log("going on with an interrupted run");
        }
        let torn = self.journal.torn_bytes();
        if torn > 0 {
            self.log(&format!("{torn} bytes of a half-written record were cut off the journal"));
        }
    }

    fn append(&mut self, event: Event) {
        if let Err(error) = self.shared.lock().events.append(now(), event) {
            self.failure.get_or_insert(error);
        }
    }
}

impl Host for RunHost {
    fn progress(&mut self, stage: &str, done: u64, total: u64) -> bool {
        let rate = self.meter.update(stage, done, total, self.shared.begun.elapsed().as_secs_f64());
        let due = self.last_event.is_none_or(|last| last.elapsed() >= EVENT_EVERY);
        if due || stage != self.last_stage || done == total {
            self.last_event = Some(Instant::now());
            stage.clone_into(&mut self.last_stage);
            let progress = Progress {
                step: self.step,
                stage: stage.to_owned(),
                done,
                total,
                rate: rate.per_sec,
                eta_secs: rate.eta_secs,
            };
            self.observer.progress(&progress);
            self.shared.lock().status.take(&progress);
            self.append(progress.into());
        }
        let goes_on = self.failure.is_none() && !self.shared.stop.load(Ordering::SeqCst);
        if !goes_on {
            self.shared.is_told.store(true, Ordering::SeqCst);
        }
        goes_on
    }

    fn warn(&mut self, message: &str) {
        self.observer.message(&format!("warning: {message}"));
        self.append(Event::Warning { message: message.to_owned() });
    }

    fn metric(&mut self, name: &str, at: u64, value: f64) {
        let value = value.is_finite().then_some(value);
        self.append(Event::Metric { step: self.step, name: name.to_owned(), at, value });
    }

    fn sample(&mut self, at: u64, sample: Sample) {
        let Sample { prompt, text, truth } = sample;
        self.append(Event::Sample { step: self.step, at, prompt, text, truth });
    }

    fn partial(&mut self, figures: &dyn Fn() -> Vec<Figure>) {
        if let Err(error) = self.partial.show(figures) {
            self.failure.get_or_insert(error);
        }
    }

    fn restore(&mut self, name: &str, at: usize) -> Result<Option<Vec<u8>>> {
        self.journal.earlier(name, at)
    }

    fn keep(&mut self, name: &str, record: &[u8]) -> Result<()> {
        self.check_weights()?;
        self.journal.keep(name, record)
    }

    fn rows(&mut self, part: Table) -> Result<()> {
        self.parts.add(&part)
    }

    fn folder(&mut self) -> Result<PathBuf> {
        self.shared.run.step_folder(&self.folder)
    }

    fn place(&self) -> Place {
        self.place
    }
}

impl From<Progress> for Event {
    fn from(p: Progress) -> Self {
        Self::Progress {
            step: p.step,
            stage: p.stage,
            done: p.done,
            total: p.total,
            rate: p.rate,
            eta_secs: p.eta_secs,
        }
    }
}

impl Status {
    fn take(&mut self, progress: &Progress) {
        self.step = progress.step;
        self.stage.clone_from(&progress.stage);
        (self.done, self.total) = (progress.done, progress.total);
        (self.rate, self.eta_secs) = (progress.rate, progress.eta_secs);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Shown> {
        // A panic elsewhere leaves the numbers as good as they were.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn beat(&self) -> Result<()> {
        let mut shown = self.lock();
        shown.status.heartbeat = Some(now());
        shown.status.worked_secs = self.worked_before + self.begun.elapsed().as_secs_f64();
        self.run.write_status(&shown.status)
    }

    fn end(&self, state: State, error: Option<String>, exit_code: u8) -> Result<()> {
        let mut shown = self.lock();
        let status = Status {
            state,
            error,
            exit_code: Some(exit_code),
            heartbeat: Some(now()),
            finished: Some(now()),
            worked_secs: self.worked_before + self.begun.elapsed().as_secs_f64(),
            ..shown.status.clone()
        };
        shown.status = status;
        let written = self.run.write_status(&shown.status);
        // Gone at the end in any case; on a full disk it makes the room for the last words.
        self.run.release_space();
        if written.is_err() {
            self.run.write_status(&shown.status)?;
        }
        shown.events.append(now(), Event::State { state })
    }
}

fn start_heartbeat(shared: Arc<Shared>, journal: File) -> Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("heartbeat".to_owned());
    thread
        .spawn(move || heartbeat(&shared, &journal))
        .map_err(|e| Error::device(format!("a thread cannot be started: {e}")))
}

fn heartbeat(shared: &Shared, journal: &File) {
    let (mut last_status, mut last_sync) = (Instant::now(), Instant::now());
    let mut asked: Option<Instant> = None;
    while !shared.finished.load(Ordering::SeqCst) {
        match shared.run.cancel_request() {
            Some(CancelRequest::AtOnce) if shared.owns_process => end_process(shared, journal),
            Some(_) => shared.stop.store(true, Ordering::SeqCst),
            None => {}
        }
        if shared.stop.load(Ordering::SeqCst) {
            let since = *asked.get_or_insert_with(Instant::now);
            let patience = if shared.is_told.load(Ordering::SeqCst) { SAVED_WITHIN } else { STUCK_AFTER };
            if shared.owns_process && since.elapsed() > patience {
                end_process(shared, journal);
            }
        }
        if last_status.elapsed() >= STATUS_EVERY {
            last_status = Instant::now();
            // The next beat tries again, and the work itself stops at the first write that fails.
            let _ = shared.beat();
        }
        if last_sync.elapsed() >= SYNC_EVERY {
            last_sync = Instant::now();
            let _ = journal.sync_data();
        }
        std::thread::park_timeout(TICK);
    }
}

/// Ends the process while the work is in the middle of something long: the journal holds what is done.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the thread that computes does not listen, and the promise is a second"
)]
fn end_process(shared: &Shared, journal: &File) {
    // The promise is to be gone in time; a failed last write changes nothing about that.
    let _ = journal.sync_data();
    let _ = shared.end(State::Cancelled, None, 130);
    std::process::exit(130)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::Experiment;

    fn made(root: &std::path::Path) -> RunDir {
        RunDir::create(&root.join("r"), &Experiment::default(), 0.0).unwrap()
    }

    #[test]
    fn a_run_ends_in_the_state_of_its_result() {
        let root = tempfile::tempdir().unwrap();
        let run = made(root.path());
        for (result, state) in [
            (Ok(()), State::Done),
            (Err(Error::Cancelled), State::Cancelled),
            (Err(Error::data("broken")), State::Failed),
        ] {
            let _lock = run.lock().unwrap();
            let host = RunHost::begin(&run, Control::default()).unwrap();
            let _ = host.finish(result);
            let status = run.status(now()).unwrap();
            assert_eq!(status.state, state);
            assert_eq!(status.error.is_some(), state == State::Failed);
        }
    }

    #[test]
    fn a_cancel_file_stops_the_work_within_a_second() {
        let root = tempfile::tempdir().unwrap();
        let run = made(root.path());
        let mut host = RunHost::begin(&run, Control::default()).unwrap();
        assert!(host.progress("score", 0, 10), "nobody asked to stop");
        run.request_cancel().unwrap();
        let asked = Instant::now();
        while host.progress("score", 1, 10) {
            assert!(asked.elapsed() < Duration::from_secs(1), "stops within a second");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(matches!(host.finish::<()>(Err(Error::Cancelled)), Err(Error::Cancelled)));
    }

    #[test]
    fn numbers_that_are_not_finite_never_reach_the_files() {
        let root = tempfile::tempdir().unwrap();
        let run = made(root.path());
        let mut host = RunHost::begin(&run, Control::default()).unwrap();
        host.metric("loss", 1, f64::NAN);
        host.finish(Ok(())).unwrap();
        let text = std::fs::read_to_string(run.events_path()).unwrap();
        assert!(text.contains(r#""name":"loss","at":1,"value":null"#), "{text}");
    }
}
