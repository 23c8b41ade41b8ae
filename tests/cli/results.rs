//! What the verbs print, and that verbs, files and `--set` mean the same.

use serde_json::{Value, json};

use super::memoscope;
use crate::runs::{Bench, model};

#[test]
fn a_verb_is_the_same_as_its_experiment() {
    let bench = Bench::new(30);
    let rows = bench.path("rows.jsonl").display().to_string();
    let model = model().display().to_string();
    let by_verb = bench.output(&[
        "perplexity",
        "--model",
        &model,
        "--data",
        &rows,
        "--batch-tokens",
        "256",
        "--name",
        "scores",
        "--out",
        "verb",
        "--json",
    ]);
    assert!(by_verb.status.success(), "{}", String::from_utf8_lossy(&by_verb.stderr));
    let by_file = bench.whole_run("file");
    assert_eq!(by_verb.stdout, by_file["report.json"]);
    assert_eq!(bench.results("verb"), by_file);
}

#[test]
fn json_is_the_report_and_nothing_else() {
    let bench = Bench::new(30);
    let output = bench.output(&["run", "exp.json", "--out", "r", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["complete"], true);
    assert_eq!(report["steps"][0]["card"]["id"], "perplexity");
    assert_eq!(report["steps"][0]["config"]["batch_tokens"], 256);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("NaN"), "JSON has no NaN");
}

