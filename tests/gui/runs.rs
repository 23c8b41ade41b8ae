//! The Runs view: finding, grouping, marking, throwing away, comparing, following.

use std::path::{Path, PathBuf};

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use memoscope::app::Window;
use memoscope::figures::{Figure, Mark, Rows, Series};
use memoscope::methods::{Card, Report, Scalar, Table, Values};
use memoscope::runs::store::{Event, EventLog, Notes, SavedReport, State, Status, save_step, write_json};
use memoscope::runs::{Experiment, RunDir, Step};

use super::{wait, window};

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

/// A finished run with a score, a text a row, and a loss over its steps.
fn finished(root: &Path, name: &str, seed: u64, score: f64, generated: &[&str]) -> RunDir {
    let step = Step { method: "mia".to_owned(), ..Step::default() };
    let experiment = Experiment { name: name.to_owned(), seed, steps: vec![step], ..Experiment::default() };
    let run = RunDir::create_below(root, &experiment, "2026-01-02", 0.0).expect("a run");
    let rows = generated.len();
    let table = Table::new("rows", "Rows")
        .column("row", "", "", Values::ints(0..rows))
        .column("score", "", "", Values::floats((0..rows).map(|i| i as f64 * score)))
        .column("generated_text", "", "", Values::Text(generated.iter().map(|t| (*t).to_owned()).collect()));
    let scalars = vec![Scalar::new("auroc.loss", "AUROC", score, rows)];
    let mark = Mark::Histogram { edges: vec![0.0, 1.0, 2.0], heights: vec![1.0, 1.0] };
    let behind = Rows::new("rows", [vec![1], vec![0]]);
    let series = vec![Series { name: String::new(), color: 0, mark, rows: behind }];
    let figure = Figure { id: "bars".to_owned(), title: "Bars".to_owned(), series, ..Figure::default() };
    let report = Report { scalars, tables: vec![table], figures: vec![figure], ..Report::default() };
    let step = save_step(&run, "", &CARD, &serde_json::Value::Null, &report).expect("a step");
    let saved = SavedReport { steps: vec![step], complete: true, ..SavedReport::new(name, seed) };
    write_json(&run.report_path(), &saved).expect("a report");
    let mut events = EventLog::open(&run.path().join("events.jsonl")).expect("events");
    for at in 1..=40u64 {
        let value = Some(3.0 / at as f64 + score);
        let event = Event::Metric { step: 0, name: "loss".to_owned(), at, value };
        events.append(1000.0 + at as f64, event).expect("an event");
    }
    events.append(1041.0, Event::Warning { message: "2 texts were cut".to_owned() }).expect("a warning");
    events.append(1042.0, Event::Log { message: "scored all rows".to_owned() }).expect("a line");
    let status = Status { state: State::Done, created: 1000.0 + seed as f64, worked_secs: 2.0, ..Status::default() };
    run.write_status(&status).expect("a status");
    run
}

/// A window on three runs: two of seed 1, one of seed 2.
pub(super) fn three(root: &Path, dark: bool) -> Harness<'static, Window> {
    finished(root, "alpha", 1, 0.5, &["the cat sat", "a plain line"]);
    finished(root, "beta", 1, 0.7, &["the dog sat", "a plain line"]);
    finished(root, "gamma", 2, 0.9, &["the cow sat", "a plain line"]);
    let mut harness = window(root, dark, 1.0);
    wait(&mut harness, "the runs", |w| w.state().runs.entries.len() == 3);
    harness.get_by_label("Runs").click();
    harness.run_steps(4);
    harness
}

fn type_into(harness: &mut Harness<'static, Window>, field: &str, text: &str) {
    // The caption over a field has its name too.
    harness.get_by_role_and_label(egui::Role::TextInput, field).focus();
    harness.run_steps(2);
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    harness.run_steps(1);
    harness.get_by_role_and_label(egui::Role::TextInput, field).type_text(text);
    harness.run_steps(3);
}

