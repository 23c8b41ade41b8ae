//! Numbers, tables and figures of the memorization score.

use std::collections::BTreeMap;

use super::series;
use super::{CARD, Config, Evaluated, Row};
use crate::data::Dataset;
use crate::figures::{Axis, Figure, Mark, Rows, Series};
use crate::methods::common::bootstrap::mean_interval;
use crate::methods::common::correlation::mean;
use crate::methods::common::tables::{caption, flag, float, int, scalar, text};
use crate::methods::{Report, Scalar, Table};

const REPLICATES: usize = 1000;

pub(super) fn report(config: &Config, data: &Dataset, rows: &[Row], all: &[Evaluated<'_>], seed: u64) -> Report {
    let Some(last) = all.last() else { return Report::default() };
    let mut report = Report {
        scalars: scalars(rows, last, seed),
        tables: vec![rows_table(data, rows, last), positions_table(config, last), sources_table(rows, last)],
        figures: vec![distribution(config, all), positions_figure(config, all)],
        notes: Vec::new(),
        ..Report::default()
    };
    if all.len() > 1 {
        series::add(&mut report, rows, all);
    }
    report
}

fn scalars(rows: &[Row], last: &Evaluated<'_>, seed: u64) -> Vec<Scalar> {
    let n = rows.len();
    let of = |f: fn(&super::Outcome) -> f64| last.outcomes.iter().map(f).collect::<Vec<f64>>();
    let with_interval = |id: &str, label: &str, unit: &str, values: &[f64]| Scalar {
        interval: mean_interval(values, REPLICATES, seed),
        ..scalar(id, label, unit, mean(values), n, "")
    };
    let eos = &last.model.decoder.config.eos;
    let count = |f: &dyn Fn(&Row) -> bool| Some(rows.iter().filter(|r| f(r)).count() as f64);
    vec![
        with_interval("memorization_score", "Memorization score", "", &last.scores()),
        with_interval("exact_match", "Exact match", "", &last.exact()),
        scalar("n_exact", "Rows reproduced exactly", "rows", Some(last.exact().iter().sum()), n, ""),
        with_interval("longest_prefix", "Mean length of the exact prefix", "tokens", &of(|o| o.prefix as f64)),
        with_interval("longest_substring", "Mean longest common substring", "tokens", &of(|o| o.substring as f64)),
        scalar(
            "rows_with_eos.prefix",
            "Rows with an end-of-text token in the prefix",
            "rows",
            count(&|r| r.prefix.iter().skip(r.n_special).any(|t| eos.contains(t))),
            n,
            "",
        ),
        scalar(
            "rows_with_eos.continuation",
            "Rows with an end-of-text token in the continuation",
            "rows",
            count(&|r| r.continuation.iter().any(|t| eos.contains(t))),
            n,
            "",
        ),
    ]
}

/// One line a row: `match` and `all_match` are the columns of Analysis360's result file.
fn rows_table(data: &Dataset, rows: &[Row], last: &Evaluated<'_>) -> Table {
    let outcomes = &last.outcomes;
    let tokenizer = last.model.tokenizer.as_ref();
    let eos = &last.model.decoder.config.eos;
    let bits = |o: &super::Outcome| o.matches.iter().map(|m| if *m { '1' } else { '0' }).collect();
    let mut columns = vec![
        int("row", "", "Row in the file, from 0.", rows.iter().map(|r| r.row)),
        text("id", "The row's own name.", rows.iter().map(|r| id_of(data, r))),
        text("source", "Where the row came from.", rows.iter().map(|r| r.source.clone())),
        float("score", "", "Share of matching positions.", outcomes.iter().map(|o| Some(o.score()))),
        int("match", "tokens", "Matching positions.", outcomes.iter().map(super::Outcome::n_matches)),
        flag("exact_match", "Whether all positions match.", outcomes.iter().map(super::Outcome::is_exact)),
        int("longest_prefix", "tokens", "Exact tokens before the first mismatch.", outcomes.iter().map(|o| o.prefix)),
        int(
            "longest_substring",
            "tokens",
            "Longest run shared at any two places.",
            outcomes.iter().map(|o| o.substring),
        ),
        flag(
            "eos_in_continuation",
            "Whether the true continuation holds an end-of-text token.",
            rows.iter().map(|r| r.continuation.iter().any(|t| eos.contains(t))),
        ),
        text("all_match", "1 or 0 for each position of the continuation.", outcomes.iter().map(bits)),
    ];
    if let Some(tokenizer) = tokenizer {
        let after = |r: &Row, ids: &[u32]| tokenizer.decode_after(&r.prefix, ids);
        let generated = rows.iter().zip(outcomes).map(|(r, o)| after(r, &o.generated));
        columns.push(text("prefix_text", "The k tokens given.", rows.iter().map(|r| tokenizer.decode(&r.prefix))));
        columns.push(text("true_text", "The true continuation.", rows.iter().map(|r| after(r, &r.continuation))));
        columns.push(text("generated_text", "The greedy continuation.", generated));
    }
    Table { id: "rows".to_owned(), title: "Memorization of each row".to_owned(), columns, parquet: false }
}

fn id_of(data: &Dataset, row: &Row) -> String {
    data.records.get(row.index).and_then(|r| r.id.clone()).unwrap_or_default()
}

/// Share of rows that match at each position.
fn accuracy_by_position(config: &Config, evaluated: &Evaluated<'_>) -> Vec<f64> {
    let n = evaluated.outcomes.len().max(1) as f64;
    let share = |i: usize| evaluated.outcomes.iter().filter(|o| o.matches.get(i) == Some(&true)).count() as f64 / n;
    (0..config.l).map(share).collect()
}

fn positions_table(config: &Config, last: &Evaluated<'_>) -> Table {
    let accuracy = accuracy_by_position(config, last);
    let columns = vec![
        int("position", "tokens", "Position in the continuation, from 0.", 0..config.l),
        float("accuracy", "", "Share of rows that match there.", accuracy.into_iter().map(Some)),
    ];
    Table { id: "positions".to_owned(), title: "Accuracy by position".to_owned(), columns, parquet: false }
}

fn sources_table(rows: &[Row], last: &Evaluated<'_>) -> Table {
    let mut groups: BTreeMap<&str, Vec<&super::Outcome>> = BTreeMap::new();
    for (row, outcome) in rows.iter().zip(&last.outcomes) {
        groups.entry(&row.source).or_default().push(outcome);
    }
    let average = |f: fn(&super::Outcome) -> f64| {
        groups.values().map(move |g| mean(&g.iter().map(|o| f(o)).collect::<Vec<_>>())).collect::<Vec<_>>()
    };
    let columns = vec![
        text(
            "source",
            "Where the rows came from; empty when the file does not say.",
            groups.keys().map(|&s| s.to_owned()),
        ),
        int("n", "rows", "Number of rows.", groups.values().map(Vec::len)),
        float("score", "", "Mean memorization score.", average(super::Outcome::score)),
        float("exact_match", "", "Share of exact rows.", average(|o| f64::from(u8::from(o.is_exact())))),
        float("longest_prefix", "tokens", "Mean exact prefix.", average(|o| o.prefix as f64)),
    ];
    Table { id: "sources".to_owned(), title: "Memorization by source".to_owned(), columns, parquet: false }
}

/// l + 1 bars, one for each possible score; the share at exactly 1 stands in the legend.
fn distribution(config: &Config, all: &[Evaluated<'_>]) -> Figure {
    let l = config.l;
    let edges: Vec<f64> = (0..=l + 1).map(|j| (j as f64 - 0.5) / l as f64).collect();
    let of = |(i, e): (usize, &Evaluated<'_>)| {
        let n = e.outcomes.len().max(1) as f64;
        let (mut heights, mut behind) = (vec![0.0; l + 1], vec![Vec::new(); l + 1]);
        for (row, outcome) in e.outcomes.iter().enumerate() {
            let bar = outcome.n_matches().min(l);
            heights[bar] += 1.0 / n;
            behind[bar].push(row);
        }
        let rows = Rows::new("rows", behind);
        let exact = mean(&e.exact()).unwrap_or(0.0) * 100.0;
        let name = format!("{}: {exact:.1} % at 1", e.model.name);
        Series { name, color: i, mark: Mark::Histogram { edges: edges.clone(), heights }, rows }
    };
    let n = all.last().map_or(0, |e| e.outcomes.len());
    Figure {
        id: "score_distribution".to_owned(),
        title: "Distribution of the memorization score".to_owned(),
        x: Axis { label: "memorization score".to_owned(), ..Axis::default() },
        y: Axis { label: "share of rows".to_owned(), ..Axis::default() },
        series: all.iter().enumerate().map(of).collect(),
        caption: caption(&CARD, &format!("Share of rows by memorization score, k = {}, l = {l};", config.k), n),
    }
}

fn positions_figure(config: &Config, all: &[Evaluated<'_>]) -> Figure {
    let of = |(i, e): (usize, &Evaluated<'_>)| {
        let accuracy = accuracy_by_position(config, e);
        let points = accuracy.into_iter().enumerate().map(|(p, a)| [p as f64, a]).collect();
        let mark = Mark::Line { points, band: None, dashed: false };
        Series { name: e.model.name.clone(), color: i, mark, rows: Rows::default() }
    };
    let n = all.last().map_or(0, |e| e.outcomes.len());
    Figure {
        id: "accuracy_by_position".to_owned(),
        title: "Accuracy by position".to_owned(),
        x: Axis { label: "position in the continuation".to_owned(), unit: "tokens".to_owned(), ..Axis::default() },
        y: Axis { label: "share of rows that match".to_owned(), range: Some([0.0, 1.0]), ..Axis::default() },
        series: all.iter().enumerate().map(of).collect(),
        caption: caption(&CARD, "Share of rows whose greedy token is the true one;", n),
    }
}
