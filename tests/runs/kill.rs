//! A process killed at any moment loses nothing that was kept, and the resumed run ends with the same bytes.

use std::time::{Duration, Instant};

use memoscope::rng::Stream;

use super::Bench;

const KILLS: usize = 50;

#[test]
fn killed_runs_resume_to_the_same_bytes() {
    let bench = Bench::new(1200);
    let begun = Instant::now();
    let expected = bench.whole_run("whole");
    let whole = begun.elapsed();
    let mut stream = Stream::new(2026, "kills");
    let (mut kills, mut round) = (0, 0);
    while kills < KILLS {
        round += 1;
        let name = format!("round{round}");
        loop {
            let made = bench.path(&name).join("experiment.json").exists();
            let args: &[&str] = if made { &["resume", &name] } else { &["run", "exp.json", "--out", &name] };
            let mut child = bench.spawn(args);
            // Up to nearly the whole: some kills a run, at its beginning, in its middle and while results are written.
            let patience = whole.mul_f64(0.9 * stream.uniform());
            let begun = Instant::now();
            let exit = loop {
                if let Some(status) = child.try_wait().unwrap() {
                    break Some(status);
                }
                if kills < KILLS && begun.elapsed() >= patience {
                    break None;
                }
                std::thread::sleep(Duration::from_millis(1));
            };
            if let Some(status) = exit {
                assert!(status.success(), "{name} ended with {status} after {kills} kills");
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
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
    assert!(round > 0, "at least one run came to its end");
}
