//! Figures of membership scores.

use super::histogram::{Histogram, range};
use super::roc::Curve;
use crate::figures::{Axis, Band, Figure, Mark, Rows, Scale, Series};

const BINS: usize = 30;

/// One score: its values by item, its curve, and the color it has in every figure.
pub struct Scored<'a> {
    /// Shown name.
    pub name: &'a str,
    /// Index into the palette.
    pub color: usize,
    /// Values of the items in `rows`.
    pub values: &'a [f64],
    /// Whether each item is a member.
    pub labels: &'a [bool],
    /// Id of the table of scores.
    pub table: &'a str,
    /// Rows of the table of scores.
    pub rows: &'a [usize],
}

/// The curves with both axes linear, and with both logarithmic, where small false positive rates can be seen.
pub fn roc(scores: &[Scored<'_>], caption: &str) -> [Figure; 2] {
    let axis = |label: &str, scale: Scale, low: f64| Axis {
        label: label.to_owned(),
        scale,
        range: Some([low, 1.0]),
        ..Axis::default()
    };
    // More bands than one hide each other: among several curves only the best one has its own.
    let area = |s: &Scored<'_>| Curve::new(s.values, s.labels).map(|c| c.auroc());
    let best = scores.iter().filter_map(|s| Some((s.name, area(s)?))).reduce(|a, b| if b.1 > a.1 { b } else { a });
    let banded = |s: &Scored<'_>| best.is_some_and(|(name, _)| name == s.name);
    let caption = match best {
        Some((name, _)) => {
            format!("{caption} Band around {name}: pointwise 95 % Wilson interval of the true positive rate.")
        }
        None => caption.to_owned(),
    };
    let figure = |id: &str, scale: Scale| {
        let title = "Members against nonmembers".to_owned() + if scale == Scale::Log { ", log–log" } else { "" };
        let low = if scale == Scale::Log { smallest_rate(scores) } else { 0.0 };
        let chance = Mark::Reference { from: [low, low], to: [1.0, 1.0] };
        let mut series: Vec<Series> = scores.iter().filter_map(|s| curve(s, low, banded(s))).collect();
        series.push(Series { name: "chance".to_owned(), color: series.len(), mark: chance, rows: Rows::default() });
        Figure {
            id: id.to_owned(),
            title,
            x: axis("false positive rate", scale, low),
            y: axis("true positive rate", scale, low),
            series,
            caption: caption.trim_start().to_owned(),
        }
    };
    [figure("roc", Scale::Linear), figure("roc_log", Scale::Log)]
}

/// One over the larger class: smaller rates cannot be told from zero.
fn smallest_rate(scores: &[Scored<'_>]) -> f64 {
    let largest = scores.iter().map(|s| {
        let members = s.labels.iter().filter(|l| **l).count();
        members.max(s.labels.len() - members)
    });
    1.0 / largest.max().unwrap_or(1).max(2) as f64
}

/// Ends of the 95 % interval of a share of which `found` of `n` were counted (Wilson 1927).
fn wilson(found: f64, n: f64) -> [f64; 2] {
    /// The 97.5 % quantile of the normal distribution.
    const Z: f64 = 1.959_963_984_540_054;
    let (share, spread) = (found / n, Z * Z / n);
    let middle = share + spread / 2.0;
    let half = Z * (share * (1.0 - share) / n + spread / (4.0 * n)).sqrt();
    [((middle - half) / (1.0 + spread)).max(0.0), ((middle + half) / (1.0 + spread)).min(1.0)]
}

/// The curve, with the interval of its true positive rate when it `is_banded`; points below `low` are left out, for
/// logarithmic axes.
fn curve(score: &Scored<'_>, low: f64, is_banded: bool) -> Option<Series> {
    let curve = Curve::new(score.values, score.labels)?;
    // Thresholds fall, so one walk over the items from the largest score meets them in order.
    let mut items: Vec<(f64, usize)> = score.values.iter().copied().zip(score.rows.iter().copied()).collect();
    items.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut rest = items.as_slice();
    let (mut points, mut behind) = (Vec::new(), Vec::new());
    for (point, threshold) in curve.rates().into_iter().zip(curve.thresholds()) {
        let n = rest.partition_point(|item| item.0 >= *threshold);
        let (these, others) = rest.split_at(n);
        rest = others;
        if point[0] >= low && point[1] >= low {
            points.push(point);
            behind.push(these.iter().map(|item| item.1).collect());
        }
    }
    let rows = Rows::new(score.table, behind);
    let name = format!("{} ({:.3})", score.name, curve.auroc());
    let members = score.labels.iter().filter(|l| **l).count() as f64;
    let ends = points.iter().map(|point| wilson(point[1] * members, members));
    let (lower, upper) = ends.map(|[a, b]| (a, b)).unzip();
    let band = is_banded.then_some(Band { lower, upper });
    Some(Series { name, color: score.color, mark: Mark::Line { points, band, dashed: false }, rows })
}

/// Members and nonmembers by score, in shared bins.
pub fn histogram(id: &str, score: &Scored<'_>, unit: &str, caption: &str) -> Option<Figure> {
    let [low, high] = range(score.values.iter().copied())?;
    let of = |member: bool, name: &str, color: usize| {
        let of_class =
            || score.values.iter().zip(score.labels).zip(score.rows).filter(move |((_, l), _)| **l == member);
        let values: Vec<f64> = of_class().map(|((v, _), _)| *v).collect();
        let histogram = Histogram::new(&values, low, high, BINS);
        let heights = histogram.shares();
        let rows = histogram.rows(score.table, of_class().map(|((v, _), row)| (*row, *v)));
        let mark = Mark::Histogram { edges: histogram.edges, heights };
        Series { name: name.to_owned(), color, mark, rows }
    };
    Some(Figure {
        id: id.to_owned(),
        title: format!("{} of members and nonmembers", score.name),
        x: Axis { label: score.name.to_owned(), unit: unit.to_owned(), ..Axis::default() },
        y: Axis { label: "share of texts".to_owned(), ..Axis::default() },
        series: vec![of(true, "members", 0), of(false, "nonmembers", 1)],
        caption: caption.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_lead_back_to_the_rows_of_the_table() {
        let (values, labels, rows) = ([0.9, 0.1, 0.5], [true, false, true], [7, 8, 9]);
        let score = Scored { name: "loss", color: 2, values: &values, labels: &labels, table: "scores", rows: &rows };
        let [linear, log] = roc(&[score], "c");
        let Mark::Line { points, .. } = &linear.series[0].mark else { panic!("a line") };
        assert_eq!(points, &[[0.0, 0.0], [0.0, 0.5], [0.0, 1.0], [1.0, 1.0]]);
        let behind = &linear.series[0].rows;
        assert_eq!([0, 1, 2, 3].map(|point| behind.of(point)), [&[][..], &[7], &[9], &[8]]);
        assert_eq!(behind.table, "scores");
        assert_eq!(linear.series[0].name, "loss (1.000)");
        let Mark::Line { points, .. } = &log.series[0].mark else { panic!("a line") };
        assert_eq!(points, &[[1.0, 1.0]], "logarithmic axes have no zero");
        assert_eq!(log.series[0].rows.of(0), [8], "points that are left out keep their rows to themselves");
    }

    /// Values of statsmodels' proportion_confint(method="wilson").
    #[test]
    fn intervals_of_shares_are_those_of_wilson() {
        for (found, n, want) in
            [(8.0, 10.0, [0.4901625, 0.9433178]), (0.0, 10.0, [0.0, 0.2775328]), (50.0, 100.0, [0.4038315, 0.5961685])]
        {
            let ends = wilson(found, n);
            assert!((0..2).all(|i| (ends[i] - want[i]).abs() < 1e-6), "{ends:?} is not {want:?}");
        }
    }

    #[test]
    fn the_best_curve_has_a_band_around_it_and_the_caption_says_of_what() {
        let (labels, rows) = ([true, false, true, false], [0, 1, 2, 3]);
        let score = |name: &'static str, values: &'static [f64]| Scored {
            name,
            color: 0,
            values,
            labels: &labels,
            table: "t",
            rows: &rows,
        };
        let [roc, _] = roc(&[score("weak", &[0.1, 0.9, 0.2, 0.3]), score("strong", &[0.9, 0.1, 0.8, 0.2])], "c");
        let band = |i: usize| match &roc.series[i].mark {
            Mark::Line { points, band, .. } => band.clone().map(|b| (points.clone(), b)),
            _ => panic!("a line"),
        };
        assert!(band(0).is_none() && roc.caption.contains("Band around strong"), "{}", roc.caption);
        let (points, band) = band(1).expect("a band");
        assert_eq!((band.lower.len(), band.upper.len()), (points.len(), points.len()));
        let inside = points.iter().zip(band.lower.iter().zip(&band.upper)).all(|(p, (l, u))| *l <= p[1] && p[1] <= *u);
        assert!(inside, "{points:?} {band:?}");
    }

    #[test]
    fn texts_of_one_score_stand_behind_one_point_and_one_bar() {
        let (values, labels, rows) = ([0.5, 0.5, 0.1, 0.9], [true, false, true, false], [3, 4, 5, 6]);
        let score = Scored { name: "s", color: 0, values: &values, labels: &labels, table: "t", rows: &rows };
        let [linear, _] = roc(&[score], "c");
        assert_eq!([1, 2, 3].map(|point| linear.series[0].rows.of(point)), [&[6][..], &[3, 4], &[5]]);
        let score = Scored { name: "s", color: 0, values: &values, labels: &labels, table: "t", rows: &rows };
        let bars = histogram("h", &score, "", "c").unwrap();
        for series in &bars.series {
            let Mark::Histogram { heights, .. } = &series.mark else { panic!("bars") };
            for (bar, height) in heights.iter().enumerate() {
                assert_eq!(series.rows.of(bar).len() as f64 / 2.0, *height, "{} bar {bar}", series.name);
            }
        }
        assert_eq!(bars.series[0].rows.of(0), [5]);
        assert_eq!(bars.series[1].rows.of(BINS - 1), [6]);
    }
}
