//! Before and after as numbers, tables and figures.

use super::CARD;
use super::battery::{Better, Measured, Metric, shown};
use super::config::Config;
use super::edit::Edit;
use super::picked::{binned, tensors, units};
use super::scores::ScoreMap;
use super::sets::Sets;
use super::technique::Technique;
use super::verdict::sentences;
use crate::figures::{Axis, Figure, Mark, Rows, Scale, Series};
use crate::methods::common::tables::{caption, float, int, some_int, text};
use crate::methods::{LoadedModel, Made, Report, Scalar, Table};

/// The model after one ratio.
pub(super) struct Outcome {
    pub(super) ratio: f64,
    pub(super) edit: Edit,
    /// Tensors or layers in which equal scores decided.
    pub(super) n_tied: usize,
    pub(super) metrics: Vec<Metric>,
    pub(super) raw: Measured,
}

/// Everything that was found.
pub(super) struct Found<'a> {
    pub(super) config: &'a Config,
    pub(super) technique: &'static Technique,
    pub(super) base: &'a LoadedModel,
    pub(super) sets: &'a Sets<'a>,
    pub(super) seed: u64,
    pub(super) before: Vec<Metric>,
    pub(super) before_raw: Measured,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) scores: Option<ScoreMap>,
    pub(super) curves: Vec<(String, Vec<[f64; 2]>)>,
    pub(super) notes: Vec<String>,
    pub(super) models: Vec<Made>,
}

/// Columns of the figure of layers and hidden units.
const COLUMNS: usize = 64;

pub(super) fn report(found: Found<'_>) -> Report {
    let Some(main) = found.outcomes.first() else { return Report::default() };
    let mut report = Report {
        scalars: scalars(&found, main),
        tables: vec![battery(&found, main), rows(&found, main), changed(&found, main)],
        figures: vec![before_after(&found, main)],
        notes: notes(&found, main),
        ..Report::default()
    };
    report.figures.extend(tensors_figure(&found, main));
    report.figures.extend(units_figure(&found, main));
    report.figures.extend(curves(&found));
    if found.outcomes.len() > 1 {
        report.tables.push(ratios_table(&found));
        report.figures.push(ratios_figure(&found));
    }
    report.models = found.models;
    report
}

fn after<'o>(outcome: &'o Outcome, before: &Metric) -> Option<&'o Metric> {
    outcome.metrics.iter().find(|m| m.id == before.id)
}

fn scalars(found: &Found<'_>, main: &Outcome) -> Vec<Scalar> {
    let number = |id: String, label: String, metric: &Metric, value: Option<f64>| {
        let scalar = match value {
            Some(value) => Scalar::new(id, label, value, metric.n),
            None => Scalar { n: metric.n, ..Scalar::undefined(id, label, "no text it could be measured on") },
        };
        scalar.unit(metric.unit)
    };
    let mut list = Vec::new();
    for before in &found.before {
        let Some(after) = after(main, before) else { continue };
        let change = after.value.zip(before.value).map(|(a, b)| a - b);
        list.push(number(format!("after.{}", before.id), format!("{}, after", before.label), after, after.value));
        list.push(number(format!("before.{}", before.id), format!("{}, before", before.label), before, before.value));
        list.push(number(format!("change.{}", before.id), format!("{}, change", before.label), after, change));
    }
    let parameters = found.base.decoder.params.n_elements();
    let count = |f: fn(&super::edit::Part) -> usize| main.edit.parts.iter().map(f).sum::<usize>() as f64;
    let (zeroed, changed) = (count(super::edit::Part::n_zeroed), count(super::edit::Part::n_changed));
    let norm = main.edit.parts.iter().map(super::edit::Part::squared_change).sum::<f64>().sqrt();
    list.push(Scalar::new("edit.zeroed", "Numbers set to 0", zeroed, parameters));
    list.push(Scalar::new("edit.changed", "Numbers changed", changed, parameters));
    list.push(Scalar::new(
        "edit.share",
        "Share of all parameters changed",
        changed / parameters.max(1) as f64,
        parameters,
    ));
    list.push(Scalar::new("edit.norm", "Norm of the change", norm, parameters));
    list.push(
        Scalar::new("sets.forget", "Texts to forget", found.sets.forget.len() as f64, found.sets.n_candidates)
            .unit("texts"),
    );
    list.push(
        Scalar::new(
            "sets.overlap",
            "Retained texts that are also to be forgotten",
            found.sets.n_overlap as f64,
            found.sets.retain.len(),
        )
        .unit("texts"),
    );
    list.push(selection(found, main));
    list
}

