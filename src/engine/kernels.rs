//! Every numeric operation, once per device. A missing one is a compile error.
//!
//! Letters in comments: N rows (all sequences of a batch, packed), C input width, O output width,
//! H heads, K key/value heads, D head width, V vocabulary. Outputs are overwritten unless the name
//! ends in `_acc`. When an input carries a tangent, outputs do too and get the directional derivative.
//!
//! **Order of summation.** Every element of a product is one chain of fused multiply-adds over the
//! inner index, cut into blocks of fixed length; every reduction over a row has a fixed order. So a
//! row's result depends on that row alone: not on N, not on its neighbors, not on the threads.

use std::ops::Range;
use std::sync::Arc;

use crate::cpu::CpuKernels;
use crate::cuda::CudaKernels;
use crate::error::Result;
use crate::model::{Activation, Norm, Weight};
use crate::precision::{Place, Precision};
use crate::rng::Mask;
use crate::tensor::{Device, Offsets, Real, Tensor};

/// One sequence in an attention call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its rows in q and z.
    pub q: Range<usize>,
    /// Its rows in k and v. The last query sits at the last key: query i sees keys up to
    /// `kv.len() − q.len() + i`.
    pub kv: Range<usize>,
}

/// What attention needs to know besides q, k, v.
#[derive(Clone, Debug)]
pub struct AttentionSpec {
    /// Query heads; query head h reads key/value head `h * n_kv_head / n_head`.
    pub n_head: usize,
    pub n_kv_head: usize,
    pub d_head: usize,
    /// Factor on q·k.
    pub scale: f64,
    /// `Some(w)`: only the last `w` keys, the query's own included.
    pub window: Option<usize>,
}

/// How q, k and v lie in the output of a fused projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadLayout {
    /// All of q, then all of k, then all of v (GPT-2).
    Thirds,
    /// q, k, v of head 0, then of head 1, … (GPT-NeoX).
    PerHead,
}

/// What [`Kernels::token_scores`] computes besides log-probability and arg-max.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// Rank of the target (0 = most likely; ties go to the lower id). Costs a second pass over the head.
    pub rank: bool,
    /// μ = Σ p ln p and σ² = Σ p (ln p)² − μ².
    pub moments: bool,
    /// The most likely tokens, at most 8.
    pub top: usize,
}

/// What the model says about one row.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TokenScore {
    /// ln p(target), nats.
    pub log_prob: f64,
    /// Most likely token; ties go to the lower id.
    pub argmax: u32,
    /// Rank of the target, 0 = most likely; `None` unless wanted.
    pub rank: Option<u32>,
    /// μ = Σ p ln p (negative entropy, nats) and σ² = Σ p (ln p)² − μ²; `None` unless wanted.
    pub moments: Option<[f64; 2]>,
    /// (token, ln p), most likely first.
    pub top: Vec<(u32, f64)>,
}

/// One step of an optimizer with everything that is the same for all numbers of a parameter; torch.optim's formulas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Update {
    /// m += (1 − β₁)(g − m); v = β₂·v + (1 − β₂)·g²; w = keep·w − rate·m / (√v/root + eps). Moments: m, v.
    AdamW {
        /// β₁, β₂.
        betas: [f64; 2],
        eps: f64,
        /// 1 − learning rate · decay.
        keep: f64,
        /// Learning rate / (1 − β₁ᵗ).
        rate: f64,
        /// √(1 − β₂ᵗ).
        root: f64,
    },
    /// d = g + decay·w; with a moment u: u = momentum·u + d, then d = d + momentum·u (`nesterov`) or u; w −= rate·d.
    Sgd { momentum: f64, nesterov: bool, decay: f64, rate: f64 },
}

impl Update {
    /// How many moments it has when `n` are given, or an error of ours.
    pub(crate) fn fits(&self, n: usize) -> bool {
        match self {
            Self::AdamW { .. } => n == 2,
            Self::Sgd { .. } => n <= 1,
        }
    }
}

/// The operations.
pub trait Kernels: Send + Sync {
    /// Where tensors live.
    fn device(&self) -> Device;
    /// In which numbers products and attention are computed.
    fn precision(&self) -> Precision;
    /// Both.
    fn place(&self) -> Place {
        Place { device: self.device(), precision: self.precision() }
    }
    /// Waits until everything that was started is done: for those who take the time.
    fn wait(&self) -> Result<()>;
    /// A tensor of any values; write before reading. With a tangent when `dual`.
    fn stale(&self, shape: &[usize], dual: bool) -> Result<Tensor>;
    /// A tensor of zeros, with a zero tangent when `dual`.
    fn zeros(&self, shape: &[usize], dual: bool) -> Result<Tensor>;
    /// A tensor of these values and, if given, this tangent.
    fn upload(&self, shape: &[usize], values: Vec<Real>, tangent: Option<Vec<Real>>) -> Result<Tensor>;
    /// Rows of `to` from row `at` on = `rows` of `from`, all planes.
    fn copy_rows(&self, to: &mut Tensor, at: usize, from: &Tensor, rows: Range<usize>) -> Result<()>;
    /// Rows of x from row `at` on = `rows` of x, which lie elsewhere.
    fn repeat_rows(&self, x: &mut Tensor, rows: Range<usize>, at: usize) -> Result<()>;
    /// The values of some columns of x (N,C) on the host: (N, columns).
    fn columns(&self, x: &Tensor, columns: &[u32]) -> Result<Vec<Real>>;

