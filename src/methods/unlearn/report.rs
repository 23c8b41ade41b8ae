//! Before and after as numbers and tables.

use super::battery::{Better, Measured, Metric, shown};
use super::charts::{before_after, curves, ratios_figure, tensors_figure, units_figure};
use super::config::Config;
use super::course::{Course, Curve};
use super::edit::Edit;
use super::picked::tensors;
use super::robustness::{self, Findings, Plain};
use super::scores::ScoreMap;
use super::sets::Sets;
use super::technique::Technique;
use super::verdict::sentences;
use crate::methods::common::tables::{float, int, some_int, text};
use crate::methods::{LoadedModel, Made, Report, Scalar, Table};

/// What comes first: what was removed, and what it cost.
const HEADLINE: [&str; 2] = ["forget.exact", "retain.accuracy"];

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
    /// Scored numbers, whether or not the scores were needed again.
    pub(super) n_scores: Option<usize>,
    pub(super) curves: Vec<Curve>,
    pub(super) notes: Vec<String>,
    pub(super) models: Vec<Made>,
    pub(super) robustness: Findings,
}

impl Found<'_> {
    /// Adds what was said while an edit was made.
    pub(super) fn take(&mut self, course: Course) {
        self.curves.extend(course.curves);
        self.notes.extend(course.notes);
        self.n_scores = self.n_scores.or(course.n_scores);
    }
}

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
    let (plain, options) = (Plain { before: &found.before, after: &main.metrics }, &found.config.robustness);
    report.scalars.extend(robustness::scalars(&found.robustness, options));
    report.tables.extend(robustness::tables(&found.robustness, &plain, options));
    report.figures.extend(robustness::figures(&found.robustness, &plain, options));
    report.models = found.models;
    report
}

pub(super) fn after<'o>(outcome: &'o Outcome, before: &Metric) -> Option<&'o Metric> {
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
    let pairs = || found.before.iter().filter_map(|before| Some((before, after(main, before)?)));
    let is_headline = |metric: &Metric| HEADLINE.contains(&metric.id);
    for (before, after) in pairs().filter(|p| is_headline(p.0)).chain(pairs().filter(|p| !is_headline(p.0))) {
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

/// The value of a metric after.
pub(super) fn of(outcome: &Outcome, id: &str) -> Option<f64> {
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

fn notes(found: &Found<'_>, main: &Outcome) -> Vec<String> {
    let mut notes = sentences(&found.before, &main.metrics, found.base.decoder.config.vocab_size);
    let plain = Plain { before: &found.before, after: &main.metrics };
    notes.extend(robustness::notes(&found.robustness, &plain, &found.config.robustness));
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
    if let Some(n) = found.n_scores {
        notes.push(format!("Scores of {n} numbers are kept in the folder of the step (seed {}).", found.seed));
    }
    notes
}
