//! Sweeps as processes of the real program: on this machine and on a real Slurm.

mod local;
mod refused;
mod slurm;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::runs::{Bench, model};

/// A scratch folder with an experiment of four quick runs: two lengths of prefix, two seeds.
pub(crate) fn bench() -> Bench {
    let bench = Bench::new(30);
    let experiment = json!({
        "name": "lengths",
        "threads": 1,
        "model": {"path": model()},
        "data": {"data": {"path": "rows.jsonl"}},
        "steps": [{"method": "memorization-score", "config": {"l": 8}}],
        "sweep": {"steps.0.config.k": [4, 8], "seed": [0, 1]},
    });
    std::fs::write(bench.path("sweep.json"), experiment.to_string()).unwrap();
    bench
}

/// The only sweep below `runs`.
fn sweep_of(bench: &Bench) -> PathBuf {
    let entries = std::fs::read_dir(bench.path("runs")).unwrap().map(|entry| entry.unwrap().path());
    let sweeps: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "sweep")).collect();
    assert_eq!(sweeps.len(), 1, "{sweeps:?}");
    sweeps.into_iter().next().unwrap()
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Names of the runs of a sweep in order.
fn members(sweep: &Path) -> Vec<String> {
    let file = json_of(&sweep.join("sweep.json"));
    file["members"].as_array().unwrap().iter().map(|member| member["run"].as_str().unwrap().to_owned()).collect()
}

/// Two runs that take long enough to be stopped.
fn long_bench() -> Bench {
    let bench = Bench::new(6000);
    let experiment = json!({
        "name": "long",
        "threads": 1,
        "model": {"path": model()},
        "data": {"data": {"path": "rows.jsonl"}},
        "steps": [{"method": "perplexity", "config": {"batch_tokens": 256}}],
        "sweep": {"seed": [0, 1]},
    });
    std::fs::write(bench.path("sweep.json"), experiment.to_string()).unwrap();
    bench
}
