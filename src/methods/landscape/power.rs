//! The eigenvalues of largest magnitude, one after the other: power iteration with deflation.
//!
//! Formula: v ← H·v / ‖H·v‖ within the complement of the eigenvectors that were found; λ = ⟨v, H·v⟩.
//! Source: amirgholami/PyHessian: hessian.py. Differs: the last λ is given, not the one before, and ‖H·v − λ·v‖ with it.

use serde::{Deserialize, Serialize};

use super::operator::{Operator, Tick};
use crate::engine::Real;
use crate::engine::vectors::{add, dot, norm, normalize, orthogonalize};
use crate::error::{Error, Result};

/// An eigenvalue and its vector.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pair {
    /// λ; may be negative.
    pub(super) value: f64,
    /// ‖H·v − λ·v‖: λ is at most this far from an eigenvalue.
    pub(super) residual: f64,
    /// Products H·v that it took.
    pub(super) products: usize,
    /// Whether λ stood still within the tolerance.
    pub(super) converged: bool,
    /// v, of norm 1.
    pub(super) vector: Vec<Real>,
}

/// When an iteration stops.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    /// Products at most.
    pub(super) products: usize,
    /// Change of λ from one product to the next, relative to λ.
    pub(super) tolerance: f64,
}

/// The next pair after `found`, begun at `v`.
pub(super) fn next_pair(
    operator: &mut dyn Operator,
    mut v: Vec<Real>,
    found: &[Pair],
    stop: Stop,
    tick: &mut Tick<'_>,
) -> Result<Pair> {
    let others = || found.iter().map(|pair| &pair.vector[..]);
    orthogonalize(&mut v, &others());
    if normalize(&mut v) == 0.0 {
        return Err(Error::config("there are no more eigenvalues than parameters").hint("ask for fewer eigenvalues"));
    }
    let mut pair = Pair { value: f64::NAN, residual: f64::NAN, products: 0, converged: false, vector: Vec::new() };
    for product in 1..=stop.products.max(1) {
        let mut w = operator.product(&v, tick)?;
        let value = dot(&v, &w);
        let change = (value - pair.value).abs() / pair.value.abs().max(f64::MIN_POSITIVE);
        let converged = change < stop.tolerance || (value == 0.0 && pair.value == 0.0);
        let mut rest = w.clone();
        add(&mut rest, -value, &v);
        pair = Pair { value, residual: norm(&rest), products: product, converged, vector: v.clone() };
        if !value.is_finite() {
            return Err(Error::data("a product with the Hessian is not finite")
                .hint("the loss of the model has no finite gradient on this text set"));
        }
        orthogonalize(&mut w, &others());
        if converged || normalize(&mut w) == 0.0 {
            pair.converged = true;
            break;
        }
        v = w;
    }
    Ok(pair)
}

#[cfg(test)]
mod tests {
    use super::super::toys::{Diagonal, no_tick};
    use super::*;
    use crate::engine::rng::Stream;

    fn pairs(spectrum: &[f64], n: usize) -> Vec<Pair> {
        let mut operator = Diagonal(spectrum.to_vec());
        let mut found = Vec::new();
        for i in 0..n {
            let mut stream = Stream::new(3, "test power").item(i as u64);
            let start = spectrum.iter().map(|_| stream.normal() as Real).collect();
            let stop = Stop { products: 500, tolerance: 1e-9 };
            let pair = next_pair(&mut operator, start, &found, stop, &mut no_tick).unwrap();
            found.push(pair);
        }
        found
    }

    #[test]
    fn largest_magnitudes_with_their_signs() {
        let found = pairs(&[0.5, -7.0, 3.0, 1.0, -2.0], 4);
        for (pair, wanted) in found.iter().zip([-7.0, 3.0, -2.0, 1.0]) {
            assert!((pair.value - wanted).abs() < 1e-5, "{} is not {wanted}", pair.value);
            assert!(pair.residual < 1e-2 && pair.converged, "{} {}", pair.residual, pair.converged);
        }
    }

    #[test]
    fn an_eigenvalue_that_occurs_twice_is_found_twice() {
        let found = pairs(&[4.0, 1.0, 4.0, 0.5], 3);
        let values: Vec<f64> = found.iter().map(|p| p.value).collect();
        assert!((values[0] - 4.0).abs() < 1e-6 && (values[1] - 4.0).abs() < 1e-6 && (values[2] - 1.0).abs() < 1e-6);
        assert!(dot(&found[0].vector, &found[1].vector).abs() < 1e-6);
    }

    #[test]
    fn more_eigenvalues_than_parameters_are_refused() {
        let mut operator = Diagonal(vec![2.0]);
        let stop = Stop { products: 9, tolerance: 1e-6 };
        let first = next_pair(&mut operator, vec![0.3], &[], stop, &mut no_tick).unwrap();
        assert_eq!((first.value, first.residual), (2.0, 0.0));
        let error = next_pair(&mut operator, vec![0.0], &[first], stop, &mut no_tick).unwrap_err().to_string();
        assert!(error.contains("no more eigenvalues than parameters"), "{error}");
    }
}
