//! Membership scores from the log-probabilities of a text's tokens. Larger = more likely a member.

/// Mean of the `count` smallest values; `None` for none, or when a value is not a number.
fn mean_of_smallest(mut values: Vec<f64>, count: usize) -> Option<f64> {
    if count == 0 || values.len() < count || values.iter().any(|v| v.is_nan()) {
        return None;
    }
    // All of them are summed as they come, so that the whole share equals the loss to the last bit.
    if count < values.len() {
        values.sort_by(f64::total_cmp);
    }
    Some(values[..count].iter().sum::<f64>() / count as f64)
}

/// How many of `n` values a ratio takes: the double product, truncated (90 · 0.7 → 62). At least 1 unless
/// `may_be_none`, as in published code, where no value gives no score.
fn share(n: usize, ratio: f64, may_be_none: bool) -> usize {
    let count = (n as f64 * ratio) as usize;
    if may_be_none { count } else { count.max(1) }
}

/// Min-K%: mean log-probability of the least likely tokens.
///
/// Over the share `ratio` of the tokens. Source: Shi et al. 2024, arXiv:2310.16789, eq. 2.
pub fn min_k(log_probs: &[f64], ratio: f64, may_be_none: bool) -> Option<f64> {
    mean_of_smallest(log_probs.to_vec(), share(log_probs.len(), ratio, may_be_none))
}

/// Min-K%++: as Min-K%, of log-probabilities standardized by the whole distribution.
///
/// (ln p − μ) / σ with μ = Σ p ln p and σ² = Σ p (ln p)² − μ² over the vocabulary; `None` when a distribution has no
/// spread. Source: Zhang et al. 2024, arXiv:2404.02936, eq. 3.
pub fn min_k_plus_plus(log_probs: &[f64], moments: &[[f64; 2]], ratio: f64, may_be_none: bool) -> Option<f64> {
    let standardized = log_probs.iter().zip(moments).map(|(l, [mean, variance])| {
        // A negative variance is rounding: as a root it would be NaN, and so it is here.
        let z = (l - mean) / variance.sqrt();
        if z.is_finite() { z } else { f64::NAN }
    });
    mean_of_smallest(standardized.collect(), share(log_probs.len().min(moments.len()), ratio, may_be_none))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_a_truncated_double_product() {
        assert_eq!([90, 170, 180, 330, 350].map(|n| share(n, 0.7, true)), [62, 118, 125, 230, 244]);
        assert_eq!(share(7, 0.1, true), 0);
        assert_eq!(share(7, 0.1, false), 1);
        assert_eq!(share(7, 1.0, true), 7);
    }

    /// Values of an independent float64 program on a small GPT-NeoX.
    #[test]
    fn least_likely_tokens() {
        let l = [-2.977395, -2.968452, -3.422604, -3.385872, -2.954162, -3.404037, -3.097608];
        for (ratio, expected) in [(0.2, -3.422604), (0.5, -3.404171), (0.6, -3.327530), (1.0, -3.172876)] {
            assert!((min_k(&l, ratio, true).unwrap() - expected).abs() < 1e-6, "{ratio}");
        }
        assert_eq!(min_k(&l, 0.1, true), None);
        assert_eq!(min_k(&l, 0.1, false), Some(-3.422604));
        assert_eq!(min_k(&[], 0.5, false), None);
    }

    /// Values of an independent float64 program on a small GPT-NeoX.
    #[test]
    fn least_likely_tokens_standardized() {
        let l = [-2.977395, -2.968452, -3.422604, -3.385872, -2.954162, -3.404037, -3.097608];
        let m = [-3.119098, -3.121679, -3.116951, -3.114855, -3.118255, -3.118861, -3.116014];
        let v = [0.032497, 0.027425, 0.036700, 0.040789, 0.034148, 0.032962, 0.038529];
        let moments: Vec<[f64; 2]> = m.into_iter().zip(v).map(|(m, v)| [m, v]).collect();
        for (ratio, expected) in [(0.2, -1.595503), (0.5, -1.502723), (0.6, -1.103600), (1.0, -0.259300)] {
            assert!((min_k_plus_plus(&l, &moments, ratio, true).unwrap() - expected).abs() < 5e-5, "{ratio}");
        }
        assert_eq!(min_k_plus_plus(&l, &[[-3.0, 0.0]; 7], 0.5, true), None);
    }
}