fn is_listed(harness: &Harness<'static, Window>, name: &str) -> bool {
    harness.query_all_by_label(name).next().is_some()
}

pub(super) fn choose(harness: &mut Harness<'static, Window>, name: &str, several: bool) {
    // The status bar names the run at work too.
    let places = harness.query_all_by_label(name).map(|node| node.rect().center());
    let place = places.into_iter().find(|p| p.y < 680.0).expect("the run is listed");
    let modifiers = if several { egui::Modifiers::COMMAND } else { egui::Modifiers::NONE };
    // The row is under the text, so the pointer has to do it.
    click(harness, place, modifiers);
}

pub(super) fn click(harness: &mut Harness<'static, Window>, pos: egui::Pos2, modifiers: egui::Modifiers) {
    harness.event(egui::Event::PointerMoved(pos));
    harness.run_steps(1);
    for pressed in [true, false] {
        harness.event_modifiers(
            egui::Event::PointerButton { pos, button: egui::PointerButton::Primary, pressed, modifiers },
            modifiers,
        );
        harness.run_steps(1);
    }
    harness.run_steps(4);
}

#[test]
fn runs_are_found_by_an_expression_and_a_wrong_one_is_explained() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = three(root.path(), false);
    type_into(&mut harness, "Search runs", "seed < 2 and auroc.loss > 0.6");
    assert_eq!(["alpha", "beta", "gamma"].map(|n| is_listed(&harness, n)), [false, true, false]);
    type_into(&mut harness, "Search runs", "seed in [2");
    harness.get_by_label_contains("`,` or `]` is missing");
    type_into(&mut harness, "Search runs", "auroc.los > 0");
    harness.get_by_label_contains("did you mean `auroc.loss`?");
}

#[test]
fn runs_of_one_setting_stand_together_with_mean_and_deviation() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = three(root.path(), false);
    harness.get_by_label("Group by").click();
    harness.run_steps(4);
    harness.get_by_label("seed").click();
    harness.run_steps(4);
    assert!(!is_listed(&harness, "alpha"), "groups are closed at first");
    harness.get_by_label("2 runs");
    // Mean of 0.5 and 0.7, deviation over n − 1: 0.1414, of which two digits are shown.
    harness.get_by_label("0.6 ± 0.14");
    choose(&mut harness, "2 runs", false);
    assert!(is_listed(&harness, "alpha") && is_listed(&harness, "beta") && !is_listed(&harness, "gamma"));
}

#[test]
fn columns_are_hidden_moved_pinned_and_remembered() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = three(root.path(), false);
    harness.get_by_label("Columns").click();
    harness.run_steps(4);
    harness.get_by_label("Move Method to the left").click();
    harness.run_steps(3);
    harness.get_by_label("Keep Name at the left").click();
    harness.run_steps(3);
    type_into(&mut harness, "Search columns", "seed");
    harness.get_by_role_and_label(egui::Role::CheckBox, "seed").click();
    harness.run_steps(3);
    let look = harness.state().state().settings.table.clone();
    let place = |key: &str| look.columns.iter().position(|c| c == key);
    assert!(place("method") < place("name") && place("config:seed").is_some(), "{:?}", look.columns);
    let (order, pinned) = look.order();
    assert_eq!((order[0].as_str(), pinned), ("name", 1));
    type_into(&mut harness, "Name of a set", "seeds");
    harness.get_by_label("Save set").click();
    harness.run_steps(3);
    assert_eq!(harness.state().state().settings.table.sets["seeds"], look.columns);
}

