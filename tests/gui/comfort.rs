//! What makes a day at the window easier: undo, shortcuts of one's own, the glossary, texts in full, zoom.

use std::path::Path;

use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use memoscope::app::Window;
use memoscope::app::command::Action;
use memoscope::app::views::ViewId;
use memoscope::methods::{Card, Report, Table, Values};
use memoscope::runs::store::{SavedReport, State, Status, save_step, write_json};
use memoscope::runs::{Experiment, RunDir, Step};

use super::runs::{choose, click, three};
use super::{sample, wait, window, window_that_opens};

fn press(harness: &mut Harness<'static, Window>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(4);
}

fn is_there(harness: &Harness<'static, Window>, part: &str) -> bool {
    harness.query_all_by_label_contains(part).next().is_some()
}

#[test]
fn the_glossary_finds_a_word_with_formula_and_source() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = window(root.path(), false, 1.0);
    harness.run();
    press(&mut harness, Modifiers::COMMAND, Key::G);
    harness.get_by_role_and_label(egui::Role::TextInput, "Search words").focus();
    harness.run_steps(2);
    harness.get_by_role_and_label(egui::Role::TextInput, "Search words").type_text("rank");
    harness.run_steps(4);
    assert!(is_there(&harness, "Place of the true token") && !is_there(&harness, "Jelinek"));
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(!is_there(&harness, "Place of the true token"), "Escape closes it");
}

#[test]
fn shortcuts_are_changed_refused_and_given_back() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = window(root.path(), false, 1.0);
    harness.run();
    press(&mut harness, Modifiers::NONE, Key::F1);
    harness.get_by_label("Change the keys of Go to Log").click();
    harness.run_steps(3);
    assert!(is_there(&harness, "Press the new keys of Go to Log"));
    // These belong to the palette, which must not open now.
    press(&mut harness, Modifiers::COMMAND, Key::P);
    assert!(is_there(&harness, "“Command palette…” has these keys"), "the refusal names the owner");
    harness.get_by_label("Change the keys of Go to Log").click();
    harness.run_steps(3);
    press(&mut harness, Modifiers::COMMAND, Key::L);
    let own = |h: &Harness<'static, Window>| h.state().state().settings.keys.of(Action::ShowLog);
    assert_eq!(own(&harness).map(|k| k.logical_key), Some(Key::L));
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::COMMAND, Key::L);
    assert!(harness.state().state().shown.contains(&ViewId::Log));
    press(&mut harness, Modifiers::NONE, Key::F1);
    harness.get_by_label("Give Go to Log its own keys back").click();
    harness.run_steps(3);
    assert_eq!(own(&harness), Action::ShowLog.shortcut());
}

#[test]
fn a_layout_and_a_deletion_are_taken_back() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = three(root.path(), false);
    let n_shown = |h: &Harness<'static, Window>| h.state().state().shown.len();
    press(&mut harness, Modifiers::COMMAND, Key::Backslash);
    assert_eq!(n_shown(&harness), 2, "two views beside each other");
    press(&mut harness, Modifiers::COMMAND, Key::Z);
    assert_eq!(n_shown(&harness), 1, "and back");
    press(&mut harness, Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    assert_eq!(n_shown(&harness), 2, "and again");
    press(&mut harness, Modifiers::COMMAND, Key::Z);
    press(&mut harness, Modifiers::COMMAND, Key::Num6);
    choose(&mut harness, "gamma", false);
    harness.get_by_label("Move to trash").click();
    wait(&mut harness, "the trash", |w| w.state().runs.entries.len() == 2 && w.state().runs.trash.len() == 1);
    press(&mut harness, Modifiers::COMMAND, Key::Z);
    wait(&mut harness, "the run again", |w| w.state().runs.entries.len() == 3 && w.state().runs.trash.is_empty());
}

const CARD: Card = Card {
    id: "memorization-score",
    group: "score",
    title: "Memorization score",
    about: "",
    formula: "",
    conventions: "",
    source: "",
    version: 1,
};

