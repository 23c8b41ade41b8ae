//! Carries the runs of a sweep out on this machine.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::folder::Sweep;
use crate::error::Result;
use crate::runs::clock::now;
use crate::runs::queue::Queue;
use crate::runs::store::{RunDir, State, Status};

/// How many runs are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub all: usize,
    /// Finished.
    pub done: usize,
    /// Worked on.
    pub running: usize,
    /// Waiting.
    pub queued: usize,
    /// Failed or interrupted.
    pub failed: usize,
    /// Cancelled.
    pub cancelled: usize,
}

impl Tally {
    /// Counts states; a run whose folder is gone has failed.
    pub fn of(states: impl IntoIterator<Item = Option<State>>) -> Self {
        let mut tally = Self::default();
        for state in states {
            tally.all += 1;
            match state {
                Some(State::Done) => tally.done += 1,
                Some(State::Running) => tally.running += 1,
                Some(State::Queued) => tally.queued += 1,
                Some(State::Cancelled) => tally.cancelled += 1,
                Some(State::Failed | State::Interrupted) | None => tally.failed += 1,
            }
        }
        tally
    }

    /// `3 of 12 done, 2 at work, 1 failed`.
    pub fn text(self) -> String {
        let parts = [
            (self.running, "at work"),
            (self.queued, "waiting"),
            (self.failed, "failed"),
            (self.cancelled, "cancelled"),
        ];
        let parts = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}"));
        format!("{} of {} done{}", self.done, self.all, parts.collect::<String>())
    }
}

/// Works on everything that is not done, `jobs` runs at a time, each in a process of `program`; tells `watch` whenever
/// a count changes. Setting `stop` ends the runs at work gracefully, those that wait at once, and then returns.
/// A failed run does not stop the others.
pub fn drive(
    sweep: &Sweep,
    program: PathBuf,
    jobs: usize,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Tally),
) -> Result<()> {
    const LOOK_EVERY: Duration = Duration::from_millis(150);
    let mut queue = Queue::new(program, jobs);
    for (_, run) in sweep.runs() {
        let status = run.status(now())?;
        if status.state == State::Done {
            continue;
        }
        if status.state != State::Running {
            // What stopped it before is over; from now on `cancelled` means that somebody cancels this time.
            run.write_status(&Status { state: State::Queued, error: None, finished: None, ..status })?;
        }
        queue.add(run);
    }
    let mut last = None;
    let mut is_stopping = false;
    loop {
        if stop.load(Ordering::SeqCst) && !is_stopping {
            is_stopping = true;
            let open: Vec<RunDir> = queue.waiting().chain(queue.working()).cloned().collect();
            open.iter().try_for_each(|run| queue.cancel(run))?;
        }
        let states = sweep.states();
        let is_taken_back = |run: &&RunDir| run.status(now()).is_ok_and(|status| status.state == State::Cancelled);
        if states.contains(&Some(State::Cancelled)) {
            let taken_back: Vec<RunDir> = queue.waiting().filter(is_taken_back).cloned().collect();
            taken_back.iter().try_for_each(|run| queue.cancel(run))?;
        }
        queue.poll();
        let tally = Tally::of(states);
        if last != Some(tally) {
            watch(tally);
            last = Some(tally);
        }
        // Another program may work on one of the runs; its end is waited for as well.
        let is_idle = queue.waiting().next().is_none() && queue.working().next().is_none();
        if is_idle && (tally.running == 0 || is_stopping) {
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
