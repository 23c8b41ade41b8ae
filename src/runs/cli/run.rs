//! `run`, `resume`, `cancel`.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::Value;

use super::{Streams, control, json_arg, show, sweep, text};
use crate::error::{Error, Result};
use crate::runs::store::{self, SavedReport};
use crate::runs::sweep::Sweep;
use crate::runs::{Experiment, Plan, RunDir, assign, clock, estimate, execute, plan};

/// Where runs are put when nothing else is said.
pub(super) const RUNS: &str = "runs";

pub(super) fn command() -> Command {
    Command::new("run")
        .about("Run an experiment file")
        .arg(super::path_arg("experiment", "EXPERIMENT", "Experiment file (JSON)").value_parser(value_parser!(PathBuf)))
        .arg(set_arg())
        .args(place_args())
        .args(machine_args())
        .arg(seed_arg())
        .arg(
            Arg::new("plan")
                .long("plan")
                .action(ArgAction::SetTrue)
                .help("Check everything and print the plan with memory and time, but run nothing"),
        )
        .arg(json_arg())
}

pub(super) fn resume_command() -> Command {
    Command::new("resume")
        .about("Go on with an interrupted, cancelled, failed or queued run, or with a sweep")
        .arg(run_arg())
        .arg(json_arg())
}

pub(super) fn cancel_command() -> Command {
    Command::new("cancel")
        .about("Stop a run or a sweep and keep what is done; a second time stops a run at once")
        .arg(run_arg())
}

/// `--set`.
pub(super) fn set_arg() -> Arg {
    Arg::new("set")
        .long("set")
        .action(ArgAction::Append)
        .value_name("PATH=VALUE")
        .help("Change a value of the experiment, such as steps.0.config.k=16; may be repeated")
}

/// `--out` and `--runs`.
pub(super) fn place_args() -> [Arg; 2] {
    let folder = value_parser!(PathBuf);
    [
        Arg::new("out")
            .long("out")
            .value_name("DIR")
            .value_parser(folder.clone())
            .help("Folder of this run; must be new or empty [default: RUNS/<date>-<name>-<hash>]"),
        Arg::new("runs")
            .long("runs")
            .value_name("RUNS")
            .value_parser(folder)
            .default_value(RUNS)
            .help("Folder in which a folder for this run is made"),
    ]
}

/// `--device`, `--precision` and `--threads`.
pub(super) fn machine_args() -> [Arg; 3] {
    [
        Arg::new("device")
            .long("device")
            .value_name("DEVICE")
            .help("Where to compute: cpu, cuda or cuda:N [default: cpu]"),
        super::precision_arg(),
        Arg::new("threads")
            .long("threads")
            .value_name("N")
            .value_parser(value_parser!(u32).range(1..=1024))
            .help("Processor threads; results do not depend on it [default: all]"),
    ]
}

/// `--seed`.
pub(super) fn seed_arg() -> Arg {
    Arg::new("seed")
        .long("seed")
        .value_name("SEED")
        .value_parser(value_parser!(u64))
        .help("Seed of everything random [default: 0]")
}

/// The experiment of a file with what the options change.
pub(super) fn read(args: &ArgMatches) -> Result<Experiment> {
    let path: &PathBuf = args.get_one("experiment").ok_or_else(|| Error::config("which experiment?"))?;
    let mut value: Value = store::read_json(path)
        .map_err(|e| e.into_config("an experiment is a JSON object; `memoscope run --help` says what is in it"))?;
    for assignment in args.get_many::<String>("set").into_iter().flatten() {
        assign::set(&mut value, assignment)?;
    }
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    let mut experiment = Experiment::from_value(value, base).map_err(|e| e.at(path))?;
    if experiment.name.is_empty() {
        experiment.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    }
    apply_machine(args, &mut experiment);
    Ok(experiment)
}

pub(super) fn run(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let experiment = read(args)?;
    if args.get_flag("plan") {
        crate::runs::set_threads(&experiment);
        let ready = plan(&experiment, &mut super::access(args), None)?;
        return if args.get_flag("json") { streams.json(&ready.plan) } else { show::plan(&ready.plan, streams) };
    }
    start(experiment, args, streams)
}

pub(super) fn resume(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    if Sweep::is_at(Path::new(&text(args, "run"))) {
        return sweep::resume(Path::new(&text(args, "run")), args, streams);
    }
    let run = RunDir::open(Path::new(&text(args, "run")))?;
    let report = crate::runs::resume(&run, &mut super::access(args), control::control()?)?;
    finish(&run, &report, args, streams)
}

pub(super) fn cancel(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    if Sweep::is_at(Path::new(&text(args, "run"))) {
        return sweep::cancel(Path::new(&text(args, "run")), streams);
    }
    let run = RunDir::open(Path::new(&text(args, "run")))?;
    let state = run.status(clock::now())?.state;
    if state != store::State::Running {
        return Err(Error::config(format!("the run is {}, nothing works on it", state.name())).at(run.path()));
    }
    run.request_cancel()?;
    streams.line("asked to stop; what is done is kept, and `memoscope resume` goes on with it")
}

/// Takes `--device`, `--precision`, `--threads` and `--seed` into the experiment.
pub(super) fn apply_machine(args: &ArgMatches, experiment: &mut Experiment) {
    if let Some(device) = args.get_one::<String>("device") {
        experiment.device.clone_from(device);
    }
    if let Some(precision) = args.get_one::<String>("precision") {
        experiment.precision.clone_from(precision);
    }
    if let Some(threads) = args.get_one::<u32>("threads") {
        experiment.threads = Some(*threads as usize);
    }
    if let Ok(Some(seed)) = args.try_get_one::<u64>("seed") {
        experiment.seed = *seed;
    }
}

/// Plans the experiment, makes its folder and runs it. Whatever is wrong is said before a folder is made.
pub(super) fn start(mut experiment: Experiment, args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    experiment.make_paths_absolute();
    crate::runs::set_threads(&experiment);
    let ready = plan(&experiment, &mut super::access(args), None)?;
    say_time(&ready.plan, streams);
    let run = if let Some(path) = args.get_one::<PathBuf>("out") {
        RunDir::create(path, &experiment, clock::now())?
    } else {
        let root: PathBuf = args.get_one("runs").cloned().unwrap_or_else(|| RUNS.into());
        RunDir::create_below(&root, &experiment, &clock::today(), clock::now())?
    };
    let control = control::control()?;
    let report = execute(&run, ready, control)?;
    finish(&run, &report, args, streams)
}

/// Tells how long it takes where that is worth telling.
fn say_time(plan: &Plan, streams: &mut Streams<'_>) {
    const WORTH: f64 = 30.0;
    let estimate = &plan.estimate;
    if let Some(secs) = estimate.about_secs.filter(|secs| *secs >= WORTH) {
        let (time, memory) = (clock::duration(secs), estimate::bytes_text(estimate.memory_bytes));
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(streams.err, "about {time}, {memory} of memory");
    }
}

fn finish(run: &RunDir, report: &SavedReport, args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    if args.get_flag("json") { streams.json(report) } else { show::report(run, report, streams) }
}

fn run_arg() -> Arg {
    super::path_arg("run", "RUN", "Folder of a run or of a sweep")
}
