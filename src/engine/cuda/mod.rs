//! The operations on an NVIDIA card, with our own kernels (`kernels/*.cu`).
//!
//! One file a layer, twins of `cpu`. The driver and the compiler of the kernels are found at run time: a machine
//! without them has no cards, and says why. `unsafe` is confined to `launch`, `module`, `device` and `blaslt`.

mod activation;
mod attention;
mod blaslt;
mod constants;
mod cross_entropy;
mod device;
mod embedding;
mod gpu;
mod head;
mod head_gram;
mod heads;
mod launch;
mod linear;
mod memory;
mod module;
mod norm;
mod optimizer;
mod pattern;
mod product;
mod reduce;
mod rope;
mod rows;
mod tensor_attention;

use std::ops::Range;
use std::sync::Arc;

pub use blaslt::HINT as PRODUCTS_HINT;
pub use device::{CardInfo, Cards, cards};
pub use memory::DeviceBuffer;
pub use module::{KernelStore, keep_kernels};

use crate::error::Result;
use crate::kernels::{AttentionSpec, HeadLayout, Kernels, Rows, Span, TokenScore, Update, Want};
use crate::model::{Activation, Norm, Weight};
use crate::precision::Precision;
use crate::rng::Mask;
use crate::tensor::{Device, Real, Tensor};

/// All operations on one card.
#[derive(Clone, Debug)]
pub struct CudaKernels {
    gpu: Arc<gpu::Gpu>,
    precision: Precision,
}

impl CudaKernels {
    /// The operations on card `number`.
    ///
    /// # Errors
    /// `Device` when there is no driver, no such card, no compiler for its kernels, or when the card or the machine
    /// lacks what the precision needs: which, and what to do.
    pub fn open(number: usize, precision: Precision) -> Result<Self> {
        let gpu = gpu::Gpu::open(number)?;
        if precision != Precision::F32 {
            gpu.check_precision(precision)?;
        }
        Ok(Self { gpu, precision })
    }
}

