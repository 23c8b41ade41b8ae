//! The local queue: so many runs at a time, each in a process of its own.
//!
//! A queued run is a folder in state queued. Its process is `memoscope resume FOLDER`, which outlives
//! whoever started it; a queue that is made anew finds waiting and working runs by their folders.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};

use super::clock::now;
use super::store::{self, RunDir, State, Status, list_runs};
use super::sweep;
use crate::error::{Error, Result};

/// Runs that wait and runs that are worked on.
pub struct Queue {
    program: PathBuf,
    /// Runs worked on at once, at least one.
    parallel: usize,
    waiting: VecDeque<RunDir>,
    working: Vec<Working>,
    /// Whether no further run is started.
    is_paused: bool,
    /// Where order and pause are kept; absent before [`Queue::recover`].
    file: Option<PathBuf>,
}

/// `queue.json` beside the runs: what the user chose, so that it outlives the window.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    paused: bool,
    /// Names of the waiting runs, the next first.
    order: Vec<String>,
}

struct Working {
    run: RunDir,
    /// The process, when this queue started it.
    child: Option<Child>,
}

/// A run whose process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The run.
    pub run: RunDir,
    /// The state it ended in.
    pub state: State,
}

impl Queue {
    /// An empty queue that starts `program`, usually the path of the running executable.
    pub fn new(program: PathBuf, parallel: usize) -> Self {
        Self {
            program,
            parallel: parallel.max(1),
            waiting: VecDeque::new(),
            working: Vec::new(),
            is_paused: false,
            file: None,
        }
    }

    /// Takes up the runs below `root` that wait or are worked on by a process from before.
    pub fn recover(&mut self, root: &Path) -> Result<()> {
        for run in list_runs(root)? {
            match run.status(now()).map(|status| status.state) {
                // What Slurm has in its queue is not started here.
                Ok(State::Queued) if sweep::on_slurm(&run).is_none() => self.add(run),
                Ok(State::Running) if !self.knows(&run) => self.working.push(Working { run, child: None }),
                _ => {}
            }
        }
        let file = root.join("queue.json");
        // A queue file that cannot be read costs the order of the waiting runs, not the runs.
        let kept: Kept = if file.exists() { store::read_json(&file).unwrap_or_default() } else { Kept::default() };
        let place = |run: &RunDir| kept.order.iter().position(|name| *name == run.name()).unwrap_or(usize::MAX);
        self.waiting.make_contiguous().sort_by_key(place);
        self.is_paused = kept.paused;
        self.file = Some(file);
        Ok(())
    }

    /// The program that works on runs.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Whether no further run is started.
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Starts no further runs, or goes on; those at work go on in any case.
    pub fn pause(&mut self, is_paused: bool) -> Result<()> {
        self.is_paused = is_paused;
        self.keep()
    }

    /// How many runs are worked on at once.
    pub fn parallel(&self) -> usize {
        self.parallel
    }

    fn keep(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let order = self.waiting.iter().map(RunDir::name).collect();
        store::write_json(file, &Kept { paused: self.is_paused, order })
    }

    /// Puts a run at the end, or a failed, cancelled or interrupted one to be resumed. Twice does nothing.
    pub fn add(&mut self, run: RunDir) {
        if !self.knows(&run) {
            self.waiting.push_back(run);
        }
    }

    /// Changes how many runs are worked on at once; those at work go on.
    pub fn set_parallel(&mut self, parallel: usize) {
        self.parallel = parallel.max(1);
    }

    /// The runs that wait, in order.
    pub fn waiting(&self) -> impl Iterator<Item = &RunDir> {
        self.waiting.iter()
    }

    /// The runs that are worked on.
    pub fn working(&self) -> impl Iterator<Item = &RunDir> {
        self.working.iter().map(|working| &working.run)
    }

    /// Moves a waiting run to `position`, 0 being the next.
    pub fn move_to(&mut self, run: &RunDir, position: usize) -> Result<()> {
        if let Some(index) = self.waiting.iter().position(|waiting| waiting == run)
            && let Some(run) = self.waiting.remove(index)
        {
            self.waiting.insert(position.min(self.waiting.len()), run);
        }
        self.keep()
    }

    /// Stops a run: a waiting one at once, a working one gracefully, and when asked again by killing its process.
    pub fn cancel(&mut self, run: &RunDir) -> Result<()> {
        if let Some(index) = self.waiting.iter().position(|waiting| waiting == run) {
            self.waiting.remove(index);
            let status = run.status(now())?;
            return run.write_status(&Status { state: State::Cancelled, finished: Some(now()), ..status });
        }
        let asked_before = run.cancel_request().is_some();
        run.request_cancel()?;
        let child = self.working.iter_mut().find(|working| working.run == *run).and_then(|w| w.child.as_mut());
        match child {
            Some(child) if asked_before => child.kill().map_err(|e| Error::io("stopping the process", run.path(), &e)),
            _ => Ok(()),
        }
    }

