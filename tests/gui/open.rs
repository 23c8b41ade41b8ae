//! Opening: from the command line, by dropping, and what is remembered.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::Key;
use egui_kittest::kittest::Queryable as _;
use memoscope::app::Window;
use memoscope::app::state::Slot;
use memoscope::app::views::ViewId;

use super::{sample, wait, window, window_that_opens};

fn shows(window: &Window, view: ViewId) -> bool {
    window.state().shown.contains(&view)
}

#[test]
fn a_model_and_data_lead_straight_to_the_first_measured_pair() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let open = [sample(), sample().join("paraphrases.json")];
    let mut harness = window_that_opens(&open, runs.path(), false, 1.0);
    harness.run_steps(2);
    assert!(shows(harness.state(), ViewId::Compare), "from the first frames on");
    wait(&mut harness, "the alignment of the first pair", |w| w.state().compare.alignment.ready().is_some());
    let compare = &harness.state().state().compare;
    assert_eq!(compare.pair, Some(0));
    let measured = compare.measured.as_ref().expect("measured");
    assert!(measured.pair.sides.iter().all(|s| s.scores.loss.is_some_and(|l| l > 0.0)), "both sides have a loss");
    harness.get_by_label("1 of 480");
}

/// Another program cuts the weights while they are mapped: a processor would end the window for reading what is gone.
#[test]
fn a_model_that_is_cut_while_it_is_open_is_closed_and_explained() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let copy = runs.path().join("model");
    std::fs::create_dir(&copy).expect("a folder");
    for entry in std::fs::read_dir(sample()).expect("the sample") {
        let from = entry.expect("an entry").path();
        std::fs::copy(&from, copy.join(from.file_name().expect("a name"))).expect("a copy");
    }
    let mut harness = window_that_opens(std::slice::from_ref(&copy), runs.path(), false, 1.0);
    wait(&mut harness, "the model", |w| w.state().model.ready().is_some());
    wait(&mut harness, "a rest", |w| w.state().compare.changed.is_none() && !w.state().compare.is_busy);
    let weights = std::fs::OpenOptions::new().write(true).open(copy.join("model.safetensors")).expect("the weights");
    weights.set_len(4096).expect("a cut");
    harness.get_by_label("Compare").click();
    harness.run_steps(3);
    harness.get_by_role_and_label(egui::Role::TextInput, "Original").focus();
    harness.run_steps(2);
    harness.get_by_role_and_label(egui::Role::TextInput, "Original").type_text("The house was quiet.");
    wait(&mut harness, "the refusal", |w| matches!(w.state().model, Slot::Failed(..)));
    harness.get_by_label("Model").click();
    harness.run_steps(3);
    harness.query_all_by_label_contains("the file was changed while it was in use").next().expect("an explanation");
}

#[test]
fn a_model_alone_stays_on_start() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let mut harness = window_that_opens(&[sample()], runs.path(), false, 1.0);
    wait(&mut harness, "the model", |w| w.state().model.ready().is_some());
    assert!(shows(harness.state(), ViewId::Start));
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

#[test]
fn folders_and_files_can_be_dropped() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let experiment = runs.path().join("exp.json");
    let text = r#"{"schema": 1, "name": "dropped", "seed": 7, "steps": [{"method": "mia"}]}"#;
    std::fs::write(&experiment, text).expect("a file");
    let mut harness = window(runs.path(), false, 1.0);
    harness.run();
    for path in [sample(), sample().join("members.jsonl")] {
        harness.input_mut().dropped_files.push(Arc::new(Dropped(path)));
    }
    wait(&mut harness, "model and data", |w| w.state().model.ready().is_some() && w.state().sheet().is_some());
    assert!(shows(harness.state(), ViewId::Compare));
    harness.input_mut().dropped_files.push(Arc::new(Dropped(experiment)));
    wait(&mut harness, "the experiment", |w| w.state().draft.experiment.name == "dropped");
    assert_eq!(harness.state().state().draft.experiment.seed, 7);
    assert!(shows(harness.state(), ViewId::Experiment));
}

