//! The output head without whole logits: token scores. Twin of `cpu/head.rs`.
//!
//! The logits of a slice of the vocabulary are formed at a time, then a few sums of each row and chunk, which are joined
//! on the card as `head_parts.rs` joins them.

use std::ops::Range;
use std::sync::Arc;

use super::gpu::{Args, Gpu, Planes, elements, warps};
use super::linear;
use super::memory::DeviceBuffer;
use super::module::HEAD;
use crate::check;
use crate::error::Result;
use crate::head_parts::{CHUNK, TOP};
use crate::kernels::{TokenScore, Want};
use crate::model::{Orientation, Weight};
use crate::precision::Precision;
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

/// All chunks of a row together, as the kernel writes it.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Joined {
    log_sum: f64,
    moments: [f64; 2],
    top: f32,
    target_logit: f32,
    argmax: u32,
    rank: u32,
    n_best: u32,
    unused: u32,
    best_token: [u32; TOP],
    best_logit: [f32; TOP],
}

impl Joined {
    fn score(&self, want: Want) -> TokenScore {
        let log_prob = |z: f32| f64::from(z) - f64::from(self.top) - self.log_sum;
        let best = self.best_token.iter().zip(&self.best_logit).take(self.n_best as usize);
        TokenScore {
            log_prob: log_prob(self.target_logit),
            argmax: self.argmax,
            rank: want.rank.then_some(self.rank),
            moments: want.moments.then_some(self.moments),
            top: best.map(|(token, z)| (*token, log_prob(*z))).collect(),
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
    precision: Precision,
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
    let head = Head { gpu, precision, x, w, b, ids: &ids, target_logits: &logits };
    let parts = head.parts(want)?;
    let joined = DeviceBuffer::stale::<Joined>(gpu, n)?;
    let args = Args::default().buffer(&joined, 0)?.buffer(&parts, 0)?.buffer(&logits, 0)?;
    let args = args.sizes([n, vocab.div_ceil(CHUNK)]).flag(top_count(want));
    gpu.launch(&HEAD, "join_scores", false, elements(n), args)?;
    Ok(joined.read::<Joined>(n)?.iter().map(|row| row.score(want)).collect())
}

/// Entries of the list of likely tokens.
fn top_count(want: Want) -> i32 {
    i32::try_from(want.top.min(TOP)).unwrap_or(0)
}

/// The head on a batch of rows.
struct Head<'a> {
    gpu: &'a Arc<Gpu>,
    precision: Precision,
    x: &'a Tensor,
    w: &'a Weight,
    b: Option<&'a Weight>,
    ids: &'a DeviceBuffer,
    target_logits: &'a DeviceBuffer,
}

impl Head<'_> {
    /// What every chunk says about every row, row by row.
    fn parts(&self, want: Want) -> Result<DeviceBuffer> {
        let (n, vocab) = (self.x.rows(), self.w.d_out());
        let parts = DeviceBuffer::stale::<RawPart>(self.gpu, n * vocab.div_ceil(CHUNK))?;
        if self.precision == Precision::F32 {
            self.own_targets()?;
            slices(vocab, n).try_for_each(|tokens| self.slice(&parts, &tokens, want, false))?;
            return Ok(parts);
        }
        // nobody else forms a logit with the same bits, so a rank waits until the target's own slice was formed
        let rank_at_once = slices(vocab, n).count() == 1;
        let first = Want { rank: want.rank && rank_at_once, ..want };
        slices(vocab, n).try_for_each(|tokens| self.slice(&parts, &tokens, first, true))?;
        if want.rank && !rank_at_once {
            slices(vocab, n).try_for_each(|tokens| self.slice(&parts, &tokens, want, false))?;
        }
        Ok(parts)
    }

    /// The logit of each row's target, with the bits of our own product.
    fn own_targets(&self) -> Result<()> {
        let (n, c, w) = (self.x.rows(), self.x.cols(), self.w);
        let [row, step] = match w.orientation {
            Orientation::OutIn => [w.d_in(), 1],
            Orientation::InOut => [1, w.d_out()],
        };
        let bias = self.b.map(|b| self.gpu.weight(b)).transpose()?.map(|b| b.value);
        let args = Args::default().buffer(self.target_logits, 0)?.buffer(Planes::of(self.x)?.value, 0)?;
        let args = args.buffer(self.gpu.weight(w)?.value, 0)?.optional(bias)?.buffer(self.ids, 0)?;
        self.gpu.launch(&HEAD, "target_logits", false, elements(n), args.sizes([n, c, row, step]))
    }

    /// Forms the logits of some tokens and what their chunks say; takes the targets' logits from them if `pick`.
    fn slice(&self, parts: &DeviceBuffer, tokens: &Range<usize>, want: Want, pick: bool) -> Result<()> {
        let (n, per_row) = (self.x.rows(), self.w.d_out().div_ceil(CHUNK));
        let logits = DeviceBuffer::stale::<Real>(self.gpu, n * tokens.len())?;
        linear::columns(self.gpu, self.precision, &logits, self.x, self.w, self.b, tokens.clone())?;
        if pick {
            let args = Args::default().buffer(self.target_logits, 0)?.buffer(&logits, 0)?.buffer(self.ids, 0)?;
            let args = args.sizes([n, tokens.start, tokens.len()]);
            self.gpu.launch(&HEAD, "pick_logits", false, elements(n), args)?;
        }
        let args = Args::default().buffer(parts, 0)?.buffer(&logits, 0)?.buffer(self.ids, 0)?;
        let args = args.buffer(self.target_logits, 0)?;
        let args = args.sizes([n, tokens.start, tokens.len(), tokens.start / CHUNK, per_row]);
        let args = args.flag(want.rank).flag(want.moments).flag(top_count(want));
        self.gpu.launch(&HEAD, "chunk_scores", false, warps(n * tokens.len().div_ceil(CHUNK)), args)
    }
}
