//! Lowercase attack: LL(lowercased x) / LL(x), the ratio of the two losses.   Source: Carlini et al. 2021.

/// From the two mean log-likelihoods; `None` when LL(x) is zero.
pub(in crate::methods::mia) fn score(lower: f64, original: f64) -> Option<f64> {
    (original != 0.0).then(|| lower / original)
}