#[test]
fn what_was_open_is_offered_again_and_favorites_stay_first() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let files: Vec<PathBuf> = ["a.txt", "b.txt"].iter().map(|name| runs.path().join(name)).collect();
    for file in &files {
        std::fs::write(file, "a text\n").expect("a file");
    }
    let mut harness = window_that_opens(&files, runs.path(), false, 1.0);
    wait(&mut harness, "both files", |w| w.state().settings.recent_data.len() == 2);
    harness.get_by_label("Start").click();
    harness.run_steps(2);
    let top = |harness: &egui_kittest::Harness<'static, Window>, name: &str| harness.get_by_label(name).rect().top();
    let last = harness.state().state().settings.recent_data.last().expect("two files").clone();
    let last = format!("{}", last.file_name().expect("a name").display());
    let first = if last == "a.txt" { "b.txt" } else { "a.txt" };
    assert!(top(&harness, &format!("Open {first}")) < top(&harness, &format!("Open {last}")));
    harness.get_by_label(&format!("Keep as favorite {last}")).click();
    harness.run_steps(3);
    assert!(top(&harness, &format!("Open {last}")) < top(&harness, &format!("Open {first}")), "the favorite is first");
    harness.get_by_label(&format!("Forget favorite {last}"));
}

#[test]
fn characters_of_several_tokens_are_shown_whole_and_their_bytes_on_hover() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let file = runs.path().join("korean.txt");
    std::fs::write(&file, "기억 🙂 صباح\n").expect("a file");
    let mut harness = window_that_opens(&[sample(), file], runs.path(), false, 1.0);
    wait(&mut harness, "the measured text", |w| w.state().compare.measured.is_some());
    let measured = harness.state().state().compare.measured.clone().expect("measured");
    let side = &measured.pair.sides[0];
    let shown: String = (0..side.cells.len())
        .filter_map(|i| match side.shared(i) {
            Some(shared) => (shared.index == 0).then_some(shared.shown),
            None => Some(side.cells[i].shown.clone()),
        })
        .collect();
    assert_eq!(shown, "기억·🙂·صباح");
    harness.query_all_by_label("‹EA›").next().expect("the first byte of 기 is a token").hover();
    harness.run_steps(12);
    harness.get_by_label("ea");
}

#[test]
fn zoom_keys_change_the_remembered_zoom_within_bounds() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let mut harness = window(runs.path(), false, 1.0);
    harness.run();
    for _ in 0..30 {
        harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::Equals);
        harness.run_steps(1);
    }
    assert!((harness.state().state().settings.zoom - 3.0).abs() < 1e-6);
    assert!((harness.ctx.zoom_factor() - 3.0).abs() < 1e-6);
    harness.get_by_label("Compare").click();
    harness.run_steps(2);
    harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::Minus);
    harness.run_steps(2);
    assert!((harness.ctx.zoom_factor() - 2.9).abs() < 1e-6);
    harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::Num0);
    harness.run_steps(2);
    assert!((harness.ctx.zoom_factor() - 1.0).abs() < 1e-6);
}

#[test]
fn about_says_what_it_does_not_do_and_errors_can_be_copied() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let mut harness = window(runs.path(), true, 1.0);
    harness.run();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::K);
    harness.run_steps(3);
    harness.get_by_label("Command").type_text("about");
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(4);
    let all = |h: &egui_kittest::Harness<'static, Window>, part: &str| h.query_all_by_label_contains(part).count();
    assert!(all(&harness, "No telemetry") > 0 && all(&harness, "No network unless asked") > 0);
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert_eq!(all(&harness, "No telemetry"), 0, "Escape closes it");

    harness.state_mut().open(&[PathBuf::from("/nowhere/at all/model")]);
    wait(&mut harness, "the refusal", |w| matches!(w.state().model, Slot::Failed(..)));
    harness.query_all_by_label("Copy details").next().expect("the message can be copied").click();
    let text = super::wait_for_copy(&mut harness);
    assert!(text.contains("hint: ") && text.contains("/nowhere/at all/model"), "{text}");
}
