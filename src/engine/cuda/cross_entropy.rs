//! Loss and its gradient from logits. Twin of `cpu/cross_entropy.rs`.

use std::sync::Arc;

use super::gpu::{Args, Gpu, Planes};
use super::memory::DeviceBuffer;
use super::module::CROSS_ENTROPY;
use crate::check;
use crate::error::Result;
use crate::tensor::{Real, Tensor};

/// Turns logits into their gradient; returns each row's −ln p(target), 0 where the weight is 0.
pub(super) fn forward_backward(gpu: &Arc<Gpu>, logits: &Tensor, targets: &[u32], weights: &[Real]) -> Result<Vec<f64>> {
    let (n, vocab) = (logits.rows(), logits.cols());
    check::targets(targets, weights, n, vocab)?;
    if n == 0 || vocab == 0 {
        return Ok(vec![0.0; n]);
    }
    let losses = DeviceBuffer::stale::<f64>(gpu, n)?;
    let (targets, weights) = (DeviceBuffer::of(gpu, targets)?, DeviceBuffer::of(gpu, weights)?);
    let args = Args::default().planes(Planes::of(logits)?)?.buffer(&losses, 0)?;
    let args = args.buffer(&targets, 0)?.buffer(&weights, 0)?.sizes([n, vocab]);
    gpu.launch(&CROSS_ENTROPY, "cross_entropy", logits.is_dual(), [n, 1, 1], args)?;
    losses.read(n)
}