#[test]
fn tags_archive_and_trash_are_kept_in_the_folders() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = three(root.path(), false);
    choose(&mut harness, "gamma", false);
    harness.get_by_label("Show: Notes").click();
    harness.run_steps(3);
    type_into(&mut harness, "Tags", "paper, seeds");
    harness.get_by_role_and_label(egui::Role::MultilineTextInput, "Note").focus();
    wait(&mut harness, "the tags", |w| w.state().runs.entries.iter().any(|r| r.tags == ["paper", "seeds"]));
    harness.get_by_label("Archive").click();
    wait(&mut harness, "the archive", |w| w.state().runs.entries.iter().any(|r| r.is_archived));
    harness.get_by_label("Unarchive").click();
    wait(&mut harness, "the way back", |w| w.state().runs.entries.iter().all(|r| !r.is_archived));
    harness.get_by_label("Move to trash").click();
    wait(&mut harness, "the trash", |w| w.state().runs.entries.len() == 2 && w.state().runs.trash.len() == 1);
    harness.get_by_label("More").click();
    harness.run_steps(3);
    harness.get_by_label("Show the trash").click();
    harness.run_steps(3);
    harness.get_by_label("Restore gamma").click();
    wait(&mut harness, "the restored run", |w| w.state().runs.entries.len() == 3 && w.state().runs.trash.is_empty());
    let restored = harness.state().state().runs.entries.iter().find(|r| r.name == "gamma").cloned().expect("the run");
    let notes = Notes::read(&RunDir::open(&restored.path).expect("its folder")).expect("its notes");
    assert_eq!(notes.tags, ["paper", "seeds"]);
}

#[test]
fn two_runs_show_what_differs_down_to_the_words() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = three(root.path(), false);
    choose(&mut harness, "alpha", false);
    choose(&mut harness, "gamma", true);
    harness.get_by_label("2 runs side by side");
    // The seed differs; the method does not.
    harness.get_by_label("seed");
    harness.get_by_label("+0.4");
    harness.get_by_label("Compare: Samples").click();
    wait(&mut harness, "shared rows", |w| w.state().runs.shared.as_ref().is_some_and(|s| s.keys.len() == 2));
    harness.get_by_label("2 shared rows");
    harness.get_by_label("the catcow sat");
    harness.get_by_label("Only where texts differ").click();
    harness.run_steps(4);
    harness.get_by_label("the catcow sat");
    harness.get_by_label("Compare: Charts").click();
    harness.run_steps(4);
    let eye = "Hide gamma in charts";
    harness.query_all_by_label(eye).next().expect("an eye").click();
    harness.run_steps(3);
    assert_eq!(harness.state().state().runs.hidden.len(), 1);
}

#[test]
fn a_run_is_followed_while_it_works() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let run = finished(root.path(), "slow", 1, 0.5, &["x"]);
    let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs_f64();
    let status = Status {
        state: State::Running,
        pid: std::process::id(),
        heartbeat: Some(started + 600.0),
        created: 1.0,
        ..Status::default()
    };
    let lock = run.lock().expect("a lock");
    run.write_status(&status).expect("a status");
    let mut harness = window(root.path(), false, 1.0);
    wait(&mut harness, "the events", |w| w.state().runs.logs.values().any(|l| l.curves[0].points.len() == 40));
    harness.get_by_label("Runs").click();
    harness.run_steps(4);
    choose(&mut harness, "slow", false);
    harness.get_by_label("Show: Charts").click();
    harness.run_steps(4);
    harness.get_by_label("loss");
    assert!(is_listed(&harness, "Smoothing"), "charts can be smoothed");
    harness.get_by_label("Horizontal axis: Elapsed").click();
    harness.get_by_label("Log y").click();
    harness.run_steps(4);
    assert!(!is_listed(&harness, "Horizontal axis: Tokens"), "nobody reports tokens");
    let mut events = EventLog::open(&run.path().join("events.jsonl")).expect("events");
    let event = Event::Metric { step: 0, name: "tokens".to_owned(), at: 41, value: Some(512.0) };
    events.append(1050.0, event).expect("an event");
    wait(&mut harness, "the new number", |w| w.state().runs.logs.values().any(|l| l.curves.len() == 2));
    harness.get_by_label("Horizontal axis: Tokens");
    harness.get_by_label("Show: Log").click();
    harness.run_steps(4);
    harness.get_by_label("scored all rows");
    harness.get_by_label("Lines: Warnings").click();
    harness.run_steps(4);
    harness.get_by_label("2 texts were cut");
    assert!(!is_listed(&harness, "scored all rows"), "only warnings");
    drop(lock);
}

