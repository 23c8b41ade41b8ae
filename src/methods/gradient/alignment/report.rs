//! Numbers, tables and figures of gradient alignment.

use super::pairs::{Item, Paraphrase, Set};
use super::{CARD, Config};
use crate::figures::{Axis, Figure, Mark, Rows, Series};
use crate::methods::common::alignment::{Aligned, Pair, parts};
use crate::methods::common::bootstrap::mean_interval;
use crate::methods::common::correlation::{deviation, mean, pearson};
use crate::methods::common::histogram::{Histogram, range};
use crate::methods::common::membership::{Measured, MetricOptions, measure};
use crate::methods::common::roc_figures::{self, Scored};
use crate::methods::common::tables::{caption, flag, float, int, scalar, some_int, text};
use crate::methods::{LoadedModel, Report, Scalar, Table};

const BINS: usize = 40;

/// Everything that was computed.
pub(super) struct Found<'a> {
    pub(super) model: &'a LoadedModel,
    pub(super) sets: &'a [Set<'a>],
    pub(super) items: &'a [Item],
    pub(super) aligned: &'a [Aligned],
}

impl Found<'_> {
    /// All pairs with their item, the item's number and its alignment.
    fn pairs(&self) -> impl Iterator<Item = (usize, &Item, &Aligned, &Paraphrase, &Pair)> {
        self.items.iter().zip(self.aligned).enumerate().flat_map(|(i, (item, aligned))| {
            item.paraphrases.iter().zip(&aligned.pairs).map(move |(p, pair)| (i, item, aligned, p, pair))
        })
    }

    /// The mean cosine of each item over its pairs with a defined one.
    fn cosines(&self) -> Vec<Option<f64>> {
        let of = |a: &Aligned| mean(&a.pairs.iter().filter_map(|p| p.cosine).collect::<Vec<_>>());
        self.aligned.iter().map(of).collect()
    }

    fn inners(&self) -> Vec<Option<f64>> {
        self.aligned.iter().map(|a| mean(&a.pairs.iter().map(|p| p.inner).collect::<Vec<_>>())).collect()
    }

    /// Members and nonmembers, when every item is one or the other and both occur.
    fn labels(&self) -> Option<Vec<bool>> {
        let labels: Vec<bool> = self.items.iter().map(|i| i.label).collect::<Option<_>>()?;
        (labels.contains(&true) && labels.contains(&false)).then_some(labels)
    }
}

pub(super) fn report(config: &Config, found: &Found<'_>, seed: u64) -> Report {
    let cosines = found.cosines();
    let mut report = Report {
        scalars: scalars(config, found, &cosines, seed),
        tables: vec![texts_table(found, &cosines), pairs_table(found)],
        figures: Vec::new(),
        notes: Vec::new(),
        ..Report::default()
    };
    let options = MetricOptions { replicates: config.bootstrap, seed, thinned: config.is_paper() };
    match found.labels() {
        Some(labels) => membership(&mut report, found, &cosines, &labels, &options),
        None => report.figures.extend(cosine_histogram(&cosines)),
    }
    report.figures.push(confound_figure(found));
    let undefined = found.pairs().filter(|p| p.4.cosine.is_none()).count();
    if undefined > 0 {
        report.notes.push(format!("{undefined} cosines are undefined because a gradient is zero; they are left out."));
    }
    report
}

/// "strong" above 0.7, "partial" from 0.3 to 0.7, "weak" below.
pub(super) fn band(cosine: f64) -> &'static str {
    match cosine {
        c if c > 0.7 => "strong",
        c if c >= 0.3 => "partial",
        _ => "weak",
    }
}

