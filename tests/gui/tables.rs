//! Tables that are longer than what a window holds.

use std::path::Path;

use egui_kittest::kittest::Queryable as _;
use memoscope::app::parts::PAGE_ROWS;
use memoscope::figures::{Figure, Mark, Rows, Series};
use memoscope::methods::{Card, Report, Table, Values};
use memoscope::runs::store::{SavedReport, State, Status, save_step, write_json};
use memoscope::runs::{Experiment, RunDir, Step};

use super::{wait, window};

const CARD: Card = Card {
    id: "perplexity",
    group: "score",
    title: "Perplexity",
    about: "",
    formula: "",
    conventions: "",
    source: "",
    version: 1,
};

/// Rows of the long table: two full pages and a third one.
const ROWS: usize = 2 * PAGE_ROWS + 500;

/// A run with a table of a row for every token, and a bar that stands for rows at its beginning and its end.
fn long(root: &Path) -> RunDir {
    let step = Step { method: "perplexity".to_owned(), ..Step::default() };
    let experiment = Experiment { name: "long".to_owned(), steps: vec![step], ..Experiment::default() };
    let run = RunDir::create_below(root, &experiment, "2026-01-02", 0.0).expect("a run");
    let words = (0..ROWS).map(|i| format!("word {i}")).collect();
    let table = Table { parquet: true, ..Table::new("tokens", "Tokens") }
        .column("position", "", "", Values::ints(0..ROWS))
        .column("token", "", "", Values::Text(words));
    let mark = Mark::Histogram { edges: vec![0.0, 1.0], heights: vec![1.0] };
    let behind = Rows::new("tokens", [vec![ROWS - 1, 3]]);
    let series = vec![Series { name: String::new(), color: 0, mark, rows: behind }];
    let figure = Figure { id: "bars".to_owned(), title: "Bars".to_owned(), series, ..Figure::default() };
    let report = Report { tables: vec![table], figures: vec![figure], ..Report::default() };
    let step = save_step(&run, "", &CARD, &serde_json::Value::Null, &report).expect("a step");
    let saved = SavedReport { steps: vec![step], complete: true, ..SavedReport::new("long", 1) };
    write_json(&run.report_path(), &saved).expect("a report");
    run.write_status(&Status { state: State::Done, created: 1000.0, ..Status::default() }).expect("a status");
    run
}

#[test]
fn every_row_of_a_long_table_can_be_reached_and_a_page_is_held() {
    let root = tempfile::tempdir().expect("a scratch folder");
    long(root.path());
    let mut harness = window(root.path(), false, 1.0);
    wait(&mut harness, "the run", |w| w.state().runs.entries.len() == 1);
    harness.get_by_label("Runs").click();
    harness.run_steps(4);
    super::runs::choose(&mut harness, "long", false);
    wait(&mut harness, "the details", |w| w.state().runs.current_details().is_some());
    harness.get_by_label("Show: Tables").click();
    harness.run_steps(4);
    harness.get_by_label(&format!("Rows 1 to {PAGE_ROWS} of {ROWS}"));
    harness.get_by_label("word 0");
    harness.get_by_label("Last").click();
    wait(&mut harness, "the last page", |w| !w.state().runs.parts.is_empty());
    harness.get_by_label(&format!("Rows {} to {ROWS} of {ROWS}", 2 * PAGE_ROWS + 1));
    harness.get_by_label(&format!("word {}", 2 * PAGE_ROWS));
    let details = harness.state().state().runs.current_details().cloned().expect("details");
    assert_eq!(details.tables[0].rows(), PAGE_ROWS, "the beginning alone is kept with the run");
    harness.get_by_role_and_label(egui::Role::TextInput, "Go to row").focus();
    harness.run_steps(2);
    harness.get_by_role_and_label(egui::Role::TextInput, "Go to row").type_text(&(PAGE_ROWS + 321).to_string());
    harness.run_steps(2);
    harness.key_press(egui::Key::Enter);
    let want = [PAGE_ROWS..2 * PAGE_ROWS];
    wait(&mut harness, "the second page", move |w| w.state().runs.parts.values().any(|p| p.want.rows == want));
    harness.run_steps(4);
    harness.get_by_label(&format!("word {}", PAGE_ROWS + 320));
    assert_eq!(harness.state().state().runs.parts.len(), 1, "one page is held");
}

#[test]
fn rows_behind_a_bar_are_read_wherever_they_stand() {
    let root = tempfile::tempdir().expect("a scratch folder");
    long(root.path());
    let mut harness = window(root.path(), false, 1.0);
    wait(&mut harness, "the run", |w| w.state().runs.entries.len() == 1);
    harness.get_by_label("Figures").click();
    wait(&mut harness, "the figure", |w| w.state().runs.figure.is_some());
    super::runs::click(&mut harness, egui::pos2(620.0, 420.0), egui::Modifiers::NONE);
    harness.get_by_label("2 rows");
    wait(&mut harness, "the rows", |w| !w.state().runs.parts.is_empty());
    harness.get_by_label("word 3");
    harness.get_by_label(&format!("word {}", ROWS - 1));
}
