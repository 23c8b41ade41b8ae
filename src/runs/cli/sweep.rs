//! `sweep`, and `resume`, `cancel` and `runs` of one.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::run::{self, RUNS};
use super::{Streams, control, json_arg, show};
use crate::error::{Error, Result};
use crate::methods::common::tables::counted;
use crate::methods::{Table, Values};
use crate::runs::estimate::bytes_text;
use crate::runs::store::{SavedReport, State};
use crate::runs::sweep::{self, Checked, Executor, Sweep, Tally};
use crate::runs::{Experiment, assign, clock, slurm};

pub(super) fn command() -> Command {
    let count = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("N").value_parser(value_parser!(u16).range(1..)).help(help)
    };
    Command::new("sweep")
        .about("Run an experiment file with every combination of the values in its `sweep`")
        .arg(super::path_arg("experiment", "EXPERIMENT", "Experiment file (JSON)").value_parser(value_parser!(PathBuf)))
        .arg(run::set_arg())
        .arg(
            Arg::new("vary")
                .long("vary")
                .action(ArgAction::Append)
                .value_name("PATH=A,B,…")
                .help("Add a field to the sweep, such as steps.0.config.k=16,32 or a JSON list; may be repeated"),
        )
        .arg(count("seeds", "Repeat everything with N seeds, from that of the experiment on"))
        .arg(
            Arg::new("runs")
                .long("runs")
                .value_name("RUNS")
                .value_parser(value_parser!(PathBuf))
                .default_value(RUNS)
                .help("Folder in which folders for the sweep and its runs are made; for slurm, one that all nodes see"),
        )
        .args(run::machine_args())
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Check all runs and print them with memory and time, but run nothing"),
        )
        .arg(
            Arg::new("executor")
                .long("executor")
                .value_name("WHERE")
                .value_parser(["local", "slurm"])
                .default_value("local")
                .help("local: processes on this machine; slurm: a job array"),
        )
        .arg(count("jobs", "Runs at a time [default: 1; for slurm as many as fit]"))
        .arg(
            Arg::new("sbatch")
                .long("sbatch")
                .action(ArgAction::Append)
                .value_name("OPTION")
                .allow_hyphen_values(true)
                .help("Option of sbatch, such as --sbatch=--partition=gpu; may be repeated"),
        )
        .arg(Arg::new("detach").long("detach").action(ArgAction::SetTrue).help("Return once Slurm has the jobs"))
        .arg(json_arg())
}

pub(super) fn sweep(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let experiment = read(args)?;
    let executor = executor(args)?;
    // As the runs will: their plans say how long they take with these threads.
    crate::runs::set_threads(&experiment);
    let checked = sweep::check(&experiment, &mut super::access(args))?;
    let text = estimate_text(&checked, &executor);
    if args.get_flag("dry-run") {
        return dry_run(&checked, &text, args, streams);
    }
    tell(&text, streams);
    let root: PathBuf = args.get_one("runs").cloned().unwrap_or_else(|| RUNS.into());
    let sweep = Sweep::create(&root, &experiment, &checked.points, executor, &clock::today())?;
    work(sweep, args.get_flag("detach"), args, streams)
}

/// Goes on with everything that is not done.
pub(super) fn resume(path: &Path, args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let sweep = Sweep::open(path)?;
    sweep.make_missing(&sweep::points(&sweep.experiment)?)?;
    work(sweep, false, args, streams)
}

/// Stops everything that waits or is worked on.
pub(super) fn cancel(path: &Path, streams: &mut Streams<'_>) -> Result<()> {
    let sweep = Sweep::open(path)?;
    let stopped = match sweep.executor {
        Executor::Slurm(_) => slurm::cancel(&sweep)?,
        Executor::Local { .. } => sweep.cancel()?,
    };
    if stopped == 0 {
        return Err(Error::config("nothing waits and nothing is worked on").at(sweep.path()));
    }
    let what = counted(stopped, "run");
    streams.line(&format!("asked {what} to stop; what is done is kept, and `memoscope resume` goes on with the sweep"))
}

/// The runs of a sweep and where they stand.
pub(super) fn runs(path: &Path, args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let sweep = Sweep::open(path)?;
    let elements = match sweep.executor {
        Executor::Slurm(_) => slurm::look(&sweep)?,
        Executor::Local { .. } => {
            let silent = |state| slurm::Element { state, word: String::new() };
            sweep.states().into_iter().map(silent).collect()
        }
    };
    let state = |state: Option<State>| state.map_or("gone", State::name).to_owned();
    if args.get_flag("json") {
        let runs: Vec<Value> = sweep
            .members
            .iter()
            .zip(&elements)
            .map(|(member, element)| {
                json!({"run": member.run, "values": member.values, "state": state(element.state), "slurm": element.word})
            })
            .collect();
        return streams.json(&json!({"sweep": sweep.path(), "runs": runs, "jobs": sweep.jobs}));
    }
    let rows: Vec<[String; 4]> = sweep
        .members
        .iter()
        .zip(&elements)
        .map(|(member, element)| [member.label.clone(), state(element.state), element.word.clone(), member.run.clone()])
        .collect();
    streams.line(&show::aligned(&rows))?;
    streams.line(&Tally::of(elements.iter().map(|element| element.state)).text())
}

