//! The command line. Everything is written to the given writers, so that tests can read it.
//!
//! Verbs of methods are made from the registry: inputs become `--model PATH`, fields of the
//! configuration `--k 32` with their doc comment, range and default as help. What they do is the same
//! as `memoscope run` with a one-step experiment.

mod columns;
mod compose;
mod control;
mod demo;
mod devices;
mod events;
mod export;
mod generate;
mod make;
mod method;
mod pairs;
mod pareto;
mod pipe;
mod run;
mod show;
mod sweep;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::builder::styling::Styles;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::bench;
use super::inputs::{self, Access};
use crate::engine::{Place, Precision};
use crate::error::{Error, Result};

pub use compose::{export_run, spec_file};
pub use export::{view as table_view, write_csv};
pub use make::write_made;
pub use method::command_line;
pub use pipe::Pipe;
pub use show::number;

/// Where the verbs write.
pub struct Streams<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Messages and errors; progress goes to the process's standard error itself.
    pub err: &'a mut dyn Write,
    /// Opens the window with these models, data files, experiments and runs.
    pub window: &'a dyn Fn(Vec<PathBuf>) -> Result<()>,
}

impl Streams<'_> {
    /// A line of a result.
    fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.out, "{text}").map_err(|e| Error::io("writing the outcome", Path::new("standard output"), &e))
    }

    /// A value as indented JSON.
    fn json<T: serde::Serialize>(&mut self, value: &T) -> Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(|e| Error::bug(e.to_string()))?;
        self.line(&text)
    }
}

/// Runs the program with these arguments, the first of which is its name, and gives the exit code:
/// 0 done, 1 failed, 2 usage or configuration, 3 device, 130 cancelled.
pub fn main(args: impl IntoIterator<Item = OsString>, streams: &mut Streams<'_>) -> u8 {
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => return refuse(&error, streams),
    };
    match dispatch(&matches, streams) {
        Ok(code) => code,
        Err(error) => {
            let name = if matches!(error, Error::Cancelled) { "" } else { "error: " };
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(streams.err, "{name}{error}");
            error.exit_code()
        }
    }
}

/// The whole command line.
pub fn command() -> Command {
    let mut command = Command::new("memoscope")
        .version(env!("CARGO_PKG_VERSION"))
        .about("See what a language model has memorized: measure, localize, visualize, remove, re-measure")
        .after_help(AFTER_HELP)
        .styles(Styles::plain())
        .subcommand_required(false)
        .disable_help_subcommand(true)
        .args(global_args());
    let verbs = [run::command(), demo::command(), sweep::command(), run::resume_command(), run::cancel_command()];
    let shows = [show::list_command(), show::describe_command(), show::runs_command(), pairs::command()];
    let files = [
        export::command(),
        inspect_command(),
        verify_command(),
        make::command(),
        generate::command(),
        bench_command(),
        open_command(),
    ];
    let machine = [devices::devices_command(), devices::check_command()];
    for verb in verbs.into_iter().chain(shows).chain(files).chain(machine).chain(method::commands()) {
        command = command.subcommand(verb);
    }
    command
}

const AFTER_HELP: &str = "Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 device, 130 cancelled.\n\
    Without a command the window opens. Results go to standard output, progress to standard error.";

fn global_args() -> [Arg; 2] {
    [
        Arg::new("offline")
            .long("offline")
            .global(true)
            .action(ArgAction::SetTrue)
            .help("Never use the network: models and data of the hub come from the cache"),
        Arg::new("hub-token")
            .long("hub-token")
            .global(true)
            .value_name("TOKEN")
            .help("Token for models and data of the hub that need one [default: $HF_TOKEN]"),
    ]
}

fn dispatch(matches: &ArgMatches, streams: &mut Streams<'_>) -> Result<u8> {
    let Some((verb, args)) = matches.subcommand() else { return (streams.window)(Vec::new()).map(|()| 0) };
    let done = match verb {
        "run" => run::run(args, streams),
        "demo" => demo::demo(args, streams),
        "sweep" => sweep::sweep(args, streams),
        "resume" => run::resume(args, streams),
        "cancel" => run::cancel(args, streams),
        "list" => show::list(args, streams),
        "describe" => show::describe(args, streams),
        "runs" => show::runs(args, streams),
        "pairs" => pairs::pairs(args, streams),
        "export" => export::export(args, streams),
        "make" => make::make(args, streams),
        "generate" => generate::generate(args, streams),
        "bench" => run_bench(args, streams),
        "inspect" => return inspect(args, streams),
        "verify" => return verify(args, streams),
        "check" => return devices::check(args, streams),
        "devices" => devices::devices(args, streams),
        "open" => (streams.window)(paths(args, "paths")),
        method => method::run(method, args, streams),
    };
    done.map(|()| 0)
}