fn scalars(config: &Config, found: &Found<'_>, cosines: &[Option<f64>], seed: u64) -> Vec<Scalar> {
    let defined: Vec<f64> = cosines.iter().flatten().copied().collect();
    let n = defined.len();
    let norms: Vec<f64> = found.aligned.iter().map(|a| a.norm).collect();
    let other_norms: Vec<f64> = found.pairs().map(|p| p.4.norm).collect();
    let inners: Vec<f64> = found.inners().into_iter().flatten().collect();
    let share = |name: &str| Some(defined.iter().filter(|c| band(**c) == name).count() as f64 / n.max(1) as f64);
    let (cosine, jaccard): (Vec<f64>, Vec<f64>) =
        found.pairs().filter_map(|p| Some((p.4.cosine?, p.3.quality?.word_jaccard))).unzip();
    let excluded = found.items.iter().map(|i| i.n_excluded).sum::<usize>() as f64;
    let none = "no cosine is defined";
    vec![
        Scalar {
            interval: mean_interval(&defined, config.bootstrap, seed),
            ..scalar("alignment.cosine", "Mean cosine", "", mean(&defined), n, none)
        },
        // Paramem's summary uses the population's deviation, its head-only analysis the sample's.
        scalar(
            "alignment.cosine_deviation",
            "Standard deviation of the cosine over texts",
            "",
            deviation(&defined, !config.is_paper()),
            n,
            "needs two texts",
        ),
        scalar("alignment.inner", "Mean inner product", "", mean(&inners), inners.len(), none),
        scalar("alignment.norm_original", "Mean gradient norm of originals", "", mean(&norms), norms.len(), none),
        scalar(
            "alignment.norm_paraphrase",
            "Mean gradient norm of paraphrases",
            "",
            mean(&other_norms),
            other_norms.len(),
            none,
        ),
        scalar("alignment.strong", "Share of texts above 0.7", "", share("strong"), n, ""),
        scalar("alignment.partial", "Share of texts from 0.3 to 0.7", "", share("partial"), n, ""),
        scalar("alignment.weak", "Share of texts below 0.3", "", share("weak"), n, ""),
        scalar("n_pairs", "Pairs", "pairs", Some(other_norms.len() as f64), n, ""),
        scalar("n_excluded", "Paraphrases left out", "paraphrases", Some(excluded), n, ""),
        scalar("quality.word_jaccard", "Mean share of common words", "", mean(&jaccard), jaccard.len(), "no pairs"),
        scalar(
            "quality.confound",
            "Correlation of cosine and common words",
            "",
            pearson(&cosine, &jaccard),
            cosine.len(),
            "cosine or common words do not vary",
        ),
    ]
}

fn label_name(label: Option<bool>) -> String {
    label.map_or("", |l| if l { "member" } else { "nonmember" }).to_owned()
}

fn texts_table(found: &Found<'_>, cosines: &[Option<f64>]) -> Table {
    let items = found.items;
    let set = |i: &Item| found.sets.get(i.set).map(|s| s.data);
    let record = |i: &Item| set(i).and_then(|d| d.records.get(i.original.index));
    let original = |i: &Item| record(i).and_then(|r| r.text.clone()).unwrap_or_default();
    let columns = vec![
        text("set", "The file.", items.iter().map(|i| set(i).map_or_else(String::new, |d| d.name.clone()))),
        int("row", "", "Row in the file, from 0.", items.iter().map(|i| i.original.row)),
        text("label", "Member or nonmember, where known.", items.iter().map(|i| label_name(i.label))),
        int("n_paraphrases", "paraphrases", "Paraphrases that count.", items.iter().map(|i| i.paraphrases.len())),
        int("n_excluded", "paraphrases", "Paraphrases left out.", items.iter().map(|i| i.n_excluded)),
        float("cosine", "", "Mean cosine over the paraphrases.", cosines.iter().copied()),
        float("inner", "", "Mean inner product.", found.inners()),
        float("norm", "", "Gradient norm of the original.", found.aligned.iter().map(|a| Some(a.norm))),
        text("band", "strong, partial or weak.", cosines.iter().map(|c| c.map_or("", band).to_owned())),
        int("n_tokens", "tokens", "Tokens of the original.", items.iter().map(|i| i.original.ids.len())),
        text("original", "The original.", items.iter().map(original)),
    ];
    Table { id: "texts".to_owned(), title: "Alignment of each text".to_owned(), columns, parquet: false }
}

