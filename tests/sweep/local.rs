//! The local queue.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{bench, json_of, members, sweep_of, text};

#[test]
fn four_runs_are_queued_finished_and_merged() {
    let bench = bench();
    let output = bench.output(&["sweep", "sweep.json", "--jobs", "2"]);
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{told}");
    assert!(told.contains("4 runs") && told.contains("4 of 4 done"), "{told}");
    let sweep = sweep_of(&bench);
    let runs = members(&sweep);
    assert!(runs[0].ends_with("-000-k-4-seed-0") && runs[3].ends_with("-003-k-8-seed-1"), "{runs:?}");
    for (run, k, seed) in [(&runs[0], 4, 0), (&runs[3], 8, 1)] {
        let experiment = json_of(&bench.path("runs").join(run).join("experiment.json"));
        assert_eq!((&experiment["steps"][0]["config"]["k"], &experiment["seed"]), (&json!(k), &json!(seed)));
        assert!(experiment.get("sweep").is_none(), "a run stands for itself");
        let point = json_of(&bench.path("runs").join(run).join("point.json"));
        assert_eq!(point["sweep"], json!(sweep.file_name().unwrap().to_str().unwrap()));
    }

    // What the tables say is what the runs say.
    let alone = json_of(&bench.path("runs").join(&runs[3]).join("report.json"));
    let score = alone["steps"][0]["scalars"][0].clone();
    let mut reader = csv::Reader::from_path(sweep.join("tables/runs.csv")).unwrap();
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(names[..3], ["k", "seed", score["id"].as_str().unwrap()]);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!((&rows[3][0], &rows[3][1], rows.len()), ("8", "1", 4));
    assert_eq!(rows[3][2].parse::<f64>().unwrap(), score["value"].as_f64().unwrap());
    let means = std::fs::read_to_string(sweep.join("tables/means.csv")).unwrap();
    assert_eq!(means.lines().count(), 3, "a row for each k: {means}");
    assert!(means.starts_with("k,n,") && means.lines().nth(1).unwrap().starts_with("4,2,"), "{means}");
    assert!(sweep.join("tables/means.parquet").is_file(), "also as Parquet");
    assert!(said.lines().next().unwrap().starts_with("k  n  ") && said.contains(".sweep"), "{said}");

    // Its figures are exported as those of a run.
    let place = sweep.display().to_string();
    let listed = text(&bench.output(&["export", &place]).stdout);
    assert!(listed.contains("--table 1 or runs") && listed.contains("against k"), "{listed}");
    let output = bench.output(&["export", &place, "--figure", "1", "--svg", "--out", "score.svg"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(std::fs::read_to_string(bench.path("score.svg")).unwrap().contains(">k<"), "k is below the axis");

    // Their events are read by other programs.
    let output = bench.output(&["export", &place, "--tensorboard", "board"]);
    assert_eq!(text(&output.stdout).lines().count(), 4, "{}", text(&output.stderr));
    for file in text(&output.stdout).lines() {
        assert!(file.contains("events.out.tfevents."), "{file}");
        assert!(std::fs::read(bench.path(file)).unwrap().windows(18).any(|w| w == b"memorization_score"), "{file}");
    }
    let of = |folder: &str| {
        let files = std::fs::read_dir(bench.path(folder).join(&runs[0])).unwrap();
        files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect::<Vec<_>>()
    };
    let output = bench.output(&["export", &place, "--tensorboard", "live", "--follow"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(of("live"), of("board"), "piece by piece it is the same file");
    let run = bench.path("runs").join(&runs[0]).display().to_string();
    let output = bench.output(&["export", &run, "--events", "--out", "events.csv"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let events = std::fs::read_to_string(bench.path("events.csv")).unwrap();
    assert!(
        events.starts_with("time,event,step,name,at,value,text\n")
            && events.contains(",metric,0,memorization_score,0,"),
        "{events}"
    );
    assert!(events.contains(",state,,,,,done"), "{events}");

    let listed = text(&bench.output(&["runs", &place]).stdout);
    assert!(listed.contains("k=8 seed=1") && listed.ends_with("4 of 4 done\n"), "{listed}");

    // Nothing is done twice.
    let before = std::fs::read(bench.path("runs").join(&runs[0]).join("events.jsonl")).unwrap();
    assert!(bench.output(&["resume", &place]).status.success());
    assert_eq!(std::fs::read(bench.path("runs").join(&runs[0]).join("events.jsonl")).unwrap(), before);
}

#[test]
fn a_dry_run_names_the_runs_and_makes_nothing() {
    let bench = bench();
    let args = ["sweep", "sweep.json", "--dry-run", "--vary", "data.data.limit=10,20", "--seeds", "3"];
    let output = bench.output(&args);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(said.contains("k=4 seed=0 limit=10") && said.contains("12 runs") && said.contains("time: about"), "{said}");
    assert!(!bench.path("runs").exists(), "nothing is made");
    let output = bench.output(&[&args[..], &["--json"]].concat());
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["runs"].as_array().unwrap().len(), 12);
    assert_eq!(plan["runs"][11], json!({"steps.0.config.k": 8, "seed": 2, "data.data.limit": 20}));
}

#[test]
fn a_sweep_that_was_stopped_goes_on() {
    let bench = super::long_bench();
    let mut child = bench.spawn(&["sweep", "sweep.json"]);
    let begun = Instant::now();
    let is_running = |name: &String| bench.status(&format!("runs/{name}"))["state"] == "running";
    let sweep = loop {
        assert!(begun.elapsed() < Duration::from_mins(1), "the first run never started");
        let is_there = std::fs::read_dir(bench.path("runs")).is_ok_and(|mut entries| {
            entries.any(|entry| entry.is_ok_and(|entry| entry.path().join("sweep.json").is_file()))
        });
        if is_there {
            let sweep = sweep_of(&bench);
            let first = members(&sweep).remove(0);
            if bench.path("runs").join(&first).join("status.json").is_file() && is_running(&first) {
                break sweep;
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let place = sweep.display().to_string();
    let output = bench.output(&["cancel", &place]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(child.wait().unwrap().code(), Some(1), "not everything is done");
    let states = || -> Vec<String> {
        let state = |run: &String| bench.status(&format!("runs/{run}"))["state"].as_str().unwrap().to_owned();
        members(&sweep).iter().map(state).collect()
    };
    assert_eq!(states(), ["cancelled", "cancelled"]);
    let output = bench.output(&["resume", &place, "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(states(), ["done", "done"]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["runs"][1]["state"], &said["report"]["complete"]), (&json!("done"), &json!(true)));
}
