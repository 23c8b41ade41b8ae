//! Attention on tensor cores: forward and backward of values in `tf32` and `bf16`, heads of at most 256 channels.

use std::sync::Arc;

use super::attention::{MAX_SPANS, SpansOnCard, stats, with_spec};
use super::gpu::{Args, Gpu, Planes};
use super::memory::DeviceBuffer;
use super::module::{
    KernelFile, TENSOR_ATTENTION_32, TENSOR_ATTENTION_64, TENSOR_ATTENTION_96, TENSOR_ATTENTION_128,
    TENSOR_ATTENTION_256,
};
use crate::error::Result;
use crate::kernels::{AttentionSpec, Span};
use crate::precision::Precision;
use crate::tensor::Tensor;

/// Queries or keys of a block.
const BLOCK_ROWS: usize = 128;

/// The kernels for a size of heads.
struct Kernels {
    file: &'static KernelFile,
    forward: &'static str,
    stats: &'static str,
    backward: [&'static str; 3],
}

macro_rules! kernels_of {
    ($d_head:expr, $precision:expr, $($size:literal in $file:ident),*) => {
        match $precision {
            Precision::F32 => None,
            $(Precision::Bf16 if $d_head <= $size => Some(kernels_of!($file, concat!("_", $size, "_bf16"))),)*
            $(Precision::Tf32 if $d_head <= $size => Some(kernels_of!($file, concat!("_", $size, "_tf32"))),)*
            Precision::Bf16 | Precision::Tf32 => None,
        }
    };
    ($file:ident, concat!($($part:literal),*)) => {
        Kernels {
            file: &$file,
            forward: concat!("tensor_forward", $($part),*),
            stats: concat!("tensor_stats", $($part),*),
            backward: [
                concat!("tensor_backward_q", $($part),*),
                concat!("tensor_backward_k", $($part),*),
                concat!("tensor_backward_v", $($part),*),
            ],
        }
    };
}

/// The kernels for these heads; none where there are none.
fn kernels(spec: &AttentionSpec, precision: Precision) -> Option<Kernels> {
    kernels_of!(
        spec.d_head, precision,
        32 in TENSOR_ATTENTION_32,
        64 in TENSOR_ATTENTION_64,
        96 in TENSOR_ATTENTION_96,
        128 in TENSOR_ATTENTION_128,
        256 in TENSOR_ATTENTION_256
    )
}

/// Whether tensor cores are of use: a block would multiply single queries, as decoding has them, by 128 rows of nothing.
pub(super) fn applies(spans: &[Span], spec: &AttentionSpec, precision: Precision, dual: bool) -> bool {
    !dual && kernels(spec, precision).is_some() && spans.iter().any(|span| span.q.len() > 1)
}

/// z (N,H·D) = softmax(scale·q·kᵀ, causal) · v; does nothing where [`applies`] is false.
pub(super) fn forward(
    gpu: &Arc<Gpu>,
    precision: Precision,
    z: &Tensor,
    qkv: [&Tensor; 3],
    spans: &[Span],
    spec: &AttentionSpec,
) -> Result<()> {
    let Some(kernels) = kernels(spec, precision) else { return Ok(()) };
    let z = Planes::of(z)?.value;
    for part in spans.chunks(MAX_SPANS) {
        let spans = SpansOnCard::new(gpu, part)?;
        let args = values(Args::default().buffer(z, 0)?, &qkv)?;
        let grid = spans.over_queries(BLOCK_ROWS, spec);
        gpu.launch(kernels.file, kernels.forward, false, grid, with_spec(spans.after(args)?, spec))?;
    }
    Ok(())
}

/// dq, dk, dv += ∂L/∂(q, k, v); does nothing where [`applies`] is false.
pub(super) fn backward_acc(
    gpu: &Arc<Gpu>,
    precision: Precision,
    dqkv: [&Tensor; 3],
    dz: &Tensor,
    qkv: [&Tensor; 3],
    spans: &[Span],
    spec: &AttentionSpec,
) -> Result<()> {
    let Some(kernels) = kernels(spec, precision) else { return Ok(()) };
    let stats = stats(gpu, qkv[0], spec)?;
    let inputs = |args: Args, spans: &SpansOnCard| -> Result<Args> {
        let args = values(args.buffer(&stats, 0)?, &[dz])?;
        Ok(with_spec(spans.after(values(args, &qkv)?)?, spec))
    };
    for part in spans.chunks(MAX_SPANS) {
        let spans = SpansOnCard::new(gpu, part)?;
        let [queries, keys] = [spans.over_queries(BLOCK_ROWS, spec), spans.over_keys(BLOCK_ROWS, spec)];
        gpu.launch(kernels.file, kernels.stats, false, queries, inputs(Args::default(), &spans)?)?;
        for ((name, out), grid) in kernels.backward.into_iter().zip(dqkv).zip([queries, keys, keys]) {
            let args = inputs(Args::default().buffer(Planes::of(out)?.value, 0)?, &spans)?;
            gpu.launch(kernels.file, name, false, grid, args)?;
        }
    }
    Ok(())
}

/// The values of tensors as arguments.
fn values(args: Args, tensors: &[&Tensor]) -> Result<Args> {
    let each: Vec<&DeviceBuffer> = tensors.iter().map(|t| Ok(Planes::of(t)?.value)).collect::<Result<_>>()?;
    each.into_iter().try_fold(args, |args, buffer| args.buffer(buffer, 0))
}
