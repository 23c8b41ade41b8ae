//! The Experiment view: presets, estimates, undo, seeds.

use egui::{Key, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use memoscope::app::Window;
use memoscope::app::state::Slot;
use serde_json::{Value, json};

use super::{sample, wait, window_that_opens};

fn experiment_window(runs: &std::path::Path, method: &str) -> Harness<'static, Window> {
    let open = [sample(), sample().join("paraphrases.json")];
    let mut harness = window_that_opens(&open, runs, false, 1.0);
    wait(&mut harness, "model and data", |w| w.state().model.ready().is_some() && w.state().sheet().is_some());
    harness.get_by_label("Experiment").click_accesskit();
    harness.run_steps(3);
    harness.get_by_role_and_label(Role::Button, method).click_accesskit();
    harness.run_steps(3);
    harness
}

fn config(harness: &Harness<'static, Window>) -> Value {
    Value::Object(harness.state().state().draft.config())
}

fn choose_preset(harness: &mut Harness<'static, Window>, name: &str) {
    harness.get_by_role_and_label(Role::ComboBox, "Preset").click();
    harness.run_steps(4);
    harness.query_all_by_label(name).last().expect("the preset is listed").click();
    harness.run_steps(4);
}

#[test]
fn texts_that_are_too_short_are_known_before_the_start_and_a_preset_fits() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let mut harness = experiment_window(runs.path(), "Memorization score");
    wait(&mut harness, "the refusal", |w| matches!(w.state().draft.estimate, Slot::Failed(..)));
    let said = "no row of paraphrases has k + l = 64 tokens; the longest has";
    assert!(harness.query_all_by_label_contains(said).count() > 0, "the window says why");
    harness.get_by_label("Cannot run yet");
    harness.get_by_role_and_label(Role::Button, "Run").click();
    harness.run_steps(4);
    assert!(harness.state().state().runs.chosen.is_empty(), "nothing starts with an error outstanding");

    choose_preset(&mut harness, "Short texts, k = 16, l = 8");
    assert_eq!(config(&harness), json!({"k": 16, "l": 8}));
    wait(&mut harness, "the estimate", |w| w.state().draft.estimate.ready().is_some());
    let estimate = harness.state().state().draft.estimate.ready().expect("a plan").first.estimate.clone();
    assert!(estimate.disk_bytes > 10_000 && estimate.memory_bytes > 1_000_000, "{estimate:?}");
    assert!(estimate.work.forward_tokens >= 240 * 24, "{estimate:?}");
    for line in ["Time", "Memory", "Disk", "Tokens"] {
        harness.get_by_label(line);
    }
}

#[test]
fn changed_options_are_marked_reset_to_the_preset_and_undone() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let mut harness = experiment_window(runs.path(), "Memorization score");
    choose_preset(&mut harness, "Carlini, k = l = 50");
    harness.get_by_role_and_label(Role::TextInput, "k").focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run_steps(1);
    harness.get_by_role_and_label(Role::TextInput, "k").type_text("12");
    harness.run_steps(3);
    assert_eq!(config(&harness), json!({"k": 12, "l": 50}));
    harness.get_by_label("Reset k to 50");
    assert!(harness.query_by_label("Reset l to 50").is_none(), "l is as in the preset");
    harness.get_by_label("Reset to Carlini, k = l = 50").click();
    harness.run_steps(3);
    assert_eq!(config(&harness), json!({"k": 50, "l": 50}));
    harness.get_by_label("Undo").click();
    harness.run_steps(3);
    assert_eq!(config(&harness), json!({"k": 12, "l": 50}));
    harness.get_by_label("Redo").click();
    harness.run_steps(3);
    assert_eq!(config(&harness), json!({"k": 50, "l": 50}));
}

#[test]
fn a_wrong_value_says_what_is_allowed_and_nothing_starts() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let mut harness = experiment_window(runs.path(), "Perplexity");
    harness.get_by_role_and_label(Role::TextInput, "batch_size").focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run_steps(1);
    harness.get_by_role_and_label(Role::TextInput, "batch_size").type_text("0");
    harness.run_steps(3);
    assert!(harness.query_all_by_label_contains("4096").count() > 0, "the message has the range");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    harness.run_steps(10);
    assert!(harness.state().state().runs.entries.is_empty(), "nothing started");
}

#[test]
fn five_seeds_are_five_runs() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let mut harness = experiment_window(runs.path(), "Perplexity");
    wait(&mut harness, "the estimate", |w| w.state().draft.estimate.ready().is_some());
    harness.get_by_label("Repeat with 5 seeds").click();
    wait(&mut harness, "five finished runs", |w| {
        let entries = &w.state().runs.entries;
        entries.len() == 5 && entries.iter().all(|r| !r.state.is_active())
    });
    let mut seeds: Vec<String> =
        harness.state().state().runs.entries.iter().filter_map(|r| r.config.get("seed").cloned()).collect();
    seeds.sort();
    assert_eq!(seeds, ["0", "1", "2", "3", "4"]);
    assert!(harness.state().state().runs.entries.iter().all(|r| r.trouble.is_none()));
    assert_eq!(harness.state().state().runs.chosen.len(), 5, "they are looked at together");
}
