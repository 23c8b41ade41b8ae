//! The Unlearn view: choose texts and a technique, move the ratio, run, read the result, keep the model.

use std::path::Path;

use egui::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use memoscope::app::Window;
use memoscope::app::command::Command;
use memoscope::app::runs::RunState;
use memoscope::app::unlearn::UnlearnCommand;
use memoscope::figures::{Axis, Figure, Mark, Rows, Series};
use memoscope::methods::unlearn::pareto::{find, plane};
use memoscope::methods::{Card, Report, Scalar, Table, Values};
use memoscope::runs::store::{SavedReport, State, Status, save_step, write_json};
use memoscope::runs::{Experiment, ModelRef, RunDir, Step};
use serde_json::json;

use super::{sample, wait, window, window_that_opens};

/// Some members of the sample as two files, with one text in both.
fn sets(folder: &Path) -> [std::path::PathBuf; 2] {
    let members = std::fs::read_to_string(sample().join("members.jsonl")).expect("the members");
    let lines: Vec<&str> = members.lines().collect();
    let write = |name: &str, lines: &[&str]| {
        let path = folder.join(name);
        std::fs::write(&path, lines.join("\n")).expect("a file");
        path
    };
    [write("forget.jsonl", &lines[170..176]), write("retain.jsonl", &lines[175..180])]
}

fn drag(harness: &mut Harness<'static, Window>, from: egui::Pos2, by: f32) {
    harness.drag_at(from);
    harness.run_steps(1);
    for part in [0.5, 1.0] {
        harness.hover_at(from + egui::vec2(by * part, 0.0));
        harness.run_steps(1);
    }
    harness.drop_at(from + egui::vec2(by, 0.0));
    harness.run_steps(2);
}

#[test]
fn choose_move_run_read_and_keep() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let (runs, [forget, retain]) = (root.path().join("runs"), sets(root.path()));
    std::fs::create_dir(&runs).expect("a folder");
    let mut harness = window_that_opens(&[sample(), forget, retain], &runs, false, 1.0);
    wait(&mut harness, "model and texts", |w| {
        w.state().model.ready().is_some() && w.state().data.iter().filter(|d| d.sheet.ready().is_some()).count() == 2
    });
    harness.get_by_label("Unlearn").click();
    harness.run_steps(3);
    wait(&mut harness, "the rows", |w| {
        let rows = |slot: usize| {
            let sheets = w.state().unlearn.sets.as_ref()?;
            Some(sheets.1.sets[slot].as_ref()?.as_ref().ok()?.rows.len())
        };
        (rows(0), rows(1)) == (Some(6), Some(5))
    });
    harness.get_by_label("1 text is also to be forgotten; it is left out here.");
    harness.get_by_role_and_label(Role::RadioButton, "Durable").click();
    harness.run_steps(3);
    harness.get_by_label("Compute scores").click();
    wait(&mut harness, "a first ratio", |w| {
        w.state().unlearn.live.points.len() >= 2 && !w.state().unlearn.live.is_busy
    });
    let first = *harness.state().state().unlearn.live.shown().expect("a point");

    let center = harness.get_by_role_and_label(Role::Slider, "Ratio, live").rect().center();
    drag(&mut harness, center, 60.0);
    wait(&mut harness, "another ratio", |w| {
        let live = &w.state().unlearn.live;
        !live.is_busy && live.wanted != first.ratio && live.shown().is_some_and(|p| p.ratio == live.wanted)
    });
    let second = *harness.state().state().unlearn.live.shown().expect("a point");
    assert!(second.ratio > first.ratio && second.n_zeroed > first.n_zeroed, "{first:?} {second:?}");
    assert_ne!(second.reading.forget_loss, first.reading.forget_loss);
    let set = harness.state().state().draft.config().get("ratio").and_then(serde_json::Value::as_f64);
    assert_eq!(set, Some(second.ratio), "the slider sets what would run");

    wait(&mut harness, "an estimate", |w| w.state().draft.estimate.ready().is_some());
    harness.get_by_role_and_label(Role::Button, "Run").click();
    wait(&mut harness, "the run", |w| w.state().runs.entries.iter().any(|r| !r.state.is_active()));
    let run = std::sync::Arc::clone(&harness.state().state().runs.entries[0]);
    assert!(run.state == RunState::Done, "{:?}", run.trouble);
    let after = &run.unlearned.first().expect("an outcome").1.after;
    let reading = [second.reading.forget_accuracy, second.reading.forget_loss, second.reading.retain_accuracy];
    let measured = ["forget.accuracy", "forget.loss", "retain.accuracy"].map(|id| after.get(id).copied());
    assert_eq!(reading, measured, "what the slider showed is what the run measured");

    wait(&mut harness, "its details", |w| w.state().runs.current_details().is_some_and(|d| !d.tables.is_empty()));
    harness.get_by_label("Before and after");
    harness.get_by_label("What it says");
    let kept = [root.path().join("kept"), root.path().join("cut")];
    let ask = |harness: &mut Harness<'static, Window>, command| harness.state_mut().ask(Command::Unlearn(command));
    ask(&mut harness, UnlearnCommand::KeepModel(run.id.clone(), 0, Some(kept[0].clone())));
    ask(&mut harness, UnlearnCommand::KeepCut(second.ratio, Some(kept[1].clone())));
    wait(&mut harness, "both models", |w| w.state().unlearn.kept.len() == 2);
    let weights = |folder: &Path| std::fs::read(folder.join("model.safetensors")).expect("weights");
    assert_eq!(weights(&kept[0]), weights(&kept[1]), "the run and the slider made the same model");

    harness.get_by_label("Unlearn: Pareto").click();
    harness.run_steps(3);
    harness.get_by_label("Show the result");
    let axes = ["forget.accuracy", "retain.accuracy"].map(|id| find(id).expect("a measure"));
    let figure = plane(&[&run.unlearned[0].1], axes).figure;
    let pdf = root.path().join("front.pdf");
    ask(&mut harness, UnlearnCommand::Export(Box::new(figure), vec![run.id.clone()], Some(pdf.clone())));
    wait(&mut harness, "the figure", |_| pdf.is_file());
    assert!(std::fs::read(&pdf).expect("a file").starts_with(b"%PDF-"));
}

