//! Attention in steps, for those who want to see or edit the weights (H, T, S) of one sequence. Twin of
//! `cpu/attention/pattern.rs`. All but the weights themselves and their gradient are products, head by head.

use std::sync::Arc;

use super::attention::{SIDE, SpansOnCard, check_heads, fill_stats, stats, with_spec};
use super::gpu::{Args, Gpu, Planes, warps};
use super::linear::{Sides, product_of_planes};
use super::module::PATTERN;
use super::rows;
use crate::check;
use crate::error::Result;
use crate::kernels::{AttentionSpec, Span};
use crate::precision::Precision;
use crate::tensor::Tensor;

/// Where the heads of one sequence lie.
struct Places<'a> {
    span: &'a Span,
    spec: &'a AttentionSpec,
}

impl<'a> Places<'a> {
    fn new(span: &'a Span, spec: &'a AttentionSpec) -> Self {
        Self { span, spec }
    }

    /// Queries, keys and channels.
    fn size(&self) -> [usize; 3] {
        [self.span.q.len(), self.span.kv.len(), self.spec.d_head]
    }

    fn heads(&self) -> std::ops::Range<usize> {
        0..self.spec.n_head
    }

    /// Width of a row of q and of k.
    fn widths(&self) -> [usize; 2] {
        [self.spec.n_head * self.spec.d_head, self.spec.n_kv_head * self.spec.d_head]
    }

    /// The first number of a head in q, z and their gradients.
    fn q(&self, head: usize) -> usize {
        self.span.q.start * self.widths()[0] + head * self.spec.d_head
    }

    /// The first number of a head's keys in k, v and their gradients.
    fn kv(&self, head: usize) -> usize {
        let kv_head = head / (self.spec.n_head / self.spec.n_kv_head);
        self.span.kv.start * self.widths()[1] + kv_head * self.spec.d_head
    }

    /// The first number of a head in p.
    fn p(&self, head: usize) -> usize {
        head * self.span.q.len() * self.span.kv.len()
    }
}

/// p (H, T, S): the attention weights of one span.
pub(super) fn pattern(
    gpu: &Arc<Gpu>,
    p: &Tensor,
    q: &Tensor,
    k: &Tensor,
    span: &Span,
    spec: &AttentionSpec,
) -> Result<()> {
    check::attention(&[q], &[k], std::slice::from_ref(span), spec)?;
    check::pattern(p, span, spec)?;
    check_heads(spec)?;
    let dual = p.is_dual();
    let stats = stats(gpu, q, spec)?;
    let spans = SpansOnCard::new(gpu, std::slice::from_ref(span))?;
    let (q, k) = (Planes::of(q)?, Planes::of(k)?);
    fill_stats(gpu, &stats, [q, k], &spans, spec, dual)?;
    let args = Args::default().planes(Planes::of(p)?)?.buffer(&stats, 0)?.planes(q)?.planes(k)?;
    let grid = [span.q.len().div_ceil(SIDE), spec.n_head, 1];
    gpu.launch(&PATTERN, "pattern", dual, grid, with_spec(spans.after(args)?, spec))
}

/// z rows of `span` = p · v
pub(super) fn apply(
    gpu: &Arc<Gpu>,
    z: &Tensor,
    p: &Tensor,
    v: &Tensor,
    span: &Span,
    spec: &AttentionSpec,
) -> Result<()> {
    check::attention(&[z], &[v], std::slice::from_ref(span), spec)?;
    check::pattern(p, span, spec)?;
    let places = Places::new(span, spec);
    let ([t, s, d], [wide, narrow]) = (places.size(), places.widths());
    let (z, p, v) = (Planes::of(z)?, Planes::of(p)?, Planes::of(v)?);
    for head in places.heads() {
        let a = Sides::new(p, places.p(head), [s, 1]);
        let b = Sides::new(v, places.kv(head), [1, narrow]);
        product_of_planes(gpu, Precision::F32, (z, places.q(head), wide), [&a, &b], [t, d, s], false)?;
    }
    Ok(())
}

/// dp (H, T, S) = dz · vᵀ and dv += pᵀ · dz
pub(super) fn apply_backward(
    gpu: &Arc<Gpu>,
    [dp, dv]: [&Tensor; 2],
    dz: &Tensor,
    [p, v]: [&Tensor; 2],
    span: &Span,
    spec: &AttentionSpec,
) -> Result<()> {
    check::attention(&[dz], &[dv, v], std::slice::from_ref(span), spec)?;
    check::pattern(p, span, spec)?;
    check::pattern(dp, span, spec)?;
    let places = Places::new(span, spec);
    let ([t, s, d], [wide, narrow]) = (places.size(), places.widths());
    let [dp, dv, dz, p, v] = [Planes::of(dp)?, Planes::of(dv)?, Planes::of(dz)?, Planes::of(p)?, Planes::of(v)?];
    for head in places.heads() {
        let a = Sides::new(dz, places.q(head), [wide, 1]);
        let b = Sides::new(v, places.kv(head), [narrow, 1]);
        product_of_planes(gpu, Precision::F32, (dp, places.p(head), s), [&a, &b], [t, s, d], false)?;
        let a = Sides::new(p, places.p(head), [1, s]);
        let b = Sides::new(dz, places.q(head), [1, wide]);
        product_of_planes(gpu, Precision::F32, (dv, places.kv(head), narrow), [&a, &b], [s, d, t], true)?;
    }
    Ok(())
}

/// dq, dk += through the softmax of the unedited weights `p`
pub(super) fn backward_acc(
    gpu: &Arc<Gpu>,
    [dq, dk]: [&Tensor; 2],
    [dp, p]: [&Tensor; 2],
    [q, k]: [&Tensor; 2],
    span: &Span,
    spec: &AttentionSpec,
) -> Result<()> {
    check::attention(&[dq, q], &[dk, k], std::slice::from_ref(span), spec)?;
    check::pattern(p, span, spec)?;
    check::pattern(dp, span, spec)?;
    let dual = dq.is_dual();
    check::that(dk.is_dual() == dual, || "attention pattern: only one result has a tangent".to_owned())?;
    let places = Places::new(span, spec);
    let ([t, s, d], [wide, narrow]) = (places.size(), places.widths());
    let ds = rows::stale(gpu, p.shape(), dual)?;
    let ds = Planes::of(&ds)?;
    let args = Args::default().planes(ds)?.planes(Planes::of(dp)?)?.planes(Planes::of(p)?)?.sizes([spec.n_head, t, s]);
    let args = args.single(spec.scale as f32).sizes([spec.window.unwrap_or(0)]);
    gpu.launch(&PATTERN, "pattern_score_gradient", dual, warps(spec.n_head * t), args)?;
    let [dq, dk, q, k] = [Planes::of(dq)?, Planes::of(dk)?, Planes::if_dual(q, dual)?, Planes::if_dual(k, dual)?];
    for head in places.heads() {
        let a = Sides::new(ds, places.p(head), [s, 1]);
        let b = Sides::new(k, places.kv(head), [1, narrow]);
        product_of_planes(gpu, Precision::F32, (dq, places.q(head), wide), [&a, &b], [t, d, s], true)?;
        let a = Sides::new(ds, places.p(head), [1, s]);
        let b = Sides::new(q, places.q(head), [1, wide]);
        product_of_planes(gpu, Precision::F32, (dk, places.kv(head), narrow), [&a, &b], [s, d, t], true)?;
    }
    Ok(())
}
