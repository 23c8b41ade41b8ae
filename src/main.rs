//! No argument: the window. Otherwise the command line.

use std::path::PathBuf;
use std::process::ExitCode;

use memoscope::error::Result;
use memoscope::runs::cli;

fn main() -> ExitCode {
    let (mut out, mut err) = (cli::Pipe(std::io::stdout()), std::io::stderr());
    let mut streams = cli::Streams { out: &mut out, err: &mut err, window: &open };
    ExitCode::from(cli::main(std::env::args_os(), &mut streams))
}

/// The window shows the runs of the current folder where there are any, and those of the user otherwise.
#[cfg(feature = "gui")]
fn open(paths: Vec<PathBuf>) -> Result<()> {
    let here = PathBuf::from("runs");
    let runs = here.is_dir().then_some(here);
    memoscope::app::run(memoscope::app::Options { open: paths, runs, ..memoscope::app::Options::default() })
}

#[cfg(not(feature = "gui"))]
fn open(_: Vec<PathBuf>) -> Result<()> {
    Err(memoscope::error::Error::config("this is the headless program; it has no window")
        .hint("see `memoscope --help`"))
}
