//! Causal attention over packed sequences, no matrix of weights in memory. Twin of `cpu/attention`.

use std::sync::Arc;

use super::gpu::{Args, Gpu, Planes};
use super::launch::Block;
use super::memory::DeviceBuffer;
use super::module::ATTENTION;
use super::tensor_attention;
use crate::check;
use crate::error::{Error, Result};
use crate::kernels::{AttentionSpec, Span};
use crate::precision::Precision;
use crate::tensor::{Real, Tensor};

/// Queries or keys of a block.
pub(super) const SIDE: usize = 32;
/// Numbers the kernels keep for each query and head.
const STATS: usize = 5;
/// Most channels of a head.
const MAX_CHANNELS: usize = 256;
/// Spans of one launch.
pub(super) const MAX_SPANS: usize = 65535;

/// Spans in the memory of a card, and their longest sides.
pub(super) struct SpansOnCard {
    block: Arc<Block>,
    count: usize,
    queries: usize,
    keys: usize,
}

impl SpansOnCard {
    /// The grid where a block has `rows` queries of a head.
    pub(super) fn over_queries(&self, rows: usize, spec: &AttentionSpec) -> [usize; 3] {
        [self.queries.div_ceil(rows), spec.n_head, self.count]
    }

    /// The grid where a block has `rows` keys of a head.
    pub(super) fn over_keys(&self, rows: usize, spec: &AttentionSpec) -> [usize; 3] {
        [self.keys.div_ceil(rows), spec.n_kv_head, self.count]
    }

    pub(super) fn new(gpu: &Gpu, spans: &[Span]) -> Result<Self> {
        let numbers: Vec<u64> =
            spans.iter().flat_map(|s| [s.q.start, s.q.end, s.kv.start, s.kv.end]).map(|n| n as u64).collect();
        Ok(Self {
            block: gpu.constant(&numbers)?,
            count: spans.len(),
            queries: spans.iter().map(|s| s.q.len()).max().unwrap_or(0),
            keys: spans.iter().map(|s| s.kv.len()).max().unwrap_or(0),
        })
    }

    /// As an argument.
    pub(super) fn after(&self, args: Args) -> Result<Args> {
        args.block(&self.block)
    }
}

/// Scratch of the kernels for these queries.
pub(super) fn stats(gpu: &Arc<Gpu>, q: &Tensor, spec: &AttentionSpec) -> Result<DeviceBuffer> {
    DeviceBuffer::stale::<Real>(gpu, STATS * q.rows() * spec.n_head)
}

/// The last arguments of every kernel of attention.
pub(super) fn with_spec(args: Args, spec: &AttentionSpec) -> Args {
    let args = args.sizes([spec.n_head, spec.n_kv_head, spec.d_head]).single(spec.scale as f32);
    args.sizes([spec.window.unwrap_or(0)])
}

/// Heads that the kernels take.
pub(super) fn check_heads(spec: &AttentionSpec) -> Result<()> {
    if spec.d_head <= MAX_CHANNELS {
        return Ok(());
    }
    Err(Error::device(format!("heads of {} channels are more than the {MAX_CHANNELS} that fit on a card", spec.d_head))
        .hint("use the device `cpu` for this model"))
}

