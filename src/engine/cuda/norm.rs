//! Normalization of rows. Twin of `cpu/norm.rs`.

use std::sync::Arc;

use super::gpu::{Args, Gpu, Planes, warps};
use super::module::NORM;
use crate::check;
use crate::error::Result;
use crate::model::{Norm, Weight};
use crate::tensor::Tensor;

/// ε, and whether rows keep their mean.
fn kind(norm: Norm) -> (f64, bool) {
    match norm {
        Norm::Layer { eps } => (eps, false),
        Norm::Rms { eps } => (eps, true),
    }
}

/// y = norm(x)·gain + bias
pub(super) fn forward(
    gpu: &Arc<Gpu>,
    y: &Tensor,
    x: &Tensor,
    gain: &Weight,
    bias: Option<&Weight>,
    norm: Norm,
) -> Result<()> {
    check::norm(y, x, gain, bias)?;
    let (eps, is_rms) = kind(norm);
    let bias = bias.map(|b| gpu.weight(b)).transpose()?;
    let args = Args::default().planes(Planes::of(y)?)?.planes(Planes::of(x)?)?;
    let args = args.planes(gpu.weight(gain)?)?.optional_planes(bias)?.sizes([x.rows(), x.cols()]);
    gpu.launch(&NORM, "norm_forward", y.is_dual(), warps(x.rows()), args.double(eps).flag(is_rms))
}

/// dx += ∂L/∂x; each row's contribution to the gain, if asked for.
pub(super) fn backward_acc(
    gpu: &Arc<Gpu>,
    dx: &Tensor,
    dgain_rows: Option<&Tensor>,
    [dy, x]: [&Tensor; 2],
    gain: &Weight,
    norm: Norm,
) -> Result<()> {
    check::norm_backward(dx, dgain_rows, dy, x, gain)?;
    let dual = dx.is_dual();
    check::that(dgain_rows.is_none_or(|d| d.is_dual() == dual), || {
        "norm backward: only one result has a tangent".to_owned()
    })?;
    let (eps, is_rms) = kind(norm);
    let dgain = dgain_rows.map(Planes::of).transpose()?;
    let args = Args::default().planes(Planes::of(dx)?)?.optional_planes(dgain)?.planes(Planes::of(dy)?)?;
    let args = args.planes(Planes::of(x)?)?.planes(gpu.weight(gain)?)?.sizes([x.rows(), x.cols()]);
    gpu.launch(&NORM, "norm_backward_acc", dual, warps(x.rows()), args.double(eps).flag(is_rms))
}
