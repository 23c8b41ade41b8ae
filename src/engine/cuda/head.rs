//! The output head without whole logits: token scores. Twin of `cpu/head.rs`.
//!
//! The logits of a slice of the vocabulary are formed at a time; a few sums of each row and chunk come to the host,
//! which joins them as it joins its own.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::gpu::{Args, Gpu, Planes, elements, warps};
use super::linear;
use super::memory::DeviceBuffer;
use super::module::HEAD;
use crate::check;
use crate::error::Result;
use crate::head_parts::{CHUNK, Part, Question, TOP, join};
use crate::kernels::{TokenScore, Want};
use crate::model::{Orientation, Weight};
use crate::tensor::{Real, Tensor};

/// Logits formed at a time, in numbers: 64 MiB.
const AT_ONCE: usize = 1 << 24;

/// What a chunk says about a row, as the kernel writes it.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct RawPart {
    others: [f64; 3],
    top: f32,
    argmax: u32,
    ahead: u32,
    n_best: u32,
    best_token: [u32; TOP],
    best_logit: [f32; TOP],
}

impl RawPart {
    fn part(&self) -> Part {
        let best = self.best_token.iter().zip(&self.best_logit).take(self.n_best as usize);
        Part {
            top: Real::from(self.top),
            argmax: self.argmax as usize,
            others: self.others,
            ahead: self.ahead,
            best: best.map(|(token, z)| (*token as usize, Real::from(*z))).collect(),
        }
    }
}

/// Slices of the vocabulary, whole chunks each, for `n` rows.
pub(super) fn slices(vocab: usize, n: usize) -> impl Iterator<Item = Range<usize>> {
    let width = (AT_ONCE / n.max(1) / CHUNK).max(1) * CHUNK;
    (0..vocab).step_by(width).map(move |start| start..vocab.min(start + width))
}

/// Log-probability of each row's target and more.
pub(super) fn token_scores(
    gpu: &Arc<Gpu>,
    x: &Tensor,
    w: &Weight,
    b: Option<&Weight>,
    targets: &[u32],
    want: Want,
) -> Result<Vec<TokenScore>> {
    check::head(x, w, b)?;
    let (n, vocab) = (x.rows(), w.d_out());
    check::targets(targets, &vec![1.0; n], n, vocab)?;
    if n == 0 {
        return Ok(Vec::new());
    }
    let (ids, logits) = (DeviceBuffer::of(gpu, targets)?, DeviceBuffer::stale::<Real>(gpu, n)?);
    target_logits(gpu, &logits, x, w, b, &ids)?;
    let per_row = vocab.div_ceil(CHUNK);
    let parts = chunk_parts(gpu, x, w, b, [&ids, &logits], want)?.read::<RawPart>(n * per_row)?;
    let logits: Vec<Real> = logits.read(n)?;
    let row = |(i, parts): (usize, &[RawPart])| {
        let parts: Vec<Part> = parts.iter().map(RawPart::part).collect();
        join(&parts, Question { target: targets[i] as usize, logit: logits[i], want })
    };
    Ok(parts.par_chunks(per_row).enumerate().map(row).collect())
}

/// The logit of each row's target.
fn target_logits(
    gpu: &Arc<Gpu>,
    out: &DeviceBuffer,
    x: &Tensor,
    w: &Weight,
    b: Option<&Weight>,
    ids: &DeviceBuffer,
) -> Result<()> {
    let (n, c) = (x.rows(), x.cols());
    let [row, step] = match w.orientation {
        Orientation::OutIn => [w.d_in(), 1],
        Orientation::InOut => [1, w.d_out()],
    };
    let bias = b.map(|b| gpu.weight(b)).transpose()?.map(|b| b.value);
    let args = Args::default().buffer(out, 0)?.buffer(Planes::of(x)?.value, 0)?;
    let args = args.buffer(gpu.weight(w)?.value, 0)?.optional(bias)?.buffer(ids, 0)?.sizes([n, c, row, step]);
    gpu.launch(&HEAD, "target_logits", false, elements(n), args)
}

/// What every chunk says about every row, row by row.
fn chunk_parts(
    gpu: &Arc<Gpu>,
    x: &Tensor,
    w: &Weight,
    b: Option<&Weight>,
    [ids, target_logits]: [&DeviceBuffer; 2],
    want: Want,
) -> Result<DeviceBuffer> {
    let (n, vocab) = (x.rows(), w.d_out());
    let per_row = vocab.div_ceil(CHUNK);
    let parts = DeviceBuffer::stale::<RawPart>(gpu, n * per_row)?;
    for tokens in slices(vocab, n) {
        let logits = DeviceBuffer::stale::<Real>(gpu, n * tokens.len())?;
        linear::columns(gpu, &logits, x, w, b, tokens.clone())?;
        let args = Args::default().buffer(&parts, 0)?.buffer(&logits, 0)?.buffer(ids, 0)?.buffer(target_logits, 0)?;
        let args = args.sizes([n, tokens.start, tokens.len(), tokens.start / CHUNK, per_row]);
        let top = i32::try_from(want.top.min(TOP)).unwrap_or(0);
        let args = args.flag(want.rank).flag(want.moments).flag(top);
        gpu.launch(&HEAD, "chunk_scores", false, warps(n * tokens.len().div_ceil(CHUNK)), args)?;
    }
    Ok(parts)
}
