//! Curvature beside the surfaces: largest eigenvalues, trace and spectra of the chosen runs, before and after an edit in
//! one table.

use std::sync::Arc;

use egui::{Grid, RichText, ScrollArea, Ui, vec2};

use crate::app::plot::plot_ui;
use crate::app::runs::{RunDetails, RunList};
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{PAD, size};
use crate::app::widgets::{columns_ui, mono, soft};
use crate::figures::ticks::short;
use crate::figures::{Figure, Mark};
use crate::methods::{Table, Values};

/// Heads of the table, and what they say when they are pointed at.
const HEADS: [(&str, &str); 6] = [
    ("Model", "The model around which the loss is curved"),
    ("Texts", "The texts whose loss it is"),
    ("Largest λ", "Eigenvalue of largest magnitude, by power iteration"),
    ("Trace", "Sum of all eigenvalues, estimated, ± its standard error"),
    ("Lowest", "Lowest eigenvalue that Lanczos found"),
    ("Highest", "Highest eigenvalue that Lanczos found"),
];

/// What the chosen runs say about curvature, gathered again when they change.
#[derive(Default)]
pub(super) struct Sharpness {
    of: Vec<Arc<RunDetails>>,
    rows: Vec<[String; HEADS.len()]>,
    density: Option<Arc<Figure>>,
}

impl Sharpness {
    /// Looks at the chosen runs. Whether there is something to show.
    pub(super) fn look(&mut self, runs: &RunList) -> bool {
        let details: Vec<&Arc<RunDetails>> = runs.chosen.iter().filter_map(|id| runs.details.get(id)).collect();
        let is_same = details.len() == self.of.len() && details.iter().zip(&self.of).all(|(a, b)| Arc::ptr_eq(a, b));
        if !is_same {
            let tables = details.iter().flat_map(|d| &d.tables).filter(|table| table.id == "curvature");
            self.rows = tables.flat_map(|table| rows(table)).collect();
            self.density = density(&details).map(Arc::new);
            self.of = details.into_iter().cloned().collect();
        }
        !self.rows.is_empty()
    }

    /// The table, and the spectra beside it.
    pub(super) fn show_ui(&self, height: f32, ui: &mut Ui) {
        columns_ui(if self.density.is_some() { 2 } else { 1 }, ui, |columns| {
            if let [left, rest @ ..] = columns {
                left.label(RichText::new("Curvature").font(semibold(size::BODY)));
                ScrollArea::both().id_salt("curvature").max_height(height).auto_shrink([false, true]).show(
                    left,
                    |ui| {
                        self.table_ui(ui);
                    },
                );
                if let (Some(right), Some(figure)) = (rest.first_mut(), &self.density) {
                    right.label(RichText::new(&figure.title).font(semibold(size::BODY)));
                    plot_ui(figure, "landscape density", height, None, right);
                }
            }
        });
    }

    fn table_ui(&self, ui: &mut Ui) {
        Grid::new("curvature table").num_columns(HEADS.len()).spacing(vec2(PAD, 5.0)).show(ui, |ui| {
            for (head, about) in HEADS {
                ui.label(soft(ui, head)).on_hover_text(about);
            }
            ui.end_row();
            for [model, set, numbers @ ..] in &self.rows {
                ui.label(model);
                ui.label(set);
                for number in numbers {
                    ui.label(mono(number.clone()));
                }
                ui.end_row();
            }
        });
    }
}

fn rows(table: &Table) -> Vec<[String; HEADS.len()]> {
    let values = |name: &str| table.columns.iter().find(|c| c.name == name).map(|c| &c.values);
    let words = |name: &str, row: usize| match values(name) {
        Some(Values::Text(words)) => words.get(row).cloned().unwrap_or_default(),
        _ => String::new(),
    };
    let float = |name: &str, row: usize| match values(name) {
        Some(Values::Float(numbers)) => numbers.get(row).copied().flatten(),
        _ => None,
    };
    let number = |name: &str, row: usize| float(name, row).map_or_else(|| "–".to_owned(), rounded);
    let trace = |row: usize| match (float("trace", row), float("trace_error", row)) {
        (Some(trace), Some(error)) => format!("{} ± {}", rounded(trace), rounded(error)),
        _ => number("trace", row),
    };
    let line = |row: usize| {
        let [first, low, high] = ["eigenvalue_1", "lowest", "highest"].map(|name| number(name, row));
        [words("model", row), words("set", row), first, trace(row), low, high]
    };
    (0..table.rows()).map(line).collect()
}

