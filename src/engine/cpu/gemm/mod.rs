//! Matrix products with one order of summation.
//!
//! Element (i, j) of a product is Σ over blocks of [`KC`] steps, in order, of a chain of fused multiply-adds over
//! the steps of the block, in order, starting at 0. That order is the same for every number of rows and columns,
//! every position, every number of threads and every kernel, so a row computed alone has the bits it has in a
//! batch. Blocks are counted from step 0 of the operands.
#![expect(unsafe_code, reason = "tiles of a result are written through pointers, by vector instructions")]
#![expect(clippy::inline_always, reason = "the body is compiled per instruction set")]

#[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
mod kernel_avx2;
#[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
mod kernel_avx512;
mod kernel_portable;
mod pack;
mod transpose;

use std::ops::Range;

use rayon::prelude::*;

pub use pack::Packed;
pub(crate) use pack::{Lhs, Matrix, Rhs, Right, weight_matrix};

use super::grid::TileMut;
use super::simd::{Job, Level, level, simd};
use crate::tensor::Real;

/// Columns of a panel of the right-hand side.
pub(crate) const NR: usize = 32;
/// Steps of a block.
pub(crate) const KC: usize = 256;
/// Most rows of a panel of the left-hand side.
const MAX_ROWS: usize = 14;
/// Numbers per step of a packed panel of the left-hand side.
const LHS_STRIDE: usize = 16;
/// Panels of the left-hand side that stay in the second cache.
const LHS_BLOCK: usize = 16;
/// Panels of the right-hand side that stay there with them.
const RHS_BLOCK: usize = 16;
/// Multiply-adds below which a product stays on one thread.
const SERIAL: usize = 1 << 19;

/// What the sums are added to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    /// 0.
    Zero,
    /// One number a column.
    Bias(&'a [Real]),
    /// What is there.
    Add,
}

/// A part of a product: `rows` rows and `panels` panels, over `k` steps.
struct Tile<'a> {
    rows: usize,
    panels: usize,
    k: usize,
    /// Row `i`, step `k` at `a + i * a_row + k * a_step`.
    a: *const Real,
    a_row: usize,
    a_step: usize,
    /// [`NR`] numbers at `b + k * b_step`, `panel_stride` further on those of the next panel.
    b: *const Real,
    b_step: usize,
    panel_stride: usize,
    c: *mut Real,
    ldc: usize,
    /// Columns that exist.
    cols: usize,
    start: Start<'a>,
}

impl Tile<'_> {
    /// Panel `p` of it.
    fn panel(&self, p: usize) -> Self {
        let start = match self.start {
            Start::Bias(bias) => Start::Bias(&bias[p * NR..]),
            other => other,
        };
        Tile {
            panels: 1,
            b: self.b.wrapping_add(p * self.panel_stride),
            c: self.c.wrapping_add(p * NR),
            cols: (self.cols - p * NR).min(NR),
            start,
            ..*self
        }
    }

    /// Computes it with the fastest kernel.
    ///
    /// # Safety
    /// The pointers must cover what the fields say.
    unsafe fn run(&self) {
        // SAFETY: the features were detected; the rest is promised by the caller.
        unsafe {
            match level() {
                #[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
                Level::Avx512 => kernel_avx512::run(self),
                #[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
                Level::Avx2 => kernel_avx2::run(self),
                _ => kernel_portable::run(self),
            }
        }
    }
}

/// start + x·column: one element of a product, with the bits it has there. The numbers of the column lie
/// [`NR`] apart.
pub(crate) fn element(x: &[Real], column: &[Real], start: Real) -> Real {
    simd(Element { x, column, start })
}

/// What [`element`] computes.
struct Element<'a> {
    x: &'a [Real],
    column: &'a [Real],
    start: Real,
}

impl Job for Element<'_> {
    type Out = Real;

    #[inline(always)]
    fn run(self) -> Real {
        let Self { x, column, start } = self;
        let chain = Chain::here();
        let mut column = column.iter().step_by(NR);
        x.chunks(KC).fold(start, |total, x| {
            total + x.iter().zip(column.by_ref()).fold(0.0, |sum: Real, (&a, &b)| chain.step(a, b, sum))
        })
    }
}

/// How the kernels of this machine join products to a chain, for those who form an element elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct Chain {
    fused: bool,
}

impl Chain {
    #[inline(always)]
    pub(crate) fn here() -> Self {
        Self { fused: level() != Level::Base && size_of::<Real>() == 4 }
    }

    /// sum + a·b
    #[inline(always)]
    pub(crate) fn step(self, a: Real, b: Real, sum: Real) -> Real {
        if self.fused { a.mul_add(b, sum) } else { kernel_portable::step(a, b, sum) }
    }
}

