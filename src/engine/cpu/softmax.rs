//! Softmax of one row of scores and its derivatives, in a fixed order.
//!
//! A row lies in a tile whose first column is a multiple of [`LANES`](super::scalar::LANES) keys, and sums run
//! over lanes of columns with zeros where nothing is seen, so that a row has the same bits in every tile.
#![expect(clippy::inline_always, reason = "bodies are compiled per instruction set")]

use std::ops::Range;

use super::scalar::{LANES, exp, max, sum};
use super::simd::simd;
use crate::tensor::Real;

/// From the first lane of the first column seen.
fn aligned(seen: &Range<usize>) -> Range<usize> {
    seen.start - seen.start % LANES..seen.end
}

/// Turns the scores in columns `seen` of `row` into weights; the other columns become 0.
pub(super) fn softmax(row: &mut [Real], seen: &Range<usize>, scale: Real) {
    row[..seen.start].fill(0.0);
    row[seen.end..].fill(0.0);
    simd(softmax_body, (&mut row[aligned(seen)], seen.start % LANES, scale));
}

#[inline(always)]
fn softmax_body((row, skip, scale): (&mut [Real], usize, Real)) {
    let seen = &mut row[skip..];
    for x in seen.iter_mut() {
        *x *= scale;
    }
    let top = max(seen);
    for x in seen.iter_mut() {
        *x = exp(*x - top);
    }
    let total = sum(row.len(), |i| row[i]);
    let factor = 1.0 / total;
    for x in row.iter_mut() {
        *x *= factor;
    }
}

/// Turns the tangents of scores in columns `seen` into those of weights: ṗ = p(ṡ − Σpṡ).
pub(super) fn softmax_tangent(row: &mut [Real], p: &[Real], seen: &Range<usize>, scale: Real) {
    row[..seen.start].fill(0.0);
    row[seen.end..].fill(0.0);
    let part = aligned(seen);
    simd(backward_body, (&mut row[part.clone()], &p[part], scale));
}

/// Turns dp in columns `seen` into ds = p(dp − Σp·dp)·scale; the other columns become 0.
pub(super) fn backward(dp: &mut [Real], p: &[Real], seen: &Range<usize>, scale: Real) {
    softmax_tangent(dp, p, seen, scale);
}

#[inline(always)]
fn backward_body((row, p, scale): (&mut [Real], &[Real], Real)) {
    let p = &p[..row.len()];
    let mean = sum(row.len(), |i| p[i] * row[i]);
    for (x, p) in row.iter_mut().zip(p) {
        *x = p * (*x - mean) * scale;
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
    simd(backward_dual_body, (rows, weights.map(|w| &w[part.clone()]), scale));
}

#[inline(always)]
fn backward_dual_body(([dp, dp_t], [p, p_t], scale): ([&mut [Real]; 2], [&[Real]; 2], Real)) {
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