fn pairs_table(found: &Found<'_>) -> Table {
    let quality = |f: fn(&crate::methods::common::quality::Quality) -> f64| {
        found.pairs().map(move |p| p.3.quality.as_ref().map(f)).collect::<Vec<_>>()
    };
    let is = |f: fn(&crate::methods::common::quality::Quality) -> bool| {
        found.pairs().map(move |p| p.3.quality.as_ref().is_some_and(f)).collect::<Vec<_>>()
    };
    let paraphrase = |i: &Item, p: &Paraphrase| {
        let record = found.sets.get(i.set).and_then(|s| s.data.records.get(i.original.index));
        record.and_then(|r| r.paraphrases.get(p.index?)).cloned().unwrap_or_default()
    };
    let columns = vec![
        int("text", "", "Line of the table of texts, from 0.", found.pairs().map(|p| p.0)),
        int("row", "", "Row in the file, from 0.", found.pairs().map(|p| p.1.original.row)),
        some_int("paraphrase", "", "Place among the row's paraphrases, from 0.", found.pairs().map(|p| p.3.index)),
        text("label", "Member or nonmember, where known.", found.pairs().map(|p| label_name(p.1.label))),
        float("cosine", "", "Cosine of the two gradients; empty where one is zero.", found.pairs().map(|p| p.4.cosine)),
        flag("undefined", "Whether a gradient is zero.", found.pairs().map(|p| p.4.cosine.is_none())),
        float("inner", "", "Inner product of the two gradients.", found.pairs().map(|p| Some(p.4.inner))),
        float("norm_original", "", "Gradient norm of the original.", found.pairs().map(|p| Some(p.2.norm))),
        float("norm_paraphrase", "", "Gradient norm of the paraphrase.", found.pairs().map(|p| Some(p.4.norm))),
        int("n_tokens", "tokens", "Tokens of the paraphrase.", found.pairs().map(|p| p.3.ids.len())),
        float("word_jaccard", "", "Shared over all distinct words.", quality(|q| q.word_jaccard)),
        float("edit_ratio", "", "Edit distance over the longer length.", quality(|q| q.edit_ratio)),
        float("zlib_ratio", "", "Bytes over zlib bytes; above 6 is repetitive.", quality(|q| q.zlib_ratio)),
        float("length_ratio", "", "Length over the original's.", quality(|q| q.length_ratio)),
        flag("is_duplicate", "Equal to an earlier paraphrase of the text.", is(|q| q.is_duplicate)),
        text("paraphrase_text", "The paraphrase.", found.pairs().map(|p| paraphrase(p.1, p.3))),
    ];
    Table { id: "pairs".to_owned(), title: "Alignment of each pair".to_owned(), columns, parquet: false }
}

