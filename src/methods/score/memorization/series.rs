//! Several checkpoints of one model on the same rows.

use super::{CARD, Evaluated, Row};
use crate::figures::{Axis, Figure, Mark, Rows, Series};
use crate::methods::common::correlation::{mean, pearson};
use crate::methods::common::tables::{caption, float, int, text};
use crate::methods::{Report, Table};

/// Adds what checkpoints show together.
pub(super) fn add(report: &mut Report, rows: &[Row], all: &[Evaluated<'_>]) {
    report.tables.push(checkpoints_table(all));
    report.tables.push(scores_table(rows, all));
    report.figures.push(line(all));
    let n = rows.len();
    let scores: Vec<Vec<f64>> = all.iter().map(Evaluated::scores).collect();
    let exact: Vec<Vec<f64>> = all.iter().map(Evaluated::exact).collect();
    report.figures.push(heat_map("score_correlation", "Correlation of scores", &scores, all, n));
    report.figures.push(heat_map("exact_correlation", "Correlation of exact matches", &exact, all, n));
    if scores.iter().chain(&exact).any(|v| pearson(v, v).is_none()) {
        report
            .notes
            .push("Correlations with a checkpoint that gives every row the same value are undefined.".to_owned());
    }
}

/// Of rows exact early (a) and at last (b): P(b | a) and P(a | b); `None` when the condition never holds.
pub(super) fn precision_recall(early: &[f64], last: &[f64]) -> [Option<f64>; 2] {
    let both = early.iter().zip(last).filter(|(a, b)| **a > 0.0 && **b > 0.0).count() as f64;
    let count = |v: &[f64]| Some(v.iter().filter(|x| **x > 0.0).count() as f64).filter(|n| *n > 0.0);
    [count(early).map(|n| both / n), count(last).map(|n| both / n)]
}

fn checkpoints_table(all: &[Evaluated<'_>]) -> Table {
    let last = all.last().map(Evaluated::exact).unwrap_or_default();
    let predicted: Vec<_> = all.iter().map(|e| precision_recall(&e.exact(), &last)).collect();
    let columns = vec![
        text("checkpoint", "Name of the checkpoint, in training order.", all.iter().map(|e| e.model.name.clone())),
        int("n", "rows", "Number of rows.", all.iter().map(|e| e.outcomes.len())),
        float("score", "", "Mean memorization score.", all.iter().map(|e| mean(&e.scores()))),
        float("exact_match", "", "Share of exact rows.", all.iter().map(|e| mean(&e.exact()))),
        float(
            "precision",
            "",
            "Share of the rows exact here that are exact at the last checkpoint.",
            predicted.iter().map(|p| p[0]),
        ),
        float(
            "recall",
            "",
            "Share of the rows exact at the last checkpoint that are exact here.",
            predicted.iter().map(|p| p[1]),
        ),
    ];
    Table { id: "checkpoints".to_owned(), title: "Checkpoints".to_owned(), columns, parquet: false }
}

fn scores_table(rows: &[Row], all: &[Evaluated<'_>]) -> Table {
    let mut columns = vec![int("row", "", "Row in the file, from 0.", rows.iter().map(|r| r.row))];
    for (i, e) in all.iter().enumerate() {
        let name = format!("score_{}", i + 1);
        let about = format!("Memorization score under {}.", e.model.name);
        columns.push(float(&name, "", &about, e.scores().into_iter().map(Some)));
    }
    let title = "Memorization of each row by checkpoint".to_owned();
    Table { id: "scores_by_checkpoint".to_owned(), title, columns, parquet: false }
}

fn names(all: &[Evaluated<'_>]) -> Vec<String> {
    all.iter().map(|e| e.model.name.clone()).collect()
}

fn line(all: &[Evaluated<'_>]) -> Figure {
    let of = |name: &str, color: usize, values: Vec<Option<f64>>| {
        let points = values.into_iter().enumerate().filter_map(|(i, v)| Some([i as f64, v?])).collect();
        let mark = Mark::Line { points, band: None, dashed: color > 0 };
        Series { name: name.to_owned(), color, mark, rows: Rows::default() }
    };
    let n = all.last().map_or(0, |e| e.outcomes.len());
    Figure {
        id: "checkpoints".to_owned(),
        title: "Memorization over training".to_owned(),
        x: Axis { label: "checkpoint".to_owned(), categories: names(all), ..Axis::default() },
        y: Axis { label: "share".to_owned(), ..Axis::default() },
        series: vec![
            of("mean memorization score", 0, all.iter().map(|e| mean(&e.scores())).collect()),
            of("exact match", 1, all.iter().map(|e| mean(&e.exact())).collect()),
        ],
        caption: caption(&CARD, "Mean memorization score and share of exact rows by checkpoint;", n),
    }
}

fn heat_map(id: &str, title: &str, values: &[Vec<f64>], all: &[Evaluated<'_>], n: usize) -> Figure {
    let cells = values.iter().flat_map(|a| values.iter().map(move |b| pearson(a, b).unwrap_or(f64::NAN))).collect();
    let mark = Mark::Heatmap {
        columns: values.len(),
        values: cells,
        diverging: true,
        label: "Pearson's correlation".to_owned(),
    };
    let axis = || Axis { label: "checkpoint".to_owned(), categories: names(all), ..Axis::default() };
    Figure {
        id: id.to_owned(),
        title: title.to_owned(),
        x: axis(),
        y: axis(),
        series: vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }],
        caption: caption(&CARD, &format!("{title} between checkpoints on the same rows;"), n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prediction_of_exact_rows() {
        let (early, last) = ([1.0, 1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(precision_recall(&early, &last), [Some(2.0 / 3.0), Some(0.5)]);
        assert_eq!(precision_recall(&[0.0], &[1.0]), [None, Some(0.0)]);
    }
}
