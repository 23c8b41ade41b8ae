//! Submitting, following and stopping the job arrays of a sweep.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::script::{RUNS, Script};
use super::{Job, commands};
use crate::error::{Error, Result};
use crate::runs::clock::now;
use crate::runs::store::{self, State, Status};
use crate::runs::sweep::{Executor, Sweep, Tally};

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Its state, by its folder and by Slurm; none when its folder is gone.
    pub state: Option<State>,
    /// What Slurm says, such as `PENDING (Resources)`; empty when it says nothing.
    pub word: String,
}

/// Hands everything that is neither done nor in Slurm's queue over as one job array. Gives the number of its elements.
///
/// # Errors
/// There is no `sbatch`, or it refuses; the runs wait and can be submitted again.
pub fn submit(sweep: &mut Sweep, program: &Path) -> Result<usize> {
    let Executor::Slurm(settings) = sweep.executor.clone() else {
        return Err(Error::bug("a sweep of this machine was handed to Slurm"));
    };
    let elements: Vec<usize> = look(sweep)?
        .iter()
        .enumerate()
        .filter(|(_, element)| element.state.is_some_and(|state| state != State::Done))
        .filter(|(_, element)| !is_open(&element.word))
        .map(|(index, _)| index)
        .collect();
    if elements.is_empty() {
        return Ok(0);
    }
    let folder = sweep.slurm_folder();
    store::make_folder(&folder)?;
    let root = sweep.path().parent().unwrap_or_else(|| Path::new("."));
    let list: Vec<String> = sweep.members.iter().map(|m| root.join(&m.run).display().to_string()).collect();
    store::write_atomic(&folder.join(RUNS), (list.join("\n") + "\n").as_bytes())?;
    let first = sweep.members.first().and_then(|member| sweep.run(member).ok()?.experiment().ok());
    let experiment = first.unwrap_or_else(|| sweep.experiment.clone());
    let name = format!("memoscope {}", sweep.experiment.name);
    let script = Script { name: name.trim(), folder: &folder, program, experiment: &experiment, settings: &settings };
    let path = folder.join(format!("job-{}.sh", sweep.jobs.len()));
    store::write_atomic(&path, script.text(&elements)?.as_bytes())?;
    for run in elements.iter().filter_map(|index| sweep.run(sweep.members.get(*index)?).ok()) {
        // What was asked of an earlier process is not meant for the next one.
        run.clear_cancel()?;
        let status = run.status(now())?;
        run.write_status(&Status { state: State::Queued, error: None, finished: None, ..status })?;
    }
    let id = commands::sbatch(&path)?;
    let n = elements.len();
    sweep.jobs.push(Job { id, elements, submitted: now() });
    sweep.write()?;
    Ok(n)
}

/// Where every run stands, by its own folder and by Slurm.
pub fn look(sweep: &Sweep) -> Result<Vec<Element>> {
    let mut words: BTreeMap<usize, String> = BTreeMap::new();
    let mut ended: BTreeMap<usize, String> = BTreeMap::new();
    let own = sweep.states();
    let is_unclear = |index: &usize| own.get(*index).copied().flatten().is_some_and(|state| state != State::Done);
    for job in &sweep.jobs {
        // A later array replaces what an earlier one said.
        job.elements.iter().for_each(|element| drop(words.remove(element)));
        if !job.elements.iter().any(is_unclear) {
            continue;
        }
        let queued = commands::squeue(&job.id)?;
        let is_missing = |index: &usize| is_unclear(index) && !queued.contains_key(index);
        if job.elements.iter().any(is_missing) {
            ended.extend(commands::sacct(&job.id));
        }
        words.extend(queued);
    }
    let submitted = |index: usize| sweep.jobs.iter().any(|job| job.elements.contains(&index));
    let element = |(index, own): (usize, Option<State>)| {
        let (queued, end) = (words.get(&index), ended.get(&index));
        let state = own.map(|own| judged(own, queued, end, submitted(index)));
        Element { state, word: queued.or(end).cloned().unwrap_or_default() }
    };
    Ok(own.iter().copied().enumerate().map(element).collect())
}

