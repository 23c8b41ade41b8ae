//! Metrics of a membership score: what is dropped, the curve, its operating points and their intervals.

use super::bootstrap::{Intervals, intervals};
use super::roc::{Curve, Metrics};
use super::tables::{counted, scalar};
use crate::methods::Scalar;

/// How metrics are taken.
#[derive(Clone, Copy, Debug)]
pub struct MetricOptions {
    /// Resamples behind each interval; 0 for none.
    pub replicates: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// Take the operating points on the thinned curve, as published tables do.
    pub thinned: bool,
}

/// A membership score on labelled texts.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The defined values, with their labels and places in the list that was given.
    pub values: Vec<f64>,
    /// Whether each is a member.
    pub labels: Vec<bool>,
    /// Index of each in the list that was given.
    pub items: Vec<usize>,
    /// Texts without a value.
    pub n_undefined: usize,
    /// `None` when a class is empty.
    pub metrics: Option<Metrics>,
    /// `None` when not wanted, or undefined.
    pub intervals: Option<Intervals>,
}

/// Measures `scores` (larger = more likely a member); undefined ones are dropped and counted.
pub fn measure(scores: &[Option<f64>], labels: &[bool], options: &MetricOptions) -> Measured {
    let defined = |(i, s): (usize, &Option<f64>)| Some((i, s.filter(|v| v.is_finite())?));
    let kept: Vec<(usize, f64)> = scores.iter().enumerate().filter_map(defined).collect();
    let values: Vec<f64> = kept.iter().map(|k| k.1).collect();
    let kept_labels: Vec<bool> = kept.iter().map(|k| labels[k.0]).collect();
    let curve = Curve::new(&values, &kept_labels);
    let metrics = curve.map(|c| if options.thinned { c.thinned().metrics() } else { c.metrics() });
    let intervals = intervals(&values, &kept_labels, options.replicates, options.seed);
    Measured {
        n_undefined: scores.len() - values.len(),
        values,
        labels: kept_labels,
        items: kept.iter().map(|k| k.0).collect(),
        metrics,
        intervals,
    }
}

impl Measured {
    /// Members with a value.
    pub fn n_members(&self) -> usize {
        self.labels.iter().filter(|l| **l).count()
    }

    /// One scalar a metric, named `metric.score`.
    pub fn scalars(&self, id: &str, label: &str) -> Vec<Scalar> {
        let n = self.values.len();
        let Some(metrics) = self.metrics else {
            let note = "needs members and nonmembers with a defined score";
            return vec![scalar(&format!("auroc.{id}"), &format!("AUROC, {label}"), "", None, n, note)];
        };
        let intervals = self.intervals.map(|i| i.listed());
        let of = |(i, (metric, shown, value)): (usize, (&str, &str, f64))| Scalar {
            interval: intervals.map(|list| list[i]),
            note: self.dropped(),
            ..scalar(&format!("{metric}.{id}"), &format!("{shown}, {label}"), "", Some(value), n, "")
        };
        metrics.named().into_iter().enumerate().map(of).collect()
    }

    fn dropped(&self) -> String {
        if self.n_undefined == 0 {
            String::new()
        } else {
            format!("{} without a defined score left out", counted(self.n_undefined, "text"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_scores_are_dropped_and_counted() {
        let options = MetricOptions { replicates: 0, seed: 0, thinned: false };
        let scores = [Some(2.0), None, Some(f64::NAN), Some(1.0)];
        let found = measure(&scores, &[true, true, false, false], &options);
        assert_eq!((found.n_undefined, found.items.clone(), found.n_members()), (2, vec![0, 3], 1));
        assert_eq!(found.metrics.unwrap().auroc, 1.0);
        assert_eq!(found.scalars("loss", "Loss")[0].note, "2 texts without a defined score left out");
        let one_class = measure(&scores, &[true, true, true, true], &options);
        assert_eq!(one_class.scalars("loss", "Loss")[0].value, None);
    }
}