/// The experiment with what the options say.
fn read(args: &ArgMatches) -> Result<Experiment> {
    let mut experiment = run::read(args)?;
    for assignment in args.get_many::<String>("vary").into_iter().flatten() {
        let Some((path, values)) = assignment.split_once('=') else {
            return Err(Error::config(format!("--vary {assignment}: there is no `=`"))
                .hint("write it as PATH=A,B, such as `--vary steps.0.config.k=16,32`"));
        };
        let list = match assign::typed(values) {
            listed @ (Value::Array(_) | Value::Object(_)) => listed,
            _ => values.split(',').map(|value| assign::typed(value.trim())).collect(),
        };
        experiment.sweep.insert(path.to_owned(), list);
    }
    if let Some(seeds) = args.get_one::<u16>("seeds") {
        let first = experiment.seed;
        let seeds: Vec<u64> = (0..u64::from(*seeds)).map(|i| first.wrapping_add(i)).collect();
        experiment.sweep.insert(sweep::SEED.to_owned(), seeds.into());
    }
    if experiment.sweep.is_empty() {
        return Err(Error::config("the experiment varies nothing")
            .hint("give it a `sweep`, such as {\"steps.0.config.k\": [16, 32]}, or use --vary PATH=A,B or --seeds N"));
    }
    Ok(experiment)
}

fn executor(args: &ArgMatches) -> Result<Executor> {
    let jobs = args.get_one::<u16>("jobs").copied().map(usize::from);
    let options: Vec<String> = args.get_many::<String>("sbatch").into_iter().flatten().cloned().collect();
    if args.get_one::<String>("executor").is_some_and(|word| word == "slurm") {
        options.iter().try_for_each(|option| slurm::check_option(option))?;
        return Ok(Executor::Slurm(slurm::Settings { jobs, options }));
    }
    if !options.is_empty() || args.get_flag("detach") {
        return Err(Error::config("--sbatch and --detach are for `--executor slurm`"));
    }
    Ok(Executor::Local { jobs: jobs.unwrap_or(1) })
}

fn estimate_text(checked: &Checked, executor: &Executor) -> String {
    let jobs = match executor {
        Executor::Local { jobs } => Some(*jobs),
        Executor::Slurm(settings) => settings.jobs,
    };
    let n = checked.points.len();
    let time = match (checked.about_secs, jobs) {
        (None, _) => "unknown".to_owned(),
        (Some(secs), Some(jobs)) if jobs == 1 || *executor == (Executor::Local { jobs }) => {
            format!("about {}", clock::duration(secs))
        }
        (Some(secs), _) => format!("about {} of work on a machine like this one", clock::duration(secs)),
    };
    format!(
        "{}\nmemory: about {} a run, of {} free here\ndisk: about {}\ntime: {time}",
        counted(n, "run"),
        bytes_text(checked.memory_bytes),
        bytes_text(checked.first.estimate.available_bytes),
        bytes_text(checked.disk_bytes)
    )
}

fn dry_run(checked: &Checked, text: &str, args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    if args.get_flag("json") {
        let values: Vec<&serde_json::Map<String, Value>> = checked.points.iter().map(|point| &point.values).collect();
        return streams.json(&json!({
            "runs": values,
            "about_secs": checked.about_secs,
            "memory_bytes": checked.memory_bytes,
            "disk_bytes": checked.disk_bytes,
            "warnings": checked.warnings,
            "first": checked.first,
        }));
    }
    for point in &checked.points {
        streams.line(&format!("  {}", point.label))?;
    }
    streams.line(text)?;
    checked.warnings.iter().try_for_each(|warning| streams.line(&format!("warning: {warning}")))
}