/// A run whose second row has another continuation than the text.
fn scored(root: &Path) {
    let step = Step { method: "memorization-score".to_owned(), ..Step::default() };
    let experiment = Experiment { name: "scored".to_owned(), steps: vec![step], ..Experiment::default() };
    let run = RunDir::create_below(root, &experiment, "2026-01-02", 0.0).expect("a run");
    let texts = |texts: [&str; 2]| Values::Text(texts.map(str::to_owned).to_vec());
    let table = Table::new("rows", "Rows")
        .column("row", "", "", Values::ints(0..2))
        .column("prefix_text", "", "", texts(["Once upon", "There was"]))
        .column("true_text", "", "", texts([" a time", " an old 집"]))
        .column("generated_text", "", "", texts([" a time", " an old 배"]));
    let report = Report { tables: vec![table], ..Report::default() };
    let step = save_step(&run, "", &CARD, &serde_json::Value::Null, &report).expect("a step");
    let saved = SavedReport { steps: vec![step], complete: true, ..SavedReport::new("scored", 1) };
    write_json(&run.report_path(), &saved).expect("a report");
    run.write_status(&Status { state: State::Done, created: 1000.0, ..Status::default() }).expect("a status");
}

#[test]
fn the_generated_continuation_stands_against_the_true_one() {
    let root = tempfile::tempdir().expect("a scratch folder");
    scored(root.path());
    let mut harness = window(root.path(), false, 1.0);
    wait(&mut harness, "the run", |w| w.state().runs.entries.len() == 1);
    harness.get_by_label("Runs").click();
    harness.run_steps(4);
    choose(&mut harness, "scored", false);
    wait(&mut harness, "the details", |w| w.state().runs.current_details().is_some());
    harness.get_by_label("Show: Tables").click();
    harness.run_steps(4);
    assert!(is_there(&harness, "the same, word for word"), "the first row is shown until another is chosen");
    let row = harness.get_by_label("There was").rect().center();
    click(&mut harness, row, Modifiers::NONE);
    assert!(is_there(&harness, "against the true one") && is_there(&harness, " an old 집배"));
}

#[test]
fn a_text_beyond_the_context_shows_where_it_is_cut() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let file = root.path().join("long.jsonl");
    let long = "The house was quiet and the river ran on. ".repeat(400);
    std::fs::write(&file, format!("{{\"text\": \"short\"}}\n{{\"text\": \"{long}\"}}\n")).expect("a file");
    let mut harness = window_that_opens(&[sample(), file], root.path(), false, 1.0);
    wait(&mut harness, "the lengths", |w| w.state().sheet().is_some_and(|s| s.cuts.len() == 1));
    harness.get_by_role_and_label(egui::Role::Button, "Data").click();
    harness.run_steps(4);
    harness.get_by_label("List only these").click();
    harness.run_steps(4);
    assert!(harness.query_all_by_label("short").next().is_none(), "only the long text is listed");
    let row = harness.query_all_by_label_contains("The house was quiet").next().expect("the row").rect();
    click(&mut harness, egui::pos2(row.left() + 20.0, row.center().y), Modifiers::NONE);
    assert!(is_there(&harness, "The model reads the first"), "and how much of it is read");
}

#[test]
fn a_chart_goes_back_to_where_it_was() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = three(root.path(), false);
    choose(&mut harness, "alpha", false);
    wait(&mut harness, "the details", |w| w.state().runs.figure.is_some());
    harness.get_by_label("Figures").click();
    harness.run_steps(6);
    let can = |h: &Harness<'static, Window>, name: &str| !h.get_by_label(name).accesskit_node().is_disabled();
    assert!(!can(&harness, "Zoom back"), "nothing was zoomed yet");
    let (from, to) = (egui::pos2(600.0, 300.0), egui::pos2(520.0, 340.0));
    harness.event(egui::Event::PointerMoved(from));
    harness.run_steps(1);
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    harness.event(button(from, true));
    harness.run_steps(1);
    harness.event(egui::Event::PointerMoved(to));
    harness.run_steps(2);
    harness.event(button(to, false));
    harness.run_steps(4);
    assert!(can(&harness, "Zoom back") && !can(&harness, "Zoom forward"), "it was dragged");
    harness.get_by_label("Zoom back").click();
    harness.run_steps(4);
    assert!(!can(&harness, "Zoom back") && can(&harness, "Zoom forward"), "it is where it was");
}

#[test]
fn values_of_both_signs_get_a_logarithmic_axis() {
    let root = tempfile::tempdir().expect("a scratch folder");
    let mut harness = three(root.path(), false);
    choose(&mut harness, "alpha", false);
    wait(&mut harness, "the details", |w| w.state().runs.figure.is_some());
    harness.get_by_label("Figures").click();
    harness.run_steps(6);
    harness.get_by_label("Scale of x: linear").click();
    harness.run_steps(4);
    harness.get_by_label("symlog").click();
    harness.run_steps(6);
    assert!(is_there(&harness, "Scale of x: symlog") && is_there(&harness, "Scale of y: linear"), "it is chosen");
}
