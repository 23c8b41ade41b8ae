//! Numbers, tables and figures of membership inference.

use super::columns::Column;
use super::samples::Samples;
use super::{CARD, Config};
use crate::data::PublishedRow;
use crate::figures::{Axis, Figure, Mark, Rows, Series};
use crate::methods::common::membership::{Measured, MetricOptions, measure};
use crate::methods::common::roc_figures::{self, Scored};
use crate::methods::common::tables::{caption, float, int, some_int, text};
use crate::methods::{Report, Table};

/// Above this AUROC of the words alone, the classes differ in distribution.
const SUSPICIOUS: f64 = 0.55;

pub(super) fn report(
    config: &Config,
    samples: &Samples<'_>,
    columns: &[Column],
    control: Option<&Measured>,
    published: Option<&[PublishedRow]>,
    seed: u64,
) -> Report {
    let labels = samples.labels();
    let options = MetricOptions { replicates: config.bootstrap, seed, thinned: config.is_paper() };
    let measured: Vec<Measured> = columns.iter().map(|c| measure(&c.values, &labels, &options)).collect();
    let mut report = Report::default();
    for (column, measured) in columns.iter().zip(&measured).filter(|(c, _)| c.is_headline) {
        report.scalars.extend(measured.scalars(&column.id, &column.label));
    }
    add_control(&mut report, control);
    report.tables = vec![metrics_table(columns, &measured, control, published), scores_table(samples, columns)];
    let n = samples.list.len();
    let shown: Vec<Scored<'_>> = columns
        .iter()
        .zip(&measured)
        .filter(|(c, _)| c.is_headline)
        .enumerate()
        .map(|(color, (c, m))| Scored {
            name: &c.label,
            color,
            values: &m.values,
            labels: &m.labels,
            table: "scores",
            rows: &m.items,
        })
        .collect();
    let area = "Receiver operating characteristic, area in brackets;";
    report.figures.extend(roc_figures::roc(&shown, &caption(&CARD, area, n)));
    report.figures.extend(ratio_figure(columns, &measured, n));
    let headline = columns.iter().filter(|c| c.is_headline);
    for (column, score) in headline.zip(&shown) {
        let caption = caption(&CARD, &format!("{} of members and nonmembers;", column.label), score.values.len());
        report.figures.extend(roc_figures::histogram(&format!("scores_{}", column.id), score, "", &caption));
    }
    report
}

fn add_control(report: &mut Report, control: Option<&Measured>) {
    let Some(control) = control else { return };
    report.scalars.extend(control.scalars("control", "bag of words (no model)"));
    if let Some(metrics) = control.metrics.filter(|m| m.auroc > SUSPICIOUS) {
        report.notes.push(format!(
            "The words alone, without any model, tell members from nonmembers with AUROC {:.3}: the two sets differ in \
             distribution, and scores below may be seeing that instead of membership.",
            metrics.auroc
        ));
    }
}

