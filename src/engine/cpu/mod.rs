//! The operations on the processor.
//!
//! One file a layer, forward and backward together. Products have one order of summation (`gemm`), row loops are
//! vectorized per instruction set (`simd`) and written once for values and tangents (`scalar`).
//! `unsafe` is confined to `simd`, `grid` and `gemm`.

mod activation;
mod attention;
mod cross_entropy;
mod embedding;
mod gemm;
mod grid;
mod head;
mod head_gram;
mod heads;
mod linear;
mod norm;
mod optimizer;
mod reduce;
mod rope;
mod rows;
mod scalar;
mod search;
mod simd;
mod softmax;
#[cfg(test)]
mod tests;

use std::ops::Range;

use gemm::Start;

pub use gemm::Packed;

use crate::error::Result;
use crate::kernels::{AttentionSpec, HeadLayout, Kernels, Rows, Span, TokenScore, Update, Want};
use crate::model::{Activation, Norm, Weight};
use crate::precision::Precision;
use crate::rng::Mask;
use crate::tensor::{Device, Real, Tensor};

/// All operations on the processor.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuKernels;

impl Kernels for CpuKernels {
    fn device(&self) -> Device {
        Device::Cpu
    }

    fn precision(&self) -> Precision {
        Precision::F32
    }

    fn wait(&self) -> Result<()> {
        Ok(())
    }

    fn stale(&self, shape: &[usize], dual: bool) -> Result<Tensor> {
        Ok(Tensor::stale(shape, dual))
    }

    fn zeros(&self, shape: &[usize], dual: bool) -> Result<Tensor> {
        Ok(Tensor::zeros(shape, dual))
    }

    fn upload(&self, shape: &[usize], values: Vec<Real>, tangent: Option<Vec<Real>>) -> Result<Tensor> {
        rows::upload(shape, values, tangent)
    }

    fn copy_rows(&self, to: &mut Tensor, at: usize, from: &Tensor, rows: Range<usize>) -> Result<()> {
        rows::copy(to, at, from, rows)
    }

    fn repeat_rows(&self, x: &mut Tensor, rows: Range<usize>, at: usize) -> Result<()> {
        rows::repeat(x, rows, at)
    }

    fn columns(&self, x: &Tensor, columns: &[u32]) -> Result<Vec<Real>> {
        rows::columns(x, columns)
    }

    fn linear(&self, y: &mut Tensor, x: &Tensor, w: &Weight, b: Option<&Weight>) -> Result<()> {
        linear::forward(y, x, w, b)
    }

    fn linear_backward(&self, dx: &mut Tensor, dy: &Tensor, w: &Weight) -> Result<()> {
        linear::backward(dx, dy, w, Start::Zero)
    }

    fn linear_backward_acc(&self, dx: &mut Tensor, dy: &Tensor, w: &Weight) -> Result<()> {
        linear::backward(dx, dy, w, Start::Add)
    }

    fn outer_acc(&self, dw: &mut Tensor, x: &Tensor, dy: &Tensor, rows: Range<usize>, w: &Weight) -> Result<()> {
        linear::outer_acc(dw, x, dy, rows, w)
    }

    fn column_sum_acc(&self, db: &mut Tensor, x: &Tensor, rows: Range<usize>) -> Result<()> {
        reduce::column_sum_acc(db, x, rows)
    }

    fn gram(&self, a: Rows<'_>, b: Rows<'_>) -> Result<f64> {
        reduce::gram(&a, &b)
    }

    fn norm(&self, y: &mut Tensor, x: &Tensor, gain: &Weight, bias: Option<&Weight>, norm: Norm) -> Result<()> {
        norm::forward(y, x, gain, bias, norm)
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
        norm::backward_acc(dx, dgain_rows, dy, x, gain, norm)
    }

    fn split_heads(&self, qkv_parts: [&mut Tensor; 3], qkv: &Tensor, n_head: usize, layout: HeadLayout) -> Result<()> {
        heads::split(qkv_parts, qkv, n_head, layout)
    }

