//! The Train view: a training is set up by mouse, run, watched, stopped, resumed, and its checkpoints are compared.

use std::path::Path;

use egui::{Key, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use memoscope::app::Window;
use memoscope::app::curves::Abscissa;
use memoscope::app::runs::RunState;
use memoscope::runs::store::{Event, EventLog, State, Status};
use memoscope::runs::{Experiment, RunDir, Step};

use super::{sample, wait, window};

/// Replaces the text of a field.
fn type_into(harness: &mut Harness<'static, Window>, field: &str, text: &str) {
    harness.get_by_role_and_label(Role::TextInput, field).focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run_steps(1);
    harness.get_by_role_and_label(Role::TextInput, field).type_text(text);
    harness.run_steps(3);
}

/// The form of a training of noised sequences, with its rows in sight.
pub(super) fn set_up(runs: &Path, dark: bool, pixels_per_point: f32) -> Harness<'static, Window> {
    let mut harness = window(runs, dark, pixels_per_point);
    harness.run_steps(2);
    harness.get_by_role_and_label(Role::Button, "Train").click();
    harness.run_steps(3);
    harness.get_by_role_and_label(Role::Button, "Sequences with noise").click();
    harness.run_steps(3);
    wait(&mut harness, "rows and an estimate", |w| {
        let draft = &w.state().draft;
        let make = draft.experiment.data["data"].make.as_ref().expect("rows are made");
        let key = memoscope::app::preview::MadeRows::key(make, draft.experiment.seed);
        draft.estimate.ready().is_some() && w.state().made.get(&key).is_some_and(|slot| slot.ready().is_some())
    });
    harness
}

#[test]
fn a_training_is_set_up_run_watched_and_compared() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let mut harness = set_up(runs.path(), false, 1.0);
    assert!(
        harness.query_by_label("noise x1 · 30").is_some()
            || harness.query_all_by_label_contains("· 30").next().is_some()
    );
    harness.get_by_label("altered");
    // A share above one is refused where it is typed, and nothing changes.
    type_into(&mut harness, "tinymem.noise_share", "2");
    assert!(harness.query_all_by_label_contains("allowed is 0 to 1").next().is_some(), "the wrong value is named");
    for (field, text) in [
        ("tinymem.noise_share", "0.2"),
        ("tinymem.rows", "80"),
        ("tinymem.n_test", "20"),
        ("tinymem.n_noise", "20"),
        ("fresh.d_model", "32"),
        ("fresh.n_layer", "1"),
        ("length.epochs", "4"),
        ("check.every", "1"),
    ] {
        type_into(&mut harness, field, text);
    }
    wait(&mut harness, "the estimate", |w| w.state().draft.estimate.ready().is_some());
    let draft = &harness.state().state().draft;
    let made = draft.experiment.data["data"].make.as_ref().and_then(|m| m.tinymem.clone()).expect("TinyMem");
    assert_eq!((made.rows, made.n_noise, made.noise_share), (Some(80), 20, 0.2));
    harness.get_by_role_and_label(Role::Button, "Run").click();
    wait(&mut harness, "the finished training", |w| {
        w.state().runs.entries.iter().any(|r| !r.state.is_active()) && !w.state().runs.checkpoints.is_empty()
    });
    let run = std::sync::Arc::clone(&harness.state().state().runs.entries[0]);
    assert_eq!((run.trouble.as_ref(), run.state), (None, RunState::Done));
    wait(&mut harness, "its curves and models", |w| {
        let runs = &w.state().runs;
        let is_whole = runs.logs.get(&run.id).is_some_and(|log| log.samples.iter().any(|s| s.at > 0));
        is_whole && runs.checkpoints.get(&run.id).is_some_and(|kept| kept.iter().any(|c| c.steps.is_none()))
    });
    let log = std::sync::Arc::clone(&harness.state().state().runs.logs[&run.id]);
    assert!(log.has(Abscissa::Tokens) && log.has(Abscissa::Epoch));
    let of = |prefix: &str| log.curves.iter().filter(|c| c.name.starts_with(prefix)).collect::<Vec<_>>();
    assert!(of("memorized.").len() >= 3, "a curve for each class: {:?}", of("memorized."));
    let loss = of("train_loss")[0];
    for x in [Abscissa::Tokens, Abscissa::Epoch] {
        assert_eq!(log.points(loss, x).len(), loss.points.len(), "{x:?} is known at every point");
    }
    for (_, last) in of("memorized.").iter().map(|c| (c, log.points(c, Abscissa::Tokens))) {
        assert_eq!(last.len(), 4, "after each epoch");
    }
    for label in ["Loss", "Memorized share", "What it says now", "Checkpoints"] {
        harness.query_all_by_label(label).next().unwrap_or_else(|| panic!("{label}"));
    }
    harness.get_by_label("Horizontal axis: Epoch").click();
    harness.get_by_label("Earlier").click();
    harness.run_steps(3);
    harness.get_by_label("Finished model in Compare").click();
    wait(&mut harness, "the model in Compare", |w| {
        let is_open = w.state().model.ready().is_some_and(|card| card.path.ends_with("final"));
        is_open && w.state().compare.measured.is_some() && !w.state().compare.is_stale()
    });
    let texts = &harness.state().state().compare.texts;
    assert!(!texts[0].is_empty() && texts[0].as_bytes()[0] == texts[1].as_bytes()[0], "{texts:?}");
}

