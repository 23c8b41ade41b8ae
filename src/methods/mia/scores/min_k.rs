//! Min-K%: mean log-probability of the least likely tokens.   Source: Shi et al. 2024, arXiv:2310.16789, eq. 2.

use super::{mean_of_smallest, share};

/// Over the share `ratio` of the tokens.
pub(in crate::methods::mia) fn score(log_probs: &[f64], ratio: f64, may_be_none: bool) -> Option<f64> {
    mean_of_smallest(log_probs.to_vec(), share(log_probs.len(), ratio, may_be_none))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of an independent float64 program on a small GPT-NeoX.
    #[test]
    fn least_likely_tokens() {
        let l = [-2.977395, -2.968452, -3.422604, -3.385872, -2.954162, -3.404037, -3.097608];
        for (ratio, expected) in [(0.2, -3.422604), (0.5, -3.404171), (0.6, -3.327530), (1.0, -3.172876)] {
            assert!((score(&l, ratio, true).unwrap() - expected).abs() < 1e-6, "{ratio}");
        }
        assert_eq!(score(&l, 0.1, true), None);
        assert_eq!(score(&l, 0.1, false), Some(-3.422604));
        assert_eq!(score(&[], 0.5, false), None);
    }
}