#[test]
fn without_anything_the_way_is_shown() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = window(root.path(), true, 1.0);
    harness.get_by_label("Unlearn").click();
    harness.run_steps(4);
    harness.get_by_label("Model folder…");
    harness.get_by_label("BalancedSubnet needs texts to retain.");
    assert!(harness.get_by_role_and_label(Role::Button, "Run").accesskit_node().is_disabled());
    harness.get_by_label("Unlearn: Results").click();
    harness.run_steps(3);
    harness.get_by_label("Nothing was forgotten yet");
    harness.get_by_label("Unlearn: Pareto").click();
    harness.run_steps(3);
    harness.get_by_label("No runs to compare yet");
    harness.get_by_label("Unlearn: Set up").click();
    harness.run_steps(3);
    harness.get_by_label("To forget");
}

const CARD: Card = Card {
    id: "unlearn",
    group: "unlearn",
    title: "Unlearning",
    about: "",
    formula: "",
    conventions: "",
    source: "",
    version: 1,
};

/// A finished run of a technique: exact extraction and accuracy on retain fall from 0.9 and 0.8 to these.
fn finished(root: &Path, technique: &str, created: f64, exact: f64, kept: f64) {
    let config = json!({"technique": technique});
    let step = Step {
        method: "unlearn".to_owned(),
        config: config.as_object().cloned().unwrap_or_default(),
        ..Step::default()
    };
    let model = Some(ModelRef { path: Some("model".into()), ..ModelRef::default() });
    let experiment = Experiment { name: format!("{technique} run"), model, steps: vec![step], ..Experiment::default() };
    let run = RunDir::create_below(root, &experiment, "2026-01-02", created).expect("a run");
    let both = |id: &str, before: f64, after: f64| {
        [Scalar::new(format!("before.{id}"), "", before, 10), Scalar::new(format!("after.{id}"), "", after, 10)]
    };
    let mut scalars = both("forget.exact", 0.9, exact).to_vec();
    scalars.extend(both("retain.accuracy", 0.8, kept));
    scalars.extend(both("retain.perplexity_of_batches", 5.0, 5.0 + 10.0 * (0.8 - kept)));
    let text = |list: &[&str]| Values::Text(list.iter().map(|t| (*t).to_owned()).collect());
    let battery = Table::new("battery", "Before and after")
        .column("metric", "", "", text(&["Exact extraction, forget", "Token accuracy, retain"]))
        .column("id", "", "", text(&["forget.exact", "retain.accuracy"]))
        .column("unit", "", "", text(&["", ""]))
        .column("before", "", "", Values::floats([0.9, 0.8]))
        .column("after", "", "", Values::floats([exact, kept]))
        .column("wanted", "", "", text(&["lower", "higher"]))
        .column("n", "", "", Values::ints([10, 20]));
    let rows = Table::new("rows", "Texts to forget")
        .column("id", "", "", text(&["a1"]))
        .column("exact_before", "", "", text(&["yes"]))
        .column("exact_after", "", "", text(&["no"]))
        .column("loss_before", "nats/token", "", Values::floats([0.04]))
        .column("loss_after", "nats/token", "", Values::floats([2.31]))
        .column("true_text", "", "", text(&["was born in Oaxaca on October 8, 1996"]))
        .column("generated_before", "", "", text(&["was born in Oaxaca on October 8, 1996"]))
        .column("generated_after", "", "", text(&["was born in Fukuoka on May 8, 1971"]));
    let values = (0..4 * 32).map(|i| f64::from(i % 7) / 7.0).collect();
    let mark = Mark::Heatmap { columns: 32, values, diverging: false, label: "share changed".to_owned() };
    let layers =
        Axis { label: "layer".to_owned(), categories: (0..4).map(|l| l.to_string()).collect(), ..Axis::default() };
    let map = Figure {
        id: "changed_units".to_owned(),
        title: "Where the edit lies, by hidden unit".to_owned(),
        x: Axis { label: "hidden unit".to_owned(), range: Some([0.0, 512.0]), ..Axis::default() },
        y: layers,
        series: vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }],
        caption: String::new(),
    };
    let notes = vec![
        "Exact extraction fell from 90.0 % to 10.0 % of the texts.".to_owned(),
        "It cost 12.5 % of the token accuracy on other texts: 80.0 % to 70.0 %.".to_owned(),
    ];
    let report = Report { scalars, tables: vec![battery, rows], figures: vec![map], notes, ..Report::default() };
    let step = save_step(&run, "", &CARD, &config, &report).expect("a step");
    let saved = SavedReport { steps: vec![step], complete: true, ..SavedReport::new(technique, 0) };
    write_json(&run.report_path(), &saved).expect("a report");
    let status = Status { state: State::Done, created, worked_secs: 2.0, ..Status::default() };
    run.write_status(&status).expect("a status");
}

