//! Nonlinearities. Twin of `cpu/activation.rs`.

use super::gpu::{Args, Gpu, Planes, elements};
use super::module::ACTIVATION;
use crate::check;
use crate::error::Result;
use crate::model::Activation;
use crate::tensor::Tensor;

/// The number of a curve in the kernels.
fn code(f: Activation) -> i32 {
    match f {
        Activation::GeluTanh => 0,
        Activation::GeluErf => 1,
        Activation::Silu => 2,
        Activation::Relu => 3,
    }
}

/// A kernel over all elements of `tensors`, those that are written first.
fn run(gpu: &Gpu, name: &'static str, tensors: &[&Tensor], f: Activation) -> Result<()> {
    let [first, ..] = tensors else { return Ok(()) };
    let mut args = Args::default();
    for tensor in tensors {
        args = args.planes(Planes::of(tensor)?)?;
    }
    let n = first.len();
    gpu.launch(&ACTIVATION, name, first.is_dual(), elements(n), args.sizes([n]).flag(code(f)))
}

/// y = f(x)
pub(super) fn forward(gpu: &Gpu, y: &Tensor, x: &Tensor, f: Activation) -> Result<()> {
    check::same("activation", y, &[x])?;
    run(gpu, "activation_forward", &[y, x], f)
}

/// dx = dy ⊙ f'(x)
pub(super) fn backward(gpu: &Gpu, dx: &Tensor, dy: &Tensor, x: &Tensor, f: Activation) -> Result<()> {
    check::same("activation backward", dx, &[dy, x])?;
    run(gpu, "activation_backward", &[dx, dy, x], f)
}

/// y = f(gate) ⊙ up
pub(super) fn gate(gpu: &Gpu, y: &Tensor, gate: &Tensor, up: &Tensor, f: Activation) -> Result<()> {
    check::same("gate", y, &[gate, up])?;
    run(gpu, "gate_forward", &[y, gate, up], f)
}

/// dgate, dup = ∂L/∂(gate, up)
pub(super) fn gate_backward(
    gpu: &Gpu,
    [dgate, dup]: [&Tensor; 2],
    [dy, gate, up]: [&Tensor; 3],
    f: Activation,
) -> Result<()> {
    check::gate_backward(dgate, dup, [dy, gate, up])?;
    run(gpu, "gate_backward", &[dgate, dup, dy, gate, up], f)
}