fn bench_command() -> Command {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("N").value_parser(value_parser!(u16)).default_value(default).help(help)
    };
    let names: Vec<&str> = bench::workloads().map(|workload| workload.name).collect();
    Command::new("bench")
        .about("Measure the speed of this machine on fixed workloads")
        .arg(
            Arg::new("workloads")
                .value_name("WORKLOAD")
                .num_args(0..)
                .help(format!("Workloads: {} [default: all; the last five on a card only]", names.join(", "))),
        )
        .arg(number("repeats", "3", "Timed repeats of which the median counts"))
        .arg(number("threads", "0", "Processor threads; 0 takes all"))
        .arg(device_arg())
        .arg(precision_arg())
        .arg(
            Arg::new("peer")
                .long("peer")
                .value_name("COMMAND")
                .help("Program that measures the same workloads, such as 'python3 packaging/bench/torch_peer.py'"),
        )
        .arg(
            Arg::new("tiny")
                .long("tiny")
                .action(ArgAction::SetTrue)
                .help("Tiny models and texts, to try the benchmark itself"),
        )
        .arg(json_arg())
}

fn run_bench(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let number = |name: &str| args.get_one::<u16>(name).copied().map_or(0, usize::from);
    let spec = bench::BenchSpec {
        names: args.get_many("workloads").into_iter().flatten().cloned().collect(),
        runs: number("repeats").max(1),
        threads: number("threads"),
        place: place(args)?,
        scale: bench::Scale { tiny: args.get_flag("tiny") },
        json: args.get_flag("json"),
        peer: args.get_one("peer").cloned(),
    };
    bench::bench(&spec, streams.out).map(|_| ())
}

fn open_command() -> Command {
    Command::new("open").about("Open the window").arg(
        Arg::new("paths")
            .value_name("PATHS")
            .num_args(0..)
            .value_parser(value_parser!(PathBuf))
            .help("Models, data files, experiments and runs to open"),
    )
}

/// The hub as the environment and the options describe it; downloads are told on standard error.
fn access(args: &ArgMatches) -> Access {
    let mut access = Access::from_env();
    access.hub.offline |= args.get_flag("offline");
    if let Some(token) = args.get_one::<String>("hub-token") {
        access.hub.token = Some(token.clone());
    }
    access.watch = control::download_watch();
    access
}

fn inspect_command() -> Command {
    Command::new("inspect")
        .about("Look into a model folder: family, parameters, tensors, tokenizer, memory needed")
        .arg(path_arg("model", "MODEL", "Model folder or hub id"))
        .arg(json_arg())
}

fn inspect(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<u8> {
    let folder = inputs::model_folder(&inputs::model_ref(&text(args, "model")), &mut access(args))?;
    let loadable = super::inspect::inspect(&folder, args.get_flag("json"), streams.out)?;
    Ok(u8::from(!loadable))
}

fn verify_command() -> Command {
    Command::new("verify")
        .about("Compare a model with reference numbers of another implementation")
        .arg(path_arg("model", "MODEL", "Model folder or hub id"))
        .arg(
            Arg::new("reference")
                .long("reference")
                .required(true)
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Safetensors file with input_ids and what belongs to them: logits, nll, loss, grad/…, hvp/…"),
        )
        .arg(device_arg())
        .arg(precision_arg())
        .arg(json_arg())
}

fn verify(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<u8> {
    let folder = inputs::model_folder(&inputs::model_ref(&text(args, "model")), &mut access(args))?;
    let reference: PathBuf = args.get_one("reference").cloned().unwrap_or_default();
    let agrees = super::verify::verify(&folder, place(args)?, &reference, args.get_flag("json"), streams.out)?;
    Ok(u8::from(!agrees))
}

/// Help and version are no errors; anything else is a wrong command line.
fn refuse(error: &clap::Error, streams: &mut Streams<'_>) -> u8 {
    let text = error.render().to_string();
    let (stream, code): (&mut dyn Write, u8) =
        if error.use_stderr() { (&mut *streams.err, 2) } else { (&mut *streams.out, 0) };
    // Nobody is left to tell when the stream is closed.
    let _ = write!(stream, "{text}");
    code
}

fn device_arg() -> Arg {
    Arg::new("device")
        .long("device")
        .value_name("DEVICE")
        .default_value("cpu")
        .help("Where to compute: cpu, cuda (the first card) or cuda:N; see `memoscope devices`")
}

fn precision_arg() -> Arg {
    Arg::new("precision")
        .long("precision")
        .value_name("NUMBERS")
        .value_parser(Precision::ALL.map(Precision::name))
        .help("Numbers of products and attention; tf32 and bf16 need a card, are faster and coarser [default: f32]")
}

/// The device and the precision that were asked for.
fn place(args: &ArgMatches) -> Result<Place> {
    let precision = args.get_one::<String>("precision").map_or_else(|| Precision::F32.name(), String::as_str);
    inputs::parse_place(&text(args, "device"), precision)
}

fn json_arg() -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Print the result as JSON, and nothing else on standard output")
}

fn path_arg(name: &'static str, shown: &'static str, help: &'static str) -> Arg {
    Arg::new(name).value_name(shown).required(true).help(help)
}

fn text(args: &ArgMatches, name: &str) -> String {
    args.get_one::<String>(name).cloned().unwrap_or_default()
}

fn paths(args: &ArgMatches, name: &str) -> Vec<PathBuf> {
    args.get_many::<PathBuf>(name).into_iter().flatten().cloned().collect()
}
