//! Linear maps and the products they are made of. Twin of `cpu/linear.rs`.
//!
//! Tangents follow the product rule, one product a term.

use std::ops::Range;
use std::sync::Arc;

use super::gpu::{Gpu, Planes};
use super::memory::DeviceBuffer;
use super::product::{Out, Side, Start, product};
use crate::check;
use crate::error::Result;
use crate::model::{Orientation, Weight};
use crate::precision::Precision;
use crate::tensor::Tensor;

/// Both planes of a side.
pub(super) struct Sides<'a> {
    planes: Planes<'a>,
    narrow: Option<&'a DeviceBuffer>,
    at: usize,
    row: usize,
    step: usize,
}

impl<'a> Sides<'a> {
    pub(super) fn new(planes: Planes<'a>, at: usize, [row, step]: [usize; 2]) -> Self {
        Self { planes, narrow: None, at, row, step }
    }

    /// A parameter, with its narrow copy where the precision takes it.
    fn of_weight(gpu: &Arc<Gpu>, precision: Precision, w: &'a Weight, steps: [usize; 2]) -> Result<Self> {
        let narrow = if precision == Precision::Bf16 { Some(gpu.narrow_weight(w)?) } else { None };
        Ok(Self { narrow, ..Self::new(gpu.weight(w)?, 0, steps) })
    }

    fn value(&self) -> Side<'a> {
        let Self { at, row, step, narrow, .. } = *self;
        Side { buffer: self.planes.value, narrow, at, row, step }
    }

    fn tangent(&self) -> Option<Side<'a>> {
        let Self { at, row, step, .. } = *self;
        self.planes.tangent.map(|buffer| Side { buffer, narrow: None, at, row, step })
    }
}

/// c = start + a·b, and ċ = start + ȧ·b + a·ḃ if c has a tangent; `start` is zero or what is there.
pub(super) fn product_of_planes(
    gpu: &Arc<Gpu>,
    precision: Precision,
    (c, at, row): (Planes<'_>, usize, usize),
    [a, b]: [&Sides<'_>; 2],
    size: [usize; 3],
    add: bool,
) -> Result<()> {
    let first = if add { Start::Add } else { Start::Zero };
    product(gpu, precision, Out { buffer: c.value, at, row }, [a.value(), b.value()], size, first)?;
    let Some(tangent) = c.tangent else { return Ok(()) };
    tangents(gpu, precision, Out { buffer: tangent, at, row }, [a, b], size, first)
}

/// ċ = start + ȧ·b + a·ḃ
fn tangents(
    gpu: &Arc<Gpu>,
    precision: Precision,
    c: Out<'_>,
    [a, b]: [&Sides<'_>; 2],
    size: [usize; 3],
    mut start: Start<'_>,
) -> Result<()> {
    for sides in [a.tangent().map(|a| [a, b.value()]), b.tangent().map(|b| [a.value(), b])].into_iter().flatten() {
        product(gpu, precision, c, sides, size, start)?;
        start = Start::Add;
    }
    match start {
        Start::Add => Ok(()),
        // a product without steps leaves the start
        Start::Zero | Start::Bias(..) => {
            product(gpu, precision, c, [a.value(), b.value()], [size[0], size[1], 0], start)
        }
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
    precision: Precision,
    y: &DeviceBuffer,
    x: &Tensor,
    w: &Weight,
    b: Option<&Weight>,
    outputs: Range<usize>,
) -> Result<()> {
    let (n, c, width) = (x.rows(), w.d_in(), outputs.len());
    let [row, step] = strides(w);
    let start = match b {
        Some(b) => Start::Bias(gpu.weight(b)?.value, outputs.start),
        None => Start::Zero,
    };
    let x = Side { buffer: Planes::of(x)?.value, narrow: None, at: 0, row: c, step: 1 };
    let w = Sides::of_weight(gpu, precision, w, [row, step])?.value();
    let w = Side { at: outputs.start * row, ..w };
    product(gpu, precision, Out { buffer: y, at: 0, row: width }, [x, w], [n, width, c], start)
}

/// y (N,O) = x (N,C) · Wᵀ + b (O)
pub(super) fn forward(
    gpu: &Arc<Gpu>,
    precision: Precision,
    y: &Tensor,
    x: &Tensor,
    w: &Weight,
    b: Option<&Weight>,
) -> Result<()> {
    check::linear(y, x, w, b)?;
    let (n, c, o) = (x.rows(), w.d_in(), w.d_out());
    let y = Planes::of(y)?;
    columns(gpu, precision, y.value, x, w, b, 0..o)?;
    let Some(tangent) = y.tangent else { return Ok(()) };
    let x = Sides::new(Planes::of(x)?, 0, [c, 1]);
    let bias = b.map(|b| gpu.weight(b)).transpose()?.and_then(|b| b.tangent);
    let start = bias.map_or(Start::Zero, |b| Start::Bias(b, 0));
    let w = Sides::of_weight(gpu, precision, w, strides(w))?;
    tangents(gpu, precision, Out { buffer: tangent, at: 0, row: o }, [&x, &w], [n, o, c], start)
}

/// dx (N,C) += dy (N,O) · W
pub(super) fn backward(
    gpu: &Arc<Gpu>,
    precision: Precision,
    dx: &Tensor,
    dy: &Tensor,
    w: &Weight,
    add: bool,
) -> Result<()> {
    check::linear_backward(dx, dy, w)?;
    let (n, c, o) = (dy.rows(), w.d_in(), w.d_out());
    let [output, input] = strides(w);
    let dy = Sides::new(Planes::of(dy)?, 0, [o, 1]);
    let w = Sides::of_weight(gpu, precision, w, [input, output])?;
    product_of_planes(gpu, precision, (Planes::of(dx)?, 0, c), [&dy, &w], [n, c, o], add)
}

/// dW += dyᵀ · x over `rows`, in the orientation of `w` on disk.
pub(super) fn outer_acc(
    gpu: &Arc<Gpu>,
    precision: Precision,
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
        Orientation::OutIn => product_of_planes(gpu, precision, (dw, 0, c), [&dy, &x], [o, c, rows.len()], true),
        Orientation::InOut => product_of_planes(gpu, precision, (dw, 0, o), [&x, &dy], [c, o, rows.len()], true),
    }
}
