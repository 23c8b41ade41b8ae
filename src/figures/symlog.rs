//! The symmetric logarithm, for values of both signs: s(v) = sign(v) · log₁₀(1 + |v| / c) (Webber, Meas. Sci. Technol. 24
//! (2013) 027001). Near zero it is proportional, beyond the knee c powers of ten are equally far apart.

use std::f64::consts::LN_10;

use super::{Figure, Mark};

/// Powers of ten between the knee and the largest value.
const DECADES: i32 = 3;

/// Where an axis with these values turns from proportional to logarithmic: a power of ten, about three below the largest.
pub fn knee(values: impl IntoIterator<Item = f64>) -> f64 {
    let largest = values.into_iter().filter(|v| v.is_finite()).fold(0.0, |m: f64, v| m.max(v.abs()));
    if largest > 0.0 { 10f64.powi((largest.log10().ceil() as i32 - DECADES).clamp(-300, 300)) } else { 1.0 }
}

/// From a value to its place.
pub fn bend(value: f64, knee: f64) -> f64 {
    value.signum() * (value.abs() / knee).ln_1p() / LN_10
}

/// From a place to its value.
pub fn unbend(place: f64, knee: f64) -> f64 {
    place.signum() * knee * (place.abs() * LN_10).exp_m1()
}

/// The numbers that axis 0 or 1 of a figure has to show.
pub fn values(figure: &Figure, axis: usize) -> Vec<f64> {
    let of = |points: &[[f64; 2]]| points.iter().filter_map(|p| p.get(axis).copied()).collect::<Vec<f64>>();
    let marks = figure.series.iter().map(|series| &series.mark);
    let all = marks.map(|mark| match mark {
        Mark::Line { points, .. } | Mark::Step { points, .. } | Mark::Scatter { points } => of(points),
        Mark::Histogram { edges, heights } => if axis == 0 { edges } else { heights }.clone(),
        Mark::Bars { heights, .. } if axis == 1 => heights.clone(),
        Mark::Reference { from, to } => of(&[*from, *to]),
        _ => Vec::new(),
    });
    all.flatten().collect()
}

/// Powers of ten of both signs and zero within `range`, so that at most about `most` are named; and those between.
pub fn marks([low, high]: [f64; 2], knee: f64, most: usize) -> (Vec<f64>, Vec<f64>) {
    let first = knee.log10().round() as i32;
    let last = low.abs().max(high.abs()).max(knee).log10().floor() as i32;
    let is_inside = |v: &f64| *v >= low && *v <= high;
    let of = |every: i32| {
        let exponents = (first..=last.max(first)).filter(move |e| (last - e) % every == 0);
        let sizes: Vec<f64> = exponents.map(|e| 10f64.powi(e)).collect();
        let all = sizes.iter().rev().map(|v| -v).chain([0.0]).chain(sizes.iter().copied());
        all.filter(is_inside).collect::<Vec<f64>>()
    };
    let all = of(1);
    let major = (1..=last - first + 2).map(of).find(|marks| marks.len() <= most.max(3)).unwrap_or_else(|| of(1));
    let minor = all.into_iter().filter(|v| !major.contains(v)).collect();
    (major, minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lead_back_to_their_values_and_signs_are_kept() {
        for value in [-3e4, -1.0, -1e-9, 0.0, 1e-6, 0.5, 7.0, 1e12] {
            let back = unbend(bend(value, 0.1), 0.1);
            assert!((back - value).abs() <= 1e-9 * value.abs().max(1e-9), "{value} became {back}");
        }
        // By hand: log10(1 + 9.9/0.1) = 2.
        assert!((bend(9.9, 0.1) - 2.0).abs() < 1e-12 && (bend(-9.9, 0.1) + 2.0).abs() < 1e-12);
    }

    #[test]
    fn zero_and_powers_of_both_signs_are_marked() {
        assert_eq!(knee([-250.0, 3.0, f64::NAN]), 1.0);
        assert_eq!(knee([]), 1.0);
        let (major, minor) = marks([-250.0, 30.0], 1.0, 9);
        assert_eq!((major, minor), (vec![-100.0, -10.0, -1.0, 0.0, 1.0, 10.0], vec![]));
        let (major, minor) = marks([-250.0, 250.0], 1.0, 5);
        assert_eq!((major, minor), (vec![-100.0, -1.0, 0.0, 1.0, 100.0], vec![-10.0, 10.0]));
    }
}
