//! Experiments on made data: nothing on the disk, the same rows every time.

use serde_json::{Value, json};

use super::{Bench, model};

fn bench() -> Bench {
    let bench = Bench::new(1);
    let tinymem = json!({"rows": 60, "n_test": 10, "n_noise": 5, "length": 3, "max_ctx": 20, "extra_constants": []});
    let experiment = json!({
        "name": "made",
        "seed": 3,
        "threads": 1,
        "model": {"path": model()},
        "data": {"data": {"make": {"tinymem": tinymem}, "part": "train"}},
        "steps": [{"method": "perplexity"}],
    });
    std::fs::write(bench.path("exp.json"), experiment.to_string()).unwrap();
    bench
}

fn plan(bench: &Bench, args: &[&str]) -> Value {
    let args = [&["run", "exp.json", "--plan", "--json"], args].concat();
    let output = bench.output(&args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn made_rows_are_planned_hashed_and_run() {
    let bench = bench();
    let data = |args: &[&str]| plan(&bench, args)["data"]["data"].clone();
    let first = data(&[]);
    assert_eq!((first["rows"].as_u64(), first["path"].as_str()), (Some(50), Some("")));
    assert_eq!(first["hash"].as_str().map(str::len), Some(64));
    assert_eq!(data(&[])["hash"], first["hash"]);
    assert_ne!(data(&["--seed", "4"])["hash"], first["hash"]);
    let more = data(&["--set", "data.data.make.tinymem.rows=80", "--set", "data.data.group=noise"]);
    assert_eq!(more["rows"].as_u64(), Some(5));
    assert_ne!(more["hash"], first["hash"]);
    let whole = bench.whole_run("first");
    assert_eq!(whole["tables/texts.csv"], bench.whole_run("second")["tables/texts.csv"]);
}

#[test]
fn wrong_parameters_are_told_with_their_place() {
    let bench = bench();
    let message = |assignment: &str| {
        let output = bench.output(&["run", "exp.json", "--plan", "--set", assignment]);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let few = message("data.data.make.tinymem.n_noise=51");
    assert!(few.contains("data.data.make.tinymem.n_noise: is 51, but there are 50 training rows"), "{few}");
    let slip = message("data.data.make.tinymem.tsk=mult");
    assert!(slip.contains("unknown field `tsk`") && slip.contains("`task`"), "{slip}");
    let part = message("data.data.part=tain");
    assert!(part.contains("no row belongs to the part `tain`") && part.contains("`test`, `train`"), "{part}");
    let both = message("data.data.path=rows.jsonl");
    assert!(both.contains("needs one of `path`, `hub`, `step` and `make`"), "{both}");
}
