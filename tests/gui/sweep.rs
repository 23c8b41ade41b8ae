//! A sweep in the window: set up, counted, run, filtered.

use egui::{Key, Modifiers, PointerButton, Pos2, Role, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use memoscope::app::Window;
use serde_json::json;

use super::{sample, wait, window_that_opens};

/// Replaces the text of a field.
fn type_into(harness: &mut Harness<'static, Window>, field: &str, text: &str) {
    harness.get_by_role_and_label(Role::TextInput, field).focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run_steps(1);
    harness.get_by_role_and_label(Role::TextInput, field).type_text(text);
    harness.run_steps(3);
}

/// Presses at a point, moves to another and lets go.
fn drag(harness: &mut Harness<'static, Window>, from: Pos2, to: Pos2) {
    let press = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    harness.event(egui::Event::PointerMoved(from));
    harness.run_steps(2);
    harness.event(press(from, true));
    harness.run_steps(2);
    for step in 1..=4 {
        harness.event(egui::Event::PointerMoved(from + (to - from) * step as f32 / 4.0));
        harness.run_steps(2);
    }
    harness.event(press(to, false));
    harness.run_steps(3);
}

#[test]
fn a_sweep_is_set_up_run_and_filtered() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let open = [sample(), sample().join("members.jsonl")];
    let mut harness = window_that_opens(&open, runs.path(), false, 1.0);
    wait(&mut harness, "model and data", |w| w.state().model.ready().is_some() && w.state().sheet().is_some());
    harness.get_by_label("Experiment").click();
    harness.run_steps(3);
    harness.get_by_role_and_label(Role::Button, "Memorization score").click();
    harness.run_steps(3);
    type_into(&mut harness, "l", "8");
    harness.get_by_label("Vary k").click();
    harness.run_steps(3);
    let sweep = |harness: &Harness<'static, Window>| harness.state().state().draft.experiment.sweep.clone();
    type_into(&mut harness, "Values of k", "8, -1");
    assert_eq!(sweep(&harness)["steps.0.config.k"], json!([8, -1]));
    assert!(harness.query_all_by_label_contains("is -1").next().is_some(), "the wrong value is named");
    type_into(&mut harness, "Values of k", "8, 16");
    type_into(&mut harness, "repeats", "2");
    assert_eq!(sweep(&harness)["seed"], json!([0, 1]));
    wait(&mut harness, "the estimate", |w| {
        w.state().draft.estimate.ready().is_some_and(|needs| needs.points.len() == 4)
    });
    assert!(harness.query_by_label("4 runs = 2 × 2").is_some(), "the product is shown");
    harness.get_by_label("Run 4").click();
    wait(&mut harness, "four finished runs", |w| {
        let entries = &w.state().runs.entries;
        entries.len() == 4 && entries.iter().all(|r| !r.state.is_active())
    });
    let state = harness.state().state();
    assert!(state.runs.entries.iter().all(|r| r.trouble.is_none()), "{:?}", state.runs.entries[0].trouble);
    assert!(state.runs.chosen_sweep().is_some(), "they are looked at together");
    assert!(harness.query_by_label("Sweep of 4 runs").is_some());
    assert!(harness.query_by_label("4 runs").is_some(), "all lines are kept");

    // The upper half of the axis of k keeps the two runs with 16.
    let axis = harness.get_by_label("Axis k").rect();
    let middle = axis.center().x;
    drag(&mut harness, pos2(middle, axis.center().y), pos2(middle, axis.top() + 1.0));
    assert!(harness.query_by_label("2 of 4 runs").is_some(), "two of four pass");
    harness.get_by_label("Show all").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("4 runs").is_some(), "all again");

    harness.get_by_label("Sweep: Numbers").click();
    harness.run_steps(3);
    assert!(harness.query_all_by_label_contains("against k").next().is_some(), "numbers against k");
}
