//! Layer norm and RMS norm, row by row.
//!
//! Layer: x̂ = (x − mean)/√(var + eps), y = x̂·gain + bias; RMS leaves the mean and the bias out.
//! Backward: with g = gain·dy, dx += (g − mean g − x̂·mean(g·x̂))/s; RMS without mean g.
#![expect(clippy::inline_always, reason = "bodies are compiled per instruction set")]

use rayon::prelude::*;

use super::scalar::{Dual, Scalar, Source, sum};
use super::simd::{Job, simd};
use crate::check;
use crate::error::Result;
use crate::model::{Norm, Weight};
use crate::tensor::{Real, Tensor};

/// Numbers a task works on.
const BLOCK: usize = 1 << 14;

fn rows_per_task(cols: usize) -> usize {
    (BLOCK / cols.max(1)).max(1)
}

/// y = norm(x)·gain + bias
pub(super) fn forward(y: &mut Tensor, x: &Tensor, gain: &Weight, bias: Option<&Weight>, norm: Norm) -> Result<()> {
    check::norm(y, x, gain, bias)?;
    if y.is_dual() {
        forward_as::<Dual>(y, x, gain, bias, norm);
    } else {
        forward_as::<Real>(y, x, gain, bias, norm);
    }
    Ok(())
}

fn forward_as<S: Scalar>(y: &mut Tensor, x: &Tensor, gain: &Weight, bias: Option<&Weight>, norm: Norm) {
    let c = x.cols();
    let (gain_values, bias_values) = (gain.values(), bias.map(Weight::values));
    let x = Source::of(x, c);
    let gain = Source::new(&gain_values, gain.tangent(), c);
    let bias = bias_values.as_deref().map(|values| Source::new(values, bias.and_then(Weight::tangent), c));
    let size = rows_per_task(c);
    S::blocks(y, size * c).into_par_iter().enumerate().for_each(|(block, mut y)| {
        for i in 0..size.min(x.value.len() / c - block * size) {
            let row = (block * size + i) * c;
            let y = S::slice_mut(&mut y, i * c..(i + 1) * c);
            let bias = bias.as_ref().map(|b| S::read(b, 0..c));
            let (x, gain) = (S::read(&x, row..row + c), S::read(&gain, 0..c));
            simd(ForwardRow::<S> { y, x, gain, bias, norm });
        }
    });
}

/// (mean, 1/s) of a row; the mean is 0 for RMS.
#[inline(always)]
fn moments<S: Scalar>(x: S::Row<'_>, n: usize, norm: Norm) -> (S, S) {
    let count = S::lift(n as Real);
    match norm {
        Norm::Layer { eps } => {
            let mean = sum(n, |i| S::at(x, i)) / count;
            let square = |i| {
                let d = S::at(x, i) - mean;
                d * d
            };
            (mean, (sum(n, square) / count + S::lift(eps as Real)).rsqrt())
        }
        Norm::Rms { eps } => {
            let square = sum(n, |i| S::at(x, i) * S::at(x, i));
            (S::lift(0.0), (square / count + S::lift(eps as Real)).rsqrt())
        }
    }
}

/// y = norm(x)·gain + bias
struct ForwardRow<'a, S: Scalar> {
    y: S::RowMut<'a>,
    x: S::Row<'a>,
    gain: S::Row<'a>,
    bias: Option<S::Row<'a>>,
    norm: Norm,
}

impl<S: Scalar> Job for ForwardRow<'_, S> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { mut y, x, gain, bias, norm } = self;
        let n = S::len(x);
        let (x, gain) = (S::slice(x, 0..n), S::slice(gain, 0..n));
        let mut y = S::slice_mut(&mut y, 0..n);
        let (mean, rstd) = moments::<S>(x, n, norm);
        match bias {
            Some(bias) => {
                let bias = S::slice(bias, 0..n);
                for i in 0..n {
                    S::put(&mut y, i, (S::at(x, i) - mean) * rstd * S::at(gain, i) + S::at(bias, i));
                }
            }
            None => {
                for i in 0..n {
                    S::put(&mut y, i, (S::at(x, i) - mean) * rstd * S::at(gain, i));
                }
            }
        }
    }
}

