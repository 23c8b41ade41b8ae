//! The command line: help, exit codes, messages.

mod errors;
mod help;
mod results;

use std::ffi::OsString;

use memoscope::runs::cli::{self, Streams};

/// Exit code, standard output and standard error of the program inside this process.
pub(crate) fn memoscope(args: &[&str]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let window = |_| Ok(());
    let mut streams = Streams { out: &mut out, err: &mut err, window: &window };
    let args = std::iter::once("memoscope").chain(args.iter().copied()).map(OsString::from);
    let code = cli::main(args, &mut streams);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}