#[test]
fn a_plan_is_printed_and_nothing_runs() {
    let bench = Bench::new(30);
    let path = bench.path("exp.json").display().to_string();
    let (code, out, err) = memoscope(&["run", &path, "--plan", "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let plan: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(plan["data"]["data"]["rows"], 30);
    assert_eq!(plan["models"]["model"]["n_ctx"], 32);
    assert_eq!(plan["estimate"]["work"]["forward_tokens"], 900);
    assert!(plan["estimate"]["memory_bytes"].as_u64() > Some(0), "{out}");
    let (_, out, _) = memoscope(&["run", &path, "--plan", "--json", "--set", "steps.0.config.limit=10"]);
    let plan: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(plan["estimate"]["work"]["forward_tokens"], 300, "only the rows that are read count");
    assert!(!bench.path("runs").exists(), "nothing runs");
}

#[test]
fn runs_are_listed_and_their_results_exported() {
    let bench = Bench::new(30);
    bench.whole_run("runs/first");
    let runs = bench.path("runs").display().to_string();
    let (_, out, _) = memoscope(&["runs", &runs]);
    assert!(out.contains("first") && out.contains("done"), "{out}");
    let (_, out, _) = memoscope(&["runs", &runs, "--json"]);
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(listed[0]["status"]["state"], "done");

    let run = bench.path("runs/first").display().to_string();
    let table = bench.path("t.csv").display().to_string();
    let (code, out, err) = memoscope(&["export", &run, "--table", "texts", "--out", &table]);
    assert_eq!((code, out.trim()), (0, table.as_str()), "{err}");
    assert_eq!(std::fs::read_to_string(&table).unwrap().lines().count(), 31);
    let figure = bench.path("f.svg").display().to_string();
    let (code, _, err) = memoscope(&["export", &run, "--figure", "1", "--width", "77mm", "--out", &figure]);
    assert_eq!(code, 0, "{err}");
    assert!(std::fs::read_to_string(&figure).unwrap().contains("<svg"), "an SVG");
    let (code, _, err) = memoscope(&["export", &run, "--figure", "9"]);
    assert_eq!(code, 2);
    assert!(err.contains("the run has no figure `9`") && err.contains("figures: 1 "), "{err}");
}

#[test]
fn figures_are_composed_drawn_again_and_exported_all() {
    let bench = Bench::new(30);
    bench.whole_run("runs/first");
    bench.whole_run("runs/second");
    let [first, second] = ["runs/first", "runs/second"].map(|r| bench.path(r).display().to_string());
    let file = bench.path("page.svg").display().to_string();
    let panels = format!("1,{second}:1");
    let (code, out, err) = memoscope(&[
        "export",
        &first,
        "--compose",
        &panels,
        "--across",
        "1",
        "--width",
        "90mm",
        "--spec",
        "--out",
        &file,
    ]);
    assert_eq!(code, 0, "{err}");
    let description = bench.path("page.page.json").display().to_string();
    assert_eq!(out.lines().collect::<Vec<_>>(), [file.as_str(), description.as_str()]);
    let svg = std::fs::read_to_string(&file).unwrap();
    assert!(svg.contains(">(a)<") && svg.contains(">(b)<"), "two panels");
    assert!(svg.contains("run=\"first, second\""), "both runs are named");
    let page: Value = serde_json::from_slice(&std::fs::read(&description).unwrap()).unwrap();
    assert_eq!((&page["panels"][0]["run"], &page["columns"]), (&json!("runs/first"), &json!(1)));

    let again = bench.path("again.svg").display().to_string();
    let (code, _, err) = memoscope(&["export", &description, "--out", &again]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(std::fs::read(&again).unwrap(), svg.as_bytes(), "the description draws the same file");
    let pdf = bench.path("again.pdf").display().to_string();
    assert_eq!(memoscope(&["export", &description, "--out", &pdf]).0, 0);
    assert!(std::fs::read(&pdf).unwrap().starts_with(b"%PDF-"), "in another format");

    let folder = bench.path("all").display().to_string();
    let (code, out, err) = memoscope(&["export", &first, "--all", "--png", "--out", &folder]);
    assert_eq!(code, 0, "{err}");
    let is = |file: &str, extension: &str| std::path::Path::new(file).extension().is_some_and(|e| e == extension);
    for (extension, n) in [("png", 1), ("csv", 2), ("html", 1)] {
        assert_eq!(out.lines().filter(|line| is(line, extension)).count(), n, "{extension}: {out}");
    }
    assert!(out.lines().all(|l| std::fs::metadata(l).is_ok_and(|m| m.len() > 0)), "{out}");

    let (code, _, err) = memoscope(&["export", &first, "--compose", "1,nothing"]);
    assert_eq!(code, 2);
    assert!(err.contains("the run has no figure `nothing`"), "{err}");
}

#[test]
fn rows_that_are_all_too_short_are_refused_before_anything_runs() {
    let bench = Bench::new(30);
    let (rows, model) = (bench.path("rows.jsonl").display().to_string(), model().display().to_string());
    let out = bench.path("short").display().to_string();
    let args = ["memorization-score", "--model", &model, "--data", &rows, "--k", "900", "--l", "100", "--out", &out];
    let (code, _, err) = memoscope(&args);
    assert_ne!(code, 0);
    assert!(
        err.contains("has k + l = 1000 tokens; the longest has ") && err.contains("keep nine of ten rows"),
        "{err}"
    );
    assert!(!bench.path("short/report.json").exists(), "nothing ran");
}

#[test]
fn methods_are_listed_and_described() {
    let (_, out, _) = memoscope(&["list", "--json"]);
    let cards: Value = serde_json::from_str(&out).unwrap();
    let ids: Vec<&str> = cards.as_array().unwrap().iter().map(|card| card["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"perplexity") && ids.is_sorted(), "{ids:?}");
    let (_, out, _) = memoscope(&["describe", "perplexity", "--json"]);
    let described: Value = serde_json::from_str(&out).unwrap();
    let field = described["fields"].as_array().unwrap().iter().find(|f| f["path"] == "batch_size").unwrap();
    assert_eq!((&field["min"], &field["max"], &field["default"]), (&json!(1.0), &json!(4096.0), &json!(2)));
    let (_, out, _) = memoscope(&["describe", "perplexity"]);
    assert!(out.contains("1 to 4096") && out.contains("Formula"), "{out}");
}

#[test]
fn a_prompt_is_continued_by_the_pretrained_model() {
    let Some(fixtures) = crate::data::fixtures() else { return };
    let model = fixtures.join("stories260k").display().to_string();
    let (code, out, err) = memoscope(&["generate", &model, "--prompt", "Once upon a time", "--max-new-tokens", "30"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with(", there was a little girl named Lily."), "{out}");
    let groups = ["--beams", "4", "--groups", "2", "--diversity", "5", "--count", "4", "--max-new-tokens", "6"];
    let (code, out, err) = memoscope(&[&["generate", &model, "--prompt", "The dog"][..], &groups].concat());
    assert_eq!(code, 0, "{err}");
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 4, "four different continuations: {out}");
    let stopped = memoscope(&["generate", &model, "--prompt", "Once upon a time", "--stop", "girl"]).1;
    assert_eq!(stopped, ", there was a little \n");
}

fn rows_of(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The headline number of a run.
fn first_scalar(bench: &Bench, args: &[&str]) -> f64 {
    let output = bench.output(args);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    report["steps"][0]["scalars"][0]["value"].as_f64().unwrap()
}

/// What a model wrote greedily it reproduces to the last token, whatever is given.
#[test]
fn texts_that_the_model_wrote_have_the_score_one() {
    let bench = Bench::new(1);
    let model = model().display().to_string();
    let args = ["generate", &model, "--opening", "3", "--count", "40", "--max-new-tokens", "24", "--out", "own.jsonl"];
    let output = bench.output(&args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = std::fs::read_to_string(bench.path("own.jsonl")).unwrap();
    let rows = rows_of(&written);
    assert_eq!(rows.len(), 40);
    let openings: std::collections::BTreeSet<String> = rows.iter().map(|row| row["prompt"].to_string()).collect();
    assert_eq!(openings.len(), 40, "all openings differ");
    // 1 token begins the text, 3 are drawn.
    assert!(rows.iter().all(|row| row["prompt"].as_array().unwrap().len() == 4), "{written}");
    for (k, l) in [("4", "8"), ("10", "10")] {
        let out = format!("score{k}");
        let args = ["memorization-score", "--model", &model, "--data", "own.jsonl", "--k", k, "--l", l];
        assert_eq!(first_scalar(&bench, &[&args[..], &["--out", &out, "--json"]].concat()), 1.0);
    }
    assert!(bench.output(&args).status.success(), "again");
    assert_eq!(std::fs::read_to_string(bench.path("own.jsonl")).unwrap(), written, "the same seed, the same texts");
}

#[test]
fn the_beginnings_of_rows_are_continued() {
    let bench = Bench::new(7);
    let model = model().display().to_string();
    let base = ["generate", &model, "--prompts", "rows.jsonl", "--prompt-tokens", "5", "--max-new-tokens", "8"];
    let printed = bench.output(&[&base[..], &["--out", "cont.jsonl", "--json"]].concat()).stdout;
    let printed: Value = serde_json::from_slice(&printed).unwrap();
    assert_eq!(printed, json!({"file": "cont.jsonl", "rows": 7}));
    let given = rows_of(&std::fs::read_to_string(bench.path("rows.jsonl")).unwrap());
    for (row, given) in rows_of(&std::fs::read_to_string(bench.path("cont.jsonl")).unwrap()).iter().zip(&given) {
        assert_eq!(row["prompt"].as_array().unwrap()[..], given["token_ids"].as_array().unwrap()[..5]);
    }
    let args = ["memorization-score", "--model", &model, "--data", "cont.jsonl", "--split", "row", "--l", "4"];
    assert_eq!(first_scalar(&bench, &[&args[..], &["--out", "r", "--json"]].concat()), 1.0);
}

#[test]
fn beginnings_that_cannot_be_had_are_refused() {
    let model = model().display().to_string();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x.jsonl").display().to_string();
    let args = ["generate", &model, "--opening", "1", "--count", "5000", "--out", &out];
    let (code, _, err) = memoscope(&args);
    assert_eq!(code, 2);
    assert!(err.contains("different openings of 1 tokens were drawn, not 5000"), "{err}");
    let (code, _, err) = memoscope(&["generate", &model, "--opening", "1"]);
    assert_eq!(code, 2);
    assert!(err.contains("--out <FILE>"), "{err}");
    let (code, _, err) = memoscope(&["generate", &model]);
    assert_eq!(code, 2);
    assert!(err.contains("--prompt <TEXT>|--prompts <DATA>|--opening <N>"), "{err}");
    assert!(!std::path::Path::new(&out).exists(), "nothing is written");
}

#[test]
fn two_hundred_stories_of_the_pretrained_model_have_the_score_one() {
    let Some(fixtures) = crate::data::fixtures() else { return };
    let bench = Bench::new(1);
    let model = fixtures.join("stories260k").display().to_string();
    let args = ["generate", &model, "--opening", "4", "--count", "200", "--out", "stories.jsonl"];
    assert!(bench.output(&args).status.success(), "writes");
    let args = ["memorization-score", "--model", &model, "--data", "stories.jsonl", "--out", "r", "--json"];
    assert_eq!(first_scalar(&bench, &args), 1.0);
}

/// The number of the model's own authors: mean of −ln p over the sentence with a beginning token.
#[test]
fn the_stock_opening_of_the_pretrained_model_has_the_published_loss() {
    let Some(fixtures) = crate::data::fixtures() else { return };
    let bench = Bench::new(1);
    let sentence = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.\n";
    std::fs::write(bench.path("lily.txt"), sentence).unwrap();
    let model = fixtures.join("stories260k").display().to_string();
    let output = bench.output(&["perplexity", "--model", &model, "--data", "lily.txt", "--out", "r", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let scalars = report["steps"][0]["scalars"].as_array().unwrap();
    let loss = scalars.iter().find(|s| s["label"] == "Loss, mean of tokens").unwrap()["value"].as_f64().unwrap();
    assert!((loss - 0.1804).abs() < 5e-5, "{loss}");
}

/// A verb with a negative range, three panels of one file, and the numbers of a surface.
#[test]
fn a_landscape_is_computed_and_written_for_other_programs() {
    let bench = Bench::new(3);
    let rows = bench.path("rows.jsonl").display().to_string();
    let model = model().display().to_string();
    let run = |args: &[&str]| {
        let output = bench.output(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["landscape", "--model", &model, "--data", &rows, "--steps", "3", "--x-range", "-0.2,0.2", "--out", "plane"]);
    let panels = "loss_rows,loss_rows,exact_rows";
    let missing = bench.output(&["export", "plane", "--compose", panels, "--pdf", "--out", "p.pdf"]);
    assert!(!missing.status.success(), "no text is memorized, so there is no such figure");
    run(&["export", "plane", "--compose", "loss_rows,loss_rows", "--camera", "40,30", "--pdf", "--out", "p.pdf"]);
    run(&["export", "plane", "--figure", "loss_rows", "--npy"]);
    run(&["export", "plane", "--figure", "loss_rows", "--out", "surface.vtp"]);
    let npy = std::fs::read(bench.path("loss_rows.npy")).unwrap();
    assert!(npy.starts_with(b"\x93NUMPY\x01\x00") && npy.len() == 128 + 9 * 8);
    assert!(std::fs::read_to_string(bench.path("surface.vtp")).unwrap().contains("NumberOfPolys=\"4\""));
    let table = String::from_utf8(bench.results("plane")["tables/points.csv"].clone()).unwrap();
    let middle: Vec<&str> = table.lines().nth(5).unwrap().split(',').collect();
    assert_eq!(middle[1..5], ["1", "1", "0.0", "0.0"]);
    let center = f64::from_le_bytes(npy[128 + 4 * 8..128 + 5 * 8].try_into().unwrap());
    assert_eq!(middle[5].parse(), Ok(center));
    run(&[
        "landscape",
        "--model",
        &model,
        "--data",
        &rows,
        "--steps",
        "3",
        "--span",
        "saved",
        "--directions",
        "plane/checkpoints/0-landscape/directions.safetensors",
        "--out",
        "again",
    ]);
    let refused = bench.output(&["export", "again", "--table", "points", "--npy"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn the_demo_study_runs_to_its_end() {
    let bench = Bench::new(1);
    let output = bench.output(&["demo", "--fast", "--out", "demo", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["complete"], true);
    let methods: Vec<&str> = report["steps"].as_array().unwrap().iter().filter_map(|s| s["method"].as_str()).collect();
    for method in ["train", "memorization-score", "mia", "gradient-alignment", "qa", "unlearn", "landscape"] {
        assert!(methods.contains(&method), "{method} is not among {methods:?}");
    }
    let made = report["steps"][0]["models"].as_array().unwrap();
    assert!(made.iter().any(|model| model["name"] == "final"), "{made:?}");
}

#[test]
fn what_was_measured_before_and_after_training_stands_together() {
    let bench = Bench::new(30);
    let (rows, model) = (bench.path("rows.jsonl"), model());
    let experiment = json!({
        "name": "tuning",
        "model": {"path": model},
        "models": {"tuned": {"step": 1, "output": "final"}},
        "data": {"data": {"path": rows}},
        "steps": [
            {"method": "perplexity"},
            {"method": "train", "config": {"length": {"steps": 4}, "lr": {"peak": 0.003}}},
            {"method": "perplexity", "inputs": {"model": "tuned"}},
        ],
    });
    std::fs::write(bench.path("tuning.json"), experiment.to_string()).unwrap();
    let output = bench.output(&["run", "tuning.json", "--out", "runs/tuning"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));

    let runs = bench.path("runs").display().to_string();
    let (code, out, err) = memoscope(&["pairs", &runs, "--json"]);
    assert_eq!(code, 0, "{err}");
    let pairs: Value = serde_json::from_str(&out).unwrap();
    let comparison = &pairs["families"][0]["comparisons"][0];
    assert_eq!(comparison["method"], "perplexity");
    let losses: Vec<f64> = comparison["measured"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["scalars"].as_array()?.iter().find(|s| s["id"] == "loss.token_mean")?["value"].as_f64())
        .collect();
    assert_eq!(losses.len(), 2, "{comparison}");
    assert!(losses[1] < losses[0], "training lowers the loss of its own texts: {losses:?}");
    let (_, out, _) = memoscope(&["pairs", &runs]);
    assert!(out.contains("final · train in tuning"), "{out}");
    let (_, out, _) = memoscope(&["pairs", &bench.path("nowhere").display().to_string()]);
    assert!(out.contains("no model here was made of another"), "{out}");
}
