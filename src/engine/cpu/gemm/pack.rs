//! Operands of products: as they lie where a tile can read them so, else repacked.
//!
//! Right: panels of 32 columns, `[n / 32][k][32]`, missing columns zeros; or lines of whole panels. Left: panels of at
//! most 14 rows, as they lie or `[panel][k][16]`, missing rows zeros.

use std::ops::Range;

use rayon::prelude::*;

use super::transpose::{copy, transpose};
use super::{LHS_STRIDE, MAX_ROWS, NR};
use crate::model::{Orientation, Weight};
use crate::tensor::{Buffer, Real};

/// Numbers below which packing stays on one thread.
const SERIAL: usize = 1 << 15;
/// Numbers in a cache line.
const LINE: usize = 64 / size_of::<Real>();

/// Numbers that begin on a cache line.
#[derive(Debug)]
struct Aligned {
    store: Buffer,
    start: usize,
    len: usize,
}

impl Aligned {
    fn stale(len: usize) -> Self {
        let store = Buffer::stale(len + LINE);
        let start = store.as_ptr().align_offset(64).min(LINE);
        Self { store, start, len }
    }

    fn get(&self) -> &[Real] {
        &self.store[self.start..self.start + self.len]
    }

    fn get_mut(&mut self) -> &mut [Real] {
        &mut self.store[self.start..self.start + self.len]
    }
}

/// A matrix as it lies: element (i, k) is `data[i * ld + k]`, or `data[k * ld + i]` when `turned`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    pub(crate) data: &'a [Real],
    pub(crate) ld: usize,
    pub(crate) turned: bool,
}

impl<'a> Matrix<'a> {
    /// Element (i, k) at `i * ld + k`.
    pub(crate) fn new(data: &'a [Real], ld: usize) -> Self {
        Self { data, ld, turned: false }
    }

    /// The transpose.
    pub(crate) fn flipped(self) -> Self {
        Self { turned: !self.turned, ..self }
    }

    /// Elements (i, k) with k from `start` on.
    pub(crate) fn after_step(self, start: usize) -> Self {
        let skip = if self.turned { start * self.ld } else { start };
        Self { data: self.data.get(skip..).unwrap_or_default(), ..self }
    }

    /// Elements (i, k) with i from `start` on.
    pub(crate) fn after_row(self, start: usize) -> Self {
        self.flipped().after_step(start).flipped()
    }

    /// Element (i, k) at `k * ld + i`.
    pub(crate) fn turned(data: &'a [Real], ld: usize) -> Self {
        Self { data, ld, turned: true }
    }

    /// Whether a tile can read it where it is: its lines do not lie whole pages apart, which would drive each other out
    /// of the caches.
    fn is_read_well(&self) -> bool {
        const PAGE: usize = 4096 / size_of::<Real>();
        !self.ld.is_multiple_of(PAGE)
    }

    /// Writes elements (`i`, `k`) as `[k][width]`, zeros where `i` ends early.
    fn pack(&self, out: &mut [Real], i: Range<usize>, k: Range<usize>, width: usize) {
        if i.is_empty() || k.is_empty() {
            return out.fill(0.0);
        }
        if self.turned {
            copy(out, width, &self.data[k.start * self.ld + i.start..], self.ld, [i.len(), k.len()]);
        } else {
            transpose(out, width, &self.data[i.start * self.ld + k.start..], self.ld, [i.len(), k.len()]);
        }
    }
}

/// A matrix repacked into panels for products: the right-hand side, k × n.
#[derive(Debug)]
pub struct Packed {
    panels: Aligned,
    k: usize,
    n: usize,
}

impl Packed {
    /// The right-hand side whose element (k, n) is element (n, k) of `matrix`; on all threads if it pays.
    pub(crate) fn new(matrix: Matrix<'_>, n: usize, k: usize) -> Self {
        let mut panels = Aligned::stale(n.div_ceil(NR) * k * NR);
        let work = |(p, out): (usize, &mut [Real])| matrix.pack(out, p * NR..n.min((p + 1) * NR), 0..k, NR);
        if k == 0 {
            return Self { panels, k, n };
        }
        if n * k < SERIAL {
            panels.get_mut().chunks_exact_mut(k * NR).enumerate().for_each(work);
        } else {
            panels.get_mut().par_chunks_exact_mut(k * NR).enumerate().for_each(work);
        }
        Self { panels, k, n }
    }

