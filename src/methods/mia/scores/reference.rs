//! Reference attack: LL under the model minus LL under a reference model.   Source: Carlini et al. 2021.

/// Difference of the mean log-likelihoods, each per token of its own tokenizer.
pub(in crate::methods::mia) fn per_token(target: f64, reference: f64) -> f64 {
    target - reference
}

/// Difference of the total log-likelihoods per byte: comparable across tokenizers.
pub(in crate::methods::mia) fn per_byte(target_sum: f64, reference_sum: f64, bytes: usize) -> Option<f64> {
    (bytes > 0).then(|| (target_sum - reference_sum) / bytes as f64)
}
