//! Cross-entropy in place: logits become their gradient.
//!
//! dlogits = weight·(softmax − one-hot), with −Σ of the others at the target, so that a memorized token
//! (p(target) ≈ 1) keeps its digits. Tangent: weight·p(ṡ − Σpṡ), formed from differences to the target's ṡ.
#![expect(clippy::inline_always, reason = "bodies are compiled per instruction set")]

use rayon::prelude::*;

use super::scalar::{exp, max};
use super::simd::{Job, simd};
use crate::check;
use crate::error::Result;
use crate::tensor::{Real, Tensor};

/// Partial sums of a row, in f64.
const LANES: usize = 32;

/// Turns logits into their gradient; returns each row's −ln p(target), 0 where the weight is 0.
pub(super) fn forward_backward(logits: &mut Tensor, targets: &[u32], weights: &[Real]) -> Result<Vec<f64>> {
    let (n, v) = (logits.rows(), logits.cols());
    check::targets(targets, weights, n, v)?;
    if n == 0 || v == 0 {
        return Ok(vec![0.0; n]);
    }
    let (value, tangent) = logits.planes_mut();
    let tangents: Vec<Option<&mut [Real]>> = match tangent {
        Some(tangent) => tangent.chunks_exact_mut(v).map(Some).collect(),
        None => (0..n).map(|_| None).collect(),
    };
    let row = |i: usize, row: &mut [Real], tangent: Option<&mut [Real]>| {
        let (target, weight) = (targets[i], weights[i]);
        if weight == 0.0 {
            row.fill(0.0);
            if let Some(tangent) = tangent {
                tangent.fill(0.0);
            }
            return 0.0;
        }
        let target = target as usize;
        let (loss, factor) = simd(Probabilities { row: &mut *row, target });
        if let Some(tangent) = tangent {
            simd(Tangent { tangent, row: &*row, target, factor, weight });
        }
        simd(Gradient { row, target, factor, weight });
        loss
    };
    let rows = value.par_chunks_exact_mut(v).zip(tangents).enumerate();
    Ok(rows.map(|(i, (values, tangent))| row(i, values, tangent)).collect())
}

/// −ln p for e = p·s: from the others when p is near 1.
fn loss(e_target: f64, others: f64, distance: f64) -> f64 {
    if e_target > 1e-3 { (others / e_target).ln_1p() } else { (others + e_target).ln() - distance }
}

/// Writes exp(z − max), 0 at the target; gives the loss and 1/Σ.
struct Probabilities<'a> {
    row: &'a mut [Real],
    target: usize,
}

impl Job for Probabilities<'_> {
    type Out = (f64, Real);

    #[inline(always)]
    fn run(self) -> (f64, Real) {
        let Self { row, target } = self;
        let top = max(row);
        let distance = row[target] - top;
        row[target] = Real::NEG_INFINITY;
        let others = exp_sum(row, top);
        let e = f64::from(distance).exp();
        (loss(e, others, f64::from(distance)), (1.0 / (others + e)) as Real)
    }
}

/// Writes exp(z − top) over z and returns the sum.
#[inline(always)]
fn exp_sum(row: &mut [Real], top: Real) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let mut chunks = row.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *x = exp(*x - top);
            *lane += f64::from(*x);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(chunks.into_remainder()) {
        *x = exp(*x - top);
        *lane += f64::from(*x);
    }
    lanes.iter().sum()
}

/// Turns exp(z − max) into weight·(p − one-hot).
struct Gradient<'a> {
    row: &'a mut [Real],
    target: usize,
    factor: Real,
    weight: Real,
}

impl Job for Gradient<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { row, target, factor, weight } = self;
        let mut lanes = [0.0f64; LANES];
        for chunk in row.chunks_mut(LANES) {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                let p = *x * factor;
                *lane += f64::from(p);
                *x = weight * p;
            }
        }
        row[target] = weight * -(lanes.iter().sum::<f64>()) as Real;
    }
}

/// Turns ṡ into weight·ṗ; `row` holds exp(z − max), 0 at the target.
struct Tangent<'a> {
    tangent: &'a mut [Real],
    row: &'a [Real],
    target: usize,
    factor: Real,
    weight: Real,
}

impl Job for Tangent<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { tangent, row, target, factor, weight } = self;
        let own = tangent[target];
        let mut lanes = [0.0f64; LANES];
        for (t, e) in tangent.chunks(LANES).zip(row.chunks(LANES)) {
            for (lane, (&t, &e)) in lanes.iter_mut().zip(t.iter().zip(e)) {
                *lane += f64::from(e * factor) * f64::from(t - own);
            }
        }
        // the mean of ṡ, seen from the target's
        let mean = lanes.iter().sum::<f64>() as Real;
        let others = lanes_of_p(row, factor);
        for (t, &e) in tangent.iter_mut().zip(row) {
            *t = weight * (e * factor) * ((*t - own) - mean);
        }
        tangent[target] = weight * -(1.0 - others) * mean;
    }
}

/// Σ p over all but the target.
#[inline(always)]
fn lanes_of_p(row: &[Real], factor: Real) -> Real {
    let mut lanes = [0.0f64; LANES];
    for chunk in row.chunks(LANES) {
        for (lane, &e) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(e * factor);
        }
    }
    lanes.iter().sum::<f64>() as Real
}
