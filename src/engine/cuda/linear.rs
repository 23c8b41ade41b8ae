//! Linear maps and the products they are made of. Twin of `cpu/linear.rs`.
//!
//! Tangents follow the product rule, one product a term.

use std::ops::Range;
use std::sync::Arc;

use super::gpu::{Args, Gpu, Planes};
use super::memory::DeviceBuffer;
use super::module::LINEAR;
use crate::check;
use crate::error::Result;
use crate::model::{Orientation, Weight};
use crate::tensor::Tensor;

/// Rows and columns of a tile of the kernel.
const TILE: usize = 64;
/// Most tiles of rows at once.
const ROW_TILES: usize = 65535;

/// One side of a product: element (i, k) is number `at + i·row + k·step`.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) buffer: &'a DeviceBuffer,
    pub(super) at: usize,
    pub(super) row: usize,
    pub(super) step: usize,
}

/// The result: element (i, j) is number `at + i·row + j`.
#[derive(Clone, Copy)]
pub(super) struct Out<'a> {
    pub(super) buffer: &'a DeviceBuffer,
    pub(super) at: usize,
    pub(super) row: usize,
}

/// What a product is added to.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    Zero,
    /// One number a column.
    Bias(&'a DeviceBuffer, usize),
    /// What is there.
    Add,
}

/// c (m,n) = start + Σ over k of a·b
pub(super) fn product(
    gpu: &Gpu,
    c: Out<'_>,
    a: Side<'_>,
    b: Side<'_>,
    [m, n, k]: [usize; 3],
    start: Start<'_>,
) -> Result<()> {
    for first in (0..m).step_by(TILE * ROW_TILES) {
        let rows = (m - first).min(TILE * ROW_TILES);
        let args = Args::default().buffer(c.buffer, c.at + first * c.row)?;
        // without steps nothing is read, and the first number may lie behind the end
        let args = if k == 0 {
            args.optional(None)?.optional(None)?
        } else {
            args.buffer(a.buffer, a.at + first * a.row)?.buffer(b.buffer, b.at)?
        };
        let (args, code) = match start {
            Start::Zero => (args.optional(None)?, 0),
            Start::Bias(bias, at) => (args.buffer(bias, at)?, 1),
            Start::Add => (args.optional(None)?, 2),
        };
        let args = args.sizes([rows, n, k, a.row, a.step, b.row, b.step, c.row]).flag(code);
        gpu.launch(&LINEAR, "gemm", false, [n.div_ceil(TILE), rows.div_ceil(TILE), 1], args)?;
    }
    Ok(())
}

/// Both planes of a side.
pub(super) struct Sides<'a> {
    planes: Planes<'a>,
    at: usize,
    row: usize,
    step: usize,
}

impl<'a> Sides<'a> {
    pub(super) fn new(planes: Planes<'a>, at: usize, [row, step]: [usize; 2]) -> Self {
        Self { planes, at, row, step }
    }

    fn side(&self, buffer: &'a DeviceBuffer) -> Side<'a> {
        Side { buffer, at: self.at, row: self.row, step: self.step }
    }

    fn value(&self) -> Side<'a> {
        self.side(self.planes.value)
    }

    fn tangent(&self) -> Option<Side<'a>> {
        self.planes.tangent.map(|t| self.side(t))
    }
}