/// With four digits.
fn rounded(value: f64) -> String {
    let digits = 3 - if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    let scale = 10f64.powi(digits.clamp(-300, 300));
    short((value * scale).round() / scale)
}

/// The spectra of all runs in one figure; of several runs with the names of their experiments.
fn density(details: &[&Arc<RunDetails>]) -> Option<Figure> {
    let of_run = |run: &&Arc<RunDetails>| {
        let figures = run.figures.iter().filter(|(_, figure)| figure.id == "density");
        let name = run.experiment.as_ref().map_or_else(|| run.id.clone(), |e| e.name.clone());
        figures.map(|(_, figure)| (name.clone(), Arc::clone(figure))).collect::<Vec<_>>()
    };
    let found: Vec<(String, Arc<Figure>)> = details.iter().flat_map(of_run).collect();
    let mut all = Figure::clone(&found.first()?.1);
    all.series.clear();
    for (run, figure) in &found {
        for series in figure.series.iter().filter(|s| matches!(s.mark, Mark::Line { .. })) {
            let mut series = series.clone();
            if found.len() > 1 {
                series.name = format!("{run}: {}", series.name);
            }
            series.color = all.series.len();
            all.series.push(series);
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Rows, Series};
    use crate::runs::Experiment;

    fn run(id: &str, largest: f64, error: Option<f64>) -> Arc<RunDetails> {
        let table = Table::new("curvature", "")
            .column("model", "", "", Values::Text(vec![format!("model {id}")]))
            .column("set", "", "", Values::Text(vec!["memorized".into()]))
            .column("eigenvalue_1", "", "", Values::Float(vec![Some(largest)]))
            .column("trace", "", "", Values::Float(vec![Some(1234.567)]))
            .column("trace_error", "", "", Values::Float(vec![error]))
            .column("lowest", "", "", Values::Float(vec![None]));
        let mark = Mark::Line { points: vec![[0.0, 1.0]], band: None, dashed: false };
        let series = vec![Series { name: "memorized".into(), color: 0, mark, rows: Rows::default() }];
        let figure = Figure { id: "density".into(), series, ..Figure::default() };
        Arc::new(RunDetails {
            id: id.into(),
            experiment: Some(Experiment { name: format!("run {id}"), ..Experiment::default() }),
            tables: vec![Arc::new(table)],
            figures: vec![("figures/density.json".into(), Arc::new(figure))],
            ..RunDetails::default()
        })
    }

    #[test]
    fn runs_before_and_after_an_edit_are_one_table_and_one_plot() {
        let mut runs = RunList { chosen: vec!["a".into(), "b".into()], ..RunList::default() };
        let mut sharpness = Sharpness::default();
        assert!(!sharpness.look(&runs), "nothing was read yet");
        runs.details.insert("a".into(), run("a", 12.34567, Some(0.5)));
        runs.details.insert("b".into(), run("b", -3e-5, None));
        assert!(sharpness.look(&runs));
        assert_eq!(sharpness.rows[0], ["model a", "memorized", "12.35", "1235 ± 0.5", "–", "–"]);
        assert_eq!(sharpness.rows[1][3], "1235");
        let density = sharpness.density.as_ref().unwrap();
        let names: Vec<&str> = density.series.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["run a: memorized", "run b: memorized"]);
        assert_eq!(density.series[1].color, 1);
        runs.chosen.pop();
        assert!(sharpness.look(&runs) && sharpness.rows.len() == 1);
        assert_eq!(sharpness.density.as_ref().unwrap().series[0].name, "memorized");
    }
}
