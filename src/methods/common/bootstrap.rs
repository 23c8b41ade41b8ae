//! Intervals by resampling, each class on its own so that both sizes stay.
//!
//! Percentile intervals (Efron and Tibshirani 1993, chapter 13) of the metrics of [`super::roc`].
//! Replicate r uses item r of the stream `bootstrap`: the same seed gives the same intervals on any machine.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::roc::{Curve, Metrics};
use crate::rng::Stream;

/// 95 % intervals of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Of [`Metrics::auroc`].
    pub auroc: [f64; 2],
    /// Of [`Metrics::fpr95`].
    pub fpr95: [f64; 2],
    /// Of [`Metrics::tpr05`].
    pub tpr05: [f64; 2],
    /// Of [`Metrics::tpr01`].
    pub tpr01: [f64; 2],
    /// Of [`Metrics::tpr001`].
    pub tpr001: [f64; 2],
}

impl Intervals {
    /// In the order of [`Metrics::named`].
    pub fn listed(&self) -> [[f64; 2]; 5] {
        [self.auroc, self.fpr95, self.tpr05, self.tpr01, self.tpr001]
    }
}

/// The 95 % intervals from `replicates` resamples. `None` where the metrics are undefined or nothing is drawn.
pub fn intervals(scores: &[f64], labels: &[bool], replicates: usize, seed: u64) -> Option<Intervals> {
    if replicates == 0 || scores.len() != labels.len() || scores.iter().any(|s| !s.is_finite()) {
        return None;
    }
    let mut distinct = scores.to_vec();
    distinct.sort_by(|a, b| b.total_cmp(a));
    distinct.dedup();
    let group = |score: &f64| distinct.partition_point(|d| d > score);
    let class = |member: bool| -> Vec<usize> {
        scores.iter().zip(labels).filter(|(_, l)| **l == member).map(|(s, _)| group(s)).collect()
    };
    let classes = [class(false), class(true)];
    let stream = Stream::new(seed, "bootstrap");
    let draw = |replicate: usize| -> Option<Metrics> {
        let mut stream = stream.item(replicate as u64);
        let mut groups = vec![[0, 0]; distinct.len()];
        for (c, members) in classes.iter().enumerate() {
            for _ in 0..members.len() {
                groups[members[stream.below(members.len())]][c] += 1;
            }
        }
        Some(Curve::from_groups(&groups)?.metrics())
    };
    let drawn: Option<Vec<Metrics>> = (0..replicates).into_par_iter().map(draw).collect();
    let drawn = drawn?;
    let of = |metric: fn(&Metrics) -> f64| {
        let mut values: Vec<f64> = drawn.iter().map(metric).collect();
        values.sort_by(f64::total_cmp);
        [quantile(&values, 0.025), quantile(&values, 0.975)]
    };
    Some(Intervals {
        auroc: of(|m| m.auroc),
        fpr95: of(|m| m.fpr95),
        tpr05: of(|m| m.tpr05),
        tpr01: of(|m| m.tpr01),
        tpr001: of(|m| m.tpr001),
    })
}

/// The 95 % interval of a mean by resampling `values`. `None` for fewer than two values.
pub fn mean_interval(values: &[f64], replicates: usize, seed: u64) -> Option<[f64; 2]> {
    if values.len() < 2 || replicates == 0 {
        return None;
    }
    let stream = Stream::new(seed, "bootstrap of a mean");
    let draw = |replicate: usize| {
        let mut stream = stream.item(replicate as u64);
        (0..values.len()).map(|_| values[stream.below(values.len())]).sum::<f64>() / values.len() as f64
    };
    let mut means: Vec<f64> = (0..replicates).into_par_iter().map(draw).collect();
    means.sort_by(f64::total_cmp);
    Some([quantile(&means, 0.025), quantile(&means, 0.975)])
}

/// The `q`-quantile of sorted values, linear between neighbors; NaN for none.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = q * last as f64;
    let below = (position as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_neighbors() {
        let values = [1.0, 2.0, 3.0, 5.0];
        assert_eq!([quantile(&values, 0.0), quantile(&values, 0.5), quantile(&values, 1.0)], [1.0, 2.5, 5.0]);
        assert_eq!(quantile(&[4.0], 0.975), 4.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn a_perfect_score_has_no_spread() {
        let scores: Vec<f64> = (0..20).map(f64::from).collect();
        let labels: Vec<bool> = (0..20).map(|i| i >= 10).collect();
        let found = intervals(&scores, &labels, 50, 1).unwrap();
        assert_eq!(found.auroc, [1.0, 1.0]);
        assert_eq!(found.fpr95, [0.0, 0.0]);
    }

    /// The standard error of the area of 200 + 200 random scores is √((m + n + 1) / 12mn) = 0.0289 (Mann-Whitney):
    /// a 95 % interval is about 0.113 wide.
    #[test]
    fn the_width_for_chance_scores_is_that_of_the_rank_test() {
        let mut stream = Stream::new(3, "test");
        let scores: Vec<f64> = (0..400).map(|_| stream.uniform()).collect();
        let labels: Vec<bool> = (0..400).map(|i| i % 2 == 0).collect();
        let first = intervals(&scores, &labels, 400, 9).unwrap();
        let width = first.auroc[1] - first.auroc[0];
        assert!((0.095..0.135).contains(&width), "{width}");
        assert_eq!(intervals(&scores, &labels, 400, 9), Some(first));
        assert_ne!(intervals(&scores, &labels, 400, 10), Some(first));
    }

    #[test]
    fn the_interval_of_a_mean_covers_it() {
        let values: Vec<f64> = (0..101).map(f64::from).collect();
        let [low, high] = mean_interval(&values, 500, 1).unwrap();
        assert!(low < 50.0 && high > 50.0 && (8.0..16.0).contains(&(high - low)), "{low} {high}");
        assert_eq!(mean_interval(&[1.0], 500, 1), None);
    }
}