/// What each predicted token adds to the cosine of its pair, for both texts; of some items, the first of whose pairs
/// is number `first_pair`.
pub(super) fn contributions_table(
    model: &LoadedModel,
    items: &[Item],
    aligned: &[Aligned],
    first_pair: usize,
) -> Table {
    struct Line<'a> {
        pair: usize,
        item: &'a Item,
        side: &'static str,
        position: usize,
        token: u32,
        value: f64,
    }
    let mut lines = Vec::new();
    let pairs = items.iter().zip(aligned).flat_map(|(item, aligned)| {
        item.paraphrases.iter().zip(&aligned.pairs).map(move |(paraphrase, pair)| (item, paraphrase, pair))
    });
    for (n, (item, paraphrase, pair)) in pairs.enumerate() {
        let sides = [("original", &item.original.ids), ("paraphrase", &paraphrase.ids)];
        for ((side, ids), values) in sides.into_iter().zip(&pair.contributions) {
            // The row at a position answers for the token after it.
            for (position, (token, value)) in ids.iter().skip(1).zip(values).enumerate() {
                lines.push(Line {
                    pair: first_pair + n,
                    item,
                    side,
                    position: position + 1,
                    token: *token,
                    value: *value,
                });
            }
        }
    }
    let spelled = |id: u32| {
        let bytes = model.tokenizer.as_ref().and_then(|t| t.token_bytes(id)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let columns = vec![
        int("pair", "", "Line of the table of pairs, from 0.", lines.iter().map(|l| l.pair)),
        int("row", "", "Row in the file, from 0.", lines.iter().map(|l| l.item.original.row)),
        text("side", "original or paraphrase.", lines.iter().map(|l| l.side.to_owned())),
        int("position", "tokens", "Place in the text.", lines.iter().map(|l| l.position)),
        int("token_id", "", "The token.", lines.iter().map(|l| l.token as usize)),
        text("token", "Its text.", lines.iter().map(|l| spelled(l.token))),
        float("contribution", "", "What it adds to the cosine.", lines.iter().map(|l| Some(l.value))),
    ];
    Table { id: "contributions".to_owned(), title: "Contributions of tokens".to_owned(), columns, parquet: true }
}

fn membership(
    report: &mut Report,
    found: &Found<'_>,
    cosines: &[Option<f64>],
    labels: &[bool],
    options: &MetricOptions,
) {
    let inners = found.inners();
    let of_cosine = measure(cosines, labels, options);
    let of_inner = measure(&inners, labels, options);
    report.scalars.extend(of_cosine.scalars("cosine", "cosine"));
    report.scalars.extend(of_inner.scalars("inner", "inner product"));
    let shown = |m: &'_ Measured, name: &'static str, color: usize| (name, color, m.clone());
    let measured = [shown(&of_cosine, "cosine", 0), shown(&of_inner, "inner product", 1)];
    let scored: Vec<Scored<'_>> = measured
        .iter()
        .map(|(name, color, m)| Scored {
            name,
            color: *color,
            values: &m.values,
            labels: &m.labels,
            table: "texts",
            rows: &m.items,
        })
        .collect();
    let n = found.items.len();
    report.figures.extend(roc_figures::roc(&scored, &caption(&CARD, "Alignment as a membership score;", n)));
    let texts = caption(&CARD, "Mean alignment of members and nonmembers;", n);
    report.figures.extend(scored.first().and_then(|s| roc_figures::histogram("cosine", s, "", &texts)));
}

fn cosine_histogram(cosines: &[Option<f64>]) -> Option<Figure> {
    let values: Vec<f64> = cosines.iter().flatten().copied().collect();
    let [low, high] = range(values.iter().copied())?;
    let histogram = Histogram::new(&values, low, high, BINS);
    let heights = histogram.shares();
    let defined = cosines.iter().enumerate().filter_map(|(row, c)| Some((row, (*c)?)));
    let rows = histogram.rows("texts", defined);
    let mark = Mark::Histogram { edges: histogram.edges, heights };
    Some(Figure {
        id: "cosine".to_owned(),
        title: "Gradient alignment of the texts".to_owned(),
        x: Axis { label: "mean cosine".to_owned(), ..Axis::default() },
        y: Axis { label: "share of texts".to_owned(), ..Axis::default() },
        series: vec![Series { name: String::new(), color: 0, mark, rows }],
        caption: caption(&CARD, "Mean cosine over the paraphrases of each text;", values.len()),
    })
}

/// Alignment against common words: how much of it is shared vocabulary.
fn confound_figure(found: &Found<'_>) -> Figure {
    let groups = [(Some(true), "members"), (Some(false), "nonmembers"), (None, "")];
    let series = |(color, (label, name)): (usize, (Option<bool>, &str))| {
        let pairs = found.pairs().enumerate().filter(|(_, p)| p.1.label == label);
        let (points, rows): (Vec<[f64; 2]>, Vec<usize>) =
            pairs.filter_map(|(n, p)| Some(([p.3.quality?.word_jaccard, p.4.cosine?], n))).unzip();
        let rows = Rows::one_each("pairs", rows);
        (!points.is_empty()).then(|| Series { name: name.to_owned(), color, mark: Mark::Scatter { points }, rows })
    };
    Figure {
        id: "cosine_against_words".to_owned(),
        title: "Alignment against common words".to_owned(),
        x: Axis { label: "share of common words".to_owned(), ..Axis::default() },
        y: Axis { label: "cosine".to_owned(), ..Axis::default() },
        series: groups.into_iter().enumerate().filter_map(series).collect(),
        caption: caption(&CARD, "Each pair's cosine against the words it shares (Jaccard);", found.pairs().count()),
    }
}

/// The mean cosine of every layer, as a table and a figure; `None` when no layer was compared.
pub(super) fn layers(found: &Found<'_>) -> Option<(Table, Figure)> {
    let names: Vec<String> = parts(&found.model.decoder).into_iter().map(|p| p.0).collect();
    let average = |layer: usize, label: Option<Option<bool>>| {
        let pairs = found.pairs().filter(|p| label.is_none_or(|l| p.1.label == l));
        mean(&pairs.filter_map(|p| p.4.layers.get(layer).copied().flatten()).collect::<Vec<_>>())
    };
    let all: Vec<Option<f64>> = (0..names.len()).map(|layer| average(layer, None)).collect();
    let n = found.pairs().filter(|p| !p.4.layers.is_empty()).count();
    if n == 0 {
        return None;
    }
    let columns = vec![
        text("layer", "From the input to the output.", names.iter().cloned()),
        float("cosine", "", "Mean cosine over the pairs.", all),
    ];
    let groups: &[(Option<Option<bool>>, &str)] = if found.labels().is_some() {
        &[(Some(Some(true)), "members"), (Some(Some(false)), "nonmembers")]
    } else {
        &[(None, "")]
    };
    let series = |(color, (label, name)): (usize, &(Option<Option<bool>>, &str))| {
        let points = (0..names.len()).filter_map(|layer| Some([layer as f64, average(layer, *label)?])).collect();
        let mark = Mark::Line { points, band: None, dashed: false };
        Series { name: (*name).to_owned(), color, mark, rows: Rows::default() }
    };
    let series = groups.iter().enumerate().map(series).collect();
    let figure = Figure {
        id: "layers".to_owned(),
        title: "Alignment by layer".to_owned(),
        x: Axis { label: "layer".to_owned(), categories: names, ..Axis::default() },
        y: Axis { label: "mean cosine".to_owned(), ..Axis::default() },
        series,
        caption: caption(&CARD, "Mean cosine of each layer's gradients;", n),
    };
    Some((Table { id: "layers".to_owned(), title: "Alignment by layer".to_owned(), columns, parquet: false }, figure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_include_their_ends() {
        assert_eq!([0.700001, 0.7, 0.3, 0.299999].map(band), ["strong", "partial", "partial", "weak"]);
    }
}
