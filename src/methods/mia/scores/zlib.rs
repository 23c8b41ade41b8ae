//! zlib attack: log-likelihood over the bytes of the compressed text.   Source: Carlini et al. 2021, arXiv:2012.07805.
//!
//! Carlini et al. divide the total log-likelihood; published Min-K%++ code divides the mean. Both are given.

/// LL / bytes, from the mean log-likelihood.
pub(in crate::methods::mia) fn mean(log_probs: &[f64], zlib_bytes: usize) -> Option<f64> {
    Some(super::loss::score(log_probs)? / zlib_bytes as f64)
}

/// Σ ln p / bytes.
pub(in crate::methods::mia) fn sum(log_probs: &[f64], zlib_bytes: usize) -> Option<f64> {
    Some(mean(log_probs, zlib_bytes)? * log_probs.len() as f64)
}