/// Own numbers, and published ones with the difference where a table was given.
fn metrics_table(
    columns: &[Column],
    measured: &[Measured],
    control: Option<&Measured>,
    published: Option<&[PublishedRow]>,
) -> Table {
    let published = published.unwrap_or_default();
    let own = columns.iter().map(|c| c.id.clone()).chain(control.map(|_| "control".to_owned()));
    let mut names: Vec<String> = own.collect();
    let measured: Vec<&Measured> = measured.iter().chain(control).collect();
    let only_published = published.iter().map(|p| p.method.clone()).filter(|m| !names.contains(m));
    names.extend(only_published.collect::<Vec<_>>());
    let of = |i: usize| measured.get(i).copied();
    let all = 0..names.len();
    let mut table = vec![
        text("method", "Name of the score.", names.iter().cloned()),
        some_int(
            "n_members",
            "texts",
            "Members with a defined score.",
            all.clone().map(|i| of(i).map(Measured::n_members)),
        ),
        some_int(
            "n_nonmembers",
            "texts",
            "Nonmembers with a defined score.",
            all.clone().map(|i| of(i).map(|m| m.labels.len() - m.n_members())),
        ),
        some_int(
            "n_undefined",
            "texts",
            "Texts without a defined score.",
            all.clone().map(|i| of(i).map(|m| m.n_undefined)),
        ),
    ];
    const METRICS: [(&str, &str); 5] = [
        ("auroc", "Area under the curve."),
        ("fpr95", "False positive rate at 95 % true positives."),
        ("tpr05", "True positive rate at 5 % false positives."),
        ("tpr01", "True positive rate at 1 % false positives."),
        ("tpr001", "True positive rate at 0.1 % false positives."),
    ];
    let value = |i: usize, m: usize| of(i).and_then(|x| x.metrics).map(|x| x.named()[m].2);
    let end = |i: usize, m: usize, side: usize| of(i).and_then(|x| x.intervals).map(|x| x.listed()[m][side]);
    for (m, (name, about)) in METRICS.into_iter().enumerate() {
        table.push(float(name, "", about, all.clone().map(|i| value(i, m))));
        let ends = [("low", "Lower end of its 95 % interval."), ("high", "Upper end of its 95 % interval.")];
        for (side, (word, about)) in ends.into_iter().enumerate() {
            table.push(float(&format!("{name}_{word}"), "", about, all.clone().map(|i| end(i, m, side))));
        }
    }
    if !published.is_empty() {
        let row = |i: usize| published.iter().find(|p| names.get(i) == Some(&p.method));
        for (m, (name, _)) in METRICS.into_iter().enumerate().take(3) {
            let theirs = |i: usize| row(i).map(|p| [p.auroc, p.fpr95, p.tpr05][m]);
            let difference = |i: usize| Some(value(i, m)? - theirs(i)?);
            table.push(float(&format!("published_{name}"), "", "The published value.", all.clone().map(theirs)));
            table.push(float(&format!("difference_{name}"), "", "Own minus published.", all.clone().map(difference)));
        }
    }
    Table { id: "metrics".to_owned(), title: "Membership inference".to_owned(), columns: table, parquet: false }
}

fn scores_table(samples: &Samples<'_>, columns: &[Column]) -> Table {
    let list = &samples.list;
    let mut table = vec![
        text("set", "The file.", list.iter().map(|s| s.data.name.clone())),
        int("row", "", "Row in the file, from 0.", list.iter().map(|s| s.record.row)),
        int("label", "", "1 for members.", list.iter().map(|s| usize::from(s.is_member))),
        int("n_tokens", "tokens", "Tokens that were read.", list.iter().map(|s| s.text.ids.len())),
    ];
    for column in columns {
        let about = format!("{}; larger = more likely a member.", column.label);
        table.push(float(&column.id, "", &about, column.values.iter().copied()));
    }
    table.push(text("text", "The text.", list.iter().map(|s| s.record.text.clone().unwrap_or_default())));
    Table { id: "scores".to_owned(), title: "Scores of each text".to_owned(), columns: table, parquet: false }
}

/// AUROC against the share of tokens; `None` without families of ratios.
fn ratio_figure(columns: &[Column], measured: &[Measured], n: usize) -> Option<Figure> {
    let families = [("min_k", "Min-K%"), ("min_k_plus_plus", "Min-K%++")];
    let series = |(color, (id, name)): (usize, (&str, &str))| {
        let of = |(c, m): (&Column, &Measured)| {
            let (_, ratio) = c.ratio.filter(|(family, _)| *family == id)?;
            Some([ratio, m.metrics?.auroc])
        };
        let points: Vec<[f64; 2]> = columns.iter().zip(measured).filter_map(of).collect();
        let mark = Mark::Line { points: points.clone(), band: None, dashed: false };
        (points.len() > 1).then(|| Series { name: name.to_owned(), color, mark, rows: Rows::default() })
    };
    let series: Vec<Series> = families.into_iter().enumerate().filter_map(series).collect();
    (!series.is_empty()).then(|| Figure {
        id: "ratios".to_owned(),
        title: "AUROC by share of tokens".to_owned(),
        x: Axis { label: "share of tokens".to_owned(), ..Axis::default() },
        y: Axis { label: "AUROC".to_owned(), ..Axis::default() },
        series,
        caption: caption(&CARD, "AUROC of Min-K% and Min-K%++ by the share of tokens that is averaged;", n),
    })
}
