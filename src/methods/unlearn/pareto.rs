//! Edits beside each other: what was forgotten against what it cost, which of them nothing beats, and the best of each
//! technique.
//!
//! An edit is beaten when another one is at least as good on both axes and better on one. The best edit of a technique
//! has the smallest Δmem + w·Δppl with Δ the change over the value before; where nothing was forgotten 100 is added; all
//! ties are named.
//! Source: `msakarvadia/memorization`, `figs/pythia_unlearning_results.ipynb`; w = 1 there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CARD;
use super::battery::Better;
use crate::figures::{Axis, Figure, Mark, Rows, Series};
use crate::methods::Scalar;
use crate::methods::common::tables::caption;

/// What one edit did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Id of the technique.
    pub technique: String,
    /// Fraction removed, where the technique has one.
    pub ratio: Option<f64>,
    /// Numbers of the model as it came, by id.
    pub before: BTreeMap<String, f64>,
    /// Numbers of the edited model, by id.
    pub after: BTreeMap<String, f64>,
}

/// A number that can be an axis.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Id in the battery.
    pub id: &'static str,
    /// Shown name.
    pub label: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// Which way is wanted.
    pub better: Better,
}

const fn measure(id: &'static str, label: &'static str, unit: &'static str, better: Better) -> Measure {
    Measure { id, label, unit, better }
}

/// What says how much is left of the texts to forget.
pub const LEFT: &[Measure] = &[
    measure("forget.exact", "Exact extraction after", "", Better::Lower),
    measure("forget.memorization", "Memorization score after", "", Better::Lower),
    measure("forget.strength", "Extraction strength after", "", Better::Lower),
    measure("forget.accuracy", "Token accuracy on forget after", "", Better::Lower),
    measure("forget.rouge_l", "ROUGE-L recall on forget after", "", Better::Lower),
    measure("forget.loss", "Loss on forget after", "nats/token", Better::Higher),
];

/// What says how much of everything else is left.
pub const KEPT: &[Measure] = &[
    measure("retain.accuracy", "Token accuracy on retain after", "", Better::Higher),
    measure("retain.perplexity", "Perplexity on retain after", "", Better::Lower),
    measure("holdout.accuracy", "Token accuracy on holdout after", "", Better::Higher),
    measure("holdout.perplexity", "Perplexity on holdout after", "", Better::Lower),
    measure("utility", "Model utility after", "", Better::Higher),
];

/// The axis with this id, of either kind.
pub fn find(id: &str) -> Option<&'static Measure> {
    LEFT.iter().chain(KEPT).find(|m| m.id == id)
}

impl Outcome {
    /// What a step of `unlearn` reports: its configuration and headline numbers.
    pub fn of(config: &Value, scalars: &[Scalar]) -> Self {
        let side = |prefix: &str| {
            let value = |s: &Scalar| Some((s.id.strip_prefix(prefix)?.to_owned(), s.value?));
            scalars.iter().filter_map(value).collect()
        };
        let parsed: Option<super::Config> = serde_json::from_value(config.clone()).ok();
        let ratio = parsed.as_ref().and_then(|c| c.knobs().ok()?.get("ratio").ok());
        let technique = parsed.map(|c| c.technique).unwrap_or_default();
        Self { technique, ratio, before: side("before."), after: side("after.") }
    }

    /// Place of the edited model, or of the original, on two axes.
    pub fn place(&self, axes: [&Measure; 2], is_original: bool) -> Option<[f64; 2]> {
        let side = if is_original { &self.before } else { &self.after };
        Some([*side.get(axes[0].id)?, *side.get(axes[1].id)?])
    }

    /// Δmem + w·Δppl; the smallest is the best. Absent where nothing was reproduced before, or nothing else measured.
    pub fn selection(&self, weight: f64) -> Option<f64> {
        const PENALTY: f64 = 100.0;
        let change = |id: &str| {
            let (old, new) = (*self.before.get(id)?, *self.after.get(id)?);
            (old != 0.0).then(|| (new - old) / old)
        };
        let forgotten = change("forget.exact")?;
        let cost = change("retain.perplexity_of_batches").or_else(|| change("holdout.perplexity_of_batches"))?;
        Some(forgotten + weight * cost + if forgotten == 0.0 { PENALTY } else { 0.0 })
    }
}

