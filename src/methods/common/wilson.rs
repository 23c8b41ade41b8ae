//! The interval of a share.

/// Wilson's 95 % interval of `k` of `n`; absent without any.
///
/// Source: Wilson 1927, without correction of continuity.
pub fn wilson(k: usize, n: usize) -> Option<[f64; 2]> {
    const Z: f64 = 1.959_963_984_540_054;
    if n == 0 {
        return None;
    }
    let (n, share) = (n as f64, k as f64 / n as f64);
    let scale = 1.0 + Z * Z / n;
    let center = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    Some([(center - half).max(0.0), (center + half).min(1.0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The closed form, evaluated with Python.
    #[test]
    fn shares_at_the_ends_and_between() {
        for (k, n, low, high) in [(0, 10, 0.0, 0.277_532_8), (10, 10, 0.722_467_2, 1.0), (7, 20, 0.181_192, 0.567_146)]
        {
            let [l, h] = wilson(k, n).unwrap();
            assert!((l - low).abs() < 1e-5 && (h - high).abs() < 1e-5, "{k} of {n}: {l} to {h}");
        }
        assert_eq!(wilson(0, 0), None);
    }
}
