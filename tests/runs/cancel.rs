//! Stopping: by signal and by request, within a second, keeping what is done.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::Bench;

/// Waits until the run has kept some of its results.
pub(super) fn wait_for_work(bench: &Bench, name: &str) {
    let events = bench.path(name).join("events.jsonl");
    let begun = Instant::now();
    while !std::fs::read_to_string(&events).is_ok_and(|text| text.contains("\"progress\"")) {
        assert!(begun.elapsed() < Duration::from_secs(30), "the run does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn wait(child: &mut Child) -> (Option<i32>, Duration) {
    let begun = Instant::now();
    (child.wait().unwrap().code(), begun.elapsed())
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success(), "kill {name}");
}

#[cfg(unix)]
#[test]
fn a_signal_stops_within_a_second_and_the_run_resumes_to_the_same_bytes() {
    let bench = Bench::new(20_000);
    for (name, sent) in [("int", "-INT"), ("term", "-TERM")] {
        let mut child = bench.spawn(&["run", "exp.json", "--out", name]);
        wait_for_work(&bench, name);
        signal(&child, sent);
        let (code, took) = wait(&mut child);
        assert_eq!(code, Some(130));
        assert!(took < Duration::from_secs(1), "took {took:?}");
        assert_eq!(bench.status(name)["state"], "cancelled");
    }
    assert!(bench.output(&["resume", "term"]).status.success(), "resumes");
    assert_eq!(bench.results("term"), bench.whole_run("whole"));
}

#[test]
fn a_request_stops_a_run_of_another_process() {
    let bench = Bench::new(20_000);
    let mut child = bench.spawn(&["run", "exp.json", "--out", "r"]);
    wait_for_work(&bench, "r");
    assert!(bench.output(&["cancel", "r"]).status.success(), "asks");
    let (code, took) = wait(&mut child);
    assert_eq!(code, Some(130));
    assert!(took < Duration::from_secs(1), "took {took:?}");
    let refused = bench.output(&["cancel", "r"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the run is cancelled"), "nothing works on it");
}
