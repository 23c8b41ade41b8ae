//! Before and after as figures, and where an edit lies.

use super::CARD;
use super::course::{Curve, NATS};
use super::picked::{binned, tensors, units};
use super::report::{Found, Outcome, after, of};
use crate::figures::{Axis, Figure, Mark, Rows, Scale, Series};
use crate::methods::common::tables::caption;

/// Columns of the figure of layers and hidden units.
const COLUMNS: usize = 64;

/// Shares that can be compared on one axis.
const SHOWN: [(&str, &str); 6] = [
    ("forget.exact", "exact, forget"),
    ("forget.memorization", "score, forget"),
    ("forget.accuracy", "accuracy, forget"),
    ("retain.accuracy", "accuracy, retain"),
    ("holdout.accuracy", "accuracy, holdout"),
    ("utility", "utility"),
];

pub(super) fn before_after(found: &Found<'_>, main: &Outcome) -> Figure {
    let kept: Vec<(&str, f64, f64)> = SHOWN
        .iter()
        .filter_map(|(id, name)| {
            let before = found.before.iter().find(|m| m.id == *id)?;
            Some((*name, before.value?, after(main, before)?.value?))
        })
        .collect();
    let series = |name: &str, color: usize, heights: Vec<f64>| Series {
        name: name.to_owned(),
        color,
        mark: Mark::Bars { heights, errors: Vec::new() },
        rows: Rows::default(),
    };
    Figure {
        id: "before_after".to_owned(),
        title: "Before and after".to_owned(),
        x: Axis { categories: kept.iter().map(|k| k.0.to_owned()).collect(), ..Axis::default() },
        y: Axis { label: "share".to_owned(), range: Some([0.0, 1.0]), ..Axis::default() },
        series: vec![
            series("before", 0, kept.iter().map(|k| k.1).collect()),
            series("after", 1, kept.iter().map(|k| k.2).collect()),
        ],
        caption: caption(&CARD, &format!("{} on {};", found.technique.title, found.base.name), found.sets.forget.len()),
    }
}

fn heat(id: &str, title: &str, axes: [Axis; 2], columns: usize, values: Vec<f64>, caption: String) -> Figure {
    let [x, y] = axes;
    let mark = Mark::Heatmap { columns, values, diverging: false, label: "share changed".to_owned() };
    Figure {
        id: id.to_owned(),
        title: title.to_owned(),
        x,
        y,
        series: vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }],
        caption,
    }
}

pub(super) fn tensors_figure(found: &Found<'_>, main: &Outcome) -> Option<Figure> {
    let list = tensors(&found.base.decoder, &main.edit);
    let parts = ["gate", "gate bias", "in", "in bias", "out", "out bias"];
    let present: Vec<&str> =
        parts.into_iter().filter(|p| list.iter().any(|t| t.place.is_some_and(|x| x.1 == *p))).collect();
    if present.is_empty() {
        return None;
    }
    let n_layer = found.base.decoder.config.n_layer;
    let share = |layer: usize, part: &str| {
        let tensor =
            list.iter().find(|t| t.place == Some((layer, parts.into_iter().find(|p| *p == part).unwrap_or(""))));
        tensor.map_or(0.0, |t| t.n_changed as f64 / t.n.max(1) as f64)
    };
    let values = (0..n_layer).flat_map(|layer| present.iter().map(move |part| (layer, *part)));
    let values = values.map(|(layer, part)| share(layer, part)).collect();
    let x = Axis {
        label: "tensor".to_owned(),
        categories: present.iter().map(|p| (*p).to_owned()).collect(),
        ..Axis::default()
    };
    let y = Axis {
        label: "layer".to_owned(),
        categories: (0..n_layer).map(|l| l.to_string()).collect(),
        ..Axis::default()
    };
    let caption =
        caption(&CARD, "Share of the numbers of each feed-forward tensor that changed;", found.sets.forget.len());
    Some(heat("changed_tensors", "Where the edit lies, by tensor", [x, y], present.len(), values, caption))
}