/// Which points no other beats. Points that are not numbers are beaten.
pub fn front(points: &[[f64; 2]], better: [Better; 2]) -> Vec<bool> {
    // Smaller is better on both axes then.
    let turned = |p: &[f64; 2]| [0, 1].map(|i| if better[i] == Better::Higher { -p[i] } else { p[i] });
    let points: Vec<[f64; 2]> = points.iter().map(turned).collect();
    let beats = |a: &[f64; 2], b: &[f64; 2]| a[0] <= b[0] && a[1] <= b[1] && a != b;
    let is_number = |p: &[f64; 2]| p.iter().all(|x| !x.is_nan());
    points.iter().map(|p| is_number(p) && !points.iter().any(|other| beats(other, p))).collect()
}

/// The best edits of each technique, all ties, in their order.
pub fn best(outcomes: &[&Outcome], weight: f64) -> Vec<usize> {
    let mut least: BTreeMap<&str, f64> = BTreeMap::new();
    for outcome in outcomes {
        if let Some(score) = outcome.selection(weight).filter(|s| s.is_finite()) {
            let known = least.entry(&outcome.technique).or_insert(score);
            *known = known.min(score);
        }
    }
    let is_best = |o: &Outcome| o.selection(weight).is_some_and(|s| least.get(o.technique.as_str()) == Some(&s));
    (0..outcomes.len()).filter(|i| is_best(outcomes[*i])).collect()
}

/// Edits on two axes.
#[derive(Clone, Debug, Default)]
pub struct Plane {
    /// A series for each technique, one of the originals, and the line through what nothing beats.
    pub figure: Figure,
    /// For each series and point, which outcome it is; none for originals.
    pub behind: Vec<Vec<Option<usize>>>,
    /// For each outcome, whether nothing beats it.
    pub is_optimal: Vec<bool>,
    /// Outcomes that lack a number of an axis.
    pub n_left_out: usize,
}

