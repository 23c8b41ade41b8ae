//! Interrupted trainings, and checkpoints that are damaged.

use memoscope::error::Error;
use memoscope::methods::Report;
use serde_json::{Value, json};

use super::super::{Inputs, Memory, model};
use super::{config, files, inputs, placeless};

/// Everything that has a state of its own.
fn settings() -> Value {
    config(&json!({
        "length": {"epochs": 2.5}, "rows": {"batch": 2, "accumulate": 2},
        "lr": {"schedule": "cosine", "warmup_steps": 2},
        "regularize": {"drop_share": 0.3, "drop_window": 8, "tied_dropout": "channel", "spectral": 0.01, "l1": 1e-4},
        "stop": {"patience": 50}, "checkpoint": {"resumable": 2, "final_moments": true}
    }))
}

/// Adapters with dropout on a given model.
fn adapted() -> (Inputs, Value) {
    let settings = json!({
        "lora": {"rank": 2, "dropout": 0.2}, "rows": {"batch": 2, "accumulate": 2}, "length": {"epochs": 3},
        "check": {"k": 4, "l": 4}, "checkpoint": {"every": 2, "unit": "steps"}
    });
    (inputs().model("model", model("gpt2")), settings)
}

#[test]
fn a_training_stopped_anywhere_ends_with_the_same_bytes() {
    for (inputs, settings) in [(inputs(), settings()), adapted()] {
        let mut whole = Memory::new(usize::MAX);
        let report = inputs.run_in(&mut whole, "train", &settings).unwrap();
        let report = placeless(report, &whole);
        for budget in [17, 21, 27] {
            let (host, resumed, stops) = often_stopped(&inputs, &settings, budget);
            assert!(stops > 1, "it was stopped {stops} times");
            assert!(placeless(resumed, &host) == report, "the report differs after {stops} stops");
            let (found, wanted) = (files(host.path()), files(whole.path()));
            assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
            let same = |name: &std::path::PathBuf| found[name] == wanted[name];
            let differ: Vec<_> = wanted.keys().filter(|name| !same(name)).collect();
            assert!(differ.is_empty(), "{differ:?} after {stops} stops");
        }
    }
}

/// A training that is stopped whenever it has reported progress `budget` times.
fn often_stopped(inputs: &Inputs, settings: &Value, budget: usize) -> (Memory, Report, usize) {
    let mut host = Memory::new(0);
    for stops in 0..200 {
        host.budget = budget;
        match inputs.run_in(&mut host, "train", settings) {
            Ok(report) => return (host, report, stops),
            Err(Error::Cancelled) => {}
            Err(other) => panic!("{other}"),
        }
    }
    panic!("it does not advance")
}

#[test]
fn a_cancelled_training_keeps_what_it_did() {
    let mut host = Memory::new(12);
    assert!(matches!(inputs().run_in(&mut host, "train", &config(&json!({}))), Err(Error::Cancelled)));
    let kept: Vec<String> = files(host.path()).keys().map(|name| name.display().to_string()).collect();
    assert!(kept.iter().any(|name| name.ends_with("training.safetensors")), "{kept:?}");
}

/// Stops a training when it has two checkpoints; gives the host and the newest of them.
fn two_checkpoints() -> (Memory, std::path::PathBuf) {
    let mut host = Memory::new(usize::MAX);
    for budget in 5.. {
        host.budget = budget;
        assert!(matches!(inputs().run_in(&mut host, "train", &settings()), Err(Error::Cancelled)), "it ended");
        let mut states: Vec<_> =
            files(host.path()).into_keys().filter(|name| name.ends_with("training.json")).collect();
        states.sort();
        if let [_, newest] = &states[..] {
            let newest = host.path().join(newest.parent().unwrap());
            return (host, newest);
        }
    }
    unreachable!("the loop has no end")
}

#[test]
fn a_damaged_newest_checkpoint_falls_back_to_the_one_before() {
    let mut whole = Memory::new(usize::MAX);
    let report = inputs().run_in(&mut whole, "train", &settings()).unwrap();
    for (name, damage) in [("model.safetensors", 9), ("training.safetensors", 9), ("training.json", 30)] {
        let (mut host, newest) = two_checkpoints();
        let path = newest.join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.len() - damage;
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        host.budget = usize::MAX;
        let resumed = inputs().run_in(&mut host, "train", &settings()).unwrap();
        assert!(host.warnings.iter().any(|w| w.contains("a checkpoint is passed over")), "{name}: {:?}", host.warnings);
        assert!(placeless(resumed, &host) == placeless(report.clone(), &whole), "{name}: the report differs");
        assert_eq!(files(host.path()), files(whole.path()), "{name}");
    }
}

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_one_before() {
    let mut host = Memory::new(usize::MAX);
    // A file stands where the checkpoint of step 6 is prepared.
    std::fs::write(host.path().join(".step-00000006.partial"), "in the way").unwrap();
    let error = inputs().run_in(&mut host, "train", &config(&json!({}))).unwrap_err();
    assert_eq!(error.exit_code(), 1, "{error}");
    assert!(error.to_string().contains("hint: "), "{error}");
    assert!(host.path().join("step-00000003/training.json").exists(), "the checkpoint before is there");
    std::fs::remove_file(host.path().join(".step-00000006.partial")).unwrap();
    let resumed = inputs().run_in(&mut host, "train", &config(&json!({}))).unwrap();
    let mut whole = Memory::new(usize::MAX);
    let report = inputs().run_in(&mut whole, "train", &config(&json!({}))).unwrap();
    assert!(placeless(resumed, &host) == placeless(report, &whole), "it goes on from there");
}

#[test]
fn a_checkpoint_of_other_settings_is_not_gone_on_with() {
    let mut host = Memory::new(12);
    assert!(inputs().run_in(&mut host, "train", &config(&json!({}))).is_err(), "stopped");
    host.budget = usize::MAX;
    let error = inputs().run_in(&mut host, "train", &config(&json!({"lr": {"peak": 0.5}}))).unwrap_err();
    assert!(error.to_string().contains("another training: `lr.peak` was 0.001, and is 0.5"), "{error}");
}

#[test]
fn a_finished_training_is_only_reported_again() {
    let mut host = Memory::new(usize::MAX);
    let report = inputs().run_in(&mut host, "train", &config(&json!({}))).unwrap();
    let before = files(host.path());
    host.budget = 0;
    assert!(inputs().run_in(&mut host, "train", &config(&json!({}))).unwrap() == report);
    assert_eq!(files(host.path()), before);
}