    fn merge_heads(&self, qkv: &mut Tensor, parts: [&Tensor; 3], n_head: usize, layout: HeadLayout) -> Result<()> {
        heads::merge(qkv, parts, n_head, layout)
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
        rope::rotate(x, positions, n_head, inv_freq, rope::Turn { interleaved, inverse })
    }

    fn attention(&self, z: &mut Tensor, qkv: [&Tensor; 3], spans: &[Span], spec: &AttentionSpec) -> Result<()> {
        attention::forward(z, qkv, spans, spec)
    }

    fn attention_backward_acc(
        &self,
        dqkv: [&mut Tensor; 3],
        dz: &Tensor,
        qkv: [&Tensor; 3],
        spans: &[Span],
        spec: &AttentionSpec,
    ) -> Result<()> {
        attention::backward_acc(dqkv, dz, qkv, spans, spec)
    }

    fn pattern(&self, p: &mut Tensor, q: &Tensor, k: &Tensor, span: &Span, spec: &AttentionSpec) -> Result<()> {
        attention::pattern(p, q, k, span, spec)
    }

    fn pattern_apply(&self, z: &mut Tensor, p: &Tensor, v: &Tensor, span: &Span, spec: &AttentionSpec) -> Result<()> {
        attention::pattern_apply(z, p, v, span, spec)
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
        attention::pattern_apply_backward([dp, dv], dz, [p, v], span, spec)
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
        attention::pattern_backward_acc(dqk, [dp, p], qk, span, spec)
    }

    fn activation(&self, y: &mut Tensor, x: &Tensor, f: Activation) -> Result<()> {
        activation::forward(y, x, f)
    }

    fn activation_backward(&self, dx: &mut Tensor, dy: &Tensor, x: &Tensor, f: Activation) -> Result<()> {
        activation::backward(dx, dy, x, f)
    }

    fn gate(&self, y: &mut Tensor, gate: &Tensor, up: &Tensor, f: Activation) -> Result<()> {
        activation::gate(y, gate, up, f)
    }

    fn gate_backward(
        &self,
        dgate_up: [&mut Tensor; 2],
        dy: &Tensor,
        gate: &Tensor,
        up: &Tensor,
        f: Activation,
    ) -> Result<()> {
        activation::gate_backward(dgate_up, dy, gate, up, f)
    }

    fn embed_acc(&self, y: &mut Tensor, table: &Weight, ids: &[u32]) -> Result<()> {
        embedding::embed_acc(y, table, ids)
    }

    fn embed_backward_acc(&self, dtable: &mut Tensor, ids: &[u32], dy: &Tensor, rows: Range<usize>) -> Result<()> {
        embedding::embed_backward_acc(dtable, ids, dy, rows)
    }

    fn add(&self, y: &mut Tensor, x: &Tensor) -> Result<()> {
        embedding::add(y, x)
    }

    fn scale(&self, x: &mut Tensor, factor: f64) -> Result<()> {
        optimizer::scale(x, factor);
        Ok(())
    }

    fn dropout(&self, x: &mut Tensor, p: f64, mask: Mask) -> Result<()> {
        optimizer::dropout(x, p, mask);
        Ok(())
    }

    fn cross_entropy(&self, logits: &mut Tensor, targets: &[u32], weights: &[Real]) -> Result<Vec<f64>> {
        cross_entropy::forward_backward(logits, targets, weights)
    }

    fn token_scores(
        &self,
        x: &Tensor,
        w: &Weight,
        b: Option<&Weight>,
        targets: &[u32],
        want: Want,
    ) -> Result<Vec<TokenScore>> {
        head::token_scores(x, w, b, targets, want)
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
        head_gram::head_gram(s, x, w, b, targets, weights)
    }

    fn dot(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
        reduce::dot(a, b)
    }

    fn dot_rows(&self, a: &Tensor, b: &Tensor, rows: Range<usize>) -> Result<f64> {
        reduce::dot_rows(a, b, &rows)
    }

    fn update(&self, w: &mut Weight, moments: &mut [Tensor], g: &Tensor, update: &Update) -> Result<()> {
        optimizer::update(w, moments, g, update)
    }
}