/// Fills the statistics of every query: first of all.
pub(super) fn fill_stats(
    gpu: &Gpu,
    stats: &DeviceBuffer,
    [q, k]: [Planes<'_>; 2],
    spans: &SpansOnCard,
    spec: &AttentionSpec,
    dual: bool,
) -> Result<()> {
    let args = spans.after(Args::default().buffer(stats, 0)?.planes(q)?.planes(k)?)?;
    let grid = spans.over_queries(SIDE, spec);
    gpu.launch(&ATTENTION, "attention_stats", dual, grid, with_spec(args, spec))
}

/// z (N,H·D) = softmax(scale·q·kᵀ, causal) · v
pub(super) fn forward(
    gpu: &Arc<Gpu>,
    precision: Precision,
    z: &Tensor,
    qkv: [&Tensor; 3],
    spans: &[Span],
    spec: &AttentionSpec,
) -> Result<()> {
    check::attention(&[z, qkv[0]], &[qkv[1], qkv[2]], spans, spec)?;
    check_heads(spec)?;
    let dual = z.is_dual();
    if tensor_attention::applies(spans, spec, precision, dual) {
        return tensor_attention::forward(gpu, precision, z, qkv, spans, spec);
    }
    if !dual && spans.iter().all(|span| span.q.len() <= 1) {
        return decode(gpu, z, qkv, spans, spec);
    }
    let stats = stats(gpu, qkv[0], spec)?;
    let z = Planes::of(z)?;
    let [q, k, v] = [Planes::of(qkv[0])?, Planes::of(qkv[1])?, Planes::of(qkv[2])?];
    for part in spans.chunks(MAX_SPANS) {
        let spans = SpansOnCard::new(gpu, part)?;
        fill_stats(gpu, &stats, [q, k], &spans, spec, dual)?;
        let args = Args::default().planes(z)?.buffer(&stats, 0)?.planes(q)?.planes(k)?.planes(v)?;
        let grid = spans.over_queries(SIDE, spec);
        gpu.launch(&ATTENTION, "attention_forward", dual, grid, with_spec(spans.after(args)?, spec))?;
    }
    Ok(())
}

/// As [`forward`] for at most one query a sequence, with the same bits.
fn decode(gpu: &Arc<Gpu>, z: &Tensor, qkv: [&Tensor; 3], spans: &[Span], spec: &AttentionSpec) -> Result<()> {
    let [z, q, k, v] = [z, qkv[0], qkv[1], qkv[2]].map(Planes::of);
    let (z, q, k, v) = (z?.value, q?.value, k?.value, v?.value);
    for part in spans.chunks(MAX_SPANS) {
        let spans = SpansOnCard::new(gpu, part)?;
        let scores = DeviceBuffer::stale::<Real>(gpu, spans.count * spec.n_head * spans.keys)?;
        let args = Args::default().buffer(z, 0)?.buffer(&scores, 0)?.buffer(q, 0)?.buffer(k, 0)?.buffer(v, 0)?;
        let args = with_spec(spans.after(args)?.sizes([spans.keys]), spec);
        gpu.launch(&ATTENTION, "attention_decode", false, [spec.n_head, spans.count, 1], args)?;
    }
    Ok(())
}

/// dq, dk, dv += ∂L/∂(q, k, v)
pub(super) fn backward_acc(
    gpu: &Arc<Gpu>,
    precision: Precision,
    dqkv: [&Tensor; 3],
    dz: &Tensor,
    qkv: [&Tensor; 3],
    spans: &[Span],
    spec: &AttentionSpec,
) -> Result<()> {
    check::attention_backward(dqkv, dz, qkv, spans, spec)?;
    check_heads(spec)?;
    if tensor_attention::applies(spans, spec, precision, dqkv[0].is_dual()) {
        return tensor_attention::backward_acc(gpu, precision, dqkv, dz, qkv, spans, spec);
    }
    let stats = stats(gpu, qkv[0], spec)?;
    for part in spans.chunks(MAX_SPANS) {
        let spans = SpansOnCard::new(gpu, part)?;
        backward_of(gpu, dqkv, dz, qkv, (&spans, &stats), spec)?;
    }
    Ok(())
}

fn backward_of(
    gpu: &Gpu,
    [dq, dk, dv]: [&Tensor; 3],
    dz: &Tensor,
    [q, k, v]: [&Tensor; 3],
    (spans, stats): (&SpansOnCard, &DeviceBuffer),
    spec: &AttentionSpec,
) -> Result<()> {
    let dual = dq.is_dual();
    let [dq, dk, dv, dz] = [Planes::of(dq)?, Planes::of(dk)?, Planes::of(dv)?, Planes::of(dz)?];
    let [q, k, v] = [Planes::of(q)?, Planes::of(k)?, Planes::of(v)?];
    let [of_queries, of_keys] = [spans.over_queries(SIDE, spec), spans.over_keys(SIDE, spec)];
    fill_stats(gpu, stats, [q, k], spans, spec, dual)?;
    let launch = |name, grid, args: Args| gpu.launch(&ATTENTION, name, dual, grid, with_spec(args, spec));
    let to = |out: Planes<'_>| Args::default().planes(out)?.buffer(stats, 0);
    let inputs = |args: Args| args.planes(dz)?.planes(q)?.planes(k);
    let args = Args::default().buffer(stats, 0)?;
    launch("attention_backward_stats", of_queries, spans.after(inputs(args)?.planes(v)?)?)?;
    launch("attention_backward_q", of_queries, spans.after(inputs(to(dq)?)?.planes(v)?)?)?;
    launch("attention_backward_k", of_keys, spans.after(inputs(to(dk)?)?.planes(v)?)?)?;
    launch("attention_backward_v", of_keys, spans.after(inputs(to(dv)?)?)?)
}
