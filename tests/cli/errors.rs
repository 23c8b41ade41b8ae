//! Wrong command lines and files: exit code 2, what is wrong, what to do, and nothing on standard output.

use std::path::Path;

use serde_json::{Value, json};

use super::memoscope;
use crate::runs::model;

/// The message of a wrong command line.
fn refused(args: &[&str]) -> String {
    let (code, out, err) = memoscope(args);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    err
}

/// Runs an experiment with these changes and gives the message; no folder is made.
fn experiment(value: &Value, extra: &[&str]) -> (u8, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exp.json");
    std::fs::write(folder.path().join("rows.jsonl"), "{\"token_ids\":[1,2,3]}\n{\"token_ids\":[1,2,99]}\n").unwrap();
    std::fs::write(&path, value.to_string()).unwrap();
    let out = folder.path().join("run");
    let (path, out) = (path.display().to_string(), out.display().to_string());
    let args = [&["run", &path, "--out", &out], extra].concat();
    let (code, printed, message) = memoscope(&args);
    assert_eq!(printed, "");
    assert!(!Path::new(&out).exists(), "nothing is made before everything is checked: {message}");
    (code, message)
}

fn valid() -> Value {
    json!({
        "model": {"path": model()},
        "data": {"data": {"path": "rows.jsonl", "limit": 1}},
        "steps": [{"method": "perplexity"}],
    })
}

#[test]
fn slips_are_met_with_a_suggestion() {
    assert!(refused(&["perplexty"]).contains("'perplexity'"), "verb");
    assert!(refused(&["describe", "perplexty"]).contains("did you mean `perplexity`?"), "method");
    assert!(refused(&["perplexity", "--modell", "x"]).contains("--model"), "option");
}

#[test]
fn missing_inputs_are_named() {
    assert!(refused(&["perplexity", "--data", "x.txt"]).contains("--model <MODEL>"), "model");
    assert!(refused(&["run"]).contains("<EXPERIMENT>"), "experiment");
    let (code, _, err) = memoscope(&["run", "missing.json"]);
    assert_eq!(code, 2);
    assert!(err.contains("missing.json") && err.contains("check the path"), "{err}");
}

#[test]
fn what_a_method_cannot_use_is_refused_before_a_folder_is_made() {
    let with = |method: &str| {
        let mut value = valid();
        value["steps"][0]["method"] = json!(method);
        experiment(&value, &[])
    };
    let (code, message) = with("mia");
    assert!(code == 2 && message.contains("there are no members"), "{code} {message}");
    let (code, message) = with("gradient-alignment");
    assert!(code != 0 && message.contains("no text has a paraphrase"), "{code} {message}");
}

#[test]
fn wrong_values_say_what_is_allowed() {
    let with = |assignment: &str| experiment(&valid(), &["--set", assignment]);
    for (assignment, expected) in [
        ("steps.0.config.batch_size=0", "steps.0.config.batch_size: is 0; allowed is 1 to 4096"),
        ("steps.0.config.bos=sometimes", "expected one of `auto`, `always`, `never`"),
        ("steps.0.config.botch_size=1", "did you mean `batch_size`?"),
        ("steps.0.method=perplexty", "steps.0.method: there is no method `perplexty`"),
        ("steps.0.inputs.dota=x", "unknown input `dota`, expected one of `model`, `data`"),
        ("steps.0.inputs.data=other", "there is no `other` in `data`"),
        ("steps.1.method=x", "`steps` has no entry `1`"),
        ("precision=bf16", "precision: is \"bf16\"; the device `cpu` computes in `f32` only"),
        ("precision=fp8", "precision: is \"fp8\"; expected one of `f32`, `tf32`, `bf16`"),
        ("seed=-1", "seed: is -1"),
        ("device=tpu", "there is no device `tpu`"),
        ("data.data.path=gone.jsonl", "gone.jsonl"),
    ] {
        let (code, message) = with(assignment);
        assert!(code == 2 || (code == 1 && assignment.ends_with("gone.jsonl")), "{assignment}: {code} {message}");
        assert!(message.contains(expected), "{assignment}: {message}");
    }
}