/// Follows until nothing more happens by itself; tells `watch` whenever a count changes. Setting `stop` only ends the
/// following: the jobs go on.
pub fn follow(sweep: &Sweep, stop: &AtomicBool, watch: &mut dyn FnMut(Tally)) -> Result<()> {
    let (mut last, mut quiet) = (None, 0);
    let mut pause = Duration::from_millis(500);
    loop {
        let tally = Tally::of(look(sweep)?.iter().map(|element| element.state));
        if last == Some(tally) {
            // A controller is asked less often the longer nothing changes.
            const LONGEST: Duration = Duration::from_secs(10);
            pause = (pause * 3 / 2).min(LONGEST);
        } else {
            watch(tally);
            last = Some(tally);
            pause = Duration::from_millis(500);
        }
        // What a node wrote last may arrive later than Slurm's word that it ended, so the end is looked at twice.
        quiet = if tally.running == 0 && tally.queued == 0 { quiet + 1 } else { 0 };
        if quiet == 2 || stop.load(Ordering::SeqCst) {
            return Ok(());
        }
        wait(pause, stop);
    }
}

/// Stops everything that waits or runs and keeps what is done.
pub fn cancel(sweep: &Sweep) -> Result<usize> {
    let elements = look(sweep)?;
    let open: Vec<usize> =
        elements.iter().enumerate().filter(|(_, element)| is_open(&element.word)).map(|(index, _)| index).collect();
    for run in open.iter().filter_map(|index| sweep.run(sweep.members.get(*index)?).ok()) {
        run.request_cancel()?;
    }
    for job in sweep.jobs.iter().filter(|job| job.elements.iter().any(|element| open.contains(element))) {
        commands::scancel(&job.id)?;
    }
    for (element, member) in elements.iter().zip(&sweep.members) {
        let is_waiting = element.state == Some(State::Queued);
        if is_waiting && let Ok(run) = sweep.run(member) {
            let status = run.status(now())?;
            run.write_status(&Status { state: State::Cancelled, finished: Some(now()), ..status })?;
        }
    }
    Ok(elements.iter().filter(|element| matches!(element.state, Some(State::Queued | State::Running))).count())
}

/// The state by what the run says itself and what Slurm says about its job.
fn judged(own: State, queued: Option<&String>, end: Option<&String>, was_submitted: bool) -> State {
    match (own, queued) {
        (State::Done, _) => State::Done,
        (_, Some(word)) if is_running(word) => State::Running,
        (_, Some(word)) if is_open(word) => State::Queued,
        (State::Queued, _) if !was_submitted => State::Queued,
        (State::Queued | State::Running, _) => match end {
            Some(word) if word.starts_with("CANCELLED") => State::Cancelled,
            _ => State::Interrupted,
        },
        (own, _) => own,
    }
}

fn is_running(word: &str) -> bool {
    ["RUNNING", "COMPLETING", "STAGE_OUT", "SIGNALING"].iter().any(|state| word.starts_with(state))
}

/// Whether Slurm will still do something with the element.
fn is_open(word: &str) -> bool {
    const WAITING: [&str; 7] =
        ["PENDING", "CONFIGURING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESIZING"];
    is_running(word) || WAITING.iter().any(|state| word.starts_with(state))
}

fn wait(pause: Duration, stop: &AtomicBool) {
    let begun = Instant::now();
    while begun.elapsed() < pause && !stop.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(50).min(pause));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_knows_better_than_a_file_and_a_finished_run_better_than_the_queue() {
        let word = |text: &str| Some(text.to_owned());
        for (own, queued, end, state) in [
            (State::Done, word("COMPLETING"), None, State::Done),
            (State::Interrupted, word("RUNNING"), None, State::Running),
            (State::Failed, word("PENDING (Resources)"), None, State::Queued),
            (State::Running, None, word("TIMEOUT"), State::Interrupted),
            (State::Queued, None, word("CANCELLED by 0"), State::Cancelled),
            (State::Queued, None, None, State::Interrupted),
            (State::Failed, None, word("FAILED"), State::Failed),
            (State::Failed, word("FAILED (NonZeroExitCode)"), None, State::Failed),
        ] {
            assert_eq!(judged(own, queued.as_ref(), end.as_ref(), true), state, "{own:?} {queued:?} {end:?}");
        }
        assert_eq!(judged(State::Queued, None, None, false), State::Queued, "not handed over yet");
    }
}
