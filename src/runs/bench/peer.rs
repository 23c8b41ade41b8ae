//! Another program on the same workload.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::{Error, Result};

/// Runs `command NAME --threads N --runs N` and reads `value` from the JSON line it prints.
pub(super) fn rate(command: &str, name: &str, threads: usize, runs: usize) -> Result<f64> {
    let mut words = command.split_whitespace();
    let program = words.next().ok_or_else(|| Error::config("--peer is empty"))?;
    let output = Command::new(program)
        .args(words)
        .args([name, "--threads", &threads.to_string(), "--runs", &runs.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|e| Error::config(format!("--peer: `{program}` does not start: {e}")))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let value = printed.lines().rev().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        (line.get("workload")?.as_str()? == name).then(|| line.get("value")?.as_f64()).flatten()
    });
    value.ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("nothing").to_owned();
        Error::config(format!("--peer printed no rate for `{name}`; it said: {last}"))
    })
}
