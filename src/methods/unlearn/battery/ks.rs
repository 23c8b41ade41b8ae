//! The exact two-sample Kolmogorov-Smirnov test.
//!
//! D = sup |F₁ − F₂|; p = the share of all orders of the n + m values whose path from (0, 0) to (n, m) somewhere is at
//! least D from the diagonal. Found by the recursion over paths in shares instead of counts, so that nothing overflows
//! and small p keep their digits; ties are as in scipy's `ks_2samp(method="exact")`.
//! Source: Hodges 1958, "The significance probability of the Smirnov two-sample test". Cost: n·m.

/// The statistic D and its two-sided p-value; `None` when a sample is empty or holds NaN.
pub(super) fn ks(a: &[f64], b: &[f64]) -> Option<[f64; 2]> {
    if a.is_empty() || b.is_empty() || a.iter().chain(b).any(|x| x.is_nan()) {
        return None;
    }
    let (n, m) = (a.len() as i64, b.len() as i64);
    let gap = gap(a, b);
    // share[j]: of the orders that lead to (i, j), those that were outside before or are there
    let mut share = vec![0.0_f64; b.len() + 1];
    for i in 0..=n {
        for j in 0..=m {
            let at = j as usize;
            share[at] = if (i * m - j * n).abs() >= gap {
                1.0
            } else if i + j == 0 {
                0.0
            } else {
                let total = (i + j) as f64;
                let left = if j > 0 { share[at - 1] * j as f64 / total } else { 0.0 };
                left + if i > 0 { share[at] * i as f64 / total } else { 0.0 }
            };
        }
    }
    Some([gap as f64 / (n * m) as f64, share.last().copied().unwrap_or(1.0).min(1.0)])
}

/// max |i·m − j·n| over the values, i and j the numbers of values up to there.
fn gap(a: &[f64], b: &[f64]) -> i64 {
    let sorted = |x: &[f64]| {
        let mut x = x.to_vec();
        x.sort_by(f64::total_cmp);
        x
    };
    let (a, b) = (sorted(a), sorted(b));
    let (n, m) = (a.len() as i64, b.len() as i64);
    let (mut i, mut j, mut gap) = (0, 0, 0);
    while i < a.len() || j < b.len() {
        let next = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) => x.min(*y),
            (Some(x), None) | (None, Some(x)) => *x,
            (None, None) => break,
        };
        i += a[i..].iter().take_while(|x| **x == next).count();
        j += b[j..].iter().take_while(|x| **x == next).count();
        gap = gap.max((i as i64 * m - j as i64 * n).abs());
    }
    gap
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All 252 ways in which five of ten ranks are the first sample's.
    #[test]
    fn every_order_of_five_and_five() {
        let splits: Vec<u32> = (0..1_u32 << 10).filter(|bits| bits.count_ones() == 5).collect();
        let halves = |bits: u32| {
            let side = |own: u32| (0..10).filter(move |i| bits >> i & 1 == own).map(f64::from).collect::<Vec<f64>>();
            (side(1), side(0))
        };
        let statistics: Vec<i64> = splits.iter().map(|bits| halves(*bits)).map(|(a, b)| gap(&a, &b)).collect();
        for (bits, own) in splits.iter().zip(&statistics) {
            let (a, b) = halves(*bits);
            let wanted = statistics.iter().filter(|other| *other >= own).count() as f64 / 252.0;
            let [_, p] = ks(&a, &b).unwrap();
            assert!((p - wanted).abs() < 1e-12, "{a:?} {b:?}: {p} is not {wanted}");
            assert_eq!(ks(&a, &b), ks(&b, &a));
        }
    }

    /// `scipy.stats.ks_2samp(a, b, method="exact")` of scipy 1.17.1, aᵢ = sin i (40 values), b = cos 1.7 i + s (30 and 40).
    #[test]
    fn numbers_of_scipy() {
        let a: Vec<f64> = (0..40).map(|i| f64::from(i).sin()).collect();
        let b = |n: i32, shift: f64| (0..n).map(|i| (1.7 * f64::from(i)).cos() + shift).collect::<Vec<f64>>();
        for (n, shift, statistic, p) in [
            (30, 0.0, 0.058333333333333334, 0.999999698634832),
            (30, 0.4, 0.3, 0.0762046102472055),
            (40, 0.3, 0.25, 0.16497269950224194),
            (40, 1.5, 0.675, 5.862607555414685e-09),
            (7, 0.9, 0.45, 0.1283717533907087),
        ] {
            let [d, found] = ks(&a, &b(n, shift)).unwrap();
            assert!((d - statistic).abs() < 1e-12, "{n} {shift}: {d}");
            assert!((found / p - 1.0).abs() < 1e-9, "{n} {shift}: {found} is not {p}");
        }
        assert_eq!(ks(&a, &a), Some([0.0, 1.0]));
        assert_eq!(ks(&[], &a), None);
    }
}