/// c = start + a·b, on all threads. `c` has the rows of `a` and `ldc` numbers a row.
pub(crate) fn gemm(c: &mut [Real], ldc: usize, a: &Lhs<'_>, b: Rhs<'_>, start: Start<'_>) {
    if a.count() == 0 || b.n == 0 {
        return;
    }
    let (rows, columns) = grid(a, b);
    let tiles = TileMut::grid(c, ldc, &row_ranges(a, &rows), &column_ranges(b, &columns));
    let places = rows.iter().flat_map(|r| columns.iter().map(move |c| (r.clone(), c.clone())));
    let mut tasks: Vec<_> = places.zip(tiles).collect();
    if b.n > a.rows(&(0..a.count())).len() {
        // neighbors in time share columns: the larger operand is read once
        tasks.sort_by_key(|((_, columns), _)| columns.start);
    }
    let run = |((rows, columns), mut tile): ((Range<usize>, Range<usize>), TileMut<'_>)| {
        let start = match start {
            Start::Bias(bias) => Start::Bias(&bias[columns.start * NR..]),
            other => other,
        };
        gemm_tile(&mut tile, a, rows, b.panels(columns), start);
    };
    if b.k * b.n * a.rows(&(0..a.count())).len().max(8) < SERIAL || rayon::current_num_threads() == 1 {
        tasks.into_iter().for_each(run);
    } else {
        tasks.into_par_iter().for_each(run);
    }
}

/// Blocks of panels of both sides: several tasks a thread, so that a busy core holds nobody up, and as many for
/// each thread where that can be.
fn grid(a: &Lhs<'_>, b: Rhs<'_>) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    // a task of a long chain reads all of its rows of one side: few tasks read them few times
    let tasks = if b.k > 8 * KC { 2 } else { 8 };
    let panels = b.n.div_ceil(NR);
    let threads = rayon::current_num_threads();
    let row_blocks = a.count().div_ceil(LHS_BLOCK);
    let least = (threads * tasks).div_ceil(row_blocks).max(panels.div_ceil(RHS_BLOCK));
    let fair = (least..least + threads).find(|c| (c * row_blocks).is_multiple_of(threads)).unwrap_or(least);
    (even(a.count(), row_blocks), even(panels, fair.clamp(1, panels)))
}

/// 0..n in `parts` nearly equal parts.
fn even(n: usize, parts: usize) -> Vec<Range<usize>> {
    (0..parts).map(|p| p * n / parts..(p + 1) * n / parts).collect()
}

fn row_ranges(a: &Lhs<'_>, blocks: &[Range<usize>]) -> Vec<Range<usize>> {
    blocks.iter().map(|r| a.rows(r)).collect()
}

fn column_ranges(b: Rhs<'_>, blocks: &[Range<usize>]) -> Vec<Range<usize>> {
    blocks.iter().map(|c| c.start * NR..(c.end * NR).min(b.n)).collect()
}

/// c = start + a·b for panels `panels` of `a`, on this thread.
pub(crate) fn gemm_tile(c: &mut TileMut<'_>, a: &Lhs<'_>, panels: Range<usize>, b: Rhs<'_>, start: Start<'_>) {
    let rows = if panels.is_empty() { 0..0 } else { a.rows(&panels) };
    assert!(c.rows() >= rows.len() && c.cols() >= b.n, "the result of a product is too small");
    if let Start::Bias(bias) = start {
        assert!(bias.len() >= b.n, "the bias of a product is too short");
    }
    let blocks = b.k.div_ceil(KC).max(1);
    let columns = b.n.div_ceil(NR);
    let mut one = |block: usize, column: usize, width: usize, p: usize| {
        let k = block * KC..b.k.min((block + 1) * KC);
        let r = a.panel_rows(p);
        let data = &b.data[column * b.stride + k.start * b.step..];
        let end = (width - 1) * b.stride + k.len().saturating_sub(1) * b.step + NR;
        assert!(k.is_empty() || data.len() >= end, "a panel is too short");
        let panel = a.panel(p, &k);
        let tile = Tile {
            rows: r.len(),
            panels: width,
            k: k.len(),
            a: panel.data.as_ptr(),
            a_row: panel.row,
            a_step: panel.step,
            b: data.as_ptr(),
            b_step: b.step,
            panel_stride: b.stride,
            c: c.at(r.start - rows.start, column * NR),
            ldc: c.ld(),
            cols: (b.n - column * NR).min(width * NR),
            start: match (block, start) {
                (0, Start::Bias(bias)) => Start::Bias(&bias[column * NR..]),
                (0, start) => start,
                _ => Start::Add,
            },
        };
        // SAFETY: `a.panel` and `data` have k steps of all rows and panels, and the tile lies inside `c`.
        unsafe { tile.run() }
    };
    // few rows: read each panel once, from front to back; many rows: keep a block of both sides in the caches
    if panels.len() <= 2 {
        let few = a.rows(&panels).len() <= 2;
        let mut column = 0;
        while column < columns {
            let width = if few && columns - column >= 4 { 4 } else { 1 };
            for block in 0..blocks {
                panels.clone().for_each(|p| one(block, column, width, p));
            }
            column += width;
        }
    } else {
        for block in 0..blocks {
            for column in 0..columns {
                panels.clone().for_each(|p| one(block, column, 1, p));
            }
        }
    }
}

/// c = start + a·b on this thread; `c` has `ldc` numbers a row.
pub(crate) fn gemm_serial(c: &mut [Real], ldc: usize, a: &Lhs<'_>, b: Rhs<'_>, start: Start<'_>) {
    if a.count() > 0 && b.n > 0 {
        let rows = a.rows(&(0..a.count()));
        for mut tile in TileMut::grid(c, ldc, &[rows], std::slice::from_ref(&(0..b.n))) {
            gemm_tile(&mut tile, a, 0..a.count(), b, start);
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::noise;