    /// Sees which processes ended and starts the next ones. Never waits; to be called a few times a second.
    /// A run that cannot be started ends as failed, and the others go on.
    pub fn poll(&mut self) -> Vec<Ended> {
        let mut ended = Vec::new();
        self.working.retain_mut(|working| {
            if working.is_alive() {
                return true;
            }
            let state = working.run.status(now()).map_or(State::Interrupted, |status| status.state);
            ended.push(Ended { run: working.run.clone(), state });
            false
        });
        while !self.is_paused && self.working.len() < self.parallel {
            let Some(run) = self.waiting.pop_front() else { break };
            match self.start(&run) {
                Ok(child) => self.working.push(Working { run, child: Some(child) }),
                Err(error) => {
                    // When even the folder cannot be written, the state it has is the best there is.
                    let _ = mark_failed(&run, &error);
                    ended.push(Ended { run, state: State::Failed });
                }
            }
        }
        ended
    }

    fn knows(&self, run: &RunDir) -> bool {
        self.waiting.contains(run) || self.working.iter().any(|working| working.run == *run)
    }

    fn start(&self, run: &RunDir) -> Result<Child> {
        let log = store::create_log(&run.path().join("stderr.log"))?;
        let mut command = Command::new(&self.program);
        command.arg("resume").arg(run.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        // An interrupt typed into the terminal of the window is not meant for its runs.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map_err(|e| Error::io("starting the process of a run", &self.program, &e))
    }
}

impl Working {
    fn is_alive(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => self.run.status(now()).is_ok_and(|status| status.state == State::Running),
        }
    }
}

fn mark_failed(run: &RunDir, error: &Error) -> Result<()> {
    let status = run.status(now())?;
    let message = Some(error.to_string());
    run.write_status(&Status { state: State::Failed, error: message, finished: Some(now()), ..status })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::runs::Experiment;

    fn runs(root: &Path, n: usize) -> Vec<RunDir> {
        let made = |i: usize| {
            let experiment = Experiment { name: format!("r{i}"), ..Experiment::default() };
            RunDir::create_below(root, &experiment, "2026-01-02", 0.0).unwrap()
        };
        (0..n).map(made).collect()
    }

    #[test]
    fn waiting_runs_can_be_moved_and_taken_out() {
        let root = tempfile::tempdir().unwrap();
        let made = runs(root.path(), 3);
        let mut queue = Queue::new("memoscope".into(), 1);
        queue.recover(root.path()).unwrap();
        queue.add(made[0].clone());
        queue.move_to(&made[2], 0).unwrap();
        let mut next = Queue::new("memoscope".into(), 1);
        next.recover(root.path()).unwrap();
        assert_eq!(next.waiting().collect::<Vec<_>>(), [&made[2], &made[0], &made[1]], "the order is kept");
        queue.cancel(&made[0]).unwrap();
        assert_eq!(queue.waiting().collect::<Vec<_>>(), [&made[2], &made[1]]);
        assert_eq!(made[0].status(now()).unwrap().state, State::Cancelled);
    }

    #[test]
    fn a_paused_queue_starts_nothing_and_stays_paused() {
        let root = tempfile::tempdir().unwrap();
        runs(root.path(), 1);
        let mut queue = Queue::new(root.path().join("missing"), 1);
        queue.recover(root.path()).unwrap();
        queue.pause(true).unwrap();
        assert_eq!(queue.poll(), []);
        let mut next = Queue::new(root.path().join("missing"), 1);
        next.recover(root.path()).unwrap();
        assert_eq!((next.is_paused(), next.poll().len()), (true, 0));
        next.pause(false).unwrap();
        assert_eq!(next.poll().len(), 1);
        std::fs::write(root.path().join("queue.json"), "{").unwrap();
        assert!(Queue::new("x".into(), 1).recover(root.path()).is_ok(), "a damaged file costs only the order");
    }

    #[test]
    fn a_program_that_is_not_there_fails_the_run_and_not_the_queue() {
        let root = tempfile::tempdir().unwrap();
        let made = runs(root.path(), 2);
        let mut queue = Queue::new(root.path().join("missing"), 1);
        queue.recover(root.path()).unwrap();
        assert_eq!(queue.poll().len(), 2);
        let status = made[0].status(now()).unwrap();
        assert_eq!(status.state, State::Failed);
        assert!(status.error.is_some_and(|e| e.contains("starting the process")), "says why");
    }

    #[cfg(unix)]
    #[test]
    fn no_more_processes_than_allowed_run_at_once() {
        let root = tempfile::tempdir().unwrap();
        runs(root.path(), 3);
        // `true` ends at once whatever its arguments are.
        let mut queue = Queue::new("true".into(), 2);
        queue.recover(root.path()).unwrap();
        queue.poll();
        assert_eq!(queue.working().count(), 2);
        let begun = Instant::now();
        let mut ended = 0;
        while ended < 3 && begun.elapsed() < Duration::from_secs(5) {
            ended += queue.poll().len();
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!((ended, queue.working().count(), queue.waiting().count()), (3, 0, 0));
    }
}
