//! `export --events` and `export --tensorboard`.

use std::path::Path;

use clap::ArgMatches;

use super::{Streams, export};
use crate::error::{Error, Result};
use crate::runs::event_files::{self, StepNames};
use crate::runs::store::{self, RunDir};
use crate::runs::sweep::Sweep;

/// Writes the events of a run as CSV or JSONL.
pub(super) fn table(run: &RunDir, args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let lines = event_files::events(run)?;
    let by_name = args.get_one::<std::path::PathBuf>("out").and_then(|path| path.extension()?.to_str());
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
pub(super) fn tensorboard(place: &Path, folder: &Path, streams: &mut Streams<'_>) -> Result<()> {
    if !Sweep::is_at(place) {
        return write(&RunDir::open(place)?, folder, streams);
    }
    let sweep = Sweep::open(place)?;
    let begun: Vec<RunDir> = sweep.runs().map(|(_, run)| run).filter(|run| run.events_path().exists()).collect();
    if begun.is_empty() {
        return Err(Error::config("no run of the sweep has begun").at(place));
    }
    begun.iter().try_for_each(|run| write(run, folder, streams))
}

/// One file a run, always of the same name, so that writing again replaces it.
fn write(run: &RunDir, folder: &Path, streams: &mut Streams<'_>) -> Result<()> {
    let lines = event_files::events(run)?;
    let steps = run.experiment()?.steps;
    let names: StepNames =
        steps.iter().enumerate().map(|(index, step)| (index, format!("{index}-{}", step.method))).collect();
    let folder = folder.join(run.name());
    store::make_folder(&folder)?;
    let started = lines.first().map_or(0.0, |line| line.time) as u64;
    let path = folder.join(format!("events.out.tfevents.{started}.memoscope"));
    store::write_atomic(&path, &event_files::tensorboard(&lines, &names))?;
    streams.line(&path.display().to_string())
}