#[test]
fn a_device_that_is_not_there_has_its_own_exit_code() {
    let (code, message) = experiment(&valid(), &["--device", "cuda:99"]);
    assert_eq!(code, 3);
    assert!(message.contains("the device `cuda:99` is not available"), "{message}");
}

#[test]
fn ids_beyond_the_vocabulary_are_refused_before_the_run() {
    let (code, message) = experiment(&valid(), &["--set", "data.data.limit=2"]);
    assert_eq!(code, 1);
    assert!(
        message.contains("row 2") && message.contains("token id 99 exceeds the model's vocabulary of 37"),
        "{message}"
    );
}

#[test]
fn texts_need_a_tokenizer() {
    let mut value = valid();
    value["data"]["data"] = json!({"path": Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"), "format": "text"});
    value["data"]["data"]["path"] = json!(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let (_, message) = experiment(&value, &[]);
    assert!(message.contains("these are texts, and the model `gpt2` has no tokenizer"), "{message}");
}

#[test]
fn folders_that_are_no_runs_are_refused() {
    for verb in ["resume", "cancel", "export"] {
        assert!(refused(&[verb, env!("CARGO_MANIFEST_DIR")]).contains("no run is here"), "{verb}");
    }
}

/// What is wrong with the inputs of a method shows when it runs; the corrected command may use the same folder.
#[test]
fn a_run_that_failed_before_it_kept_anything_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("rows.jsonl");
    std::fs::write(&rows, "{\"token_ids\":[1,2,3,4,5,6]}\n").unwrap();
    let out = folder.path().join("run");
    let [model, rows, shown] = [&model(), &rows, &out].map(|path| path.display().to_string());
    let args = ["memorization-score", "--model", &model, "--data", &rows, "--out", &shown, "--k", "3", "--l", "3"];
    let (code, _, message) = memoscope(&[&args[..], &["--split", "row"]].concat());
    assert_eq!(code, 1);
    assert!(message.contains("the file does not split it into prompt and continuation"), "{message}");
    assert!(out.join("events.jsonl").exists(), "the failed run can be looked at");
    assert_eq!(memoscope(&args).0, 0);
    let (code, _, message) = memoscope(&args);
    assert_eq!(code, 2);
    assert!(message.contains("the folder for the run is not empty"), "results stay: {message}");
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("thesis.tex");
    std::fs::write(&file, "words").unwrap();
    let out = file.join("run").display().to_string();
    let (code, message) = {
        let path = folder.path().join("exp.json");
        std::fs::write(folder.path().join("rows.jsonl"), "{\"token_ids\":[1,2,3]}\n").unwrap();
        std::fs::write(&path, valid().to_string()).unwrap();
        let (code, _, message) = memoscope(&["run", &path.display().to_string(), "--out", &out]);
        (code, message)
    };
    assert_eq!(code, 1);
    assert!(message.contains("choose another path") && message.contains("thesis.tex"), "{message}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "words");
}

/// A slip in the name of a file must not ask the network for a data set of that name.
#[test]
fn a_missing_data_file_is_no_hub_id() {
    let model = model().display().to_string();
    let (code, _, message) = memoscope(&["--offline", "perplexity", "--model", &model, "--data", "membres.jsonl"]);
    assert_eq!(code, 1);
    assert!(message.contains("membres.jsonl") && message.contains("nothing is there"), "{message}");
}

#[test]
fn rows_left_out_are_told_once_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("rows.jsonl");
    std::fs::write(&rows, "{\"token_ids\":[1,2,3]}\nnonsense\n{\"token_ids\":[4]}\n").unwrap();
    let [model, rows] = [&model(), &rows].map(|path| path.display().to_string());
    let out = folder.path().join("run").display().to_string();
    let (code, printed, _) = memoscope(&["perplexity", "--model", &model, "--data", &rows, "--out", &out]);
    assert_eq!(code, 0);
    let notes: Vec<&str> = printed.lines().filter(|line| line.contains("note:")).collect();
    assert_eq!(notes.len(), 2, "{printed}");
    assert!(printed.contains("1 row that could not be read left out (line 2: "), "{printed}");
    assert!(printed.contains("it has a single token (row 3)"), "{printed}");
}