impl Kernels for CudaKernels {
    fn device(&self) -> Device {
        self.gpu.device()
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn wait(&self) -> Result<()> {
        self.gpu.wait()
    }

    fn stale(&self, shape: &[usize], dual: bool) -> Result<Tensor> {
        rows::stale(&self.gpu, shape, dual)
    }

    fn zeros(&self, shape: &[usize], dual: bool) -> Result<Tensor> {
        rows::zeros(&self.gpu, shape, dual)
    }

    fn upload(&self, shape: &[usize], values: Vec<Real>, tangent: Option<Vec<Real>>) -> Result<Tensor> {
        rows::upload(&self.gpu, shape, &values, tangent.as_deref())
    }

    fn copy_rows(&self, to: &mut Tensor, at: usize, from: &Tensor, rows: Range<usize>) -> Result<()> {
        rows::copy(to, at, from, &rows)
    }

    fn repeat_rows(&self, x: &mut Tensor, rows: Range<usize>, at: usize) -> Result<()> {
        rows::repeat(x, &rows, at)
    }

    fn columns(&self, x: &Tensor, columns: &[u32]) -> Result<Vec<Real>> {
        rows::columns(&self.gpu, x, columns)
    }

    fn linear(&self, y: &mut Tensor, x: &Tensor, w: &Weight, b: Option<&Weight>) -> Result<()> {
        linear::forward(&self.gpu, self.precision, y, x, w, b)
    }

    fn linear_backward(&self, dx: &mut Tensor, dy: &Tensor, w: &Weight) -> Result<()> {
        linear::backward(&self.gpu, self.precision, dx, dy, w, false)
    }

    fn linear_backward_acc(&self, dx: &mut Tensor, dy: &Tensor, w: &Weight) -> Result<()> {
        linear::backward(&self.gpu, self.precision, dx, dy, w, true)
    }

    fn outer_acc(&self, dw: &mut Tensor, x: &Tensor, dy: &Tensor, rows: Range<usize>, w: &Weight) -> Result<()> {
        linear::outer_acc(&self.gpu, self.precision, dw, x, dy, &rows, w)
    }

    fn column_sum_acc(&self, db: &mut Tensor, x: &Tensor, rows: Range<usize>) -> Result<()> {
        reduce::column_sum_acc(&self.gpu, db, x, &rows)
    }

    fn gram(&self, a: Rows<'_>, b: Rows<'_>) -> Result<f64> {
        reduce::gram(&self.gpu, &a, &b)
    }

    fn norm(&self, y: &mut Tensor, x: &Tensor, gain: &Weight, bias: Option<&Weight>, norm: Norm) -> Result<()> {
        norm::forward(&self.gpu, y, x, gain, bias, norm)
    }

    fn norm_backward_acc(
        &self,
        dx: &mut Tensor,
        dgain_rows: Option<&mut Tensor>,
        dy: &Tensor,
        x: &Tensor,
        gain: &Weight,
        norm: Norm,
    ) -> Result<()> {
        norm::backward_acc(&self.gpu, dx, dgain_rows.as_deref(), [dy, x], gain, norm)
    }

    fn split_heads(&self, qkv_parts: [&mut Tensor; 3], qkv: &Tensor, n_head: usize, layout: HeadLayout) -> Result<()> {
        heads::split(&self.gpu, qkv_parts.map(|part| &*part), qkv, n_head, layout)
    }

    fn merge_heads(&self, qkv: &mut Tensor, parts: [&Tensor; 3], n_head: usize, layout: HeadLayout) -> Result<()> {
        heads::merge(&self.gpu, qkv, parts, n_head, layout)
    }

    fn rotate(
        &self,
        x: &mut Tensor,
        positions: &[u32],
        n_head: usize,
        inv_freq: &[f64],
        interleaved: bool,
        inverse: bool,
    ) -> Result<()> {
        rope::rotate(&self.gpu, x, positions, n_head, inv_freq, [interleaved, inverse])
    }

    fn attention(&self, z: &mut Tensor, qkv: [&Tensor; 3], spans: &[Span], spec: &AttentionSpec) -> Result<()> {
        attention::forward(&self.gpu, self.precision, z, qkv, spans, spec)
    }

    fn attention_backward_acc(
        &self,
        dqkv: [&mut Tensor; 3],
        dz: &Tensor,
        qkv: [&Tensor; 3],
        spans: &[Span],
        spec: &AttentionSpec,
    ) -> Result<()> {
        attention::backward_acc(&self.gpu, self.precision, dqkv.map(|part| &*part), dz, qkv, spans, spec)
    }

    fn pattern(&self, p: &mut Tensor, q: &Tensor, k: &Tensor, span: &Span, spec: &AttentionSpec) -> Result<()> {
        pattern::pattern(&self.gpu, p, q, k, span, spec)
    }

    fn pattern_apply(&self, z: &mut Tensor, p: &Tensor, v: &Tensor, span: &Span, spec: &AttentionSpec) -> Result<()> {
        pattern::apply(&self.gpu, z, p, v, span, spec)
    }

    fn pattern_apply_backward(
        &self,
        dp: &mut Tensor,
        dv: &mut Tensor,
        dz: &Tensor,
        p: &Tensor,
        v: &Tensor,
        span: &Span,
        spec: &AttentionSpec,
    ) -> Result<()> {
        pattern::apply_backward(&self.gpu, [dp, dv], dz, [p, v], span, spec)
    }

    fn pattern_backward_acc(
        &self,
        dqk: [&mut Tensor; 2],
        dp: &Tensor,
        p: &Tensor,
        qk: [&Tensor; 2],
        span: &Span,
        spec: &AttentionSpec,
    ) -> Result<()> {
        pattern::backward_acc(&self.gpu, dqk.map(|part| &*part), [dp, p], qk, span, spec)
    }

    fn activation(&self, y: &mut Tensor, x: &Tensor, f: Activation) -> Result<()> {
        activation::forward(&self.gpu, y, x, f)
    }

    fn activation_backward(&self, dx: &mut Tensor, dy: &Tensor, x: &Tensor, f: Activation) -> Result<()> {
        activation::backward(&self.gpu, dx, dy, x, f)
    }

    fn gate(&self, y: &mut Tensor, gate: &Tensor, up: &Tensor, f: Activation) -> Result<()> {
        activation::gate(&self.gpu, y, gate, up, f)
    }

    fn gate_backward(
        &self,
        dgate_up: [&mut Tensor; 2],
        dy: &Tensor,
        gate: &Tensor,
        up: &Tensor,
        f: Activation,
    ) -> Result<()> {
        activation::gate_backward(&self.gpu, dgate_up.map(|part| &*part), [dy, gate, up], f)
    }

    fn embed_acc(&self, y: &mut Tensor, table: &Weight, ids: &[u32]) -> Result<()> {
        embedding::embed_acc(&self.gpu, y, table, ids)
    }

    fn embed_backward_acc(&self, dtable: &mut Tensor, ids: &[u32], dy: &Tensor, rows: Range<usize>) -> Result<()> {
        embedding::embed_backward_acc(&self.gpu, dtable, ids, dy, &rows)
    }

    fn add(&self, y: &mut Tensor, x: &Tensor) -> Result<()> {
        embedding::add(&self.gpu, y, x)
    }

    fn scale(&self, x: &mut Tensor, factor: f64) -> Result<()> {
        optimizer::scale(&self.gpu, x, factor)
    }

    fn dropout(&self, x: &mut Tensor, p: f64, mask: Mask) -> Result<()> {
        optimizer::dropout(&self.gpu, x, p, mask)
    }

    fn cross_entropy(&self, logits: &mut Tensor, targets: &[u32], weights: &[Real]) -> Result<Vec<f64>> {
        cross_entropy::forward_backward(&self.gpu, logits, targets, weights)
    }

    fn token_scores(
        &self,
        x: &Tensor,
        w: &Weight,
        b: Option<&Weight>,
        targets: &[u32],
        want: Want,
    ) -> Result<Vec<TokenScore>> {
        head::token_scores(&self.gpu, self.precision, x, w, b, targets, want)
    }

    fn head_gram(
        &self,
        s: &mut Tensor,
        x: &Tensor,
        w: &Weight,
        b: Option<&Weight>,
        targets: &[u32],
        weights: &[Real],
    ) -> Result<()> {
        head_gram::head_gram(&self.gpu, s, x, (w, b), targets, weights)
    }

    fn dot(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
        reduce::dot(&self.gpu, a, b)
    }

    fn dot_rows(&self, a: &Tensor, b: &Tensor, rows: Range<usize>) -> Result<f64> {
        reduce::dot_rows(&self.gpu, a, b, &rows)
    }

    fn update(&self, w: &mut Weight, moments: &mut [Tensor], g: &Tensor, update: &Update) -> Result<()> {
        optimizer::update(&self.gpu, w, moments, g, update)
    }
}
