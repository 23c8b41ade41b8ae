//! Causal attention over packed sequences, in blocks of queries.
//!
//! For each sequence, head and block of queries: scores of all visible keys in one tile, softmax row by row,
//! weighted values. Tiles begin at a multiple of [`KC`] keys, so products and sums over keys have
//! the order they have in any other block, and a cached step gives the bits of the full pass. Keys after a block
//! cost nothing. Backward computes the weights again and adds blocks of queries in order.
//!
//! Tangents follow the product rule on each step; `Pair` holds an operand and, in a directional derivative, its
//! tangent.

mod backward;
mod forward;
mod pattern;
mod single;

use std::ops::Range;

pub(super) use backward::backward_acc;
pub(super) use forward::forward;
pub(super) use pattern::{pattern, pattern_apply, pattern_apply_backward, pattern_backward_acc};

use super::gemm::{KC, Lhs, Matrix, NR, Rhs, Right, Start, gemm_tile};
use super::grid::TileMut;
use super::softmax;
use crate::kernels::{AttentionSpec, Span};
use crate::tensor::{Buffer, Real, Tensor};

/// Queries of a block.
const BLOCK: usize = 64;

/// Something and its tangent.
struct Pair<T> {
    v: T,
    t: Option<T>,
}

impl<T> Pair<T> {
    fn map<'s, U>(&'s self, f: impl Fn(&'s T) -> U) -> Pair<U> {
        Pair { v: f(&self.v), t: self.t.as_ref().map(f) }
    }
}

impl<'a> Pair<&'a [Real]> {
    /// The planes of a tensor; the tangent only if it is of interest.
    fn of(t: &'a Tensor, dual: bool) -> Self {
        Self { v: t.value(), t: t.tangent().filter(|_| dual) }
    }
}

impl Pair<Buffer> {
    fn stale(len: usize, dual: bool) -> Self {
        Self { v: Buffer::stale(len), t: dual.then(|| Buffer::stale(len)) }
    }

    fn tile(&mut self, rows: usize, cols: usize) -> Pair<TileMut<'_>> {
        Pair { v: TileMut::whole(&mut self.v, rows, cols), t: self.t.as_mut().map(|t| TileMut::whole(t, rows, cols)) }
    }
}

impl Pair<TileMut<'_>> {
    fn part(&mut self, rows: Range<usize>, cols: Range<usize>) -> Pair<TileMut<'_>> {
        Pair { v: self.v.part(rows.clone(), cols.clone()), t: self.t.as_mut().map(|t| t.part(rows, cols)) }
    }
}

/// The tiles of a tensor's planes.
fn tiles<'a>(t: &'a mut Tensor, rows: &[Range<usize>], cols: &[Range<usize>]) -> Vec<Pair<TileMut<'a>>> {
    let ld = t.cols();
    let (value, tangent) = t.planes_mut();
    let value = TileMut::grid(value, ld, rows, cols);
    match tangent {
        Some(tangent) => {
            let tangent = TileMut::grid(tangent, ld, rows, cols);
            value.into_iter().zip(tangent).map(|(v, t)| Pair { v, t: Some(t) }).collect()
        }
        None => value.into_iter().map(|v| Pair { v, t: None }).collect(),
    }
}

/// c = start + a·b, and ċ = start + ȧ·b + a·ḃ.
fn product(mut c: Pair<TileMut<'_>>, a: &Pair<Lhs<'_>>, b: &Pair<Rhs<'_>>, start: Start<'_>) {
    let all = 0..a.v.count();
    gemm_tile(&mut c.v, &a.v, all.clone(), b.v, start);
    let Some(c) = &mut c.t else { return };
    let mut start = start;
    if let Some(a) = &a.t {
        gemm_tile(c, a, all.clone(), b.v, start);
        start = Start::Add;
    }
    if let Some(b) = b.t {
        gemm_tile(c, &a.v, all, b, start);
        start = Start::Add;
    }
    if matches!(start, Start::Zero) {
        (0..c.rows()).for_each(|i| c.row(i).fill(0.0));
    }
}