/// Draws edits on two axes.
pub fn plane(outcomes: &[&Outcome], axes: [&Measure; 2]) -> Plane {
    let placed: Vec<(usize, [f64; 2])> =
        outcomes.iter().enumerate().filter_map(|(i, o)| Some((i, o.place(axes, false)?))).collect();
    let points: Vec<[f64; 2]> = placed.iter().map(|p| p.1).collect();
    let optimal = front(&points, axes.map(|a| a.better));
    let mut plane = Plane {
        is_optimal: vec![false; outcomes.len()],
        n_left_out: outcomes.len() - placed.len(),
        ..Plane::default()
    };
    let mut line: Vec<[f64; 2]> = Vec::new();
    for ((i, point), _) in placed.iter().zip(&optimal).filter(|(_, is_optimal)| **is_optimal) {
        plane.is_optimal[*i] = true;
        line.push(*point);
    }
    line.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    line.dedup();
    let mut series: Vec<(Series, Vec<Option<usize>>)> = Vec::new();
    let mut names: Vec<&str> = placed.iter().map(|p| outcomes[p.0].technique.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for (color, name) in names.iter().enumerate() {
        let own: Vec<&(usize, [f64; 2])> = placed.iter().filter(|p| outcomes[p.0].technique == *name).collect();
        let title = super::technique::find(name).map_or(*name, |t| t.title);
        series
            .push((scatter(title, color, own.iter().map(|p| p.1).collect()), own.iter().map(|p| Some(p.0)).collect()));
    }
    let originals = originals(outcomes, axes);
    let behind = vec![None; originals.len()];
    series.push((scatter("the original", names.len(), originals), behind));
    if line.len() > 1 {
        let mark = Mark::Line { points: line, band: None, dashed: true };
        series.push((
            Series { name: "nothing beats these".to_owned(), color: names.len() + 1, mark, rows: Rows::default() },
            Vec::new(),
        ));
    }
    let (series, behind) = series.into_iter().unzip();
    plane.figure = figure(axes, series, placed.len());
    plane.behind = behind;
    plane
}

fn figure(axes: [&Measure; 2], series: Vec<Series>, n: usize) -> Figure {
    let axis = |m: &Measure| Axis { label: m.label.to_owned(), unit: m.unit.to_owned(), ..Axis::default() };
    let word = |m: &Measure| if m.better == Better::Higher { "higher" } else { "lower" };
    Figure {
        id: "pareto".to_owned(),
        title: "What is left against what is kept".to_owned(),
        x: axis(axes[0]),
        y: axis(axes[1]),
        series,
        caption: caption(&CARD, &format!("Wanted: {} and {};", word(axes[0]), word(axes[1])), n),
    }
}

fn scatter(name: &str, color: usize, points: Vec<[f64; 2]>) -> Series {
    Series { name: name.to_owned(), color, mark: Mark::Scatter { points }, rows: Rows::default() }
}

/// Places of the models as they came, each once.
fn originals(outcomes: &[&Outcome], axes: [&Measure; 2]) -> Vec<[f64; 2]> {
    let mut places: Vec<[f64; 2]> = outcomes.iter().filter_map(|o| o.place(axes, true)).collect();
    places.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    places.dedup();
    places
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(technique: &str, exact: f64, perplexity: f64) -> Outcome {
        let side = |exact: f64, ppl: f64| {
            [("forget.exact", exact), ("retain.perplexity_of_batches", ppl), ("retain.perplexity", ppl)]
                .map(|(k, v)| (k.to_owned(), v))
                .into()
        };
        Outcome {
            technique: technique.to_owned(),
            ratio: None,
            before: side(0.8, 10.0),
            after: side(exact, perplexity),
        }
    }

    #[test]
    fn what_nothing_beats() {
        let points = [[0.0, 0.5], [0.0, 0.9], [0.2, 0.95], [0.2, 0.95], [0.4, 0.94], [f64::NAN, 1.0]];
        let lower_higher = [Better::Lower, Better::Higher];
        assert_eq!(
            front(&points, lower_higher),
            [false, true, true, true, false, false],
            "equals do not beat each other"
        );
        let lower_lower = [Better::Lower, Better::Lower];
        assert_eq!(front(&points[..3], lower_lower), [true, false, false]);
        assert!(front(&[], lower_lower).is_empty());
    }

    /// (0 − 0.8)/0.8 + (15 − 10)/10 = −0.5; where nothing is forgotten 100 is added.
    #[test]
    fn the_best_of_each_technique_by_hand() {
        let all = [
            outcome("npo", 0.0, 15.0),
            outcome("npo", 0.4, 10.0),
            outcome("npo", 0.8, 5.0),
            outcome("subnet", 0.8, 10.0),
            outcome("subnet", 0.8, 10.0),
        ];
        let scores: Vec<f64> = all.iter().map(|o| o.selection(1.0).unwrap()).collect();
        let wanted = [-0.5, -0.5, 99.5, 100.0, 100.0];
        assert!(scores.iter().zip(wanted).all(|(s, w)| (s - w).abs() < 1e-12), "{scores:?}");
        let all: Vec<&Outcome> = all.iter().collect();
        assert_eq!(best(&all, 1.0), [0, 1, 3, 4], "all ties");
        assert_eq!(best(&all, 0.1), [0, 3, 4], "forgetting counts for more");
    }

    #[test]
    fn a_plane_knows_what_is_behind_each_point() {
        let all =
            [outcome("subnet", 0.0, 12.0), outcome("npo", 0.1, 11.0), outcome("npo", 0.2, 13.0), Outcome::default()];
        let all: Vec<&Outcome> = all.iter().collect();
        let axes = [find("forget.exact").unwrap(), find("retain.perplexity").unwrap()];
        let plane = plane(&all, axes);
        assert_eq!((plane.n_left_out, plane.is_optimal.as_slice()), (1, &[true, true, false, false][..]));
        assert_eq!(plane.behind, [vec![Some(1), Some(2)], vec![Some(0)], vec![None], vec![]]);
        let names: Vec<&str> = plane.figure.series.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["NPO", "Subnet", "the original", "nothing beats these"]);
        let Mark::Line { points, .. } = &plane.figure.series[3].mark else { panic!("a line") };
        assert_eq!(points, &[[0.0, 12.0], [0.1, 11.0]]);
    }

    #[test]
    fn a_report_becomes_an_outcome() {
        let scalars = [
            Scalar::new("before.forget.exact", "", 0.9, 3),
            Scalar::new("after.forget.exact", "", 0.1, 3),
            Scalar::new("change.forget.exact", "", -0.8, 3),
            Scalar::undefined("after.utility", "", ""),
        ];
        let found = Outcome::of(&json!({"technique": "durable"}), &scalars);
        assert_eq!((found.technique.as_str(), found.ratio), ("durable", Some(0.01)));
        assert_eq!((found.before["forget.exact"], found.after.len()), (0.9, 1));
        assert_eq!(Outcome::of(&json!({"technique": "npo"}), &[]).ratio, None, "a loss has none");
    }
}
