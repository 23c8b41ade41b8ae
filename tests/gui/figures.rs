//! The Figures view: one figure, a page of figures, tables.

use egui::{Key, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use memoscope::app::Window;
use memoscope::app::desk::Preview;
use memoscope::runs::Page;

use super::{finished_run, wait, wait_for_copy, window};

fn figures_window(runs: &std::path::Path) -> Harness<'static, Window> {
    let mut harness = window(runs, false, 1.0);
    wait(&mut harness, "the run", |w| !w.state().runs.entries.is_empty());
    harness.get_by_label("Figures").click();
    wait(&mut harness, "its figures", |w| w.state().runs.current_details().is_some_and(|d| d.figures.len() > 1));
    harness.run_steps(3);
    harness
}

fn titles(harness: &Harness<'static, Window>) -> Vec<String> {
    let details = harness.state().state().runs.current_details().expect("details");
    details.figures.iter().map(|(_, figure)| figure.title.clone()).collect()
}

#[test]
fn a_page_of_two_figures_is_composed_undone_and_exported_with_its_description() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let run = finished_run(runs.path(), "first");
    let mut harness = figures_window(runs.path());
    let titles = titles(&harness);
    harness.get_by_label("Show: Page (0)").click();
    harness.run_steps(3);
    for title in &titles[..2] {
        harness.get_by_role_and_label(Role::Button, title).click();
        harness.run_steps(3);
    }
    assert_eq!(harness.state().state().desk.page.panels.len(), 2);
    wait(&mut harness, "the picture of the page", |w| {
        w.state().desk.asked.is_none() && matches!(w.state().desk.preview, Some((_, Preview::Drawn(_))))
    });
    harness.get_by_label("Move panel (b) earlier").click();
    harness.run_steps(3);
    let order = |h: &Harness<'static, Window>| {
        h.state().state().desk.page.panels.iter().map(|p| p.figure.clone()).collect::<Vec<_>>()
    };
    let moved = order(&harness);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(3);
    let before = order(&harness);
    assert_eq!(moved, [before[1].clone(), before[0].clone()]);

    // The dialog belongs to the desktop; what it would send is sent here.
    let page = harness.state().state().desk.page.clone();
    let file = runs.path().join("page.pdf");
    let exported = page.export().expect("a page").bytes;
    std::fs::write(&file, &exported).expect("a file");
    page.write(&runs.path().join("page.page.json")).expect("its description");
    let again = Page::read(&runs.path().join("page.page.json")).expect("reads back");
    assert_eq!(again.panels[0].run, run);
    assert_eq!(again.export().expect("drawn again").bytes, exported, "the same bytes from the description");

    harness.state_mut().open(&[runs.path().join("page.page.json")]);
    harness.get_by_label("Remove panel (a)").click();
    wait(&mut harness, "the page from its file", |w| w.state().desk.page.panels.len() == 2);
}

#[test]
fn the_legend_position_and_the_size_reach_the_file() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let run = finished_run(runs.path(), "first");
    let mut harness = figures_window(runs.path());
    harness.get_by_role_and_label(Role::ComboBox, "Width for").click();
    harness.run_steps(4);
    harness.query_all_by_label("NeurIPS text (5.5 in)").last().expect("listed").click();
    harness.run_steps(3);
    harness.get_by_role_and_label(Role::ComboBox, "Format").click();
    harness.run_steps(4);
    harness.query_all_by_label("SVG (vector)").last().expect("listed").click();
    harness.run_steps(3);
    harness.get_by_label("Into the run").click();
    let folder = run.join("exports");
    wait(&mut harness, "the file", |_| std::fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some()));
    let file = std::fs::read_dir(&folder).expect("a folder").next().expect("a file").expect("an entry").path();
    let svg = std::fs::read_to_string(file).expect("an SVG");
    assert!(svg.contains("width=\"396pt\""), "5.5 in are 396 pt");
    assert!(svg.contains("run=\"first\"") && svg.contains("method=\"gradient-alignment version 1\""), "provenance");
}

#[test]
fn everything_of_a_run_is_exported_at_once() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    let run = finished_run(runs.path(), "first");
    let mut harness = figures_window(runs.path());
    let n = titles(&harness).len();
    harness.get_by_label("Export all").click();
    let count = |extension: &str| {
        let files = std::fs::read_dir(run.join("exports")).into_iter().flatten().flatten();
        files.filter(|f| f.path().extension().is_some_and(|e| e == extension)).count()
    };
    wait(&mut harness, "all files", |w| !w.state().toasts.is_empty());
    assert_eq!(count("pdf"), n);
    assert_eq!(count("csv"), 3, "texts, pairs and contributions");
    assert_eq!(count("html"), 1, "all of it as one document");
}

#[test]
fn tables_are_copied_for_a_paper_with_the_best_in_bold() {
    let runs = tempfile::tempdir().expect("a scratch folder");
    finished_run(runs.path(), "first");
    let mut harness = figures_window(runs.path());
    harness.get_by_role_and_label(Role::Button, "Headline numbers").click();
    harness.run_steps(4);
    harness.get_by_label("Best of Value: none").click();
    harness.run_steps(2);
    harness.get_by_label("Copy").click();
    let latex = wait_for_copy(&mut harness);
    assert!(latex.contains("\\toprule") && latex.contains("Measure & {Value $\\uparrow$}"), "{latex}");
    assert_eq!(latex.matches("\\bfseries ").count(), 1, "{latex}");
    harness.get_by_label("Table format: Markdown").click();
    harness.run_steps(2);
    harness.get_by_label("Copy").click();
    let markdown = wait_for_copy(&mut harness);
    assert!(markdown.starts_with("| Measure | Value ↑ |"), "{markdown}");
    assert_eq!(markdown.matches("**").count(), 2, "{markdown}");
    harness.get_by_label("Table format: CSV").click();
    harness.run_steps(2);
    harness.get_by_label("Copy").click();
    let csv = wait_for_copy(&mut harness);
    assert!(csv.starts_with("Measure,Value,Unit,"), "{csv}");
}
