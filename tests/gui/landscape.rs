//! The Landscape view: maps in space and from above, and the page that looks like it.

use std::path::Path;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use memoscope::app::Window;
use memoscope::figures::{Axis, Contour, Figure, Mark, Rows, Series};
use memoscope::methods::{Card, Report};
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

/// A finished run with a map of memorized texts and one of others, with a hole.
fn finished(root: &Path) {
    let step = Step { method: "landscape".to_owned(), ..Step::default() };
    let experiment = Experiment { name: "around the model".to_owned(), steps: vec![step], ..Experiment::default() };
    let run = RunDir::create_below(root, &experiment, "2026-01-02", 0.0).expect("a run");
    let memorized = |x: f64, y: f64| 0.3 + 6.0 * (1.0 - (-5.0 * (x * x + 1.5 * y * y)).exp());
    let other = |x: f64, y: f64| if x > 0.8 && y > 0.8 { f64::NAN } else { 3.0 + 2.0 * (x * x + 0.5 * y * y) };
    let figures =
        vec![map("surface.memorized", "Memorized texts", &memorized), map("surface.other", "Other texts", &other)];
    let report = Report { figures, ..Report::default() };
    let step = save_step(&run, "", &CARD, &serde_json::Value::Null, &report).expect("a step");
    let saved = SavedReport { steps: vec![step], complete: true, ..SavedReport::new("around the model", 0) };
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
    wait(&mut harness, "its maps", |w| w.state().runs.current_details().is_some_and(|d| d.figures.len() == 2));
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
    assert_eq!(
        page.panels.iter().map(|p| p.figure.as_str()).collect::<Vec<_>>(),
        ["surface.memorized", "surface.other"]
    );
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

#[test]
fn without_a_landscape_the_way_to_one_is_shown() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = window(root.path(), false, 1.0);
    harness.get_by_label("Landscape").click();
    harness.run_steps(3);
    harness.get_by_label("No landscape yet");
    harness.get_by_label("Set up a landscape");
}