/// The results of three runs.
pub(super) fn three(root: &Path, dark: bool) -> Harness<'static, Window> {
    finished(root, "subnet", 1000.0, 0.0, 0.5);
    finished(root, "npo", 2000.0, 0.3, 0.78);
    finished(root, "durable", 3000.0, 0.1, 0.7);
    let mut harness = window(root, dark, 1.0);
    wait(&mut harness, "the runs", |w| w.state().runs.entries.len() == 3);
    harness.get_by_label("Unlearn").click();
    harness.run_steps(3);
    harness.get_by_label("Unlearn: Results").click();
    harness.run_steps(3);
    wait(&mut harness, "details", |w| w.state().runs.current_details().is_some_and(|d| d.tables.len() == 2));
    harness.run_steps(4);
    harness
}

#[test]
fn results_are_walked_through_and_compared() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = three(root.path(), true);
    harness.get_by_role_and_label(Role::ListItem, "NPO, npo run").click();
    wait(&mut harness, "the other run", |w| w.state().runs.current().is_some_and(|r| r.name == "npo run"));
    wait(&mut harness, "its details", |w| w.state().runs.current_details().is_some_and(|d| d.tables.len() == 2));
    harness.get_by_label("Exact extraction 0.900 0.300 −0.600 better");
    harness.get_by_label("Token accuracy 0.800 0.780 −0.020 worse");
    harness.get_by_label("Unlearn: Pareto").click();
    harness.run_steps(3);
    harness.get_by_label("Exact extraction: 0.900 → 0.300");
    harness.get_by_role_and_label(Role::ListItem, "Subnet 0.1, subnet run").click();
    wait(&mut harness, "the third run", |w| w.state().runs.current().is_some_and(|r| r.name == "subnet run"));
    harness.get_by_label("Show the result").click();
    wait(&mut harness, "its details", |w| w.state().runs.current_details().is_some_and(|d| d.tables.len() == 2));
    harness.get_by_label("Reuse settings").click();
    harness.run_steps(3);
    assert_eq!(harness.state().state().draft.config().get("technique"), Some(&json!("subnet")));
    harness.get_by_label("To forget");
}