pub(super) fn units_figure(found: &Found<'_>, main: &Outcome) -> Option<Figure> {
    let shares: Vec<Vec<f64>> = units(&found.base.decoder, &main.edit).iter().map(|row| binned(row, COLUMNS)).collect();
    let columns = shares.first().map_or(0, Vec::len);
    if columns == 0 || shares.iter().flatten().all(|s| *s == 0.0) {
        return None;
    }
    let (n_layer, d_ff) = (shares.len(), found.base.decoder.config.d_ff);
    let x = Axis { label: "hidden unit".to_owned(), range: Some([0.0, d_ff as f64]), ..Axis::default() };
    let y = Axis {
        label: "layer".to_owned(),
        categories: (0..n_layer).map(|l| l.to_string()).collect(),
        ..Axis::default()
    };
    let caption =
        caption(&CARD, "Share of what each hidden unit reads and writes with that changed;", found.sets.forget.len());
    Some(heat("changed_units", "Where the edit lies, by hidden unit", [x, y], columns, shares.concat(), caption))
}

pub(super) fn curves(found: &Found<'_>) -> Vec<Figure> {
    let (losses, others): (Vec<_>, Vec<_>) =
        found.curves.iter().partition(|curve| curve.name.contains("loss") || curve.name.contains("term"));
    let figure = |id: &str, title: &str, label: &str, list: Vec<&Curve>| {
        let series = |(i, curve): (usize, &Curve)| Series {
            name: curve.name.clone(),
            color: i,
            mark: Mark::Line { points: curve.points.clone(), band: None, dashed: false },
            rows: Rows::default(),
        };
        Figure {
            id: id.to_owned(),
            title: title.to_owned(),
            x: Axis { label: "step".to_owned(), ..Axis::default() },
            y: Axis { label: label.to_owned(), ..Axis::default() },
            series: list.into_iter().enumerate().map(series).collect(),
            caption: caption(&CARD, &format!("{};", found.technique.title), found.sets.forget.len()),
        }
    };
    let mut figures = Vec::new();
    if !losses.is_empty() {
        let are_nats = losses.iter().all(|curve| curve.unit == NATS);
        let label = if are_nats { format!("loss ({NATS})") } else { "loss".to_owned() };
        figures.push(figure("losses", "Losses while forgetting", &label, losses));
    }
    if !others.is_empty() {
        figures.push(figure("course", "Course of the technique", "value", others));
    }
    figures
}

pub(super) fn ratios_figure(found: &Found<'_>) -> Figure {
    let mut sorted: Vec<&Outcome> = found.outcomes.iter().filter(|o| o.ratio > 0.0).collect();
    sorted.sort_by(|a, b| a.ratio.total_cmp(&b.ratio));
    let line = |(i, (id, name)): (usize, &(&str, &str))| {
        let points: Vec<[f64; 2]> = sorted.iter().filter_map(|o| Some([o.ratio, of(o, id)?])).collect();
        let mark = Mark::Line { points, band: None, dashed: false };
        Series { name: (*name).to_owned(), color: i, mark, rows: Rows::default() }
    };
    let series = SHOWN
        .iter()
        .enumerate()
        .map(line)
        .filter(|s| !matches!(&s.mark, Mark::Line { points, .. } if points.is_empty()));
    Figure {
        id: "ratios".to_owned(),
        title: "What a larger ratio removes and costs".to_owned(),
        x: Axis { label: "ratio".to_owned(), scale: Scale::Log, ..Axis::default() },
        y: Axis { label: "share".to_owned(), range: Some([0.0, 1.0]), ..Axis::default() },
        series: series.collect(),
        caption: caption(&CARD, &format!("{} on {};", found.technique.title, found.base.name), found.sets.forget.len()),
    }
}