/// (mem − mem₀)/mem₀ + (ppl − ppl₀)/ppl₀, with a penalty of 100 where nothing was forgotten: the smallest is the best
/// run of a method (`figs/pythia_unlearning_results.ipynb` of the published code).
fn selection(found: &Found<'_>, main: &Outcome) -> Scalar {
    const PENALTY: f64 = 100.0;
    let (id, label) = ("selection", "Selection score, smaller is better");
    let relative = |id: &str| {
        let before = found.before.iter().find(|m| m.id == id)?;
        let (old, new) = (before.value?, after(main, before)?.value?);
        (old != 0.0).then(|| (new - old) / old)
    };
    let cost = relative("retain.perplexity_of_batches").or_else(|| relative("holdout.perplexity_of_batches"));
    match relative("forget.exact").zip(cost) {
        Some((forgotten, cost)) => {
            let penalty = if forgotten == 0.0 { PENALTY } else { 0.0 };
            Scalar::new(id, label, forgotten + cost + penalty, found.sets.forget.len())
        }
        None => {
            Scalar::undefined(id, label, "needs texts that were reproduced before, and texts to retain or a holdout")
        }
    }
}

fn battery(found: &Found<'_>, main: &Outcome) -> Table {
    let pairs: Vec<(&Metric, &Metric)> = found.before.iter().filter_map(|b| Some((b, after(main, b)?))).collect();
    let word = |better: Better| match better {
        Better::Lower => "lower",
        Better::Higher => "higher",
        Better::Near => "near chance",
    };
    let change = |(b, a): &(&Metric, &Metric)| a.value.zip(b.value).map(|(a, b)| a - b);
    let relative = |(b, a): &(&Metric, &Metric)| a.value.zip(b.value.filter(|b| *b != 0.0)).map(|(a, b)| (a - b) / b);
    let columns = vec![
        text("metric", "What was measured.", pairs.iter().map(|p| p.0.label.to_owned())),
        text("id", "Its stable name.", pairs.iter().map(|p| p.0.id.to_owned())),
        text("unit", "Its unit.", pairs.iter().map(|p| p.0.unit.to_owned())),
        float("before", "", "The model as it came.", pairs.iter().map(|p| p.0.value)),
        float("after", "", "The edited model.", pairs.iter().map(|p| p.1.value)),
        float("change", "", "After minus before.", pairs.iter().map(change)),
        float("relative_change", "", "Change over before.", pairs.iter().map(relative)),
        text("wanted", "Which way is wanted.", pairs.iter().map(|p| word(p.0.better).to_owned())),
        int("n", "", "Examples behind it.", pairs.iter().map(|p| p.1.n)),
    ];
    Table { id: "battery".to_owned(), title: "Before and after".to_owned(), columns, parquet: false }
}

fn rows(found: &Found<'_>, main: &Outcome) -> Table {
    let items = &found.sets.forget;
    let tokenizer = found.base.tokenizer.as_ref();
    let loss = |m: &Measured, i: usize| {
        let entries = m.forget.passes.get(i)?.log_probs.get(items[i].labelled - 1..)?;
        (!entries.is_empty()).then(|| -entries.iter().sum::<f64>() / entries.len() as f64)
    };
    let exact = |m: &Measured, i: usize| -> String {
        let probe = m.forget.generated.get(i).and_then(|g| g.probe.as_ref()).zip(items[i].probe.as_ref());
        probe.map_or("", |(found, probe)| if *found == probe.continuation { "yes" } else { "no" }).to_owned()
    };
    let said = |m: &Measured, i: usize, truth: bool| {
        let pair = m.forget.generated.get(i).and_then(|g| shown(&items[i], g, tokenizer));
        pair.map(|[own, true_text]| if truth { true_text } else { own }).unwrap_or_default()
    };
    let (old, new) = (&found.before_raw, &main.raw);
    let all = || 0..items.len();
    let columns = vec![
        int("row", "", "Row in the file, from 0.", items.iter().map(|i| i.text.row)),
        text("id", "The row's own name.", items.iter().map(|i| i.id.clone())),
        text(
            "exact_before",
            "Whether it was reproduced exactly; empty for rows that are too short.",
            all().map(|i| exact(old, i)),
        ),
        text("exact_after", "Whether it still is.", all().map(|i| exact(new, i))),
        float("loss_before", "nats/token", "Mean loss of its labelled tokens.", all().map(|i| loss(old, i))),
        float("loss_after", "nats/token", "The same after.", all().map(|i| loss(new, i))),
        text("true_text", "What is to be forgotten.", all().map(|i| said(old, i, true))),
        text("generated_before", "What the model said.", all().map(|i| said(old, i, false))),
        text("generated_after", "What it says now.", all().map(|i| said(new, i, false))),
    ];
    Table { id: "rows".to_owned(), title: "Texts to forget".to_owned(), columns, parquet: false }
}