#[test]
fn waiting_runs_change_places_and_the_queue_pauses() {
    let root = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(root.path().join("queue.json"), "{\"paused\":true}").expect("a paused queue");
    for name in ["one", "two"] {
        let experiment = Experiment { name: name.to_owned(), ..Experiment::default() };
        RunDir::create_below(root.path(), &experiment, "2026-01-02", 0.0).expect("a run");
    }
    let mut harness = window(root.path(), false, 1.0);
    wait(&mut harness, "the queue", |w| w.state().runs.queue.waiting.len() == 2 && w.state().runs.entries.len() == 2);
    harness.get_by_label("Runs").click();
    harness.run_steps(4);
    harness.get_by_label("2 waiting, paused");
    let before = harness.state().state().runs.queue.waiting.clone();
    harness.get_by_label("Later: one").click();
    wait(&mut harness, "the other order", move |w| w.state().runs.queue.waiting.iter().rev().eq(&before));
    harness.get_by_label("Cancel one").click();
    wait(&mut harness, "one less", |w| w.state().runs.queue.waiting.len() == 1);
    harness.get_by_label("Go on").click();
    wait(&mut harness, "the last one to start", |w| w.state().runs.queue.waiting.is_empty());
    let kept: PathBuf = root.path().join("queue.json");
    assert!(std::fs::read_to_string(kept).is_ok_and(|t| t.contains("false")), "it is remembered");
}

#[test]
fn a_click_on_a_bar_shows_the_texts_behind_it() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = three(root.path(), false);
    choose(&mut harness, "alpha", false);
    wait(&mut harness, "the details", |w| w.state().runs.figure.is_some());
    harness.get_by_label("Figures").click();
    harness.run_steps(4);
    // The left bar holds the second row, as the figure says.
    click(&mut harness, egui::pos2(480.0, 420.0), egui::Modifiers::NONE);
    let brushed = harness.state().state().runs.brushed.clone().expect("rows behind the bar");
    assert_eq!(brushed.rows, [1], "{brushed:?}");
    harness.get_by_label("1 row");
    harness.get_by_label("a plain line");
}

#[test]
fn what_was_measured_before_and_after_stands_together() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let sample = super::sample();
    let experiment = serde_json::json!({
        "name": "tuning",
        "model": {"path": sample},
        "models": {"tuned": {"step": 1, "output": "final"}},
        "data": {"data": {"path": sample.join("members.jsonl"), "limit": 8}},
        "steps": [
            {"method": "perplexity"},
            {"method": "train", "config": {"length": {"steps": 2}, "lr": {"peak": 0.001}}},
            {"method": "perplexity", "inputs": {"model": "tuned"}},
        ],
    });
    let (file, run) = (root.path().join("tuning.json"), root.path().join("runs/tuning"));
    std::fs::write(&file, experiment.to_string()).expect("an experiment");
    let (file, out) = (file.display().to_string(), run.display().to_string());
    let (code, _, err) = crate::cli::memoscope(&["run", &file, "--out", &out]);
    assert_eq!(code, 0, "{err}");
    let mut harness = super::window_that_opens(&[run], root.path(), false, 1.0);
    wait(&mut harness, "the run", |w| w.state().runs.current_details().is_some_and(|d| d.id == "tuning"));
    harness.run_steps(4);
    harness.get_by_label("Show: Before/after").click();
    harness.run_steps(4);
    assert!(is_listed(&harness, "Training, in this run"), "the tuned model is below the sample");
    let runs = &harness.state().state().runs;
    let run = runs.find("tuning").expect("the run");
    let change = run.scalars["2.loss.token_mean"] - run.scalars["0.loss.token_mean"];
    assert!(change < 0.0, "training lowers the loss of its own texts, by {change}");
    let shown = harness.query_all(egui_kittest::kittest::By::new().label_contains("−"));
    assert!(shown.count() > 0, "the change is told");
}
