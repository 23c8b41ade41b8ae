//! Min-K%++: as Min-K%, of log-probabilities standardized by the whole distribution.
//!
//! (ln p − μ) / σ with μ = Σ p ln p and σ² = Σ p (ln p)² − μ² over the vocabulary.
//! Source: Zhang et al. 2024, arXiv:2404.02936, eq. 3.

use super::{mean_of_smallest, share};

/// Over the share `ratio` of the tokens; `None` when a distribution has no spread.
pub(in crate::methods::mia) fn score(
    log_probs: &[f64],
    moments: &[[f64; 2]],
    ratio: f64,
    may_be_none: bool,
) -> Option<f64> {
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

    /// Values of an independent float64 program on a small GPT-NeoX.
    #[test]
    fn least_likely_tokens_standardized() {
        let l = [-2.977395, -2.968452, -3.422604, -3.385872, -2.954162, -3.404037, -3.097608];
        let m = [-3.119098, -3.121679, -3.116951, -3.114855, -3.118255, -3.118861, -3.116014];
        let v = [0.032497, 0.027425, 0.036700, 0.040789, 0.034148, 0.032962, 0.038529];
        let moments: Vec<[f64; 2]> = m.into_iter().zip(v).map(|(m, v)| [m, v]).collect();
        for (ratio, expected) in [(0.2, -1.595503), (0.5, -1.502723), (0.6, -1.103600), (1.0, -0.259300)] {
            assert!((score(&l, &moments, ratio, true).unwrap() - expected).abs() < 5e-5, "{ratio}");
        }
        assert_eq!(score(&l, &[[-3.0, 0.0]; 7], 0.5, true), None);
    }
}
