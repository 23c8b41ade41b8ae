//! Ranking metrics of scores against labels.
//!
//! One point per distinct score, from (0, 0) to (1, 1); ties are one point. Metrics are taken on this
//! unthinned curve. [`Curve::thinned`] drops collinear interior points as scikit-learn's `roc_curve` does by
//! default, which changes the operating points under ties: published tables were made that way.
//! Convention: larger score = more likely label 1.

use serde::{Deserialize, Serialize};

/// A receiver operating characteristic, in counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// (false positives, true positives) at falling thresholds, beginning with (0, 0).
    points: Vec<[u32; 2]>,
    /// The score of each point; infinity for the first.
    thresholds: Vec<f64>,
}

/// The metrics of one curve, as fractions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Area under the curve; ties count one half.
    pub auroc: f64,
    /// Smallest false positive rate with a true positive rate of at least 0.95.
    pub fpr95: f64,
    /// Largest true positive rate with a false positive rate of at most 0.05.
    pub tpr05: f64,
    /// The same at 0.01.
    pub tpr01: f64,
    /// The same at 0.001.
    pub tpr001: f64,
}

impl Curve {
    /// The curve of `scores` whose `labels` are true for members. `None` when a class is empty or a score is
    /// not finite: rates are undefined then.
    pub fn new(scores: &[f64], labels: &[bool]) -> Option<Self> {
        if scores.len() != labels.len() || scores.iter().any(|s| !s.is_finite()) {
            return None;
        }
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let (mut points, mut thresholds) = (vec![[0, 0]], vec![f64::INFINITY]);
        let mut counts = [0, 0];
        for (i, &item) in order.iter().enumerate() {
            counts[usize::from(labels[item])] += 1;
            if order.get(i + 1).is_none_or(|&next| scores[next] != scores[item]) {
                points.push(counts);
                thresholds.push(scores[item]);
            }
        }
        (counts[0] > 0 && counts[1] > 0).then_some(Self { points, thresholds })
    }

    /// A curve from counts per group of equal scores, best group first: (nonmembers, members).
    /// `None` when a class is empty.
    pub(super) fn from_groups(groups: &[[u32; 2]]) -> Option<Self> {
        let mut points = vec![[0, 0]];
        let mut counts = [0, 0];
        for group in groups.iter().filter(|g| g[0] + g[1] > 0) {
            counts = [counts[0] + group[0], counts[1] + group[1]];
            points.push(counts);
        }
        (counts[0] > 0 && counts[1] > 0).then_some(Self { points, thresholds: Vec::new() })
    }

    fn totals(&self) -> [f64; 2] {
        let last = self.points.last().copied().unwrap_or_default();
        [f64::from(last[0]), f64::from(last[1])]
    }

    /// (false positive rate, true positive rate) of each point.
    pub fn rates(&self) -> Vec<[f64; 2]> {
        let [negatives, positives] = self.totals();
        self.points.iter().map(|p| [f64::from(p[0]) / negatives, f64::from(p[1]) / positives]).collect()
    }

    /// The score of each point; infinity for the first.
    pub fn thresholds(&self) -> &[f64] {
        &self.thresholds
    }

    /// Area by trapezoids: the probability that a member outranks a nonmember, ties one half.
    pub fn auroc(&self) -> f64 {
        let [negatives, positives] = self.totals();
        let doubled = |w: &[[u32; 2]]| u64::from(w[1][0] - w[0][0]) * (u64::from(w[0][1]) + u64::from(w[1][1]));
        self.points.windows(2).map(doubled).sum::<u64>() as f64 / (2.0 * negatives * positives)
    }

    /// Smallest false positive rate whose true positive rate is at least `tpr`.
    pub fn fpr_at_tpr(&self, tpr: f64) -> f64 {
        let [negatives, positives] = self.totals();
        let found = self.points.iter().find(|p| f64::from(p[1]) / positives >= tpr);
        found.map_or(1.0, |p| f64::from(p[0]) / negatives)
    }

    /// Largest true positive rate whose false positive rate is at most `fpr`.
    pub fn tpr_at_fpr(&self, fpr: f64) -> f64 {
        let [negatives, positives] = self.totals();
        let found = self.points.iter().rev().find(|p| f64::from(p[0]) / negatives <= fpr);
        found.map_or(0.0, |p| f64::from(p[1]) / positives)
    }

