//! Rotary positions. Twin of `cpu/rope.rs`.

use super::gpu::{Args, Gpu, Planes, elements};
use super::module::ROPE;
use crate::check;
use crate::error::Result;
use crate::tensor::Tensor;

/// Turns the first 2·`inv_freq.len()` channels of each head of x (N,H·D).
pub(super) fn rotate(
    gpu: &Gpu,
    x: &Tensor,
    positions: &[u32],
    n_head: usize,
    inv_freq: &[f64],
    [interleaved, inverse]: [bool; 2],
) -> Result<()> {
    check::rotate(x, positions, n_head, inv_freq)?;
    let n = x.rows();
    if inv_freq.is_empty() || n == 0 {
        return Ok(());
    }
    let (positions, frequencies) = (gpu.constant(positions)?, gpu.constant(inv_freq)?);
    for plane in Planes::of(x)?.each() {
        let args = Args::default().buffer(plane, 0)?.block(&positions)?.sizes([n, n_head, x.cols() / n_head]);
        let args = args.block(&frequencies)?.sizes([inv_freq.len()]).flag(interleaved).flag(inverse);
        gpu.launch(&ROPE, "rotate", false, elements(n * inv_freq.len()), args)?;
    }
    Ok(())
}
