//! `export --pareto`: what runs of `unlearn` left of the texts to forget, against what they kept of everything else.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches};

use super::export::{figure_spec, save};
use super::{Streams, text};
use crate::error::{Error, Result};
use crate::figures::ExportSpec;
use crate::figures::ticks::short;
use crate::methods::unlearn::pareto::{KEPT, LEFT, Measure, Outcome, best, find, plane};
use crate::runs::store::SavedReport;
use crate::runs::unlearned::{export_across, outcomes, runs_at};

pub(super) fn args() -> [Arg; 3] {
    [
        Arg::new("others")
            .value_name("MORE")
            .num_args(0..)
            .requires("pareto")
            .help("More runs and sweeps, for --pareto"),
        Arg::new("pareto")
            .long("pareto")
            .action(ArgAction::SetTrue)
            .help("Runs of unlearn against each other: what is left of the texts to forget, and what nothing beats"),
        Arg::new("axes")
            .long("axes")
            .value_name("LEFT,KEPT")
            .requires("pareto")
            .help("Its axes, by the ids of the measurements [default: forget.exact,retain.accuracy]"),
    ]
}

/// Writes the figure and names the points.
pub(super) fn pareto(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let first = PathBuf::from(text(args, "run"));
    let others = args.get_many::<String>("others").into_iter().flatten().map(PathBuf::from);
    let mut found: Vec<(String, Outcome)> = Vec::new();
    for place in std::iter::once(first.clone()).chain(others) {
        for run in runs_at(&place)? {
            let report = SavedReport::read(&run)?.unwrap_or_default();
            found.extend(outcomes(&report).into_iter().map(|(_, outcome)| (run.name(), outcome)));
        }
    }
    if found.is_empty() {
        return Err(nothing(&first));
    }
    let axes = axes(args.get_one::<String>("axes").map_or("forget.exact,retain.accuracy", String::as_str))?;
    let all: Vec<&Outcome> = found.iter().map(|f| &f.1).collect();
    let plane = plane(&all, axes);
    if plane.n_left_out == all.len() {
        let [left, kept] = axes.map(|a| a.id);
        return Err(Error::config(format!("no run has both {left} and {kept}"))
            .hint("choose other --axes, or give the runs texts to retain"));
    }
    let mut runs: Vec<String> = found.iter().map(|f| f.0.clone()).collect();
    runs.dedup();
    let spec = figure_spec(args, ExportSpec::default())?;
    let exported = export_across(&plane.figure, &runs, &spec)?;
    save(args, "pareto", spec.format.extension(), &exported.bytes, streams)?;
    for notice in &exported.notices {
        streams.line(notice)?;
    }
    let best = best(&all, 1.0);
    for (i, (run, outcome)) in found.iter().enumerate() {
        let marks = [
            (plane.is_optimal.get(i) == Some(&true), "nothing beats it"),
            (best.contains(&i), "best of its technique"),
        ];
        let marks: Vec<&str> = marks.into_iter().filter(|m| m.0).map(|m| m.1).collect();
        streams.line(&line(run, outcome, axes, &marks))?;
    }
    Ok(())
}

fn line(run: &str, outcome: &Outcome, axes: [&Measure; 2], marks: &[&str]) -> String {
    let ratio = outcome.ratio.map_or_else(String::new, |r| format!(" {}", short(r)));
    let number = |id: &str| outcome.after.get(id).map_or_else(|| "–".to_owned(), |v| format!("{v:.4}"));
    let numbers = axes.map(|a| format!("{} {}", a.id, number(a.id))).join("  ");
    let marks = if marks.is_empty() { String::new() } else { format!("  ({})", marks.join(", ")) };
    format!("{}{ratio}  {numbers}  {run}{marks}", outcome.technique)
}

fn axes(text: &str) -> Result<[&'static Measure; 2]> {
    let known = || LEFT.iter().chain(KEPT).map(|m| m.id).collect::<Vec<_>>().join(", ");
    let one = |id: &str| {
        find(id.trim())
            .ok_or_else(|| Error::config(format!("--axes: there is no `{id}`")).hint(format!("use two of {}", known())))
    };
    match text.split(',').collect::<Vec<_>>().as_slice() {
        [left, kept] => Ok([one(left)?, one(kept)?]),
        _ => Err(Error::config(format!("--axes {text}: two ids are needed")).hint(format!("use two of {}", known()))),
    }
}

fn nothing(place: &Path) -> Error {
    Error::config("there is no finished run of `unlearn` here").hint("name runs, sweeps, or a folder of runs").at(place)
}
