//! A process killed at any moment loses nothing that was kept, and the resumed run ends with the same bytes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use memoscope::rng::Stream;

use super::Bench;

const KILLS: usize = 50;

/// What a run was doing when it was killed, by what it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Reading and planning.
    Begin,
    /// Its journal has records.
    Compute,
    /// It was writing tables and figures.
    Write,
    /// The report is there; the last words are missing.
    End,
}

impl Stage {
    fn of(run: &Path) -> Self {
        let is_filled =
            |folder: &str| std::fs::read_dir(run.join(folder)).is_ok_and(|mut files| files.next().is_some());
        let journal = std::fs::metadata(run.join("checkpoints/journal.bin")).map_or(0, |data| data.len());
        match () {
            () if run.join("report.json").exists() => Self::End,
            () if is_filled("tables") => Self::Write,
            () if journal > 8 => Self::Compute,
            () => Self::Begin,
        }
    }
}

/// When to kill a process.
enum Moment {
    /// After so long.
    After(Duration),
    /// As soon as it has come so far.
    At(Stage),
}

/// Kills the process at that moment, unless it ends before.
fn kill(child: &mut Child, run: &Path, moment: &Moment) -> Option<ExitStatus> {
    let begun = Instant::now();
    loop {
        let is_due = match moment {
            Moment::After(patience) => begun.elapsed() >= *patience,
            Moment::At(stage) => Stage::of(run) >= *stage,
        };
        if is_due {
            child.kill().unwrap();
            let status = child.wait().unwrap();
            return status.success().then_some(status);
        }
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

#[test]
fn killed_runs_resume_to_the_same_bytes() {
    let bench = Bench::new(1200);
    let begun = Instant::now();
    let expected = bench.whole_run("whole");
    let whole = begun.elapsed();
    let mut stream = Stream::new(2026, "kills");
    let mut stages: BTreeMap<Stage, usize> = BTreeMap::new();
    let (mut kills, mut round) = (0, 0);
    while kills < KILLS {
        round += 1;
        let name = format!("round{round}");
        let run = bench.path(&name);
        loop {
            let args: &[&str] = if run.join("experiment.json").exists() {
                &["resume", &name]
            } else {
                &["run", "exp.json", "--out", &name]
            };
            let mut child = bench.spawn(args);
            // Most moments are random; some are at the beginning and while results are written, which is short.
            let moment = match kills % 5 {
                _ if kills == KILLS => Moment::After(Duration::MAX),
                0 if !run.exists() => Moment::After(whole.mul_f64(0.1 * stream.uniform())),
                4 if Stage::of(&run) < Stage::Write => Moment::At(Stage::Write),
                _ => Moment::After(whole.mul_f64(0.9 * stream.uniform())),
            };
            if let Some(status) = kill(&mut child, &run, &moment) {
                assert!(status.success(), "{name} ended with {status} after {kills} kills");
                break;
            }
            *stages.entry(Stage::of(&run)).or_default() += 1;
            kills += 1;
        }
        let results = bench.results(&name);
        assert_eq!(results.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (file, bytes) in &expected {
            assert!(results[file] == *bytes, "{file} of {name} differs from the uninterrupted run");
        }
        assert_eq!(bench.status(&name)["state"], "done");
        // Nothing was computed twice: the journal has each record once.
        assert!(bench.journal(&name) == bench.journal("whole"), "the journal of {name} differs");
    }
    println!("{kills} kills in {round} runs: {stages:?}");
    for stage in [Stage::Begin, Stage::Compute, Stage::Write] {
        assert!(stages.contains_key(&stage), "no run was killed at {stage:?}: {stages:?}");
    }
}