fn changed(found: &Found<'_>, main: &Outcome) -> Table {
    let list = tensors(&found.base.decoder, &main.edit);
    let columns = vec![
        text("parameter", "Its name in the checkpoint.", list.iter().map(|t| t.name.clone())),
        some_int(
            "layer",
            "",
            "Its block, from 0; empty outside feed-forward blocks.",
            list.iter().map(|t| t.place.map(|p| p.0)),
        ),
        int("numbers", "", "Numbers it has.", list.iter().map(|t| t.n)),
        int("changed", "", "Numbers that changed.", list.iter().map(|t| t.n_changed)),
        int("zeroed", "", "Numbers that became 0.", list.iter().map(|t| t.n_zeroed)),
        float("share", "", "Share that changed.", list.iter().map(|t| Some(t.n_changed as f64 / t.n.max(1) as f64))),
        float("norm", "", "Euclidean norm of the change.", list.iter().map(|t| Some(t.norm))),
    ];
    Table { id: "changed".to_owned(), title: "What was changed".to_owned(), columns, parquet: false }
}

/// Shares that can be compared on one axis.
const SHOWN: [(&str, &str); 6] = [
    ("forget.exact", "exact, forget"),
    ("forget.memorization", "score, forget"),
    ("forget.accuracy", "accuracy, forget"),
    ("retain.accuracy", "accuracy, retain"),
    ("holdout.accuracy", "accuracy, holdout"),
    ("utility", "utility"),
];

fn before_after(found: &Found<'_>, main: &Outcome) -> Figure {
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

fn tensors_figure(found: &Found<'_>, main: &Outcome) -> Option<Figure> {
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

fn units_figure(found: &Found<'_>, main: &Outcome) -> Option<Figure> {
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

fn curves(found: &Found<'_>) -> Vec<Figure> {
    let (losses, others): (Vec<_>, Vec<_>) =
        found.curves.iter().partition(|(name, _)| name.contains("loss") || name.contains("term"));
    let figure = |id: &str, title: &str, label: &str, list: Vec<&(String, Vec<[f64; 2]>)>| {
        let series = |(i, (name, points)): (usize, &(String, Vec<[f64; 2]>))| Series {
            name: name.clone(),
            color: i,
            mark: Mark::Line { points: points.clone(), band: None, dashed: false },
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
        figures.push(figure("losses", "Losses while forgetting", "loss (nats/token)", losses));
    }
    if !others.is_empty() {
        figures.push(figure("course", "Course of the technique", "value", others));
    }
    figures
}

fn of(outcome: &Outcome, id: &str) -> Option<f64> {
    outcome.metrics.iter().find(|m| m.id == id)?.value
}

fn ratios_table(found: &Found<'_>) -> Table {
    let all = &found.outcomes;
    let column = |id: &'static str, about: &str| float(&id.replace('.', "_"), "", about, all.iter().map(|o| of(o, id)));
    let columns = vec![
        float("ratio", "", "Fraction removed.", all.iter().map(|o| Some(o.ratio))),
        int(
            "zeroed",
            "",
            "Numbers set to 0.",
            all.iter().map(|o| o.edit.parts.iter().map(super::edit::Part::n_zeroed).sum()),
        ),
        int("tied", "", "Tensors or layers in which equal scores decided.", all.iter().map(|o| o.n_tied)),
        column("forget.exact", "Exact extraction, forget."),
        column("forget.memorization", "Memorization score, forget."),
        column("forget.accuracy", "Token accuracy, forget."),
        column("retain.accuracy", "Token accuracy, retain."),
        column("retain.perplexity", "Perplexity, retain."),
        column("holdout.accuracy", "Token accuracy, holdout."),
        column("holdout.perplexity", "Perplexity, holdout."),
    ];
    Table { id: "ratios".to_owned(), title: "By ratio".to_owned(), columns, parquet: false }
}

fn ratios_figure(found: &Found<'_>) -> Figure {
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

fn notes(found: &Found<'_>, main: &Outcome) -> Vec<String> {
    let mut notes = sentences(&found.before, &main.metrics, found.base.decoder.config.vocab_size);
    notes.extend(found.sets.notes.iter().cloned());
    notes.extend(found.notes.iter().cloned());
    if main.n_tied > 0 {
        notes.push(format!(
            "Equal scores decided in {} tensors or layers: what was removed there is chance among equals.",
            main.n_tied
        ));
    }
    if !found.config.apply.is_empty() {
        notes.push(format!("On top of the edits {}.", found.config.apply.join(", ")));
    }
    let technique = found.technique;
    notes.push(format!("{}: {}. {}.", technique.title, technique.formula, technique.source));
    if found.config.is_paper() && !technique.paper.is_empty() {
        notes.push(format!("Paper mode: {}.", technique.paper));
    }
    if let Some(scores) = &found.scores {
        notes.push(format!(
            "Scores of {} numbers are kept in the folder of the step (seed {}).",
            scores.len(),
            found.seed
        ));
    }
    notes
}