    /// The curve without the interior points at which both counts go on in the same steps.
    #[must_use]
    pub fn thinned(&self) -> Self {
        // Both ends of the curve without (0, 0) are always kept, as there.
        let keeps = |i: usize| match i.checked_sub(1).and_then(|from| self.points.get(from..from + 3)) {
            Some([a, b, c]) if i > 1 => (0..2).any(|axis| b[axis] - a[axis] != c[axis] - b[axis]),
            _ => true,
        };
        let kept: Vec<usize> = (0..self.points.len()).filter(|&i| keeps(i)).collect();
        Self {
            points: kept.iter().map(|&i| self.points[i]).collect(),
            thresholds: kept.iter().filter_map(|&i| self.thresholds.get(i).copied()).collect(),
        }
    }

    /// All metrics.
    pub fn metrics(&self) -> Metrics {
        Metrics {
            auroc: self.auroc(),
            fpr95: self.fpr_at_tpr(0.95),
            tpr05: self.tpr_at_fpr(0.05),
            tpr01: self.tpr_at_fpr(0.01),
            tpr001: self.tpr_at_fpr(0.001),
        }
    }
}

impl Metrics {
    /// Name, shown name and value of each metric.
    pub fn named(&self) -> [(&'static str, &'static str, f64); 5] {
        [
            ("auroc", "AUROC", self.auroc),
            ("fpr95", "FPR at 95 % TPR", self.fpr95),
            ("tpr05", "TPR at 5 % FPR", self.tpr05),
            ("tpr01", "TPR at 1 % FPR", self.tpr01),
            ("tpr001", "TPR at 0.1 % FPR", self.tpr001),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(scores: &[f64], labels: &[u8]) -> Curve {
        let labels: Vec<bool> = labels.iter().map(|&l| l == 1).collect();
        Curve::new(scores, &labels).unwrap()
    }

    fn check(curve: &Curve, expected: [f64; 3]) {
        let found = [curve.auroc(), curve.fpr_at_tpr(0.95), curve.tpr_at_fpr(0.05)];
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-6, "{found:?} is not {expected:?}");
        }
    }

    /// Values of scikit-learn's roc_curve and auc.
    #[test]
    fn metrics_equal_scikit_learn() {
        let a = [0.9, 0.8, 0.7, 0.6, 0.55, 0.54, 0.53, 0.52, 0.51, 0.505];
        check(&curve(&a, &[1, 1, 0, 1, 1, 1, 0, 0, 1, 0]), [0.75, 0.75, 1.0 / 3.0]);
        let b = [3.0, 3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 0.0];
        check(&curve(&b, &[1, 0, 1, 1, 0, 0, 1, 0]), [0.625, 0.75, 0.0]);
        let c = [5.0, 4.0, 4.0, 3.0, 3.0, 2.0, 2.0, 1.0, 1.0];
        check(&curve(&c, &[1, 1, 0, 1, 0, 1, 0, 1, 0]), [0.6, 1.0, 0.2]);
        for (scores, labels) in [(&a[..], &[1, 1, 0, 1, 1, 1, 0, 0, 1, 0][..]), (&b[..], &[1, 0, 1, 1, 0, 0, 1, 0][..])]
        {
            let full = curve(scores, labels);
            check(&full.thinned(), [full.auroc(), full.fpr_at_tpr(0.95), full.tpr_at_fpr(0.05)]);
        }
    }

    #[test]
    fn thinning_moves_the_operating_points_of_tied_pairs() {
        let scores: Vec<f64> = (0..80).map(|i| f64::from(40 - i / 2)).collect();
        let labels: Vec<u8> = (0..80).map(|i| 1 - (i % 2)).collect();
        let full = curve(&scores, &labels);
        check(&full, [0.5, 0.95, 0.05]);
        check(&full.thinned(), [0.5, 1.0, 0.025]);
    }

    #[test]
    fn undefined_without_two_classes_or_with_a_hole() {
        assert!(Curve::new(&[1.0, 2.0], &[true, true]).is_none());
        assert!(Curve::new(&[1.0, f64::NAN], &[true, false]).is_none());
        assert!(Curve::new(&[], &[]).is_none());
    }

    #[test]
    fn area_is_the_share_of_ordered_pairs() {
        let scores = [0.3, 0.1, 0.4, 0.1, 0.5, 0.9, 0.2, 0.6, 0.5, 0.3];
        let labels = [true, false, true, true, false, true, false, true, false, false];
        let mut sum = 0.0;
        for (a, _) in scores.iter().zip(labels).filter(|(_, l)| *l) {
            for (b, _) in scores.iter().zip(labels).filter(|(_, l)| !*l) {
                sum += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
            }
        }
        assert!((Curve::new(&scores, &labels).unwrap().auroc() - sum / 25.0).abs() < 1e-12);
    }
}