    /// As [`Self::new`], on this thread.
    pub(crate) fn serial(matrix: Matrix<'_>, n: usize, k: usize) -> Self {
        let mut panels = Aligned::stale(n.div_ceil(NR) * k * NR);
        if k > 0 {
            for (p, out) in panels.get_mut().chunks_exact_mut(k * NR).enumerate() {
                matrix.pack(out, p * NR..n.min((p + 1) * NR), 0..k, NR);
            }
        }
        Self { panels, k, n }
    }

    /// For y = x·Wᵀ.
    pub(crate) fn of_weight(w: &Weight) -> Self {
        let (n, k) = (w.d_out(), w.d_in());
        Self::new(weight_matrix(w, &w.values()), n, k)
    }

    /// The same of the weight's tangent.
    pub(crate) fn of_tangent(w: &Weight, tangent: &[Real]) -> Self {
        Self::new(weight_matrix(w, tangent), w.d_out(), w.d_in())
    }

    /// All of it.
    pub(crate) fn view(&self) -> Rhs<'_> {
        Rhs { data: self.panels.get(), k: self.k, n: self.n, step: NR, stride: self.k * NR }
    }
}

/// A right-hand side that is used once: as it lies, or packed.
#[derive(Debug)]
pub(crate) enum Right<'a> {
    Lying(Rhs<'a>),
    Packed(Packed),
}

impl<'a> Right<'a> {
    /// The right-hand side whose element (k, n) is element (n, k) of `matrix`; on all threads if it pays.
    pub(crate) fn new(matrix: Matrix<'a>, n: usize, k: usize) -> Self {
        Self::lying(matrix, n, k).unwrap_or_else(|| Self::Packed(Packed::new(matrix, n, k)))
    }

    /// As [`Self::new`], on this thread.
    pub(crate) fn serial(matrix: Matrix<'a>, n: usize, k: usize) -> Self {
        Self::lying(matrix, n, k).unwrap_or_else(|| Self::Packed(Packed::serial(matrix, n, k)))
    }

    /// Steps of whole panels one after the other are read where they are.
    fn lying(matrix: Matrix<'a>, n: usize, k: usize) -> Option<Self> {
        let fits = matrix.turned && matrix.is_read_well() && n.is_multiple_of(NR) && k > 0;
        fits.then_some(Self::Lying(Rhs { data: matrix.data, k, n, step: matrix.ld, stride: NR }))
    }

    pub(crate) fn view(&self) -> Rhs<'_> {
        match self {
            Self::Lying(rhs) => *rhs,
            Self::Packed(packed) => packed.view(),
        }
    }
}

/// `values` of `w` as a matrix (output, input).
pub(crate) fn weight_matrix<'a>(w: &Weight, values: &'a [Real]) -> Matrix<'a> {
    match w.orientation {
        Orientation::OutIn => Matrix::new(values, w.d_in()),
        Orientation::InOut => Matrix::turned(values, w.d_out()),
    }
}

/// A right-hand side, or some of its columns or rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhs<'a> {
    pub(super) data: &'a [Real],
    pub(crate) k: usize,
    pub(crate) n: usize,
    /// Numbers from one step to the next.
    pub(super) step: usize,
    /// Numbers from one panel to the next.
    pub(super) stride: usize,
}

impl<'a> Rhs<'a> {
    /// Panels `range` (32 columns each).
    pub(crate) fn panels(self, range: Range<usize>) -> Self {
        let end = (range.end * NR).min(self.n);
        let data = &self.data[range.start * self.stride..];
        Self { data, n: end.saturating_sub(range.start * NR), ..self }
    }

    /// Rows `range` of every panel.
    pub(crate) fn rows(self, range: Range<usize>) -> Self {
        Self { data: &self.data[range.start * self.step..], k: range.len(), ..self }
    }

