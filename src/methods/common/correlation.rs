//! Means, spreads and correlations; undefined values are `None`, never NaN.

/// Arithmetic mean.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Standard deviation of a population (divided by n) or a sample (divided by n − 1).
pub fn deviation(values: &[f64], sample: bool) -> Option<f64> {
    let center = mean(values)?;
    let n = values.len().checked_sub(usize::from(sample)).filter(|&n| n > 0)?;
    Some((values.iter().map(|v| (v - center).powi(2)).sum::<f64>() / n as f64).sqrt())
}

/// Pearson's correlation over the pairs in which both are finite; `None` when one of them is constant.
pub fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let pairs: Vec<(f64, f64)> =
        a.iter().copied().zip(b.iter().copied()).filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    let n = pairs.len() as f64;
    let center = |f: fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / n;
    let (ma, mb) = (center(|p| p.0), center(|p| p.1));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        ab += (x - ma) * (y - mb);
        aa += (x - ma).powi(2);
        bb += (y - mb).powi(2);
    }
    (aa > 0.0 && bb > 0.0).then(|| (ab / (aa.sqrt() * bb.sqrt())).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms() {
        assert_eq!(mean(&[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(mean(&[]), None);
        assert_eq!(deviation(&[2.0, 4.0], false), Some(1.0));
        assert_eq!(deviation(&[2.0, 4.0], true), Some(2.0_f64.sqrt()));
        assert_eq!(deviation(&[2.0], true), None);
        // Σxy = 4, Σx² = 5, Σy² = 5 about the means of (1 2 3 4) and (2 1 4 3), less (0.5)² terms: r = 0.6.
        assert!((pearson(&[1.0, 2.0, 3.0, 4.0], &[2.0, 1.0, 4.0, 3.0]).unwrap() - 0.6).abs() < 1e-12);
        assert!((pearson(&[1.0, 2.0, f64::NAN, 3.0], &[3.0, 2.0, 9.0, 1.0]).unwrap() + 1.0).abs() < 1e-12);
    }

    #[test]
    fn constants_have_no_correlation() {
        assert_eq!(pearson(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(pearson(&[], &[]), None);
    }
}
