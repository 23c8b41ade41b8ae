//! `export --events` and `export --tensorboard`.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, value_parser};

use super::{Streams, control, export};
use crate::error::{Error, Result};
use crate::runs::clock;
use crate::runs::event_files::{self, StepNames};
use crate::runs::store::{self, RunDir, Tail};
use crate::runs::sweep::Sweep;

/// Options of `export` that are about events.
pub(super) fn args() -> [Arg; 4] {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    [
        flag("events", "What happened in the run: numbers while it worked, samples, messages; CSV or --jsonl"),
        Arg::new("tensorboard")
            .long("tensorboard")
            .value_name("DIR")
            .value_parser(value_parser!(PathBuf))
            .help("The same as an event file of TensorBoard in DIR/<run>; of a sweep one for each run"),
        flag("follow", "Go on writing for TensorBoard until the runs are over")
            .requires("tensorboard")
            .conflicts_with("events"),
        flag("jsonl", "Events, an object a line"),
    ]
}

/// Writes the events of a run as CSV or JSONL.
pub(super) fn table(run: &RunDir, args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let lines = event_files::events(run)?;
    let by_name = args.get_one::<PathBuf>("out").and_then(|path| path.extension()?.to_str());
    let (bytes, extension) = match export::format_flag(args).or(by_name) {
        None | Some("csv") => (event_files::csv(&lines)?, "csv"),
        Some("jsonl") => (event_files::jsonl(&lines)?, "jsonl"),
        Some(word) => {
            return Err(Error::config(format!("events cannot be written as {word}")).hint("use --csv or --jsonl"));
        }
    };
    export::save(args, "events", extension, &bytes, streams).map(drop)
}

/// Writes an event file below `folder` for the run at `place`, or for every run of the sweep there that began.
pub(super) fn tensorboard(place: &Path, folder: &Path, is_followed: bool, streams: &mut Streams<'_>) -> Result<()> {
    let runs: Vec<RunDir> = if Sweep::is_at(place) {
        Sweep::open(place)?.runs().map(|(_, run)| run).collect()
    } else {
        vec![RunDir::open(place)?]
    };
    if is_followed {
        return follow(&runs, folder, streams);
    }
    let begun: Vec<&RunDir> = runs.iter().filter(|run| run.events_path().exists()).collect();
    if begun.is_empty() {
        return Err(Error::config("nothing has begun yet").hint("--follow waits for it").at(place));
    }
    begun.iter().try_for_each(|run| {
        let lines = event_files::events(run)?;
        let path = board_path(run, folder, lines.first().map_or(0.0, |line| line.time))?;
        store::write_atomic(&path, &event_files::tensorboard(&lines, &step_names(run)?))?;
        streams.line(&path.display().to_string())
    })
}

/// A run whose events are written as they come, and the file once there is one.
struct Board<'a> {
    run: &'a RunDir,
    tail: Tail,
    file: Option<(File, PathBuf)>,
}

/// Writes what runs say as they say it, until all are over or a signal comes. TensorBoard reads half a record as none.
fn follow(runs: &[RunDir], folder: &Path, streams: &mut Streams<'_>) -> Result<()> {
    const EVERY: Duration = Duration::from_millis(500);
    let stop = control::stop_flag()?;
    let mut boards: Vec<Board<'_>> =
        runs.iter().map(|run| Board { run, tail: Tail::new(run.events_path()), file: None }).collect();
    loop {
        let is_over = runs.iter().all(|run| run.status(clock::now()).is_ok_and(|status| status.state.is_over()));
        let mut has_news = false;
        for Board { run, tail, file: board } in &mut boards {
            let lines = tail.poll()?;
            let Some(first) = lines.first() else { continue };
            has_news = true;
            let mut bytes = event_files::records(&lines, &step_names(run)?);
            if board.is_none() {
                let path = board_path(run, folder, first.time)?;
                bytes = [event_files::beginning(first.time), bytes].concat();
                streams.line(&path.display().to_string())?;
                *board = Some((store::create_log(&path)?, path));
            }
            if let Some((file, path)) = board {
                file.write_all(&bytes).map_err(|e| Error::io("writing", path, &e))?;
            }
        }
        if stop.load(Ordering::SeqCst) || (is_over && !has_news) {
            return Ok(());
        }
        if !has_news {
            std::thread::sleep(EVERY);
        }
    }
}

/// One file a run, always of the same name, so that writing again replaces it.
fn board_path(run: &RunDir, folder: &Path, started: f64) -> Result<PathBuf> {
    let folder = folder.join(run.name());
    store::make_folder(&folder)?;
    Ok(folder.join(format!("events.out.tfevents.{}.memoscope", started as u64)))
}

fn step_names(run: &RunDir) -> Result<StepNames> {
    let steps = run.experiment()?.steps;
    Ok(steps.iter().enumerate().map(|(index, step)| (index, format!("{index}-{}", step.method))).collect())
}