/// dx += ∂L/∂x; `dgain_rows` = dy ⊙ x̂
pub(super) fn backward_acc(
    dx: &mut Tensor,
    dgain_rows: Option<&mut Tensor>,
    dy: &Tensor,
    x: &Tensor,
    gain: &Weight,
    norm: Norm,
) -> Result<()> {
    check::norm_backward(dx, dgain_rows.as_deref(), dy, x, gain)?;
    if dx.is_dual() {
        backward_as::<Dual>(dx, dgain_rows, dy, x, gain, norm);
    } else {
        backward_as::<Real>(dx, dgain_rows, dy, x, gain, norm);
    }
    Ok(())
}

fn backward_as<S: Scalar>(
    dx: &mut Tensor,
    dgain: Option<&mut Tensor>,
    dy: &Tensor,
    x: &Tensor,
    gain: &Weight,
    norm: Norm,
) {
    let c = x.cols();
    let gain_values = gain.values();
    let (x, dy, gain) = (Source::of(x, c), Source::of(dy, c), Source::new(&gain_values, gain.tangent(), c));
    let size = rows_per_task(c);
    let dx = S::blocks(dx, size * c);
    let dgain: Vec<Option<S::RowMut<'_>>> = match dgain {
        Some(dgain) => S::blocks(dgain, size * c).into_iter().map(Some).collect(),
        None => dx.iter().map(|_| None).collect(),
    };
    dx.into_par_iter().zip(dgain).enumerate().for_each(|(block, (mut dx, mut dgain))| {
        for i in 0..size.min(x.value.len() / c - block * size) {
            let (row, part) = ((block * size + i) * c, i * c..(i + 1) * c);
            let read = |s| S::read(s, row..row + c);
            let dgain = dgain.as_mut().map(|d| S::slice_mut(d, part.clone()));
            simd(BackwardRow::<S> {
                dx: S::slice_mut(&mut dx, part),
                dgain,
                dy: read(&dy),
                x: read(&x),
                gain: S::read(&gain, 0..c),
                norm,
            });
        }
    });
}

/// dx += ∂L/∂x, dgain = dy ⊙ x̂
struct BackwardRow<'a, S: Scalar> {
    dx: S::RowMut<'a>,
    dgain: Option<S::RowMut<'a>>,
    dy: S::Row<'a>,
    x: S::Row<'a>,
    gain: S::Row<'a>,
    norm: Norm,
}

impl<S: Scalar> Job for BackwardRow<'_, S> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { mut dx, dgain, dy, x, gain, norm } = self;
        let n = S::len(x);
        let (x, dy, gain) = (S::slice(x, 0..n), S::slice(dy, 0..n), S::slice(gain, 0..n));
        let mut dx = S::slice_mut(&mut dx, 0..n);
        let (mean, rstd) = moments::<S>(x, n, norm);
        let count = S::lift(n as Real);
        let hat = |i| (S::at(x, i) - mean) * rstd;
        let g = |i| S::at(gain, i) * S::at(dy, i);
        let mean_g = match norm {
            Norm::Layer { .. } => sum(n, g) / count,
            Norm::Rms { .. } => S::lift(0.0),
        };
        let mean_gx = sum(n, |i| g(i) * hat(i)) / count;
        for i in 0..n {
            let d = (g(i) - mean_g - hat(i) * mean_gx) * rstd;
            let total = S::get(&dx, i) + d;
            S::put(&mut dx, i, total);
        }
        if let Some(mut dgain) = dgain {
            let mut dgain = S::slice_mut(&mut dgain, 0..n);
            for i in 0..n {
                S::put(&mut dgain, i, S::at(dy, i) * hat(i));
            }
        }
    }
}