    /// y (N,O) = x (N,C) · Wᵀ + b (O)
    fn linear(&self, y: &mut Tensor, x: &Tensor, w: &Weight, b: Option<&Weight>) -> Result<()>;
    /// dx (N,C) = dy (N,O) · W
    fn linear_backward(&self, dx: &mut Tensor, dy: &Tensor, w: &Weight) -> Result<()>;
    /// dx (N,C) += dy (N,O) · W
    fn linear_backward_acc(&self, dx: &mut Tensor, dy: &Tensor, w: &Weight) -> Result<()>;
    /// dW += dyᵀ · x in the orientation of `w` on disk; rows `rows` of x (N,C) and dy (N,O) only.
    fn outer_acc(&self, dw: &mut Tensor, x: &Tensor, dy: &Tensor, rows: Range<usize>, w: &Weight) -> Result<()>;
    /// db (C) += Σ over `rows` of x (N,C)
    fn column_sum_acc(&self, db: &mut Tensor, x: &Tensor, rows: Range<usize>) -> Result<()>;
    /// Σ over pairs s, t in `a` × `b` of (x_s·x'_t)(dy_s·dy'_t): the inner product of two weight gradients
    /// without forming them.
    fn gram(&self, a: Rows<'_>, b: Rows<'_>) -> Result<f64>;

    /// y = norm(x)·gain + bias, row by row over (N,C)
    fn norm(&self, y: &mut Tensor, x: &Tensor, gain: &Weight, bias: Option<&Weight>, norm: Norm) -> Result<()>;
    /// dx += ∂L/∂x; `dgain_rows` (N,C), if asked for, gets each row's contribution dy ⊙ x̂.
    fn norm_backward_acc(
        &self,
        dx: &mut Tensor,
        dgain_rows: Option<&mut Tensor>,
        dy: &Tensor,
        x: &Tensor,
        gain: &Weight,
        norm: Norm,
    ) -> Result<()>;

    /// q (N,H·D), k, v (N,H·D) from a fused projection qkv (N,3·H·D)
    fn split_heads(&self, qkv_parts: [&mut Tensor; 3], qkv: &Tensor, n_head: usize, layout: HeadLayout) -> Result<()>;
    /// The transpose of [`Self::split_heads`].
    fn merge_heads(&self, qkv: &mut Tensor, parts: [&Tensor; 3], n_head: usize, layout: HeadLayout) -> Result<()>;
    #[expect(clippy::fn_params_excessive_bools, reason = "pairing and direction are independent")]
    /// Turns the first 2·`inv_freq.len()` channels of each head of x (N,H·D) by position · inv_freq; `inverse` turns back.
    fn rotate(
        &self,
        x: &mut Tensor,
        positions: &[u32],
        n_head: usize,
        inv_freq: &[f64],
        interleaved: bool,
        inverse: bool,
    ) -> Result<()>;

    /// z (N,H·D) = softmax(scale·q·kᵀ, causal) · v
    fn attention(&self, z: &mut Tensor, qkv: [&Tensor; 3], spans: &[Span], spec: &AttentionSpec) -> Result<()>;
    /// dq, dk, dv += ∂L/∂(q, k, v); the weights of attention are computed again.
    fn attention_backward_acc(
        &self,
        dqkv: [&mut Tensor; 3],
        dz: &Tensor,
        qkv: [&Tensor; 3],
        spans: &[Span],
        spec: &AttentionSpec,
    ) -> Result<()>;
    /// p (H, T, S): the attention weights of one span, for those who want to see or edit them.
    fn pattern(&self, p: &mut Tensor, q: &Tensor, k: &Tensor, span: &Span, spec: &AttentionSpec) -> Result<()>;
    /// z rows of `span` = p · v
    fn pattern_apply(&self, z: &mut Tensor, p: &Tensor, v: &Tensor, span: &Span, spec: &AttentionSpec) -> Result<()>;
    /// dp (H, T, S) = dz · vᵀ and dv += pᵀ · dz
    fn pattern_apply_backward(
        &self,
        dp: &mut Tensor,
        dv: &mut Tensor,
        dz: &Tensor,
        p: &Tensor,
        v: &Tensor,
        span: &Span,
        spec: &AttentionSpec,
    ) -> Result<()>;
    /// dq, dk += through the softmax of the unedited weights `p`
    fn pattern_backward_acc(
        &self,
        dqk: [&mut Tensor; 2],
        dp: &Tensor,
        p: &Tensor,
        qk: [&Tensor; 2],
        span: &Span,
        spec: &AttentionSpec,
    ) -> Result<()>;

