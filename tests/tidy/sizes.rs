//! Files and functions stay small enough to read.

use super::{assert_none, sources};

/// Lines of a file without its inline tests: aim 250, limit 400.
const FILE_LIMIT: usize = 400;

#[test]
fn files_are_short() {
    let all = sources("src", "rs").into_iter().chain(sources("tests", "rs"));
    let long = all.filter(|s| s.code().lines().count() > FILE_LIMIT);
    let complaints: Vec<String> = long
        .map(|s| format!("{}: {} lines; cut it along its ideas (limit {FILE_LIMIT})", s.path, s.code().lines().count()))
        .collect();
    assert_none(&complaints);
}

#[test]
fn every_file_says_what_it_is() {
    let complaints: Vec<String> = sources("src", "rs")
        .into_iter()
        .filter(|s| !s.text.starts_with("//! "))
        .map(|s| format!("{}: begin with a `//!` line that says what this file is", s.path))
        .collect();
    assert_none(&complaints);
}