#[test]
fn the_open_model_is_fine_tuned_with_adapters() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let open = [sample(), sample().join("members.jsonl")];
    let mut harness = super::window_that_opens(&open, runs.path(), true, 1.0);
    wait(&mut harness, "model and data", |w| w.state().model.ready().is_some() && w.state().sheet().is_some());
    harness.get_by_role_and_label(Role::Button, "Train").click();
    harness.run_steps(3);
    harness.get_by_role_and_label(Role::Button, "The open model").click();
    harness.run_steps(4);
    let draft = |harness: &Harness<'static, Window>| harness.state().state().draft.experiment.clone();
    let experiment = draft(&harness);
    assert_eq!(experiment.model.and_then(|m| m.path), Some(sample()));
    assert_eq!(experiment.data["data"].path, Some(sample().join("members.jsonl")));
    assert_eq!(experiment.steps[0].config["lora"]["rank"], 8);
    harness.get_by_label("Trains: All weights").click();
    harness.run_steps(3);
    assert!(!draft(&harness).steps[0].config.contains_key("lora"));
    harness.get_by_label("Rows: People").click();
    harness.run_steps(3);
    assert!(draft(&harness).data["data"].make.as_ref().is_some_and(|m| m.bios.is_some()));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(3);
    assert_eq!(draft(&harness).data["data"].path, Some(sample().join("members.jsonl")), "undone");
}

/// A training that was stopped, below `root`: curves of two classes, what it said, two models.
fn stopped(root: &Path) {
    let step = Step { method: "train".to_owned(), ..Step::default() };
    let experiment = Experiment { name: "count by sevens".to_owned(), steps: vec![step], ..Experiment::default() };
    let run = RunDir::create_below(root, &experiment, "2026-01-02", 0.0).expect("a run");
    let mut log = EventLog::open(&run.events_path()).expect("an event log");
    let mut tell = |time: f64, event: Event| log.append(1000.0 + time, event).expect("an event");
    tell(0.0, Event::State { state: State::Running });
    for step in 1..=120u64 {
        let t = step as f64;
        let mut metric = |name: &str, value: f64| {
            tell(t, Event::Metric { step: 0, name: name.to_owned(), at: step, value: Some(value) });
        };
        metric("train_loss", 2.3 * (-t / 30.0).exp() + 0.1 + 0.05 * (t * 1.7).sin());
        metric("tokens", 600.0 * t);
        metric("epoch", t / 10.0);
        metric("lr", 1e-3);
        if step % 10 == 0 {
            metric("test_loss.main", 2.2 * (-t / 36.0).exp() + 0.3);
            metric("memorized.noise x1", (t / 400.0).min(1.0));
            metric("memorized.noise x10", 1.0 - (-t / 40.0).exp());
            metric("memorized.main (test)", 0.02);
        }
    }
    let said = [("7 14 21", " 28 35 42", " 28 35 42"), ("9 16 23", " 30 37 44", " 30 38 44")];
    for (prompt, truth, text) in said {
        let [prompt, text, truth] = [prompt, text, truth].map(str::to_owned);
        tell(121.0, Event::Sample { step: 0, at: 120, prompt, text, truth: Some(truth) });
    }
    for name in ["0/step-00000060", "0/step-00000120"] {
        let folder = run.checkpoints().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("config.json"), "{}").expect("a file");
    }
    let status = Status { state: State::Cancelled, created: 1000.0, worked_secs: 121.0, ..Status::default() };
    run.write_status(&status).expect("a status");
}

/// The training of [`stopped`] on screen.
pub(super) fn watched(root: &Path, dark: bool) -> Harness<'static, Window> {
    stopped(root);
    let mut harness = window(root, dark, 0.5);
    wait(&mut harness, "the run", |w| w.state().runs.entries.len() == 1);
    harness.get_by_role_and_label(Role::Button, "Train").click();
    harness.run_steps(3);
    harness.get_by_label("Show: Watch").click();
    harness.run_steps(3);
    wait(&mut harness, "its curves and models", |w| {
        w.state().runs.logs.values().any(|log| log.samples.len() == 2) && !w.state().runs.checkpoints.is_empty()
    });
    harness.run_steps(3);
    harness
}

#[test]
fn a_stopped_training_shows_what_it_has_and_can_be_resumed() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = watched(root.path(), false);
    for label in ["Stopped", "Resume", "Step 60 in Compare", "Step 120 in Compare", "word for word"] {
        harness.query_all_by_label(label).next().unwrap_or_else(|| panic!("{label}"));
    }
    harness.query_all_by_label("not as in training").next().expect("the other one is marked");
    harness.get_by_label("Log y").click();
    harness.get_by_label("Horizontal axis: Tokens").click();
    harness.run_steps(3);
    harness.get_by_label("Show: Set up").click();
    harness.run_steps(3);
    harness.get_by_label("What is to be learned?");
}
