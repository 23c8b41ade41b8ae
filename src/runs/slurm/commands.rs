//! The programs of Slurm: `sbatch`, `squeue`, `sacct`, `scancel`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::error::{Error, Result};

/// Hands a script over and gives the id of its job array.
pub(super) fn sbatch(script: &Path) -> Result<String> {
    let output = call("sbatch", &["--parsable".as_ref(), script.as_os_str()])?;
    let said = String::from_utf8_lossy(&output.stdout);
    // A cluster's name may follow the id.
    let id = said.trim().split(';').next().unwrap_or_default().to_owned();
    if output.status.success() && !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(id);
    }
    Err(Error::config(format!("sbatch refused the job array: {}", words(&output)))
        .hint("change the options with --sbatch=…, or edit the script and submit it by hand")
        .at(script))
}

/// State and reason of every element of an array that Slurm still has in its queue. An array that is not there any
/// more has none.
pub(super) fn squeue(job: &str) -> Result<BTreeMap<usize, String>> {
    let format = "--format=%K|%T|%r";
    let job = format!("--jobs={job}");
    let output = call("squeue", &["--noheader", "--array", format, &job].map(AsRef::as_ref))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let words = words(&output);
        if words.contains("Invalid job id") {
            return Ok(BTreeMap::new());
        }
        return Err(Error::device(format!("squeue does not answer: {words}"))
            .hint("the jobs go on; ask again when the controller of Slurm does"));
    }
    Ok(queued(&said))
}

/// How the elements of an array ended, where the cluster keeps accounts; empty otherwise.
pub(super) fn sacct(job: &str) -> BTreeMap<usize, String> {
    let job = format!("--jobs={job}");
    let args = ["--noheader", "--parsable2", "--format=JobID,State", &job];
    match call("sacct", &args.map(AsRef::as_ref)) {
        Ok(output) if output.status.success() => accounted(&String::from_utf8_lossy(&output.stdout)),
        _ => BTreeMap::new(),
    }
}

/// Stops all elements of an array; those at work get the signal to end gracefully.
pub(super) fn scancel(job: &str) -> Result<()> {
    let output = call("scancel", &[job.as_ref()])?;
    if output.status.success() || words(&output).contains("Invalid job id") {
        return Ok(());
    }
    Err(Error::device(format!("scancel refused: {}", words(&output))))
}

fn call(program: &str, args: &[&std::ffi::OsStr]) -> Result<Output> {
    Command::new(program).args(args).stdin(Stdio::null()).output().map_err(|e| {
        if e.kind() == std::io::ErrorKind::NotFound {
            return Error::config(format!("there is no `{program}` on this machine"))
                .hint("start the sweep where Slurm is, such as a login node, or without `--executor slurm`");
        }
        Error::device(format!("`{program}` cannot be started: {e}"))
    })
}

/// What a program complained about, in one line.
fn words(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { format!("it ended with {}", output.status) } else { lines.join("; ") }
}

/// `3|PENDING|Resources`, line by line.
fn queued(said: &str) -> BTreeMap<usize, String> {
    let element = |line: &str| {
        let mut parts = line.trim().split('|');
        let (index, state, reason) = (parts.next()?.parse().ok()?, parts.next()?, parts.next().unwrap_or("None"));
        let reason = if reason == "None" { String::new() } else { format!(" ({reason})") };
        Some((index, format!("{state}{reason}")))
    };
    said.lines().filter_map(element).collect()
}

/// `12_3|FAILED`, line by line; the steps inside a job and ranges of waiting elements are passed over.
fn accounted(said: &str) -> BTreeMap<usize, String> {
    let element = |line: &str| {
        let (job, state) = line.trim().split_once('|')?;
        Some((job.split_once('_')?.1.parse().ok()?, state.to_owned()))
    };
    said.lines().filter_map(element).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_line_by_line() {
        let states = queued("0|RUNNING|None\n1|PENDING|JobArrayTaskLimit\n N/A|x|y\n\n");
        assert_eq!(
            states.into_iter().collect::<Vec<_>>(),
            [(0, "RUNNING".to_owned()), (1, "PENDING (JobArrayTaskLimit)".to_owned())]
        );
        let ends = accounted("12_0|COMPLETED\n12_0.batch|COMPLETED\n12_1|CANCELLED by 0\n12_[2-5]|PENDING\n");
        assert_eq!(
            ends.into_iter().collect::<Vec<_>>(),
            [(0, "COMPLETED".to_owned()), (1, "CANCELLED by 0".to_owned())]
        );
    }
}
