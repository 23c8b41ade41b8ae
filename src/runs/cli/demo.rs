//! `demo`: the study that needs neither model nor data.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{Streams, json_arg, run};
use crate::error::Result;
use crate::runs::demo;

pub(super) fn command() -> Command {
    Command::new("demo")
        .about(
            "Train a small model on made-up people, measure what it memorized, make it forget some, and look around it",
        )
        .arg(
            Arg::new("fast")
                .long("fast")
                .action(ArgAction::SetTrue)
                .help("Everything at a size of seconds: shows that it works, with numbers that mean nothing"),
        )
        .args(run::place_args())
        .args(run::machine_args())
        .arg(run::seed_arg())
        .arg(json_arg())
}

pub(super) fn demo(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let mut experiment = demo::demo(args.get_flag("fast"))?;
    run::apply_machine(args, &mut experiment);
    run::start(experiment, args, streams)
}
