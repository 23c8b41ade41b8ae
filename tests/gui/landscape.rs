//! The Landscape view: maps in space and from above, and the page that looks like it.

use std::path::Path;
use std::sync::Arc;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use memoscope::app::Window;
use memoscope::figures::{Axis, Contour, Figure, Mark, Rows, Scale, Series};
use memoscope::methods::{Card, Report, Table, Values};
use memoscope::runs::store::{SavedReport, State, Status, save_step, write_json};
use memoscope::runs::{Experiment, RunDir, Step};

use super::{wait, window};

const CARD: Card = Card {
    id: "landscape",
    group: "landscape",
    title: "Loss landscape",
    about: "",
    formula: "",
    conventions: "",
    source: "",
    version: 1,
};

/// A map of 31 × 31 points around a model.
fn map(id: &str, title: &str, loss: &dyn Fn(f64, f64) -> f64) -> Figure {
    const N: usize = 31;
    let at = |i: usize| 2.0 * i as f64 / (N - 1) as f64 - 1.0;
    let values = (0..N * N).map(|i| loss(at(i % N), at(i / N))).collect();
    let range = [-1.0, 1.0];
    let axis = |label: &str| Axis { label: label.to_owned(), range: Some(range), ..Axis::default() };
    let label = "Loss (nats/token)".to_owned();
    let mark = Mark::Contour(Contour { columns: N, values, x: range, y: range, label, ..Contour::default() });
    Figure {
        id: id.to_owned(),
        title: title.to_owned(),
        x: axis("Direction α"),
        y: axis("Direction β"),
        series: vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }],
        caption: String::new(),
    }
}

/// Sharpness before and after an edit, with spectra.
fn curvature() -> Report {
    let floats = |values: [f64; 2]| Values::floats(values);
    let table = Table::new("curvature", "Curvature")
        .column("model", "", "", Values::Text(vec!["original".into(), "bad edit".into()]))
        .column("set", "", "", Values::Text(vec!["memorized".into(); 2]))
        .column("eigenvalue_1", "", "", floats([3.25, 41.5]))
        .column("trace", "", "", floats([8.2, 133.0]))
        .column("trace_error", "", "", floats([0.4, 9.0]))
        .column("lowest", "", "", floats([-0.2, -1.5]))
        .column("highest", "", "", floats([3.26, 41.6]));
    let spectrum = |name: &str, color: usize, top: f64| {
        let bump = |x: f64, at: f64| (-(x - at).powi(2) / 0.05).exp();
        let points = (0..200).map(|i| f64::from(i) / 20.0 - 1.0).map(|x| [x, bump(x, 0.0) + 0.01 * bump(x, top)]);
        let mark = Mark::Line { points: points.map(|[x, y]| [x, y.max(1e-6)]).collect(), band: None, dashed: false };
        Series { name: name.into(), color, mark, rows: Rows::default() }
    };
    let axis = |label: &str, scale| Axis { label: label.to_owned(), scale, ..Axis::default() };
    let density = Figure {
        id: "density".into(),
        title: "Spectral density of the Hessian".into(),
        x: axis("eigenvalue", Scale::Linear),
        y: axis("density", Scale::Log),
        series: vec![spectrum("original", 0, 3.2), spectrum("bad edit", 1, 8.0)],
        ..Figure::default()
    };
    Report { tables: vec![table], figures: vec![density], ..Report::default() }
}

/// A finished run with a map of memorized texts and one of others, with a hole.
fn finished(root: &Path) {
    let step = Step { method: "landscape".to_owned(), ..Step::default() };
    let experiment = Experiment { name: "around the model".to_owned(), steps: vec![step], ..Experiment::default() };
    let run = RunDir::create_below(root, &experiment, "2026-01-02", 0.0).expect("a run");
    let memorized = |x: f64, y: f64| 0.3 + 6.0 * (1.0 - (-5.0 * (x * x + 1.5 * y * y)).exp());
    let other = |x: f64, y: f64| if x > 0.8 && y > 0.8 { f64::NAN } else { 3.0 + 2.0 * (x * x + 0.5 * y * y) };
    let figures = vec![map("loss_memorized", "Memorized texts", &memorized), map("loss_other", "Other texts", &other)];
    let report = Report { figures, ..Report::default() };
    let step = save_step(&run, "0-", &CARD, &serde_json::Value::Null, &report).expect("a step");
    let curved = Card { id: "curvature", title: "Curvature", ..CARD };
    let second = save_step(&run, "1-", &curved, &serde_json::Value::Null, &curvature()).expect("a step");
    let saved = SavedReport { steps: vec![step, second], complete: true, ..SavedReport::new("around the model", 0) };
    write_json(&run.report_path(), &saved).expect("a report");
    let status = Status { state: State::Done, created: 1000.0, worked_secs: 2.0, ..Status::default() };
    run.write_status(&status).expect("a status");
}

/// The Landscape view on the run of [`finished`].
pub(super) fn landscape(root: &Path, dark: bool) -> Harness<'static, Window> {
    finished(root);
    let mut harness = window(root, dark, 1.0);
    wait(&mut harness, "the run", |w| w.state().runs.entries.len() == 1);
    harness.get_by_label("Landscape").click();
    harness.run_steps(4);
    wait(&mut harness, "its maps", |w| w.state().runs.current_details().is_some_and(|d| d.figures.len() == 3));
    harness.run_steps(4);
    harness
}