/// c = start + a·b, and ċ = start + ȧ·b + a·ḃ if c has a tangent; `start` is zero or what is there.
pub(super) fn product_of_planes(
    gpu: &Gpu,
    (c, at, row): (Planes<'_>, usize, usize),
    a: &Sides<'_>,
    b: &Sides<'_>,
    size: [usize; 3],
    add: bool,
) -> Result<()> {
    let first = if add { Start::Add } else { Start::Zero };
    product(gpu, Out { buffer: c.value, at, row }, a.value(), b.value(), size, first)?;
    let Some(tangent) = c.tangent else { return Ok(()) };
    tangents(gpu, Out { buffer: tangent, at, row }, a, b, size, first)
}

/// ċ = start + ȧ·b + a·ḃ
fn tangents(gpu: &Gpu, c: Out<'_>, a: &Sides<'_>, b: &Sides<'_>, size: [usize; 3], mut start: Start<'_>) -> Result<()> {
    if let Some(a) = a.tangent() {
        product(gpu, c, a, b.value(), size, start)?;
        start = Start::Add;
    }
    if let Some(b) = b.tangent() {
        product(gpu, c, a.value(), b, size, start)?;
        start = Start::Add;
    }
    match start {
        Start::Add => Ok(()),
        // a product without steps leaves the start
        Start::Zero | Start::Bias(..) => product(gpu, c, a.value(), b.value(), [size[0], size[1], 0], start),
    }
}

/// Steps of (output, input) in the numbers of a weight.
fn strides(w: &Weight) -> [usize; 2] {
    match w.orientation {
        Orientation::OutIn => [w.d_in(), 1],
        Orientation::InOut => [1, w.d_out()],
    }
}

/// Columns `first..first + width` of y (N,O) = x (N,C) · Wᵀ + b, as (N, width) from the start of `y`; the value only.
pub(super) fn columns(
    gpu: &Arc<Gpu>,
    y: &DeviceBuffer,
    x: &Tensor,
    w: &Weight,
    b: Option<&Weight>,
    outputs: Range<usize>,
) -> Result<()> {
    let (n, c, width) = (x.rows(), w.d_in(), outputs.len());
    let [row, step] = strides(w);
    let weight = gpu.weight(w)?.value;
    let start = match b {
        Some(b) => Start::Bias(gpu.weight(b)?.value, outputs.start),
        None => Start::Zero,
    };
    let x = Side { buffer: Planes::of(x)?.value, at: 0, row: c, step: 1 };
    let w = Side { buffer: weight, at: outputs.start * row, row, step };
    product(gpu, Out { buffer: y, at: 0, row: width }, x, w, [n, width, c], start)
}

/// y (N,O) = x (N,C) · Wᵀ + b (O)
pub(super) fn forward(gpu: &Arc<Gpu>, y: &Tensor, x: &Tensor, w: &Weight, b: Option<&Weight>) -> Result<()> {
    check::linear(y, x, w, b)?;
    let (n, c, o) = (x.rows(), w.d_in(), w.d_out());
    let y = Planes::of(y)?;
    columns(gpu, y.value, x, w, b, 0..o)?;
    let Some(tangent) = y.tangent else { return Ok(()) };
    let x = Sides::new(Planes::of(x)?, 0, [c, 1]);
    let bias = b.map(|b| gpu.weight(b)).transpose()?.and_then(|b| b.tangent);
    let start = bias.map_or(Start::Zero, |b| Start::Bias(b, 0));
    let w = Sides::new(gpu.weight(w)?, 0, strides(w));
    tangents(gpu, Out { buffer: tangent, at: 0, row: o }, &x, &w, [n, o, c], start)
}

/// dx (N,C) += dy (N,O) · W
pub(super) fn backward(gpu: &Arc<Gpu>, dx: &Tensor, dy: &Tensor, w: &Weight, add: bool) -> Result<()> {
    check::linear_backward(dx, dy, w)?;
    let (n, c, o) = (dy.rows(), w.d_in(), w.d_out());
    let [output, input] = strides(w);
    let dy = Sides::new(Planes::of(dy)?, 0, [o, 1]);
    let w = Sides::new(gpu.weight(w)?, 0, [input, output]);
    product_of_planes(gpu, (Planes::of(dx)?, 0, c), &dy, &w, [n, c, o], add)
}

/// dW += dyᵀ · x over `rows`, in the orientation of `w` on disk.
pub(super) fn outer_acc(
    gpu: &Gpu,
    dw: &Tensor,
    x: &Tensor,
    dy: &Tensor,
    rows: &Range<usize>,
    w: &Weight,
) -> Result<()> {
    check::outer(dw, x, dy, rows, w)?;
    let (c, o) = (w.d_in(), w.d_out());
    let dw = Planes::of(dw)?;
    let dual = dw.tangent.is_some();
    let x = Sides::new(Planes::if_dual(x, dual)?, rows.start * c, [1, c]);
    let dy = Sides::new(Planes::if_dual(dy, dual)?, rows.start * o, [1, o]);
    match w.orientation {
        Orientation::OutIn => product_of_planes(gpu, (dw, 0, c), &dy, &x, [o, c, rows.len()], true),
        Orientation::InOut => product_of_planes(gpu, (dw, 0, o), &x, &dy, [c, o, rows.len()], true),
    }
}
