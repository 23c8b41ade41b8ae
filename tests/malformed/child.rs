//! Measures what opening a file costs in a process of its own, because memory is counted by process.

use std::path::Path;
use std::process::Command;

use memoscope::error::Result;

const PATH: &str = "MEMOSCOPE_CHILD_PATH";

/// What happened in the child.
pub(crate) struct Outcome {
    /// "fine", or the first line of the error.
    pub(crate) message: String,
    /// How much the peak of resident memory grew.
    pub(crate) peak_bytes: u64,
    /// How long it took: time on the processor, because other tests run at the same time.
    pub(crate) seconds: f64,
}

/// Runs an ignored test of this binary on a path; `None` where memory cannot be measured.
pub(crate) fn run(test: &str, path: &Path) -> Option<Outcome> {
    if peak().is_none() || !Path::new("/proc/thread-self/schedstat").exists() {
        println!("skipped: this system does not tell memory and time");
        return None;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(PATH, path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|l| l.split_once("outcome ")).unwrap_or_else(|| panic!("{test}: {output:?}")).1;
    let mut parts = line.splitn(3, ' ');
    let mut next = || parts.next().unwrap();
    Some(Outcome { peak_bytes: next().parse().unwrap(), seconds: next().parse().unwrap(), message: next().to_owned() })
}

/// In the child: does the work and prints the outcome. Does nothing when no one asked.
pub(crate) fn report(open: impl FnOnce(&Path) -> Result<()>) {
    let Some(path) = std::env::var_os(PATH) else { return };
    let before = peak().unwrap();
    let start = processor_seconds();
    let outcome = open(Path::new(&path));
    let seconds = processor_seconds() - start;
    let message = outcome.map_or_else(|e| e.to_string(), |()| "fine".to_owned());
    println!("outcome {} {seconds} {}", peak().unwrap() - before, message.lines().next().unwrap_or_default());
}

/// The most resident memory this process has had, in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok().map(|kb| kb * 1024)
}

/// Seconds this thread has run.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
