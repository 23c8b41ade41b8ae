//! Whether the texts to forget can be told from texts that were never seen.
//!
//! Scores, larger = more like a member: mean ln p, that over the bytes of the compressed text, Min-K% and Min-K%++ of
//! 0.4, and mean ln p less that of a reference model, where there is one. Shown is AUC = P(forget scores higher than
//! holdout). PrivLeak = 100·(AUC_ref − AUC)/(1 − AUC_ref) by Min-K%, AUC_ref of the reference model or 0.5.
//! Source: `locuslab/open-unlearning`, `src/evals/metrics/mia`; Shi et al. 2024 (MUSE), arXiv:2407.06460.

use super::metrics::{Better, Metric, labelled, mean, metric};
use super::{Measured, Side};
use crate::methods::common::likelihood::{min_k, min_k_plus_plus};
use crate::methods::common::roc::Curve;
use crate::methods::unlearn::config::Config;
use crate::methods::unlearn::sets::{Item, Sets};

const MIN_K: f64 = 0.4;

/// Scores of the texts of a set: loss, zlib, Min-K%, Min-K%++. In paper mode the last token, the end of a text there,
/// counts for loss and zlib alone.
fn scores(items: &[Item], side: &Side, is_paper: bool) -> [Vec<f64>; 4] {
    let mut scores: [Vec<f64>; 4] = Default::default();
    for (item, pass) in items.iter().zip(&side.passes) {
        let (log_probs, moments) = (labelled(item, &pass.log_probs), labelled(item, &pass.moments));
        let n = log_probs.len().saturating_sub(usize::from(is_paper));
        let found = [
            mean(log_probs),
            mean(log_probs).zip(item.zlib_bytes).map(|(mean, bytes)| mean / bytes as f64),
            min_k(&log_probs[..n], MIN_K, false),
            min_k_plus_plus(&log_probs[..n], &moments[..n.min(moments.len())], MIN_K, false),
        ];
        scores.iter_mut().zip(found).for_each(|(list, value)| list.extend(value));
    }
    scores
}

/// Mean ln p of each text less that of the reference model.
fn against(items: &[Item], side: &Side, reference: &Side) -> Vec<f64> {
    let pairs = items.iter().zip(side.passes.iter().zip(&reference.passes));
    pairs.filter_map(|(i, (a, b))| Some(mean(labelled(i, &a.log_probs))? - mean(labelled(i, &b.log_probs))?)).collect()
}

/// P(a text of `members` scores higher than one of `others`), ties one half.
fn auroc(members: &[f64], others: &[f64]) -> Option<f64> {
    let scores: Vec<f64> = members.iter().chain(others).copied().collect();
    let labels: Vec<bool> = members.iter().map(|_| true).chain(others.iter().map(|_| false)).collect();
    Curve::new(&scores, &labels).map(|c| c.auroc())
}

/// All areas, and PrivLeak; nothing without a holdout.
pub(super) fn membership(
    config: &Config,
    sets: &Sets<'_>,
    found: &Measured,
    reference: Option<&Measured>,
) -> Vec<Metric> {
    if sets.holdout.is_empty() {
        return Vec::new();
    }
    let areas = |m: &Measured| {
        let scores = |items: &[Item], side: &Side| scores(items, side, config.is_paper());
        let (inside, outside) = (scores(&sets.forget, &m.forget), scores(&sets.holdout, &m.holdout));
        [0, 1, 2, 3].map(|i| auroc(&inside[i], &outside[i]))
    };
    let [loss, zlib, min_k, min_k_plus_plus] = areas(found);
    let n = sets.forget.len() + sets.holdout.len();
    let near = Better::Near;
    let unseen = reference.map_or(Some(0.5), |r| areas(r)[2]);
    // In open-unlearning's orientation holdout texts score higher, so that its AUC is this one.
    let leak = min_k.zip(unseen).map(|(own, other)| 100.0 * (other - own) / (1.0 - other + 1e-10));
    let mut list = vec![
        metric("mia.loss", "AUROC of membership, loss", "", near, loss, n),
        metric("mia.zlib", "AUROC of membership, zlib", "", near, zlib, n),
        metric("mia.min_k", "AUROC of membership, Min-K% 0.4", "", near, min_k, n),
        metric("mia.min_k_plus_plus", "AUROC of membership, Min-K%++ 0.4", "", near, min_k_plus_plus, n),
    ];
    if let Some(reference) = reference {
        let inside = against(&sets.forget, &found.forget, &reference.forget);
        let outside = against(&sets.holdout, &found.holdout, &reference.holdout);
        let area = auroc(&inside, &outside);
        list.push(metric("mia.reference", "AUROC of membership, against the reference", "", near, area, n));
    }
    list.push(metric("privleak", "PrivLeak", "%", near, leak, n));
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::unlearn::battery::Pass;

    /// The last token of the first text is its least likely one.
    #[test]
    fn the_last_token_of_a_text_in_both_modes() {
        let item = Item { labelled: 1, ..Item::default() };
        let pass =
            |log_probs: [f64; 3]| Pass { log_probs: log_probs.to_vec(), hits: vec![], moments: vec![[0.0, 1.0]; 3] };
        let side = Side { passes: vec![pass([-1.0, -2.0, -9.0])], ..Side::default() };
        let found = |is_paper| scores(std::slice::from_ref(&item), &side, is_paper).map(|list| list.first().copied());
        assert_eq!(found(false), [Some(-4.0), None, Some(-9.0), Some(-9.0)]);
        assert_eq!(found(true), [Some(-4.0), None, Some(-2.0), Some(-2.0)]);
    }

    #[test]
    fn areas_by_hand() {
        assert_eq!(auroc(&[3.0, 2.0], &[1.0, 0.0]), Some(1.0));
        assert_eq!(auroc(&[1.0], &[1.0]), Some(0.5));
        assert_eq!(auroc(&[0.0], &[1.0]), Some(0.0));
    }
}
