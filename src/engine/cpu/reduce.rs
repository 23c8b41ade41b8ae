//! Sums over rows, pairs of rows, and everything; each in one order.
#![expect(clippy::inline_always, reason = "bodies are compiled per instruction set")]

use std::ops::Range;

use rayon::prelude::*;

use super::gemm::{Lhs, Matrix, Packed, Start, gemm_serial};
use super::simd::{Job, simd};
use crate::check;
use crate::error::Result;
use crate::kernels::Rows;
use crate::tensor::{Buffer, Real, Tensor};

/// Numbers of a partial sum of [`dot`].
const BLOCK: usize = 1 << 15;
/// Rows of a partial sum of [`column_sum_acc`]; columns of a task.
const SUM_ROWS: usize = 64;
const SUM_COLS: usize = 256;
/// Rows of a tile of [`gram`].
const TILE: usize = 224;
/// Partial sums of a run of numbers.
const LANES: usize = 32;

/// db (C) += Σ over `rows` of x (N,C)
pub(super) fn column_sum_acc(db: &mut Tensor, x: &Tensor, rows: Range<usize>) -> Result<()> {
    check::column_sum(db, x, &rows)?;
    let c = x.cols();
    let part = rows.start * c..rows.end * c;
    let (value, tangent) = db.planes_mut();
    column_sums(value, &x.value()[part.clone()], c);
    if let (Some(tangent), Some(x)) = (tangent, x.tangent()) {
        column_sums(tangent, &x[part], c);
    }
    Ok(())
}

fn column_sums(db: &mut [Real], x: &[Real], c: usize) {
    db.par_chunks_mut(SUM_COLS).enumerate().for_each(|(block, db)| {
        let start = block * SUM_COLS;
        let mut sums: [Real; SUM_COLS] = [0.0; SUM_COLS];
        for rows in x.chunks(SUM_ROWS * c) {
            let sums = &mut sums[..db.len()];
            sums.fill(0.0);
            for row in rows.chunks_exact(c) {
                for (s, x) in sums.iter_mut().zip(&row[start..]) {
                    *s += x;
                }
            }
            for (d, s) in db.iter_mut().zip(sums) {
                *d += *s;
            }
        }
    });
}

/// Σ a·b over all elements, in f64.
pub(super) fn dot(a: &Tensor, b: &Tensor) -> Result<f64> {
    check::dot(a, b)?;
    Ok(dot_slices(a.value(), b.value()))
}

/// Σ a·b over `rows`, one number after the other, in f64.
pub(super) fn dot_rows(a: &Tensor, b: &Tensor, rows: &Range<usize>) -> Result<f64> {
    check::dot_rows(a, b, rows)?;
    let range = rows.start * a.cols()..rows.end * a.cols();
    let products = a.value()[range.clone()].iter().zip(&b.value()[range]);
    Ok(products.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum())
}

fn dot_slices(a: &[Real], b: &[Real]) -> f64 {
    let parts: Vec<f64> = a.par_chunks(BLOCK).zip(b.par_chunks(BLOCK)).map(|(a, b)| simd(Dot { a, b })).collect();
    parts.iter().sum()
}

/// Σ a·b
struct Dot<'a> {
    a: &'a [Real],
    b: &'a [Real],
}

impl Job for Dot<'_> {
    type Out = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Self { a, b } = self;
        let mut lanes = [0.0f64; LANES];
        let (mut left, mut right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        for (a, b) in (&mut left).zip(&mut right) {
            for (l, lane) in lanes.iter_mut().enumerate() {
                *lane = f64::from(a[l]).mul_add(f64::from(b[l]), *lane);
            }
        }
        for (lane, (&a, &b)) in lanes.iter_mut().zip(left.remainder().iter().zip(right.remainder())) {
            *lane = f64::from(a).mul_add(f64::from(b), *lane);
        }
        lanes.iter().sum()
    }
}

/// Σ over pairs s, t of (x_s·x'_t)(dy_s·dy'_t), tile after tile.
pub(super) fn gram(a: &Rows<'_>, b: &Rows<'_>) -> Result<f64> {
    check::gram(a, b)?;
    let tiles: Vec<(Range<usize>, Range<usize>)> =
        tiles(&a.rows).flat_map(|r| tiles(&b.rows).map(move |c| (r.clone(), c))).collect();
    let parts: Vec<f64> = tiles.into_par_iter().map(|(r, c)| gram_tile(a, b, &r, &c)).collect();
    Ok(parts.iter().sum())
}

fn tiles(rows: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
    let rows = rows.clone();
    rows.clone().step_by(TILE).map(move |start| start..rows.end.min(start + TILE))
}

fn gram_tile(a: &Rows<'_>, b: &Rows<'_>, r: &Range<usize>, c: &Range<usize>) -> f64 {
    let product = |left: &Tensor, right: &Tensor| {
        let k = left.cols();
        let lhs = Lhs::serial(Matrix::new(left.value(), k).after_row(r.start), r.len(), k);
        let rhs = Packed::serial(Matrix::new(right.value(), k).after_row(c.start), c.len(), k);
        let mut out = Buffer::stale(r.len() * c.len());
        gemm_serial(&mut out, c.len(), &lhs, rhs.view(), Start::Zero);
        out
    };
    let (x, dy) = (product(a.x, b.x), product(a.dy, b.dy));
    let row = |i: usize| i * c.len()..(i + 1) * c.len();
    (0..r.len()).map(|i| simd(GramRow { x: &x[row(i)], dy: &dy[row(i)] })).sum()
}

/// Σ x·dy over a row of two tiles.
struct GramRow<'a> {
    x: &'a [Real],
    dy: &'a [Real],
}

impl Job for GramRow<'_> {
    type Out = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Self { x, dy } = self;
        let mut lanes = [0.0f64; LANES];
        for (x, dy) in x.chunks(LANES).zip(dy.chunks(LANES)) {
            for (lane, (&x, &dy)) in lanes.iter_mut().zip(x.iter().zip(dy)) {
                *lane = f64::from(x).mul_add(f64::from(dy), *lane);
            }
        }
        lanes.iter().sum()
    }
}