/// Carries out what is not done, merges, and prints what was found.
fn work(mut sweep: Sweep, detach: bool, args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let stop = control::stop_flag()?;
    let program =
        std::env::current_exe().map_err(|e| Error::device(format!("this program does not find itself: {e}")))?;
    let place = sweep.path().display().to_string();
    let states = match sweep.executor.clone() {
        Executor::Local { jobs } => {
            sweep::drive(&sweep, program, jobs, &stop, &mut |tally| tell(&tally.text(), streams))?;
            sweep.states()
        }
        Executor::Slurm(_) => {
            let n = slurm::submit(&mut sweep, &program)?;
            if let Some(job) = sweep.jobs.last().filter(|_| n > 0) {
                tell(&format!("Slurm has {} as job {}", counted(n, "run"), job.id), streams);
            }
            if !detach {
                slurm::follow(&sweep, &stop, &mut |tally| tell(&tally.text(), streams))?;
            }
            if detach || stop.load(Ordering::SeqCst) {
                let text =
                    format!("the jobs go on; `memoscope resume {place}` follows them, `memoscope cancel` stops them");
                tell(&text, streams);
                return if args.get_flag("json") {
                    streams.json(&json!({"sweep": place}))
                } else {
                    streams.line(&place)
                };
            }
            slurm::look(&sweep)?.iter().map(|element| element.state).collect()
        }
    };
    let report = sweep::merge(&sweep)?;
    finish(&sweep, &report, &states, args, streams)?;
    let tally = Tally::of(states);
    if stop.load(Ordering::SeqCst) {
        return Err(Error::Cancelled);
    }
    if tally.done == tally.all { Ok(()) } else { Err(unfinished(&sweep, tally)) }
}

fn finish(
    sweep: &Sweep,
    report: &SavedReport,
    states: &[Option<State>],
    args: &ArgMatches,
    streams: &mut Streams<'_>,
) -> Result<()> {
    if args.get_flag("json") {
        let names = states.iter().map(|state| state.map_or("gone", State::name));
        let runs: Vec<Value> = sweep
            .members
            .iter()
            .zip(names)
            .map(|(member, state)| json!({"run": member.run, "values": member.values, "state": state}))
            .collect();
        return streams.json(&json!({"sweep": sweep.path(), "runs": runs, "report": report}));
    }
    let table = report.tables().find(|table| table.id == "means").or_else(|| report.tables().next());
    if let Some(table) = table {
        let n_varied = sweep.members.first().map_or(0, |member| member.values.len());
        let (shown, left_out) = summary(&table.read(&sweep.results())?, n_varied);
        streams.line(&show::table(&shown))?;
        if left_out > 0 {
            streams.line(&format!("and {} in {}", counted(left_out, "number"), table.file))?;
        }
    }
    streams.line(&format!("sweep: {}", sweep.path().display()))
}

/// A table for people: after what was varied the first numbers, each with its deviation; and how many were left out.
fn summary(table: &Table, n_varied: usize) -> (Table, usize) {
    const MOST: usize = 6;
    const DEVIATION: &str = ".deviation";
    let mut shown = Table { columns: Vec::new(), ..table.clone() };
    let mut numbers = 0;
    for (place, column) in table.columns.iter().enumerate().filter(|(_, column)| !column.name.ends_with(DEVIATION)) {
        let deviation = table.columns.iter().find(|other| other.name == format!("{}{DEVIATION}", column.name));
        let is_number = place >= n_varied && matches!(column.values, Values::Float(_));
        numbers += usize::from(is_number);
        if is_number && numbers > MOST {
            continue;
        }
        let mut column = column.clone();
        if let (Values::Float(means), Some(Values::Float(deviations))) = (&column.values, deviation.map(|d| &d.values))
        {
            let text = |(mean, deviation): (&Option<f64>, &Option<f64>)| {
                let by = deviation.map_or_else(String::new, |d| format!(" ± {}", show::number(d)));
                mean.map_or_else(String::new, |mean| format!("{}{by}", show::number(mean)))
            };
            column.values = Values::Text(means.iter().zip(deviations).map(text).collect());
        }
        shown.columns.push(column);
    }
    (shown, numbers.saturating_sub(MOST))
}

/// The first run that did not come to its end, with its reason.
fn unfinished(sweep: &Sweep, tally: Tally) -> Error {
    let reason = sweep.runs().find_map(|(member, run)| {
        let status = run.status(clock::now()).ok().filter(|status| status.state != State::Done)?;
        let why = status.error.unwrap_or_else(|| status.state.name().to_owned());
        Some(format!("; {}: {why}", member.label))
    });
    Error::data(format!("{}{}", tally.text(), reason.unwrap_or_default()))
        .hint("`memoscope resume` on the folder of the sweep goes on with them")
        .at(sweep.path())
}

fn tell(text: &str, streams: &mut Streams<'_>) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(streams.err, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_joins_means_with_their_deviations_and_stays_narrow() {
        let floats = |value: f64| Values::floats([value, value + 1.0]);
        let mut table =
            Table::new("means", "M").column("lr", "", "", floats(0.5)).column("n", "", "", Values::ints(2..4));
        for i in 0..8 {
            table = table.column(&format!("x{i}"), "", "", floats(f64::from(i)));
            table = table.column(&format!("x{i}.deviation"), "", "", floats(0.25));
        }
        let (shown, left_out) = summary(&table, 2);
        let names: Vec<&str> = shown.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!((names, left_out), (vec!["lr", "n", "x0", "x1", "x2", "x3", "x4", "x5"], 2));
        assert_eq!(shown.columns[3].values, Values::Text(vec!["1 ± 0.25".to_owned(), "2 ± 1.25".to_owned()]));
    }
}
