//! Directions scaled to the model, so that surfaces of different models can be compared.
//!
//! Formula (filter): d_f ← d_f·‖θ_f‖/‖d_f‖ for each filter f. A zero filter of the model gives a zero filter of the
//! direction. Norms are sums of squares in f64 whatever the stored type.
//! Source: Li et al. 2018, arXiv:1712.09913, section 4; tomgoldstein/loss-landscape: net_plotter.py;
//! marcellodebernardi/loss-landscapes: model_parameters.py.
//! Differs: a filter is what makes one output, also where a matrix lies (in, out); published code takes rows as they lie.

use super::config::{Normalize, Published};
use crate::engine::model::Orientation;
use crate::engine::{Params, Real, Weight};

/// Numbers for every parameter of a model, in the order and the shapes on disk.
pub(super) type Numbers = Vec<Vec<Real>>;

/// Scales `direction` to the model.
pub(super) fn normalize(direction: &mut Numbers, params: &Params, how: Normalize, compat: Published) {
    if how == Normalize::Model {
        return by_model(direction, params, compat);
    }
    for ((_, weight), d) in params.iter().zip(direction) {
        let theta = weight.values();
        match compat {
            Published::Correct => tensor(d, &theta, weight, how),
            Published::Paper => package(d, &theta, weight, how),
            Published::Li => li(d, &theta, weight, how),
        }
    }
}

/// Zeros for biases and the gains of norms.
pub(super) fn forget_vectors(direction: &mut Numbers, params: &Params) {
    for ((_, weight), d) in params.iter().zip(direction) {
        if is_vector(weight) {
            d.fill(0.0);
        }
    }
}

/// Removes from `second` its part along `first`.
pub(super) fn orthogonalize(second: &mut Numbers, first: &Numbers) {
    let square = dot(first, first);
    if square > 0.0 {
        let c = dot(second, first) / square;
        for (s, f) in second.iter_mut().flatten().zip(first.iter().flatten()) {
            *s = (f64::from(*s) - c * f64::from(*f)) as Real;
        }
    }
}

/// ⟨a, b⟩ over all parameters.
pub(super) fn dot(a: &Numbers, b: &Numbers) -> f64 {
    a.iter().zip(b).map(|(a, b)| crate::engine::vectors::dot(a, b)).sum()
}

/// Multiplies all numbers.
pub(super) fn scale(direction: &mut Numbers, factor: f64) {
    for d in direction.iter_mut() {
        crate::engine::vectors::scale(d, factor);
    }
}

/// ‖θ‖
pub(super) fn model_norm(params: &Params) -> f64 {
    params.iter().map(|(_, w)| square(&w.values())).sum::<f64>().sqrt()
}

fn is_vector(weight: &Weight) -> bool {
    weight.shape.len() <= 1
}

fn tensor(d: &mut [Real], theta: &[Real], weight: &Weight, how: Normalize) {
    match how {
        Normalize::Filter | Normalize::UnitFilter if !is_vector(weight) => {
            let (filters, stride, step) = match weight.orientation {
                Orientation::OutIn => (weight.d_out(), weight.d_in(), 1),
                Orientation::InOut => (weight.d_out(), 1, weight.d_out()),
            };
            for f in 0..filters {
                let numbers = || (0..weight.d_in()).map(|i| f * stride + i * step);
                let theta = if how == Normalize::Filter { length(numbers().map(|i| theta[i])) } else { 1.0 };
                let factor = ratio(theta, length(numbers().map(|i| d[i])));
                numbers().for_each(|i| times(&mut d[i], factor));
            }
        }
        Normalize::Filter | Normalize::Layer => stretch(d, square(theta).sqrt()),
        Normalize::UnitFilter | Normalize::UnitLayer => stretch(d, 1.0),
        Normalize::Weight => d.iter_mut().zip(theta).for_each(|(d, t)| times(d, f64::from(*t))),
        Normalize::Model | Normalize::None => {}
    }
}

/// The package scales vectors as a whole and then number by number, so that they become ±|θ|.
fn package(d: &mut [Real], theta: &[Real], weight: &Weight, how: Normalize) {
    match how {
        Normalize::Filter => {
            if is_vector(weight) {
                stretch(d, square(theta).sqrt());
            }
            slices(d, theta, weight, |d, theta| stretch(d, square(theta).sqrt()));
        }
        other => tensor(d, theta, weight, other),
    }
}

/// Vectors are replaced by the model's own; slices along the first axis get its norms.
fn li(d: &mut [Real], theta: &[Real], weight: &Weight, how: Normalize) {
    const TINY: f64 = 1e-10;
    if is_vector(weight) {
        d.copy_from_slice(theta);
        return;
    }
    match how {
        Normalize::Filter => slices(d, theta, weight, |d, theta| {
            let factor = square(theta).sqrt() / (square(d).sqrt() + TINY);
            for d in d.iter_mut() {
                times(d, factor);
            }
        }),
        Normalize::UnitFilter => slices(d, theta, weight, |d, _| {
            let factor = 1.0 / (square(d).sqrt() + TINY);
            for d in d.iter_mut() {
                times(d, factor);
            }
        }),
        other => tensor(d, theta, weight, other),
    }
}

fn by_model(direction: &mut Numbers, params: &Params, compat: Published) {
    let wanted = model_norm(params);
    if compat == Published::Paper {
        // the package takes the norm anew for every tensor, while some are scaled already
        for t in 0..direction.len() {
            let factor = ratio(wanted, dot(direction, direction).sqrt());
            direction[t].iter_mut().for_each(|d| times(d, factor));
        }
        return;
    }
    let factor = ratio(wanted, dot(direction, direction).sqrt());
    scale(direction, factor);
}

