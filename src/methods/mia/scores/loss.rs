//! Loss attack: LL = (1/n) Σ ln p(token).   Source: Yeom et al. 2018, arXiv:1709.01604.

/// Mean log-probability, nats per token; `None` without a predicted token.
pub(in crate::methods::mia) fn score(log_probs: &[f64]) -> Option<f64> {
    (!log_probs.is_empty()).then(|| log_probs.iter().sum::<f64>() / log_probs.len() as f64)
}
