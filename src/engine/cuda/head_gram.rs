//! Inner products of the logit gradients of all rows, the vocabulary a slice at a time. Twin of `cpu/head_gram.rs`.
//!
//! The softmax of a row must be known before its gradient, so the logits are formed twice.

use std::sync::Arc;

use super::gpu::{Args, Gpu, Planes, elements, warps};
use super::head::slices;
use super::linear;
use super::memory::DeviceBuffer;
use super::module::HEAD_GRAM;
use super::product::{Out, Side, Start, product};
use crate::check;
use crate::error::Result;
use crate::head_parts::{CHUNK, GramPart, normalizer};
use crate::model::Weight;
use crate::precision::Precision;
use crate::tensor::{Real, Tensor};

/// What a chunk says about a row, as the kernel writes it.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct RawPart {
    others: f64,
    top: f32,
    own: f32,
    has_own: u32,
    unused: u32,
}

/// Softmax of a row, as the kernel reads it.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct RawNormalizer {
    top: Real,
    factor: Real,
    target: Real,
}

/// S (N,N): inner products of the logit gradients of all rows.
pub(super) fn head_gram(
    gpu: &Arc<Gpu>,
    s: &Tensor,
    x: &Tensor,
    (w, b): (&Weight, Option<&Weight>),
    targets: &[u32],
    weights: &[Real],
) -> Result<()> {
    check::head(x, w, b)?;
    check::head_gram(s, x)?;
    let (n, vocab) = (x.rows(), w.d_out());
    check::targets(targets, weights, n, vocab)?;
    let s = Planes::of(s)?;
    s.each().try_for_each(|plane| plane.clear(0..n * n))?;
    if n == 0 {
        return Ok(());
    }
    let ids = DeviceBuffer::of(gpu, targets)?;
    let norms = DeviceBuffer::of(gpu, &normalizers(gpu, x, (w, b), &ids, weights)?)?;
    for tokens in slices(vocab, n) {
        let logits = DeviceBuffer::stale::<Real>(gpu, n * tokens.len())?;
        linear::columns(gpu, Precision::F32, &logits, x, w, b, tokens.clone())?;
        let args = Args::default().buffer(&logits, 0)?.buffer(&norms, 0)?.buffer(&ids, 0)?;
        let args = args.sizes([n, tokens.start, tokens.len()]);
        gpu.launch(&HEAD_GRAM, "gram_gradient", false, elements(n * tokens.len()), args)?;
        let a = Side { buffer: &logits, narrow: None, at: 0, row: tokens.len(), step: 1 };
        product(gpu, Precision::F32, Out { buffer: s.value, at: 0, row: n }, [a, a], [n, n, tokens.len()], Start::Add)?;
    }
    Ok(())
}

/// The softmax of every row.
fn normalizers(
    gpu: &Arc<Gpu>,
    x: &Tensor,
    (w, b): (&Weight, Option<&Weight>),
    ids: &DeviceBuffer,
    weights: &[Real],
) -> Result<Vec<RawNormalizer>> {
    let (n, vocab) = (x.rows(), w.d_out());
    let per_row = vocab.div_ceil(CHUNK);
    let parts = DeviceBuffer::stale::<RawPart>(gpu, n * per_row)?;
    for tokens in slices(vocab, n) {
        let logits = DeviceBuffer::stale::<Real>(gpu, n * tokens.len())?;
        linear::columns(gpu, Precision::F32, &logits, x, w, b, tokens.clone())?;
        let args = Args::default().buffer(&parts, 0)?.buffer(&logits, 0)?.buffer(ids, 0)?;
        let args = args.sizes([n, tokens.start, tokens.len(), tokens.start / CHUNK, per_row]);
        gpu.launch(&HEAD_GRAM, "gram_parts", false, warps(n * tokens.len().div_ceil(CHUNK)), args)?;
    }
    let parts: Vec<RawPart> = parts.read(n * per_row)?;
    let part = |raw: &RawPart| GramPart {
        top: Real::from(raw.top),
        own: (raw.has_own != 0).then_some(Real::from(raw.own)),
        others: raw.others,
    };
    let row = |(parts, &weight): (&[RawPart], &Real)| {
        let parts: Vec<GramPart> = parts.iter().map(part).collect();
        let norm = normalizer(&parts, weight);
        RawNormalizer { top: norm.top, factor: norm.factor * weight, target: norm.target }
    };
    Ok(parts.chunks(per_row).zip(weights).map(row).collect())
}
