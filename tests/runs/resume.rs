//! What a run depends on must not change between its processes, and only one works on it at a time.

use super::{Bench, model};
use memoscope::runs::{Experiment, RunDir};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A run with a plan but without results, as a killed process leaves it.
fn interrupted(bench: &Bench) {
    bench.whole_run("r");
    std::fs::remove_file(bench.path("r/report.json")).unwrap();
    let status = bench.status("r").to_string().replace("\"done\"", "\"running\"");
    std::fs::write(bench.path("r/status.json"), status).unwrap();
}

#[test]
fn changed_data_is_refused() {
    let bench = Bench::new(20);
    interrupted(&bench);
    let rows = std::fs::read_to_string(bench.path("rows.jsonl")).unwrap();
    std::fs::write(bench.path("rows.jsonl"), rows.replacen('1', "2", 1)).unwrap();
    let output = bench.output(&["resume", "r"]);
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    assert!(
        message.contains("the data `data` changed since the run began") && message.contains("rows.jsonl"),
        "{message}"
    );
    assert_eq!(bench.status("r")["state"], "failed");
    std::fs::write(bench.path("rows.jsonl"), rows).unwrap();
    assert!(bench.output(&["resume", "r"]).status.success(), "goes on when the data is back");
}

#[test]
fn a_changed_model_is_refused() {
    let bench = Bench::new(20);
    let copy = bench.path("model");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(model()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let text = std::fs::read_to_string(bench.path("exp.json")).unwrap();
    let written = text.replace(&model().display().to_string(), "model");
    std::fs::write(bench.path("exp.json"), written).unwrap();
    interrupted(&bench);
    let weights = copy.join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let message = stderr(&bench.output(&["resume", "r"]));
    assert!(message.contains("the model `model` changed since the run began: model.safetensors"), "{message}");
}

#[test]
fn a_second_process_is_turned_away() {
    let bench = Bench::new(20);
    interrupted(&bench);
    let run = RunDir::open(&bench.path("r")).unwrap();
    let lock = run.lock().unwrap();
    let output = bench.output(&["resume", "r"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("another process works on this run"), "{}", stderr(&output));
    drop(lock);
    assert!(bench.output(&["resume", "r"]).status.success(), "the lock is free");
}

#[test]
fn a_finished_run_is_left_as_it_is() {
    let bench = Bench::new(20);
    let before = bench.whole_run("r");
    let status = bench.status("r");
    let output = bench.output(&["resume", "r", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(output.stdout, before["report.json"]);
    assert_eq!(bench.status("r"), status);
}

#[test]
fn a_queued_run_begins_and_gives_what_a_new_one_gives() {
    let bench = Bench::new(20);
    let mut experiment = Experiment::read(&bench.path("exp.json")).unwrap();
    experiment.make_paths_absolute();
    RunDir::create(&bench.path("queued"), &experiment, 0.0).unwrap();
    assert!(bench.output(&["resume", "queued"]).status.success(), "begins");
    assert_eq!(bench.results("queued"), bench.whole_run("new"));
}

#[test]
fn the_steps_of_an_experiment_keep_their_files_apart() {
    let bench = Bench::new(20);
    let steps =
        r#"[{"method":"perplexity","config":{"per_token":false}},{"method":"perplexity","config":{"bos":"always"}}]"#;
    let set = format!("steps={steps}");
    let output = bench.output(&["run", "exp.json", "--out", "r", "--set", &set]);
    assert!(output.status.success(), "{}", stderr(&output));
    let results = bench.results("r");
    assert!(
        results.contains_key("tables/0-texts.csv") && results.contains_key("tables/1-texts.csv"),
        "{:?}",
        results.keys()
    );
    // A process killed between the steps leaves the first one finished; only the second is done again.
    let mut report: serde_json::Value = serde_json::from_slice(&results["report.json"]).unwrap();
    report["complete"] = false.into();
    report["steps"].as_array_mut().unwrap().truncate(1);
    std::fs::write(bench.path("r/report.json"), report.to_string()).unwrap();
    std::fs::remove_file(bench.path("r/tables/1-texts.csv")).unwrap();
    let status = bench.status("r").to_string().replace("\"done\"", "\"running\"");
    std::fs::write(bench.path("r/status.json"), status).unwrap();
    assert!(bench.output(&["resume", "r"]).status.success(), "goes on");
    assert_eq!(bench.results("r"), results);
}
