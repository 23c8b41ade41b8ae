//! The figures: loss, accuracy and memorization over training.

use super::super::check::Protocol;
use super::super::history::{Checked, HeldOut, History};
use super::super::rows::Prepared;
use super::CARD;
use crate::figures::{Axis, Figure, Mark, Rows, Series};
use crate::methods::common::tables::caption;

/// More lines than this cannot be told apart.
const LINES: usize = 8;

pub(super) fn figures(prepared: &Prepared, history: &History) -> Vec<Figure> {
    let n: usize = prepared.train.iter().map(|group| group.rows.len()).sum();
    let figures = [
        loss(prepared, history, n),
        accuracy(prepared, history),
        memorization(prepared, history, n),
        backdoors(prepared, history),
    ];
    figures.into_iter().filter(|figure| !figure.series.is_empty()).collect()
}

fn line(name: String, color: usize, dashed: bool, points: Vec<[f64; 2]>) -> Option<Series> {
    if points.is_empty() {
        return None;
    }
    let mark = Mark::Line { points, band: None, dashed };
    Some(Series { name, color, mark, rows: Rows::default() })
}

fn over_epochs(id: &str, title: &str, y: Axis, series: Vec<Option<Series>>, caption: String) -> Figure {
    Figure {
        id: id.to_owned(),
        title: title.to_owned(),
        x: Axis { label: "epoch".to_owned(), unit: "passes over the data".to_owned(), ..Axis::default() },
        y,
        series: series.into_iter().flatten().collect(),
        caption,
    }
}

fn share(label: &str) -> Axis {
    Axis { label: label.to_owned(), range: Some([0.0, 1.0]), ..Axis::default() }
}

/// What `f` finds in each check for number `i`, by epoch.
fn points(checks: &[Checked], f: impl Fn(&Checked) -> Option<f64>) -> Vec<[f64; 2]> {
    checks.iter().filter_map(|check| Some([check.epoch, f(check)?])).filter(|p| p[1].is_finite()).collect()
}

fn loss(prepared: &Prepared, history: &History, n: usize) -> Figure {
    let train = history.curve.iter().map(|p| [p.epoch, p.loss]).filter(|p| p[1].is_finite()).collect();
    let mut series = vec![line("training".to_owned(), 0, false, train)];
    for (i, set) in prepared.test.iter().enumerate().take(LINES - 1) {
        let found = points(&history.checks, |check| Some(check.quality.get(i)?.loss));
        series.push(line(format!("test, {}", set.name), i + 1, true, found));
    }
    let y = Axis { label: "loss".to_owned(), unit: "nats/token".to_owned(), ..Axis::default() };
    over_epochs("loss", "Loss over training", y, series, caption(&CARD, "Mean loss of a predicted token;", n))
}

fn accuracy(prepared: &Prepared, history: &History) -> Figure {
    let mut series = Vec::new();
    for (i, set) in prepared.test.iter().enumerate().take(LINES) {
        let found = points(&history.checks, |check| Some(check.quality.get(i)?.accuracy));
        series.push(line(set.name.clone(), i + 1, false, found));
    }
    let n = prepared.test.iter().map(|set| set.rows.len()).sum();
    let text = caption(&CARD, "Share of tokens of test rows that are the likeliest;", n);
    over_epochs("accuracy", "Accuracy on test rows", share("accuracy"), series, text)
}

fn memorization(prepared: &Prepared, history: &History, n: usize) -> Figure {
    let mut series = Vec::new();
    for (i, group) in prepared.train.iter().enumerate().take(LINES) {
        let of = |protocol| points(&history.checks, move |check| check.memorized.get(i)?.share(protocol));
        let clean = of(Protocol::CleanPrefix);
        let name = if clean.is_empty() { group.name.clone() } else { format!("{}, trained prefix", group.name) };
        series.push(line(name, i, false, of(Protocol::TrainedPrefix)));
        series.push(line(format!("{}, clean prefix", group.name), i, true, clean));
    }
    for (i, set) in prepared.test.iter().enumerate().take(LINES.saturating_sub(prepared.train.len())) {
        let plain = |check: &Checked| match check.held_out.get(i)? {
            HeldOut::Plain(found) => found.share(Protocol::TrainedPrefix),
            HeldOut::Backdoor(_) => None,
        };
        let color = prepared.train.len() + i;
        series.push(line(format!("{}, never trained on", set.name), color, true, points(&history.checks, plain)));
    }
    let text = caption(&CARD, "Share of rows whose continuation greedy decoding gives exactly;", n);
    over_epochs("memorization", "Memorization over training", share("memorized rows"), series, text)
}

fn backdoors(prepared: &Prepared, history: &History) -> Figure {
    let (mut series, mut n) = (Vec::new(), 0);
    for (i, set) in prepared.test.iter().enumerate().take(LINES) {
        let success = |check: &Checked| match check.held_out.get(i)? {
            HeldOut::Backdoor(found) => found.share(),
            HeldOut::Plain(_) => None,
        };
        let found = points(&history.checks, success);
        n += if found.is_empty() { 0 } else { set.rows.len() };
        series.push(line(set.name.clone(), i, false, found));
    }
    let text = caption(&CARD, "Share of test rows whose trigger brings forth what it was trained to;", n);
    over_epochs("backdoors", "Backdoor success over training", share("backdoor success"), series, text)
}