/// The left-hand side `matrix` (m × k) of both planes.
fn left<'a>(planes: &Pair<&'a [Real]>, m: usize, k: usize, matrix: impl Fn(&'a [Real]) -> Matrix<'a>) -> Pair<Lhs<'a>> {
    planes.map(|p| Lhs::serial(matrix(p), m, k))
}

/// The right-hand side whose transpose is `matrix` (n × k) of both planes.
fn right<'a>(
    planes: &Pair<&'a [Real]>,
    n: usize,
    k: usize,
    matrix: impl Fn(&'a [Real]) -> Matrix<'a>,
) -> Pair<Right<'a>> {
    planes.map(|p| Right::serial(matrix(p), n, k))
}

/// Where one head of one sequence lies in a tensor (N, heads·D).
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    column: usize,
    ld: usize,
}

impl Place {
    /// Element (row, channel), from row `skip` of the sequence on.
    fn rows(self, data: &[Real], skip: usize) -> Matrix<'_> {
        Matrix::new(&data[(self.row + skip) * self.ld + self.column..], self.ld)
    }

    /// Element (channel, row).
    fn columns(self, data: &[Real], skip: usize) -> Matrix<'_> {
        self.rows(data, skip).flipped()
    }
}

/// Who sees whom in one sequence.
#[derive(Clone, Copy)]
struct Sight {
    /// Position of the first query among the keys.
    offset: usize,
    window: usize,
}

impl Sight {
    fn new(span: &Span, spec: &AttentionSpec) -> Self {
        Self { offset: span.kv.len() - span.q.len(), window: spec.window.unwrap_or(usize::MAX) }
    }

    /// Keys that query `i` sees.
    fn of(self, i: usize) -> Range<usize> {
        let end = self.offset + i + 1;
        end.saturating_sub(self.window)..end
    }

    /// Keys a block of queries needs, from a multiple of [`KC`] on.
    fn of_block(self, block: &Range<usize>) -> Range<usize> {
        let first = self.of(block.start).start;
        first - first % KC..self.offset + block.end
    }
}

/// The attention weights of a block of queries.
struct Weights {
    p: Pair<Buffer>,
    /// Columns of the tile: the keys, and those that share the last panel.
    width: usize,
    /// The keys of the tile.
    keys: Range<usize>,
}

/// Weights of queries `block` from packed `keys`; `q` is the block.
fn weights(
    q: &Pair<Lhs<'_>>,
    k: &Pair<Right<'_>>,
    block: &Range<usize>,
    sight: Sight,
    scale: Real,
    dual: bool,
) -> Weights {
    let keys = sight.of_block(block);
    let k = k.map(|k| k.view().panels(keys.start / NR..keys.end.div_ceil(NR)));
    let width = k.v.n;
    let mut p = Pair::stale(block.len() * width, dual);
    product(p.tile(block.len(), width), q, &k, Start::Zero);
    for (i, query) in block.clone().enumerate() {
        let seen = sight.of(query);
        let seen = seen.start - keys.start..seen.end - keys.start;
        let row = i * width..(i + 1) * width;
        softmax::softmax(&mut p.v[row.clone()], &seen, scale);
        if let Some(t) = &mut p.t {
            softmax::softmax_tangent(&mut t[row.clone()], &p.v[row], &seen, scale);
        }
    }
    Weights { p, width, keys }
}

/// Blocks of queries of one sequence, counted from its first query.
fn blocks(span: &Span) -> impl Iterator<Item = Range<usize>> + use<> {
    let n = span.q.len();
    (0..n).step_by(BLOCK).map(move |start| start..n.min(start + BLOCK))
}

/// Columns of each head.
fn heads(n: usize, d: usize) -> Vec<Range<usize>> {
    (0..n).map(|h| h * d..(h + 1) * d).collect()
}
