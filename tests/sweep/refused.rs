//! Sweeps that do not start, and why.

use super::{bench, members, sweep_of, text};
use crate::cli::memoscope;

#[test]
fn one_bad_point_of_many_stops_all_of_them() {
    let bench = bench();
    let output = bench.output(&["sweep", "sweep.json", "--vary", "steps.0.config.k=4,8,600"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("k=600 seed=0") && told.contains("k + l = 608 tokens; the longest has 30"), "{told}");
    let output = bench.output(&["sweep", "sweep.json", "--vary", "steps.0.config.k=4,-8"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("steps.0.config.k: is -8"), "{told}");
    let output = bench.output(&["sweep", "sweep.json", "--seeds", "900"]);
    let told = text(&output.stderr);
    assert!(told.contains("the sweep has 2 × 900 = 1800 runs; the most are 1000"), "{told}");
    assert!(!bench.path("runs").exists(), "nothing is made");
}

#[test]
fn run_explains_a_sweep_and_sweep_explains_a_run() {
    let bench = bench();
    let path = bench.path("sweep.json").display().to_string();
    let (code, _, err) = memoscope(&["run", &path]);
    assert_eq!(code, 2);
    assert!(err.contains("a sweep of 4 runs, not one run") && err.contains("memoscope sweep"), "{err}");
    let (code, _, err) = memoscope(&["sweep", &bench.path("exp.json").display().to_string()]);
    assert_eq!(code, 2);
    assert!(err.contains("varies nothing") && err.contains("--vary"), "{err}");
    let output =
        bench.output(&["run", "sweep.json", "--set", "sweep={}", "--set", "steps.0.config.k=4", "--out", "one"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_missing_or_refusing_sbatch_is_explained_and_the_runs_wait() {
    let bench = bench();
    let empty = bench.path("nothing");
    std::fs::create_dir(&empty).unwrap();
    let args = ["sweep", "sweep.json", "--executor", "slurm", "--sbatch=--partition=moon"];
    let output = bench.command(&args).env("PATH", &empty).output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("there is no `sbatch` on this machine") && told.contains("login node"), "{told}");
    let sweep = sweep_of(&bench);
    let state = |run: &String| bench.status(&format!("runs/{run}"))["state"].as_str().unwrap().to_owned();
    assert!(members(&sweep).iter().all(|run| state(run) == "queued"), "they wait");
    let script = std::fs::read_to_string(sweep.join("slurm/job-0.sh")).unwrap();
    assert!(script.contains("#SBATCH --array=0-3\n") && script.contains("#SBATCH --partition=moon\n"), "{script}");

    let output = bench.output(&["sweep", "sweep.json", "--sbatch=--partition=moon"]);
    assert_eq!(output.status.code(), Some(2), "an option of sbatch without slurm");
    let output = bench.output(&["sweep", "sweep.json", "--executor", "slurm", "--sbatch", "moon"]);
    assert!(text(&output.stderr).contains("is no option of sbatch"), "{}", text(&output.stderr));
}

#[cfg(unix)]
#[test]
fn what_sbatch_says_is_passed_on() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = bench();
    let folder = bench.path("fake");
    std::fs::create_dir(&folder).unwrap();
    let program = folder.join("sbatch");
    std::fs::write(&program, "#!/bin/sh\necho 'sbatch: error: invalid partition specified: moon' >&2\nexit 1\n")
        .unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let args = ["sweep", "sweep.json", "--executor", "slurm"];
    let output = bench.command(&args).env("PATH", &folder).output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("refused the job array: sbatch: error: invalid partition specified: moon"), "{told}");
}