#[test]
fn two_maps_stand_side_by_side_and_become_a_page() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = landscape(root.path(), true);
    harness.get_by_label("Surface: Memorized texts");
    harness.get_by_label("Surface: Other texts");
    harness.get_by_label("Top").click();
    harness.run_steps(3);
    harness.get_by_label("Camera: -90° around, 90° up, 100 %");
    harness.get_by_label("Look: Difference").click();
    harness.run_steps(3);
    harness.get_by_label("Memorized texts minus Other texts");
    harness.get_by_label("Look: Space").click();
    harness.run_steps(3);
    harness.get_by_label("As a figure").click();
    harness.run_steps(4);
    let page = &harness.state().state().desk.page;
    assert_eq!(page.panels.iter().map(|p| p.figure.as_str()).collect::<Vec<_>>(), ["0-loss_memorized", "0-loss_other"]);
    let reliefs: Vec<_> = page.panels.iter().filter_map(|p| p.relief).collect();
    assert_eq!(reliefs.len(), 2);
    assert_eq!(reliefs[0], reliefs[1], "one camera, one range of heights");
    let [low, high] = reliefs[0].range.expect("a common range");
    assert!((low - 0.3).abs() < 1e-9 && high > 6.0, "{low} {high}");
    let exported = page.export().expect("the page is drawn");
    assert!(!exported.bytes.is_empty());
}

#[test]
fn a_drag_turns_both_and_a_double_click_resets() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = landscape(root.path(), false);
    let center = harness.get_by_label("Surface: Memorized texts").rect().center();
    harness.get_by_label("Camera: -55° around, 28° up, 100 %");
    harness.drag_at(center);
    harness.run_steps(1);
    harness.hover_at(center + egui::vec2(50.0, 0.0));
    harness.run_steps(1);
    harness.drop_at(center + egui::vec2(50.0, 0.0));
    harness.run_steps(2);
    harness.get_by_label("Camera: -75° around, 28° up, 100 %");
    harness.get_by_label("Reset").click();
    harness.run_steps(3);
    harness.get_by_label("Camera: -55° around, 28° up, 100 %");
}

/// A picture of a run at work replaces the one before, and gives way to the result.
#[test]
fn a_picture_grows_while_it_is_computed() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let step = Step { method: "landscape".to_owned(), ..Step::default() };
    let experiment = Experiment { name: "at work".to_owned(), steps: vec![step], ..Experiment::default() };
    let run = RunDir::create_below(root.path(), &experiment, "2026-01-02", 0.0).expect("a run");
    let lock = run.lock().expect("a lock");
    let at_work = Status { state: State::Running, created: 1000.0, stage: "points".into(), ..Status::default() };
    run.write_status(&Status { done: 9, total: 961, ..at_work }).expect("a status");
    let known = |radius: f64| move |x: f64, y: f64| if x.hypot(y) < radius { 1.0 + x * x } else { f64::NAN };
    let show = |radius: f64| {
        let figure = map("loss_memorized", "Memorized texts", &known(radius));
        write_json(&run.partial_path(), &[("figures/loss_memorized.json", figure)]).expect("a picture");
    };
    show(0.4);
    let mut harness = window(root.path(), true, 1.0);
    harness.get_by_label("Landscape").click();
    let points = |w: &Window| {
        let shown = Arc::clone(&w.state().runs.partial.values().flatten().next()?.1);
        let Mark::Contour(map) = &shown.series.first()?.mark else { return None };
        Some(map.values.iter().filter(|v| v.is_finite()).count())
    };
    wait(&mut harness, "the first points", |w| points(w).is_some());
    let first = points(harness.state());
    harness.run_steps(4);
    harness.get_by_label("Surface: Memorized texts");
    harness.get_by_label_contains("points: 9 of 961");
    show(0.9);
    wait(&mut harness, "more points", |w| points(w) > first);
    harness.run_steps(2);
    harness.get_by_label("Surface: Memorized texts");

    let report = Report { figures: vec![map("loss_memorized", "Memorized texts", &known(9.0))], ..Report::default() };
    let step = save_step(&run, "", &CARD, &serde_json::Value::Null, &report).expect("a step");
    let saved = SavedReport { steps: vec![step], complete: true, ..SavedReport::new("at work", 0) };
    write_json(&run.report_path(), &saved).expect("a report");
    std::fs::remove_file(run.partial_path()).expect("the picture goes");
    run.write_status(&Status { state: State::Done, created: 1000.0, ..Status::default() }).expect("a status");
    drop(lock);
    wait(&mut harness, "the result", |w| {
        w.state().runs.partial.is_empty() && w.state().runs.current_details().is_some_and(|d| d.figures.len() == 1)
    });
    harness.run_steps(4);
    harness.get_by_label("Surface: Memorized texts");
}

#[test]
fn curvature_stands_below_the_maps_and_maps_are_cut() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = landscape(root.path(), true);
    for label in ["Curvature", "original", "bad edit", "8.2 ± 0.4"] {
        assert!(harness.query_all_by_label(label).next().is_some(), "{label}");
    }
    harness.get_by_label("Curvature below the maps").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("8.2 ± 0.4").is_none());
    harness.get_by_label("Look: Slices").click();
    harness.run_steps(3);
    harness.get_by_label("Direction β = 0");
    harness.get_by_label("Direction α = 0");
}

#[test]
fn without_a_landscape_the_way_to_one_is_shown() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = window(root.path(), false, 1.0);
    harness.get_by_label("Landscape").click();
    harness.run_steps(3);
    harness.get_by_label("No landscape yet");
    harness.get_by_label("Set up a landscape");
}