    /// y = f(x)
    fn activation(&self, y: &mut Tensor, x: &Tensor, f: Activation) -> Result<()>;
    /// dx = dy ⊙ f'(x)
    fn activation_backward(&self, dx: &mut Tensor, dy: &Tensor, x: &Tensor, f: Activation) -> Result<()>;
    /// y = f(gate) ⊙ up
    fn gate(&self, y: &mut Tensor, gate: &Tensor, up: &Tensor, f: Activation) -> Result<()>;
    /// dgate, dup = ∂L/∂(gate, up)
    fn gate_backward(
        &self,
        dgate_up: [&mut Tensor; 2],
        dy: &Tensor,
        gate: &Tensor,
        up: &Tensor,
        f: Activation,
    ) -> Result<()>;

    /// y (N,C) += rows `ids` of `table` (V,C)
    fn embed_acc(&self, y: &mut Tensor, table: &Weight, ids: &[u32]) -> Result<()>;
    /// dtable rows `ids[n]` += dy (N,C) row n, for n in `rows`, in row order
    fn embed_backward_acc(&self, dtable: &mut Tensor, ids: &[u32], dy: &Tensor, rows: Range<usize>) -> Result<()>;
    /// y += x
    fn add(&self, y: &mut Tensor, x: &Tensor) -> Result<()>;
    /// x *= factor
    fn scale(&self, x: &mut Tensor, factor: f64) -> Result<()>;
    /// Each number of x becomes 0 with probability p where the mask says so, else x / (1 − p).
    fn dropout(&self, x: &mut Tensor, p: f64, mask: Mask) -> Result<()>;

    /// Turns logits (N,V) into dlogits = weight·(softmax − one-hot) in place. Returns each row's loss −ln p(target).
    /// The target's entry is −Σ of the others, so that nothing cancels for memorized tokens.
    fn cross_entropy(&self, logits: &mut Tensor, targets: &[u32], weights: &[Real]) -> Result<Vec<f64>>;
    /// Log-probability of each row's target and more, from x (N,C) and the head, without whole logits.
    fn token_scores(
        &self,
        x: &Tensor,
        w: &Weight,
        b: Option<&Weight>,
        targets: &[u32],
        want: Want,
    ) -> Result<Vec<TokenScore>>;
    /// S (Na,Nb) = Σ over the vocabulary of a_s·a'_t with a = (softmax − one-hot)·weight: inner products of
    /// logit gradients of all rows of `x` with all rows of `x`, in vocabulary tiles.
    fn head_gram(
        &self,
        s: &mut Tensor,
        x: &Tensor,
        w: &Weight,
        b: Option<&Weight>,
        targets: &[u32],
        weights: &[Real],
    ) -> Result<()>;
    /// Σ a·b over all elements, in a fixed order, in f64.
    fn dot(&self, a: &Tensor, b: &Tensor) -> Result<f64>;
    /// Σ a·b over the elements of `rows`, in a fixed order, in f64.
    fn dot_rows(&self, a: &Tensor, b: &Tensor, rows: Range<usize>) -> Result<f64>;
    /// Moves the numbers of w, and the moments, by the gradient g in the shape of w. Directions are not touched.
    fn update(&self, w: &mut Weight, moments: &mut [Tensor], g: &Tensor, update: &Update) -> Result<()>;
}

/// The operations on a device, in `f32` unless a precision is given with it.
///
/// # Errors
/// `Device` when it is not there, or cannot compute so: why, and what to do. `Config` when no such device can.
pub fn kernels(place: impl Into<Place>) -> Result<Arc<dyn Kernels>> {
    let Place { device, precision } = place.into().check()?;
    Ok(match device {
        Device::Cpu => Arc::new(CpuKernels),
        Device::Cuda(number) => Arc::new(CudaKernels::open(number, precision)?),
    })
}

/// Inputs and output gradients of a linear map for some rows.
#[derive(Clone)]
pub struct Rows<'a> {
    pub x: &'a Tensor,
    pub dy: &'a Tensor,
    pub rows: Range<usize>,
}

/// A marker so that spans of a packed batch are made in one place.
pub fn spans(offsets: &Offsets) -> Vec<Span> {
    offsets.iter().map(|r| Span { q: r.clone(), kv: r }).collect()
}

/// Rows of a tensor, in this order, as a tensor of their own.
///
/// # Errors
/// `Bug` when there is no such row, `Device` when a card fails.
pub fn gather_rows(kernels: &dyn Kernels, x: &Tensor, rows: &[usize], dual: bool) -> Result<Tensor> {
    let mut y = kernels.stale(&[rows.len(), x.cols()], dual)?;
    let mut at = 0;
    while at < rows.len() {
        // rows that lie together go together
        let n = rows[at..].iter().zip(rows[at]..).take_while(|(row, next)| *row == next).count();
        kernels.copy_rows(&mut y, at, x, rows[at]..rows[at] + n)?;
        at += n;
    }
    Ok(y)
}
