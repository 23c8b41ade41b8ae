//! Runs as processes of the real program: killed, cancelled, resumed.

mod cancel;
mod kill;
mod made;
mod resume;
mod train;
mod weights;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use memoscope::rng::Stream;
use serde_json::{Value, json};

/// A scratch folder with an experiment: a tiny model scores rows of token ids.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// An experiment over `n` rows.
    pub(crate) fn new(n: usize) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(bench.path("rows.jsonl"), rows(n)).unwrap();
        let experiment = json!({
            "name": "scores",
            "threads": 1,
            "model": {"path": model()},
            "data": {"data": {"path": "rows.jsonl"}},
            "steps": [{"method": "perplexity", "config": {"batch_tokens": 256}}],
        });
        std::fs::write(bench.path("exp.json"), experiment.to_string()).unwrap();
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with these arguments in this folder, without a network.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_memoscope"));
        command.current_dir(self.folder.path()).arg("--offline").args(args).stdin(Stdio::null());
        command
    }

    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    pub(crate) fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs the experiment into `name` and gives its tables.
    pub(crate) fn whole_run(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let output = self.output(&["run", "exp.json", "--out", name]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.results(name)
    }

    /// Every table and figure and the report of a run, by name.
    pub(crate) fn results(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let run = self.path(name);
        let mut files: Vec<PathBuf> = vec![run.join("report.json")];
        for folder in ["tables", "figures"] {
            files.extend(std::fs::read_dir(run.join(folder)).unwrap().map(|entry| entry.unwrap().path()));
        }
        let relative = |path: &Path| path.strip_prefix(&run).unwrap().display().to_string();
        files.into_iter().map(|path| (relative(&path), std::fs::read(&path).unwrap())).collect()
    }

    pub(crate) fn journal(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name).join("checkpoints/journal.bin")).unwrap()
    }

    pub(crate) fn status(&self, name: &str) -> Value {
        let text = std::fs::read(self.path(name).join("status.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

pub(crate) fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models/gpt2")
}

/// Rows of 30 ids below the vocabulary of the model, 37.
fn rows(n: usize) -> String {
    let mut stream = Stream::new(1, "rows");
    let mut row = || json!({"token_ids": (0..30).map(|_| stream.below(37)).collect::<Vec<_>>()}).to_string();
    (0..n).map(|_| row() + "\n").collect()
}
