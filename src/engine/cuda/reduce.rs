//! Sums over rows, pairs of rows, and everything. Twin of `cpu/reduce.rs`.

use std::ops::Range;
use std::sync::Arc;

use super::gpu::{Args, Gpu, Planes, elements};
use super::memory::DeviceBuffer;
use super::module::REDUCE;
use super::product::{Out, Side, Start, product};
use crate::check;
use crate::error::Result;
use crate::kernels::Rows;
use crate::precision::Precision;
use crate::tensor::{Real, Tensor};

/// Numbers of a partial sum of the kernel `dot`.
const BLOCK: usize = 1 << 15;
/// Rows of a partial sum of columns.
const SUM_ROWS: usize = 64;
/// Rows of a tile of [`gram`].
const TILE: usize = 2048;

/// db (C) += Σ over `rows` of x (N,C)
pub(super) fn column_sum_acc(gpu: &Arc<Gpu>, db: &Tensor, x: &Tensor, rows: &Range<usize>) -> Result<()> {
    check::column_sum(db, x, rows)?;
    let c = x.cols();
    for (db, x) in Planes::of(db)?.each().zip(Planes::of(x)?.each()) {
        let n_parts = rows.len().div_ceil(SUM_ROWS);
        let parts = DeviceBuffer::stale::<Real>(gpu, n_parts * c)?;
        let args = Args::default().buffer(&parts, 0)?.buffer(x, rows.start * c)?.sizes([rows.len(), c]);
        gpu.launch(&REDUCE, "column_parts", false, elements(n_parts * c), args)?;
        let args = Args::default().buffer(db, 0)?.buffer(&parts, 0)?.sizes([n_parts, c]);
        gpu.launch(&REDUCE, "add_parts", false, elements(c), args)?;
    }
    Ok(())
}

/// Σ a·b over `n` numbers from number `at` on.
fn dot_of(gpu: &Arc<Gpu>, a: &DeviceBuffer, b: &DeviceBuffer, at: usize, n: usize) -> Result<f64> {
    let blocks = n.div_ceil(BLOCK);
    let parts = DeviceBuffer::stale::<f64>(gpu, blocks)?;
    let args = Args::default().buffer(&parts, 0)?.buffer(a, at)?.buffer(b, at)?.sizes([n]);
    gpu.launch(&REDUCE, "dot", false, [blocks, 1, 1], args)?;
    Ok(parts.read::<f64>(blocks)?.iter().sum())
}

/// Σ a·b over all elements.
pub(super) fn dot(gpu: &Arc<Gpu>, a: &Tensor, b: &Tensor) -> Result<f64> {
    check::dot(a, b)?;
    dot_of(gpu, Planes::of(a)?.value, Planes::of(b)?.value, 0, a.len())
}

/// Σ a·b over the elements of `rows`.
pub(super) fn dot_rows(gpu: &Arc<Gpu>, a: &Tensor, b: &Tensor, rows: &Range<usize>) -> Result<f64> {
    check::dot_rows(a, b, rows)?;
    let c = a.cols();
    dot_of(gpu, Planes::of(a)?.value, Planes::of(b)?.value, rows.start * c, rows.len() * c)
}

/// Σ over pairs s, t of (x_s·x'_t)(dy_s·dy'_t), tile after tile.
pub(super) fn gram(gpu: &Arc<Gpu>, a: &Rows<'_>, b: &Rows<'_>) -> Result<f64> {
    check::gram(a, b)?;
    let tiles = |rows: &Range<usize>| {
        let rows = rows.clone();
        rows.clone().step_by(TILE).map(move |start| start..rows.end.min(start + TILE))
    };
    let mut sum = 0.0;
    for left in tiles(&a.rows) {
        for right in tiles(&b.rows) {
            let size = left.len() * right.len();
            let x = pairs(gpu, a.x, b.x, &left, &right)?;
            let dy = pairs(gpu, a.dy, b.dy, &left, &right)?;
            sum += dot_of(gpu, &x, &dy, 0, size)?;
        }
    }
    Ok(sum)
}

/// a_s·b_t for the rows s in `left` and t in `right`.
fn pairs(gpu: &Arc<Gpu>, a: &Tensor, b: &Tensor, left: &Range<usize>, right: &Range<usize>) -> Result<DeviceBuffer> {
    let k = a.cols();
    let out = DeviceBuffer::stale::<Real>(gpu, left.len() * right.len())?;
    let side = |t: &Tensor, rows: &Range<usize>| -> Result<(usize, usize)> { Ok((rows.start * t.cols(), t.cols())) };
    let ((a_at, a_row), (b_at, b_row)) = (side(a, left)?, side(b, right)?);
    let a = Side { buffer: Planes::of(a)?.value, narrow: None, at: a_at, row: a_row, step: 1 };
    let b = Side { buffer: Planes::of(b)?.value, narrow: None, at: b_at, row: b_row, step: 1 };
    let c = Out { buffer: &out, at: 0, row: right.len() };
    product(gpu, Precision::F32, c, [a, b], [left.len(), right.len(), k], Start::Zero)?;
    Ok(out)
}
