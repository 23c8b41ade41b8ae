//! A picture of every view in both themes. Only compared where they were made: on Mesa's software Vulkan.

use egui::{Rect, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use memoscope::app::Window;

use super::runs::{choose, three};
use super::{finished_run, sample, wait, window};

const VIEWS: [&str; 9] = ["Start", "Model", "Data", "Compare", "Experiment", "Runs", "Figures", "Log", "Unlearn"];

/// What differs from machine to machine: the status bar, paths, times, free memory.
fn mask(harness: &mut Harness<'static, Window>, view: &str) {
    let mut hide = |a: [f32; 2], b: [f32; 2]| harness.mask(Rect::from_min_max(pos2(a[0], a[1]), pos2(b[0], b[1])));
    hide([0.0, 690.0], [1280.0, 720.0]);
    match view {
        "Model" => hide([160.0, 0.0], [1010.0, 56.0]),
        "Start" => hide([76.0, 350.0], [1280.0, 690.0]),
        "Experiment" => hide([950.0, 60.0], [1280.0, 230.0]),
        "Train" => hide([80.0, 50.0], [484.0, 150.0]),
        "Log" => hide([76.0, 60.0], [1280.0, 690.0]),
        _ => {}
    }
}

#[test]
fn every_view_looks_as_before() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let mut wrong = Vec::new();
    for dark in [false, true] {
        let mut harness = window(runs.path(), dark, 0.5);
        harness.run_steps(2);
        if !harness.state().state().machine.adapter.contains("llvmpipe") {
            println!(
                "skipped: the pictures were made on llvmpipe, this is {}",
                harness.state().state().machine.adapter
            );
            return;
        }
        harness.state_mut().open(&[sample(), sample().join("paraphrases.json")]);
        wait(&mut harness, "a measured pair", |w| {
            let sheet = w.state().sheet();
            w.state().compare.alignment.ready().is_some() && sheet.is_some_and(|s| s.lengths.is_some())
        });
        for view in VIEWS {
            harness.get_by_label(view).click();
            harness.run_steps(4);
            wait(&mut harness, "the messages to go", |w| w.state().toasts.is_empty());
            harness.remove_cursor();
            harness.run_steps(2);
            mask(&mut harness, view);
            let name = format!("{}_{}", view.to_lowercase(), if dark { "dark" } else { "light" });
            if let Err(error) = harness.try_snapshot(&name) {
                wrong.push(error.to_string());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_figures_of_a_run_look_as_before() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    finished_run(runs.path(), "alignment");
    let mut wrong = Vec::new();
    for dark in [false, true] {
        let mut harness = window(runs.path(), dark, 0.5);
        harness.run_steps(2);
        if !harness.state().state().machine.adapter.contains("llvmpipe") {
            return println!("skipped: the pictures were made on llvmpipe");
        }
        wait(&mut harness, "the run", |w| !w.state().runs.entries.is_empty());
        harness.get_by_label("Figures").click();
        wait(&mut harness, "its picture", |w| w.state().desk.asked.is_none() && w.state().desk.preview.is_some());
        harness.remove_cursor();
        harness.run_steps(3);
        mask(&mut harness, "Figures");
        let name = format!("figures_of_a_run_{}", if dark { "dark" } else { "light" });
        if let Err(error) = harness.try_snapshot(&name) {
            wrong.push(error.to_string());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The tabs of one run and of several, with what they show.
#[test]
fn runs_look_as_before() {
    let mut wrong = Vec::new();
    for dark in [false, true] {
        let root = tempfile::tempdir().expect("a scratch folder");
        let mut harness = three(root.path(), dark);
        if !harness.state().state().machine.adapter.contains("llvmpipe") {
            println!("skipped: the pictures were made on llvmpipe");
            return;
        }
        let mut take = |harness: &mut Harness<'static, Window>, name: &str| {
            wait(harness, "the messages to go", |w| w.state().toasts.is_empty());
            harness.remove_cursor();
            harness.run_steps(3);
            mask(harness, "Runs");
            if let Err(error) = harness.try_snapshot(format!("runs_{name}_{}", if dark { "dark" } else { "light" })) {
                wrong.push(error.to_string());
            }
        };
        choose(&mut harness, "alpha", false);
        harness.get_by_label("Show: Charts").click();
        harness.run_steps(4);
        take(&mut harness, "charts");
        choose(&mut harness, "gamma", true);
        harness.get_by_label("Compare: Samples").click();
        wait(&mut harness, "shared rows", |w| w.state().runs.shared.is_some());
        take(&mut harness, "samples");
        harness.get_by_label("Compare: Overview").click();
        harness.run_steps(4);
        take(&mut harness, "overview");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_landscape_looks_as_before() {
    let mut wrong = Vec::new();
    for dark in [false, true] {
        let runs = tempfile::tempdir().expect("a scratch folder");
        let mut harness = super::landscape::landscape(runs.path(), dark);
        if !harness.state().state().machine.adapter.contains("llvmpipe") {
            return println!("skipped: the pictures were made on llvmpipe");
        }
        harness.remove_cursor();
        harness.run_steps(2);
        mask(&mut harness, "Landscape");
        let name = format!("landscape_{}", if dark { "dark" } else { "light" });
        if let Err(error) = harness.try_snapshot(&name) {
            wrong.push(error.to_string());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_training_looks_as_before() {
    let mut wrong = Vec::new();
    for dark in [false, true] {
        let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let theme = if dark { "dark" } else { "light" };
        let mut form = super::train::set_up(one.path(), dark, 0.5);
        if !form.state().state().machine.adapter.contains("llvmpipe") {
            return println!("skipped: the pictures were made on llvmpipe");
        }
        let mut watched = super::train::watched(other.path(), dark);
        for (name, harness) in [("setup", &mut form), ("watch", &mut watched)] {
            wait(harness, "the messages to go", |w| w.state().toasts.is_empty());
            harness.remove_cursor();
            harness.run_steps(3);
            mask(harness, "Train");
            if let Err(error) = harness.try_snapshot(format!("train_{name}_{theme}")) {
                wrong.push(error.to_string());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn results_of_unlearning_look_as_before() {
    let mut wrong = Vec::new();
    for dark in [false, true] {
        let runs = tempfile::tempdir().expect("a scratch folder");
        let mut harness = super::unlearn::three(runs.path(), dark);
        if !harness.state().state().machine.adapter.contains("llvmpipe") {
            return println!("skipped: the pictures were made on llvmpipe");
        }
        for page in ["Results", "Pareto"] {
            harness.get_by_label(&format!("Unlearn: {page}")).click();
            harness.run_steps(3);
            wait(&mut harness, "the messages to go", |w| w.state().toasts.is_empty());
            harness.remove_cursor();
            harness.run_steps(3);
            mask(&mut harness, "Unlearn");
            let name = format!("unlearn_{}_{}", page.to_lowercase(), if dark { "dark" } else { "light" });
            if let Err(error) = harness.try_snapshot(&name) {
                wrong.push(error.to_string());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
