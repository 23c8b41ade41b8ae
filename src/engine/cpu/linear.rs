//! Linear maps: y = x·Wᵀ + b, its input gradient, and its weight gradient in the orientation on disk.
//!
//! Tangents follow the product rule, ẏ = ẋ·Wᵀ + x·Ẇᵀ + ḃ, one real product a term.

use std::ops::Range;

use super::gemm::{KC, Lhs, Matrix, Packed, Right, Start, gemm, weight_matrix};
use crate::check;
use crate::error::Result;
use crate::model::{Orientation, Weight};
use crate::tensor::{Real, Tensor};

/// Outputs of a weight that are repacked at a time for the way back: a multiple of [`KC`].
const BACK_STEPS: usize = 4 * KC;
/// Rows of a weight gradient formed at a time.
const OUTER_ROWS: usize = 14 * 256;

/// The weight ready for products. Two threads may both make it; one result is kept.
pub(super) fn packed(w: &Weight) -> &Packed {
    let place = &w.repacked().panels;
    if let Some(packed) = place.get() {
        return packed;
    }
    let made = Packed::of_weight(w);
    place.get_or_init(|| made)
}

/// The weight's tangent ready for products.
fn packed_tangent(w: &Weight) -> Option<&Packed> {
    let tangent = w.tangent()?;
    if let Some(packed) = w.packed_tangent.get() {
        return Some(packed);
    }
    let made = Packed::of_tangent(w, tangent);
    Some(w.packed_tangent.get_or_init(|| made))
}

/// y (N,O) = x (N,C) · Wᵀ + b (O)
pub(super) fn forward(y: &mut Tensor, x: &Tensor, w: &Weight, b: Option<&Weight>) -> Result<()> {
    let (n, c, o) = (x.rows(), w.d_in(), w.d_out());
    check::linear(y, x, w, b)?;
    let bias = b.map(Weight::values);
    let rhs = packed(w).view();
    let lhs = Lhs::new(Matrix::new(x.value(), c), n, c);
    let (value, tangent) = y.planes_mut();
    gemm(value, o, &lhs, rhs, bias.as_deref().map_or(Start::Zero, Start::Bias));
    let Some(tangent) = tangent else { return Ok(()) };
    let mut start = b.and_then(Weight::tangent).map_or(Start::Zero, Start::Bias);
    if let Some(x) = x.tangent() {
        gemm(tangent, o, &Lhs::new(Matrix::new(x, c), n, c), rhs, start);
        start = Start::Add;
    }
    if let Some(w) = packed_tangent(w) {
        gemm(tangent, o, &lhs, w.view(), start);
        start = Start::Add;
    }
    match start {
        Start::Zero => tangent.fill(0.0),
        Start::Bias(bias) => tangent.chunks_exact_mut(o).for_each(|row| row.copy_from_slice(bias)),
        Start::Add => {}
    }
    Ok(())
}

/// dx (N,C) = start + dy (N,O) · W
pub(super) fn backward(dx: &mut Tensor, dy: &Tensor, w: &Weight, start: Start<'_>) -> Result<()> {
    check::linear_backward(dx, dy, w)?;
    let n = dy.rows();
    let values = w.values();
    let (value, tangent) = dx.planes_mut();
    product_back(value, dy.value(), w, &values, n, start);
    let Some(tangent) = tangent else { return Ok(()) };
    let mut start = start;
    if let Some(dy) = dy.tangent() {
        product_back(tangent, dy, w, &values, n, start);
        start = Start::Add;
    }
    if let Some(w_tangent) = w.tangent() {
        product_back(tangent, dy.value(), w, w_tangent, n, start);
        start = Start::Add;
    }
    if matches!(start, Start::Zero) {
        tangent.fill(0.0);
    }
    Ok(())
}

/// dx = start + dy·W for the numbers `values` of W. The weight is repacked in pieces that stay in the caches.
fn product_back(dx: &mut [Real], dy: &[Real], w: &Weight, values: &[Real], n: usize, mut start: Start<'_>) {
    let (c, o) = (w.d_in(), w.d_out());
    let matrix = weight_matrix(w, values).flipped();
    for first in (0..o).step_by(BACK_STEPS) {
        let steps = (o - first).min(BACK_STEPS);
        let lhs = Lhs::new(Matrix::new(dy, o).after_step(first), n, steps);
        let rhs = Right::new(matrix.after_step(first), c, steps);
        gemm(dx, c, &lhs, rhs.view(), start);
        start = Start::Add;
    }
}

/// dW += dyᵀ · x over `rows`, in the orientation of `w` on disk.
pub(super) fn outer_acc(dw: &mut Tensor, x: &Tensor, dy: &Tensor, rows: Range<usize>, w: &Weight) -> Result<()> {
    let (c, o) = (w.d_in(), w.d_out());
    check::outer(dw, x, dy, &rows, w)?;
    let (value, tangent) = dw.planes_mut();
    let outer = |dw: &mut [Real], x: &[Real], dy: &[Real]| {
        let (x, dy) = (Matrix::turned(x, c).after_step(rows.start), Matrix::turned(dy, o).after_step(rows.start));
        match w.orientation {
            Orientation::OutIn => product_outer(dw, dy, x, [o, c], rows.len()),
            Orientation::InOut => product_outer(dw, x, dy, [c, o], rows.len()),
        }
    };
    outer(value, x.value(), dy.value());
    if let Some(tangent) = tangent {
        if let Some(x) = x.tangent() {
            outer(tangent, x, dy.value());
        }
        if let Some(dy) = dy.tangent() {
            outer(tangent, x.value(), dy);
        }
    }
    Ok(())
}

/// c (M,N) += aᵀ·b over `k` rows of a (·,M) and b (·,N).
fn product_outer(c: &mut [Real], a: Matrix<'_>, b: Matrix<'_>, [m, n]: [usize; 2], k: usize) {
    if k == 0 || n == 0 {
        return;
    }
    let rhs = Right::new(b, n, k);
    for (block, c) in c.chunks_mut(OUTER_ROWS * n).enumerate() {
        let lhs = Lhs::new(a.after_row(block * OUTER_ROWS), c.len() / n, k);
        gemm(c, n, &lhs, rhs.view(), Start::Add);
    }
    debug_assert!(c.len() == m * n, "a weight gradient has the wrong size");
}
