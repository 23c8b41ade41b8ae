//! How long frames take. Not run by default: `cargo test --test suite gui::frames -- --ignored --nocapture`.

use std::path::Path;
use std::time::Duration;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use memoscope::app::Window;
use memoscope::methods::{Card, Report, Scalar};
use memoscope::runs::store::{SavedReport, State, Status, save_step};
use memoscope::runs::{Experiment, RunDir, Step};

use super::{wait, window, window_that_opens};

const CARD: Card = Card {
    id: "mia",
    group: "mia",
    title: "Membership inference",
    about: "",
    formula: "",
    conventions: "",
    source: "",
    version: 1,
};

fn runs(root: &Path, n: u64) {
    for seed in 0..n {
        let step = Step { method: "mia".to_owned(), ..Step::default() };
        let name = format!("run {seed} of pythia-{}", seed % 7);
        let experiment = Experiment { name: name.clone(), seed, steps: vec![step], ..Experiment::default() };
        let run = RunDir::create(&root.join(format!("run-{seed}")), &experiment, 0.0).expect("a run");
        let scalars =
            ["loss", "zlib", "min_k"].map(|s| Scalar::new(format!("auroc.{s}"), s, 0.5 + seed as f64 / 9e3, 9));
        let report = Report { scalars: scalars.to_vec(), ..Report::default() };
        let step = save_step(&run, "", &CARD, &serde_json::Value::Null, &report).expect("a step");
        let saved = SavedReport { steps: vec![step], complete: true, ..SavedReport::new(&name, seed) };
        // Thousands of synced files would take minutes.
        std::fs::write(run.report_path(), serde_json::to_vec(&saved).expect("a report")).expect("a file");
        let status = Status { state: State::Done, created: seed as f64, worked_secs: 2.0, ..Status::default() };
        std::fs::write(run.path().join("status.json"), serde_json::to_vec(&status).expect("a status")).expect("a file");
    }
}

/// Time that the processor spent on this thread: on a busy machine the clock on the wall tells of others.
fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0))
}

/// Median and largest time of frames, each after `act`.
fn frames(
    name: &str,
    harness: &mut Harness<'static, Window>,
    n: usize,
    mut act: impl FnMut(&mut Harness<'static, Window>, usize),
) {
    let mut times: Vec<Duration> = (0..n)
        .map(|i| {
            act(harness, i);
            let begun = busy();
            harness.run_steps(1);
            busy().saturating_sub(begun)
        })
        .collect();
    times.sort();
    println!("{name}: median {:.2?}, 95 % {:.2?}, longest {:.2?}", times[n / 2], times[n * 95 / 100], times[n - 1]);
}

fn scroll(harness: &Harness<'static, Window>, by: f32) {
    harness.event(egui::Event::PointerMoved(egui::pos2(600.0, 400.0)));
    harness.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: egui::vec2(0.0, by),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: egui::Modifiers::NONE,
    });
}

#[test]
#[ignore = "measures, and takes half a minute"]
fn frames_of_many_runs_and_rows() {
    let root = tempfile::tempdir().expect("a scratch folder");
    runs(root.path(), 3000);
    let mut harness = window(root.path(), false, 1.0);
    wait(&mut harness, "the runs", |w| w.state().runs.entries.len() == 3000);
    harness.run_steps(10);
    frames("start, still", &mut harness, 100, |_, _| {});
    harness.get_by_label("Runs").click();
    harness.run_steps(10);
    frames("3000 runs, still", &mut harness, 100, |_, _| {});
    frames("3000 runs, scrolled", &mut harness, 200, |h, _| scroll(h, -90.0));
    harness.get_by_role_and_label(egui::Role::TextInput, "Search runs").focus();
    harness.run_steps(2);
    let words: Vec<char> = "seed < 2000 and auroc.loss > 0.6".chars().collect();
    frames("3000 runs, a filter typed", &mut harness, words.len(), |h, i| {
        h.event(egui::Event::Text(words[i].to_string()));
    });

    let file = root.path().join("rows.txt");
    let text = (0..1_000_000).map(|i| format!("row {i} of a long file")).collect::<Vec<_>>().join("\n");
    std::fs::write(&file, text).expect("a file");
    let empty = tempfile::tempdir().expect("a scratch folder");
    let mut harness = window_that_opens(&[file], empty.path(), false, 1.0);
    wait(&mut harness, "the rows", |w| w.state().sheet().is_some());
    harness.get_by_role_and_label(egui::Role::Button, "Data").click();
    harness.run_steps(10);
    frames("1,000,000 rows, still", &mut harness, 100, |_, _| {});
    frames("1,000,000 rows, scrolled", &mut harness, 200, |h, _| scroll(h, -900.0));
}