/// Each slice along the first axis of the shape on disk.
fn slices(d: &mut [Real], theta: &[Real], weight: &Weight, scale: impl Fn(&mut [Real], &[Real])) {
    let width = weight.len() / weight.shape.first().copied().unwrap_or(1).max(1);
    d.chunks_mut(width.max(1)).zip(theta.chunks(width.max(1))).for_each(|(d, theta)| scale(d, theta));
}

/// Brings a slice to a norm.
fn stretch(d: &mut [Real], wanted: f64) {
    let factor = ratio(wanted, square(d).sqrt());
    for d in d.iter_mut() {
        times(d, factor);
    }
}

fn square(values: &[Real]) -> f64 {
    values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum()
}

fn length(values: impl Iterator<Item = Real>) -> f64 {
    values.map(|v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt()
}

fn times(d: &mut Real, factor: f64) {
    *d = (f64::from(*d) * factor) as Real;
}

/// a/b; 0 when nothing can be scaled.
fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(orientation: Orientation) -> Params {
        let mut params = Params::default();
        let matrix = vec![3.0, 4.0, 0.0, 0.0, 6.0, 8.0];
        params.push(Weight::owned("m", &[3, 2], orientation, matrix).unwrap());
        params.push(Weight::owned("v", &[2], Orientation::OutIn, vec![-2.0, 1.5]).unwrap());
        params
    }

    fn direction() -> Numbers {
        vec![vec![1.0, 0.0, 1.0, 1.0, 0.0, 2.0], vec![0.6, 0.8]]
    }

    fn normalized(how: Normalize, compat: Published, orientation: Orientation) -> Numbers {
        let mut d = direction();
        normalize(&mut d, &params(orientation), how, compat);
        d
    }

    fn near(found: &[Real], wanted: &[f64]) {
        assert!(found.iter().zip(wanted).all(|(f, w)| (f64::from(*f) - w).abs() < 1e-6), "{found:?} is not {wanted:?}");
    }

    #[test]
    fn filters_are_rows_of_outputs_and_a_zero_filter_stays() {
        let d = normalized(Normalize::Filter, Published::Correct, Orientation::OutIn);
        near(&d[0], &[5.0, 0.0, 0.0, 0.0, 0.0, 10.0]);
        near(&d[1], &[1.5, 2.0]);
        // (in, out): outputs are columns, of norms √45 and √80 in the model
        let d = normalized(Normalize::Filter, Published::Correct, Orientation::InOut);
        let (a, b) = (45f64.sqrt() / 2f64.sqrt(), 80f64.sqrt() / 5f64.sqrt());
        near(&d[0], &[a, 0.0, a, b, 0.0, 2.0 * b]);
    }

    #[test]
    fn the_package_makes_vectors_the_size_of_the_model_number_by_number() {
        let d = normalized(Normalize::Filter, Published::Paper, Orientation::InOut);
        near(&d[0], &[5.0, 0.0, 0.0, 0.0, 0.0, 10.0]);
        near(&d[1], &[2.0, 1.5]);
        // the second tensor is scaled by a norm in which the first is scaled already
        let d = normalized(Normalize::Model, Published::Paper, Orientation::OutIn);
        let theta = (25.0 + 100.0 + 4.0 + 2.25f64).sqrt();
        let first = theta / 8f64.sqrt();
        near(&d[0], &[first, 0.0, first, first, 0.0, 2.0 * first]);
        let second = theta / (7.0 * first * first + 1.0).sqrt();
        near(&d[1], &[0.6 * second, 0.8 * second]);
    }

    #[test]
    fn li_copies_vectors_and_keeps_zero_slices_finite() {
        let mut d = direction();
        d[0][4..].fill(0.0);
        normalize(&mut d, &params(Orientation::InOut), Normalize::Filter, Published::Li);
        near(&d[0], &[5.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        near(&d[1], &[-2.0, 1.5]);
        let d = normalized(Normalize::UnitFilter, Published::Li, Orientation::OutIn);
        near(&d[0], &[1.0, 0.0, 0.5f64.sqrt(), 0.5f64.sqrt(), 0.0, 1.0]);
        let d = normalized(Normalize::Weight, Published::Li, Orientation::OutIn);
        near(&d[0], &[3.0, 0.0, 0.0, 0.0, 0.0, 16.0]);
    }

    #[test]
    fn whole_tensors_and_whole_models() {
        let d = normalized(Normalize::Layer, Published::Correct, Orientation::OutIn);
        let factor = 125f64.sqrt() / 7f64.sqrt();
        near(&d[0], &[factor, 0.0, factor, factor, 0.0, 2.0 * factor]);
        near(&d[1], &[1.5, 2.0]);
        let d = normalized(Normalize::Model, Published::Correct, Orientation::OutIn);
        assert!((dot(&d, &d) - 131.25).abs() < 1e-3);
        let d = normalized(Normalize::UnitLayer, Published::Correct, Orientation::OutIn);
        assert!((dot(&d, &d) - 2.0).abs() < 1e-6);
        assert_eq!(normalized(Normalize::None, Published::Correct, Orientation::OutIn), direction());
    }

    #[test]
    fn a_second_direction_loses_its_part_along_the_first() {
        let (first, mut second) = (direction(), vec![vec![1.0; 6], vec![1.0; 2]]);
        orthogonalize(&mut second, &first);
        assert!(dot(&first, &second).abs() < 1e-6);
        let mut none = direction();
        forget_vectors(&mut none, &params(Orientation::OutIn));
        assert_eq!(none[1], [0.0, 0.0]);
        assert_eq!(none[0], direction()[0]);
    }
}
