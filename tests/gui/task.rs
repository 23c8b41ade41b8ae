//! One whole task: open the sample, compare a pair, type a text, run a score, see its numbers, export a figure.

use egui::Key;
use egui_kittest::kittest::Queryable as _;
use memoscope::app::state::Slot;

use super::{sample, wait, window};

#[test]
fn open_compare_run_and_export() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let mut harness = window(runs.path(), false, 1.0);
    harness.run();

    let path = harness.get_by_label("Path or hub id");
    path.focus();
    harness.run_steps(2);
    harness.get_by_label("Path or hub id").type_text(&sample().display().to_string());
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    wait(&mut harness, "the model", |w| w.state().model.ready().is_some());

    harness.get_by_label("Open the sample").click();
    wait(&mut harness, "three data files", |w| {
        w.state().model.ready().is_some()
            && w.state().data.len() == 3
            && w.state().data.iter().all(|d| d.sheet.ready().is_some())
    });
    wait(&mut harness, "a measured pair", |w| {
        let compare = &w.state().compare;
        compare.measured.as_ref().is_some_and(|m| m.pair.sides.iter().all(|s| s.scores.loss.is_some()))
            && !compare.is_stale()
    });
    wait(&mut harness, "its alignment", |w| w.state().compare.alignment.ready().is_some());
    let cosine = harness.state().state().compare.alignment.ready().and_then(|a| a.cosine).expect("a cosine");
    assert!((-1.0..=1.0).contains(&cosine), "{cosine}");

    let second =
        harness.state().state().compare.measured.as_ref().map(|m| m.pair.sides[0].cells[1].clone()).expect("tokens");
    harness.query_all_by_label(&second.shown).next().expect("the token is there").hover();
    harness.run_steps(12);
    harness.get_by_label(&format!("id {}", second.id));

    harness.get_by_label("Next pair").click();
    wait(&mut harness, "the next pair", |w| w.state().compare.pair == Some(1) && !w.state().compare.is_stale());
    harness.get_by_label("Color by: Rank").click();
    harness.run_steps(2);

    let typed = "Once upon a time, 기억 🙂";
    harness.get_by_role_and_label(egui::Role::TextInput, "Original").focus();
    harness.run_steps(2);
    harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::A);
    harness.run_steps(1);
    harness.get_by_role_and_label(egui::Role::TextInput, "Original").type_text(typed);
    wait(&mut harness, "the typed text", |w| {
        w.state().compare.measured.as_ref().is_some_and(|m| m.pair.sides[0].text == typed)
            && !w.state().compare.is_stale()
    });

    // The whole set as a run: of what was read 192 times, nearly every biography is reproduced.
    harness.get_by_role_and_label(egui::Role::Button, "Data").click();
    harness.run_steps(3);
    harness.get_by_label("members.jsonl").click();
    harness.run_steps(3);
    harness.get_by_label("Experiment").click();
    harness.run_steps(3);
    harness.get_by_role_and_label(egui::Role::Button, "Memorization score").click();
    harness.run_steps(3);
    harness.get_by_role_and_label(egui::Role::ComboBox, "Preset").click();
    harness.run_steps(4);
    harness.query_all_by_label("Short texts, k = 16, l = 8").last().expect("the preset is listed").click();
    wait(&mut harness, "an estimate", |w| w.state().draft.estimate.ready().is_some());
    harness.get_by_role_and_label(egui::Role::Button, "Run").click();
    wait(&mut harness, "the run", |w| w.state().runs.entries.iter().any(|r| !r.state.is_active()));
    let run = std::sync::Arc::clone(&harness.state().state().runs.entries[0]);
    assert!(run.trouble.is_none(), "{:?}", run.trouble);
    assert_eq!(run.config.get("steps.0.config.k").map(String::as_str), Some("16"));
    let score = run.scalars.values().copied().find(|v| (0.5..=1.0).contains(v));
    assert!(score.is_some(), "the sample memorized most of its members: {:?}", run.scalars);
    wait(&mut harness, "its details", |w| w.state().runs.current_details().is_some_and(|d| !d.figures.is_empty()));
    let label = harness.state().state().runs.current_details().expect("details").steps[0].scalars[0].label.clone();
    harness.query_all_by_label(&label).next().expect("the run shows its headline number");

    harness.get_by_label("Figures").click();
    harness.run_steps(3);
    harness.get_by_label("Into the run").click();
    let exports = run.path.join("exports");
    wait(&mut harness, "the exported figure", |_| std::fs::read_dir(&exports).is_ok_and(|mut f| f.next().is_some()));
    let file = std::fs::read_dir(&exports).expect("a folder").next().expect("a file").expect("an entry").path();
    let pdf = std::fs::read(&file).expect("a file");
    assert!(file.extension().is_some_and(|e| e == "pdf") && pdf.starts_with(b"%PDF-"), "{}", file.display());
    assert!(pdf.windows(5).any(|w| w == b"%%EOF") && pdf.len() > 5000, "a whole file with its fonts");
}

#[test]
fn a_folder_without_a_model_is_explained() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let mut harness = window(runs.path(), true, 1.0);
    harness.run();
    harness.get_by_label("Path or hub id").focus();
    harness.run_steps(2);
    harness.get_by_label("Path or hub id").type_text(&runs.path().display().to_string());
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    wait(&mut harness, "the refusal", |w| matches!(w.state().model, Slot::Failed(..)));
    assert!(harness.query_all_by_label("Copy details").count() > 0, "the details can be copied");
}

#[test]
fn every_view_shows_something_without_model_and_data() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let mut harness = window(runs.path(), false, 1.0);
    for view in ["Model", "Data", "Compare", "Experiment", "Runs", "Figures", "Log", "Start"] {
        harness.get_by_label(view).click();
        harness.run();
    }
    harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::K);
    harness.run();
    harness.get_by_label("Command");
}
