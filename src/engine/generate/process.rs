//! What changes the scores of the next token before one is chosen: pure functions over one row (V).
//!
//! Order, as in transformers: diversity, repetition, suppressed tokens, temperature, top-k, top-p.
//! A score of −∞ is impossible.

use super::config::Sampling;

/// ln Σ exp(x); −∞ when nothing is possible.
pub(super) fn log_sum_exp(row: &[f64]) -> f64 {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return max;
    }
    max + row.iter().map(|x| (x - max).exp()).sum::<f64>().ln()
}

/// Divides positive scores of tokens in `sequence` by `penalty` and multiplies negative ones, once a token
/// (Keskar et al. 2019).
pub(super) fn penalize_repetition(row: &mut [f64], sequence: &[u32], penalty: f64) {
    if penalty == 1.0 {
        return;
    }
    let mut ids = sequence.to_vec();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        if let Some(x) = row.get_mut(id as usize) {
            *x = if *x < 0.0 { *x * penalty } else { *x / penalty };
        }
    }
}

/// Takes `diversity` off for each time a token occurs in `chosen` (Vijayakumar et al. 2018).
pub(super) fn penalize_chosen(row: &mut [f64], chosen: &[u32], diversity: f64) {
    for id in chosen {
        if let Some(x) = row.get_mut(*id as usize) {
            *x -= diversity;
        }
    }
}

/// Makes `ids` impossible.
pub(super) fn suppress(row: &mut [f64], ids: &[u32]) {
    for id in ids {
        if let Some(x) = row.get_mut(*id as usize) {
            *x = f64::NEG_INFINITY;
        }
    }
}

/// Temperature, then top-k, then top-p.
pub(super) fn truncate(row: &mut [f64], s: &Sampling) {
    if s.temperature != 1.0 {
        for x in row.iter_mut() {
            *x /= s.temperature;
        }
    }
    if s.top_k > 0 {
        keep_top_k(row, s.top_k.max(s.min_keep));
    }
    if s.top_p < 1.0 {
        keep_top_p(row, s.top_p, s.min_keep);
    }
}

/// Keeps the `k` highest scores and what ties with the last of them.
pub(super) fn keep_top_k(row: &mut [f64], k: usize) {
    if k == 0 || k >= row.len() {
        return;
    }
    let mut sorted = row.to_vec();
    let (_, kth, _) = sorted.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    let kth = *kth;
    for x in row.iter_mut().filter(|x| **x < kth) {
        *x = f64::NEG_INFINITY;
    }
}

/// Keeps the smallest set of tokens whose probability reaches `p`, and at least `min_keep`; among equal scores
/// the lower ids.
pub(super) fn keep_top_p(row: &mut [f64], p: f64, min_keep: usize) {
    let total = log_sum_exp(row);
    let by_score = |a: &u32, b: &u32| row[*b as usize].total_cmp(&row[*a as usize]).then(a.cmp(b));
    let mut ids: Vec<u32> = (0..row.len() as u32).filter(|id| row[*id as usize] > f64::NEG_INFINITY).collect();
    // Sorting the whole vocabulary is slow and the set is small as a rule: sort a head that grows if need be.
    let mut head = 64.max(min_keep + 1);
    let kept = loop {
        head = head.min(ids.len());
        if head < ids.len() {
            ids.select_nth_unstable_by(head, by_score);
        }
        ids[..head].sort_unstable_by(by_score);
        let mut before = 0.0;
        let stays = |(rank, id): (usize, &u32)| {
            let stays = before < p || rank < min_keep;
            before += (row[*id as usize] - total).exp();
            stays
        };
        let kept = ids[..head].iter().enumerate().map(stays).take_while(|stays| *stays).count();
        if kept < head || head == ids.len() {
            break kept;
        }
        head *= 8;
    };
    suppress(row, &ids[kept..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: f64 = f64::NEG_INFINITY;

    #[test]
    fn repetition_divides_positive_and_multiplies_negative_scores_once() {
        let mut row = [2.0, -1.0, 0.0, 3.0];
        penalize_repetition(&mut row, &[1, 0, 0, 2, 9], 2.0);
        assert_eq!(row, [1.0, -2.0, 0.0, 3.0]);
    }

    #[test]
    fn diversity_counts_every_earlier_choice() {
        let mut row = [0.0, 0.0, -1.0];
        penalize_chosen(&mut row, &[1, 1, 2], 0.25);
        assert_eq!(row, [0.0, -0.5, -1.25]);
    }

    #[test]
    fn top_k_keeps_ties_with_the_last() {
        let mut row = [1.0, 3.0, 2.0, 2.0, 0.0];
        keep_top_k(&mut row, 2);
        assert_eq!(row, [OUT, 3.0, 2.0, 2.0, OUT]);
        keep_top_k(&mut row, 9);
        assert_eq!(row, [OUT, 3.0, 2.0, 2.0, OUT]);
    }

    #[test]
    fn top_p_keeps_the_smallest_set_that_reaches_p() {
        let probs = [0.125, 0.5, 0.25, 0.125];
        let row: Vec<f64> = probs.iter().map(|p: &f64| p.ln()).collect();
        let kept = |p: f64, min_keep: usize| -> Vec<usize> {
            let mut row = row.clone();
            keep_top_p(&mut row, p, min_keep);
            (0..4).filter(|i| row[*i] > OUT).collect()
        };
        assert_eq!(kept(0.4, 1), [1]);
        assert_eq!(kept(0.4, 2), [1, 2], "at least two for beams");
        assert_eq!(kept(0.7, 1), [1, 2]);
        assert_eq!(kept(0.8, 1), [0, 1, 2], "of equal scores the lower id");
        assert_eq!(kept(0.9, 1), [0, 1, 2, 3]);
    }

    #[test]
    fn top_p_over_many_tokens_equals_a_full_sort() {
        let scores: Vec<f64> =
            (0..5000_u32).map(|i| f64::from(i.wrapping_mul(2_654_435_761) % 4099) / 4000.0).collect();
        let mut row = scores.clone();
        keep_top_p(&mut row, 0.6, 1);
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
        let total = log_sum_exp(&scores);
        let mut before = 0.0;
        for id in order {
            assert_eq!(row[id] > OUT, before < 0.6, "token {id}");
            before += (scores[id] - total).exp();
        }
    }

    #[test]
    fn truncation_is_temperature_then_k_then_p() {
        // Scores 2 ln 4, 2 ln 2, 2 ln 2, 0 at temperature 2 are the weights 4, 2, 2, 1; k = 3 leaves 4, 2, 2 of 8.
        let mut row = [4f64.ln() * 2.0, 2f64.ln() * 2.0, 2f64.ln() * 2.0, 0.0];
        truncate(&mut row, &Sampling { temperature: 2.0, top_k: 3, top_p: 0.7, min_keep: 1 });
        let probs = row.map(|x| (x - log_sum_exp(&row)).exp());
        for (p, expected) in probs.iter().zip([4.0 / 6.0, 2.0 / 6.0, 0.0, 0.0]) {
            assert!((p - expected).abs() < 1e-12, "{p} is not {expected}");
        }
    }
}
