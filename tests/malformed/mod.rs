//! Hostile and damaged model files: each is refused within a second, by name, with a remedy, and without
//! taking more memory than twice the file.

pub(crate) mod child;
mod config;
#[cfg(unix)]
mod cut;
mod folder;
mod header;
mod memory;
mod shards;
mod tokenizer;

use std::path::Path;
use std::time::Instant;

use memoscope::error::{Error, Result};

/// The message of a refusal that is quick, is the file's fault, names the file and says what to do.
#[track_caller]
fn refusal<T>(what: &str, path: &Path, open: impl FnOnce() -> Result<T>) -> String {
    let start = Instant::now();
    let outcome = open();
    let seconds = start.elapsed().as_secs_f64();
    let Err(error) = outcome else { panic!("{what} is accepted") };
    assert!(seconds < 1.0, "{what} takes {seconds} s");
    assert!(matches!(error, Error::Data(_)), "{what}: {error:?}");
    let fault = error.fault().unwrap();
    assert!(fault.hint.is_some(), "{what} has no remedy: {error}");
    let named = fault.path.as_deref().unwrap_or_else(|| panic!("{what} names no file: {error}"));
    assert!(named.starts_with(path), "{what} names {} instead of {}", named.display(), path.display());
    error.to_string()
}

/// As [`refusal`], and the message contains this.
#[track_caller]
fn assert_refused<T>(what: &str, path: &Path, part: &str, open: impl FnOnce() -> Result<T>) {
    let message = refusal(what, path, open);
    assert!(message.contains(part), "{what}: no \"{part}\" in: {message}");
}
