//! Softmax of one row of scores and its derivatives, in a fixed order.
//!
//! A row lies in a tile whose first column is a multiple of [`LANES`] keys, and sums run
//! over lanes of columns with zeros where nothing is seen, so that a row has the same bits in every tile.
#![expect(clippy::inline_always, reason = "bodies are compiled per instruction set")]

use std::ops::Range;

use super::scalar::{LANES, exp, fold, sum};
use super::simd::{Job, simd};
use crate::tensor::Real;

/// From the first lane of the first column seen.
fn aligned(seen: &Range<usize>) -> Range<usize> {
    seen.start - seen.start % LANES..seen.end
}

/// Turns the scores in columns `seen` of `row` into weights; the other columns become 0.
pub(super) fn softmax(row: &mut [Real], seen: &Range<usize>, scale: Real) {
    row[..seen.start].fill(0.0);
    row[seen.end..].fill(0.0);
    simd(Softmax { row: &mut row[aligned(seen)], skip: seen.start % LANES, scale });
}

/// What [`softmax`] does.
struct Softmax<'a> {
    row: &'a mut [Real],
    /// Columns before the first one seen.
    skip: usize,
    scale: Real,
}

impl Job for Softmax<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { row, skip, scale } = self;
        row[..skip].fill(Real::NEG_INFINITY);
        // what is missing in the last lanes is as good as not seen: rows are short, and single numbers are slow
        let (whole, rest) = row.as_chunks_mut::<LANES>();
        let mut last = [Real::NEG_INFINITY; LANES];
        last[..rest.len()].copy_from_slice(rest);
        let mut tops = [Real::NEG_INFINITY; LANES];
        for i in 0..=whole.len() {
            let chunk = whole.get_mut(i).unwrap_or(&mut last);
            for (x, top) in chunk.iter_mut().zip(&mut tops) {
                *x *= scale;
                *top = if *x > *top { *x } else { *top };
            }
        }
        let top = tops.iter().fold(Real::NEG_INFINITY, |m, &x| if x > m { x } else { m });
        let mut sums = [0.0; LANES];
        for i in 0..=whole.len() {
            let chunk = whole.get_mut(i).unwrap_or(&mut last);
            for (x, sum) in chunk.iter_mut().zip(&mut sums) {
                *x = exp(*x - top);
                *sum += *x;
            }
        }
        let factor = 1.0 / fold(sums);
        for x in whole.as_flattened_mut() {
            *x *= factor;
        }
        for (x, weight) in rest.iter_mut().zip(last) {
            *x = weight * factor;
        }
    }
}

/// Turns the tangents of scores in columns `seen` into those of weights: ṗ = p(ṡ − Σpṡ).
pub(super) fn softmax_tangent(row: &mut [Real], p: &[Real], seen: &Range<usize>, scale: Real) {
    row[..seen.start].fill(0.0);
    row[seen.end..].fill(0.0);
    let part = aligned(seen);
    simd(Backward { row: &mut row[part.clone()], p: &p[part], scale });
}

/// Turns dp in columns `seen` into ds = p(dp − Σp·dp)·scale; the other columns become 0.
pub(super) fn backward(dp: &mut [Real], p: &[Real], seen: &Range<usize>, scale: Real) {
    softmax_tangent(dp, p, seen, scale);
}

/// What [`backward`] does.
struct Backward<'a> {
    row: &'a mut [Real],
    p: &'a [Real],
    scale: Real,
}

impl Job for Backward<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { row, p, scale } = self;
        let (weights, other) = p[..row.len()].as_chunks::<LANES>();
        let (whole, rest) = row.as_chunks_mut::<LANES>();
        let (mut last, mut last_p) = ([0.0; LANES], [0.0; LANES]);
        last[..rest.len()].copy_from_slice(rest);
        last_p[..other.len()].copy_from_slice(other);
        let mut sums = [0.0; LANES];
        for i in 0..=whole.len() {
            let (chunk, p) = (whole.get(i).unwrap_or(&last), weights.get(i).unwrap_or(&last_p));
            for ((x, p), sum) in chunk.iter().zip(p).zip(&mut sums) {
                *sum += p * x;
            }
        }
        let mean = fold(sums);
        for i in 0..=whole.len() {
            let (chunk, p) = (whole.get_mut(i).unwrap_or(&mut last), weights.get(i).unwrap_or(&last_p));
            for (x, p) in chunk.iter_mut().zip(p) {
                *x = p * (*x - mean) * scale;
            }
        }
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// As [`backward`] for values and tangents: dṡ = (ṗ(dp − c) + p(dṗ − ċ))·scale, ċ = Σ(ṗ·dp + p·dṗ).
/// `rows` are dp and dṗ, `weights` are p and ṗ.
pub(super) fn backward_dual(rows: [&mut [Real]; 2], weights: [&[Real]; 2], seen: &Range<usize>, scale: Real) {
    let [dp, dp_t] = rows;
    for row in [&mut *dp, &mut *dp_t] {
        row[..seen.start].fill(0.0);
        row[seen.end..].fill(0.0);
    }
    let part = aligned(seen);
    let rows = [&mut dp[part.clone()], &mut dp_t[part.clone()]];
    simd(BackwardDual { rows, weights: weights.map(|w| &w[part.clone()]), scale });
}

/// What [`backward_dual`] does.
struct BackwardDual<'a> {
    rows: [&'a mut [Real]; 2],
    weights: [&'a [Real]; 2],
    scale: Real,
}

impl Job for BackwardDual<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { rows: [dp, dp_t], weights: [p, p_t], scale } = self;
        let n = dp.len();
        let (dp_t, p, p_t) = (&mut dp_t[..n], &p[..n], &p_t[..n]);
        let mean = sum(n, |i| p[i] * dp[i]);
        let mean_t = sum(n, |i| p_t[i] * dp[i] + p[i] * dp_t[i]);
        for i in 0..n {
            let centered = dp[i] - mean;
            dp_t[i] = (p_t[i] * centered + p[i] * (dp_t[i] - mean_t)) * scale;
            dp[i] = p[i] * centered * scale;
        }
    }
}
