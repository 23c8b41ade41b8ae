//! The attack scores as formulas, one file each. Larger = more likely a member, for all of them.

pub(super) mod gradient_norm;
pub(super) mod loss;
pub(super) mod lowercase;
pub(super) mod min_k;
pub(super) mod min_k_plus_plus;
pub(super) mod neighborhood;
pub(super) mod recall;
pub(super) mod reference;
pub(super) mod zlib;

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
pub(super) fn share(n: usize, ratio: f64, may_be_none: bool) -> usize {
    let count = (n as f64 * ratio) as usize;
    if may_be_none { count } else { count.max(1) }
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
}
