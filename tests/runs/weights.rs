//! Weights stay on the disk while they are used: a file that changes meanwhile is noticed, and nothing wrong is kept.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use super::{Bench, model};
use crate::runs::cancel::wait_for_work;

/// A scratch copy of the model that the experiment uses.
fn copied_model(bench: &Bench) -> PathBuf {
    let copy = bench.path("model");
    std::fs::create_dir(&copy).unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(model().join(name), copy.join(name)).unwrap();
    }
    let text = std::fs::read_to_string(bench.path("exp.json")).unwrap();
    std::fs::write(bench.path("exp.json"), text.replace(&model().display().to_string(), "model")).unwrap();
    copy.join("model.safetensors")
}

fn begin(bench: &Bench, name: &str) -> Child {
    let mut command = bench.command(&["run", "exp.json", "--out", name]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_work(bench, name);
    child
}

/// Does something to the weights of a running run; gives what the run said.
fn disturbed(disturb: fn(&std::path::Path, &[u8])) -> String {
    let bench = Bench::new(20_000);
    let weights = copied_model(&bench);
    let whole = bench.whole_run("whole");
    let good = std::fs::read(&weights).unwrap();
    let child = begin(&bench, "r");
    disturb(&weights, &good);
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(!bench.path("r/report.json").exists(), "nothing is called a result");
    let refused = bench.output(&["resume", "r"]);
    assert!(!refused.status.success(), "not while the weights are others");
    std::fs::write(&weights, good).unwrap();
    assert!(bench.output(&["resume", "r"]).status.success(), "goes on with the right weights");
    assert_eq!(bench.results("r"), whole, "nothing of the wrong weights was kept");
    message
}

#[test]
fn weights_that_change_stop_the_run() {
    let message = disturbed(|weights, good| {
        // In place: a file that is cut first is another case.
        let changed: Vec<u8> = good[good.len() - 4096..].iter().map(|byte| byte ^ 1).collect();
        let mut file = std::fs::OpenOptions::new().write(true).open(weights).unwrap();
        file.seek(SeekFrom::End(-4096)).unwrap();
        file.write_all(&changed).unwrap();
    });
    assert!(message.contains("was changed while it was in use") && message.contains("model.safetensors"), "{message}");
}

/// The part that is gone is missed at once, which ends the process, or a moment later at the next look.
#[cfg(unix)]
#[test]
fn weights_that_are_cut_stop_the_run() {
    let message = disturbed(|weights, _| {
        std::fs::File::options().write(true).open(weights).unwrap().set_len(100).unwrap();
    });
    let known = ["a file was cut while it was read", "was changed while it was in use"];
    assert!(known.iter().any(|part| message.contains(part)), "{message}");
}