    /// Column `n` of a packed one: its numbers lie [`NR`] apart.
    pub(crate) fn column(self, n: usize) -> &'a [Real] {
        debug_assert!(self.step == NR, "the numbers of a column lie further apart");
        &self.data[n / NR * self.stride + n % NR..]
    }
}

/// The left-hand side in panels of nearly equal numbers of rows.
#[derive(Debug)]
pub(crate) struct Lhs<'a> {
    store: Left<'a>,
    m: usize,
    k: usize,
    count: usize,
}

/// Where its numbers are.
#[derive(Debug)]
enum Left<'a> {
    Lying(Matrix<'a>),
    Packed(Aligned),
}

impl<'a> Lhs<'a> {
    /// Rows 0..`m` of `matrix`; packed on all threads if it pays.
    pub(crate) fn new(matrix: Matrix<'a>, m: usize, k: usize) -> Self {
        let count = m.div_ceil(MAX_ROWS);
        if matrix.is_read_well() && k > 0 {
            return Self { store: Left::Lying(matrix), m, k, count };
        }
        let mut panels = Aligned::stale(count * k * LHS_STRIDE);
        let work = |(p, out): (usize, &mut [Real])| matrix.pack(out, panel_rows(m, count, p), 0..k, LHS_STRIDE);
        if k > 0 && m * k < SERIAL {
            panels.get_mut().chunks_exact_mut(k * LHS_STRIDE).enumerate().for_each(work);
        } else if k > 0 {
            panels.get_mut().par_chunks_exact_mut(k * LHS_STRIDE).enumerate().for_each(work);
        }
        Self { store: Left::Packed(panels), m, k, count }
    }

    /// As [`Self::new`], on this thread.
    pub(crate) fn serial(matrix: Matrix<'a>, m: usize, k: usize) -> Self {
        let count = m.div_ceil(MAX_ROWS);
        if matrix.is_read_well() && k > 0 {
            return Self { store: Left::Lying(matrix), m, k, count };
        }
        let mut panels = Aligned::stale(count * k * LHS_STRIDE);
        if k > 0 {
            for (p, out) in panels.get_mut().chunks_exact_mut(k * LHS_STRIDE).enumerate() {
                matrix.pack(out, panel_rows(m, count, p), 0..k, LHS_STRIDE);
            }
        }
        Self { store: Left::Packed(panels), m, k, count }
    }

    /// Number of panels.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Rows of panel `p`.
    pub(crate) fn panel_rows(&self, p: usize) -> Range<usize> {
        panel_rows(self.m, self.count, p)
    }

    /// Rows of panels `range` together.
    pub(crate) fn rows(&self, range: &Range<usize>) -> Range<usize> {
        self.panel_rows(range.start).start..self.panel_rows(range.end - 1).end
    }

    /// Steps `k` of panel `p`.
    pub(super) fn panel(&self, p: usize, k: &Range<usize>) -> LeftPanel<'_> {
        match &self.store {
            Left::Packed(panels) => {
                let start = p * self.k * LHS_STRIDE;
                let data = &panels.get()[start + k.start * LHS_STRIDE..start + k.end * LHS_STRIDE];
                LeftPanel { data, row: 1, step: LHS_STRIDE }
            }
            Left::Lying(matrix) => {
                let (rows, ld) = (self.panel_rows(p), matrix.ld);
                let (lines, inside) = if matrix.turned { (k, &rows) } else { (&rows, k) };
                let end = lines.end.saturating_sub(1) * ld + inside.end;
                let data = &matrix.data[lines.start * ld + inside.start..end];
                if matrix.turned { LeftPanel { data, row: 1, step: ld } } else { LeftPanel { data, row: ld, step: 1 } }
            }
        }
    }
}

/// Some steps of a panel of the left-hand side, from its first number to its last or further.
pub(super) struct LeftPanel<'a> {
    pub(super) data: &'a [Real],
    /// Numbers from one row to the next.
    pub(super) row: usize,
    /// Numbers from one step to the next.
    pub(super) step: usize,
}

/// Rows of panel `p` of `count`: their numbers differ by at most one.
fn panel_rows(m: usize, count: usize, p: usize) -> Range<usize> {
    p * m / count..(p + 1) * m / count
}
