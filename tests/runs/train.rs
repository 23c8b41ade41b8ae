//! Trainings as processes: stopped by a signal, killed, gone on with, and used by a later step.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Bench;
use super::cancel::wait_for_work;

fn experiment(bench: &Bench, steps: &Value) {
    let experiment = json!({"name": "learn", "threads": 1, "data": {"data": {"path": "rows.jsonl"}}, "steps": steps});
    std::fs::write(bench.path("exp.json"), experiment.to_string()).unwrap();
}

fn training(epochs: usize) -> Value {
    json!({"method": "train", "config": {
        "fresh": {"n_layer": 2, "n_head": 2, "d_model": 16}, "rows": {"batch": 4}, "length": {"epochs": epochs},
        "check": {"k": 4, "l": 4, "every": 10}, "checkpoint": {"every": 3, "unit": "epochs"}
    }})
}

/// The bytes of every file that the training of a run left.
fn made(bench: &Bench, run: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = bench.path(run).join("checkpoints/0-train");
    let mut files = Vec::new();
    for model in std::fs::read_dir(&folder).unwrap() {
        for file in std::fs::read_dir(model.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            files.push((path.strip_prefix(&folder).unwrap().to_owned(), std::fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

#[cfg(unix)]
#[test]
fn stopped_and_killed_trainings_go_on_to_the_same_bytes() {
    let bench = Bench::new(40);
    experiment(&bench, &json!([training(60)]));
    let whole = bench.whole_run("whole");
    for (name, signal) in [("stopped", "-INT"), ("killed", "-KILL")] {
        let mut child = bench.spawn(&["run", "exp.json", "--out", name]);
        wait_for_work(&bench, name);
        let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "kill {signal}");
        assert_ne!(child.wait().unwrap().code(), Some(0), "it ended before it was stopped");
        let output = bench.output(&["resume", name]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let results = bench.results(name);
        let differ: Vec<&String> = whole.keys().filter(|file| results.get(*file) != whole.get(*file)).collect();
        assert!(differ.is_empty(), "{name}: {differ:?}");
        assert!(made(&bench, name) == made(&bench, "whole"), "{name}: the models differ");
    }
}

#[test]
fn a_later_step_measures_the_model_that_was_trained() {
    let bench = Bench::new(12);
    let measure = json!({"method": "memorization-score", "config": {"k": 4, "l": 8}, "inputs": {"model": "trained"}});
    experiment(&bench, &json!([training(80), measure]));
    let set = [r#"models.trained={"step": 0, "output": "final"}"#, "steps.0.config.lr.peak=0.01"];
    let output = bench.output(&["run", "exp.json", "--out", "r", "--json", "--set", set[0], "--set", set[1]]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let value = |step: usize, id: &str| {
        let scalars = report["steps"][step]["scalars"].as_array().unwrap();
        scalars.iter().find(|s| s["id"] == id).unwrap()["value"].as_f64().unwrap()
    };
    assert!(value(0, "memorized.rows") > 0.9, "learned by heart");
    assert!(value(1, "exact_match") > 0.9, "and measured by the next step");
}

#[test]
fn the_verb_trains_on_texts() {
    let bench = Bench::new(1);
    let row = |i: usize| json!({"text": format!("row number {i} says {}", i * i)}).to_string();
    let texts = (0..20).map(row).collect::<Vec<_>>().join("\n");
    std::fs::write(bench.path("texts.jsonl"), texts).unwrap();
    let output = bench.output(&[
        "train",
        "--data",
        "texts.jsonl",
        "--fresh.d-model",
        "16",
        "--fresh.n-head",
        "2",
        "--tokenizer.vocab-size",
        "270",
        "--length.steps",
        "3",
        "--check.k",
        "4",
        "--check.l",
        "4",
        "--out",
        "r",
        "--json",
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["steps"][0]["card"]["id"], "train");
    assert!(bench.path("r/checkpoints/0-train/final/tokenizer.json").exists(), "the model's own tokenizer");
}

/// A file system of its own that holds so many megabytes; it goes with the value.
#[cfg(target_os = "linux")]
struct SmallDisk(PathBuf);

#[cfg(target_os = "linux")]
impl SmallDisk {
    /// None, with a message, where nothing may be mounted.
    fn mount(at: PathBuf, megabytes: u32) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let size = format!("size={megabytes}m");
        let output = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&at).output();
        match output {
            Ok(output) if output.status.success() => Some(Self(at)),
            Ok(output) => {
                println!("skipped: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                println!("skipped: mount: {error}");
                None
            }
        }
    }

    fn grow(&self, megabytes: u32) {
        let options = format!("remount,size={megabytes}m");
        let done = std::process::Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap();
        assert!(done.success(), "the disk grows");
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_a_training_that_goes_on_once_there_is_room() {
    let bench = Bench::new(24);
    let mut step = training(12);
    step["config"]["fresh"]["d_model"] = json!(64);
    step["config"]["checkpoint"]["every"] = json!(1);
    experiment(&bench, &json!([step]));
    // Each checkpoint has about 0.4 MB of weights, the newest two as much again twice over.
    let Some(disk) = SmallDisk::mount(bench.path("disk"), 3) else { return };
    let output = bench.output(&["run", "exp.json", "--out", "disk/run"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "the disk is too small: {said}");
    assert!(said.contains("make room on this disk and resume"), "{said}");
    assert_eq!(bench.status("disk/run")["state"], "failed");
    let folder = bench.path("disk/run/checkpoints/0-train");
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|item| item.unwrap().file_name()).collect();
    let whole = names.iter().filter(|name| name.to_string_lossy().starts_with("step-")).count();
    assert!(whole >= 1, "the checkpoint before is still there: {names:?}");
    disk.grow(64);
    let output = bench.output(&["resume", "disk/run"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results = bench.whole_run("whole");
    assert!(bench.results("disk/run") == results, "the numbers are those of an undisturbed training");
    assert!(made(&bench, "disk/run") == made(&bench, "whole"), "and so are the models");
}
