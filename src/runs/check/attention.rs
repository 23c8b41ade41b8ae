//! The operations of attention, whole and in steps: grouped heads, windows, several sequences, cached keys.

use super::ops::Op;
use super::run::Run;
use crate::engine::Tensor;
use crate::engine::kernels::{AttentionSpec, Span};
use crate::error::Result;

/// All of attention.
pub(super) const OPS: &[Op] = &[
    Op { name: "attention", dual: true, check: attention },
    Op { name: "attention_backward_acc", dual: true, check: attention_backward_acc },
    Op { name: "pattern", dual: true, check: pattern },
    Op { name: "pattern_apply", dual: true, check: pattern_apply },
    Op { name: "pattern_apply_backward", dual: true, check: pattern_apply_backward },
    Op { name: "pattern_backward_acc", dual: true, check: pattern_backward_acc },
];

fn specs() -> [AttentionSpec; 3] {
    let base = AttentionSpec { n_head: 4, n_kv_head: 4, d_head: 16, scale: 0.25, window: None };
    let grouped = AttentionSpec { n_kv_head: 2, d_head: 5, scale: 1.0, ..base.clone() };
    [base.clone(), grouped, AttentionSpec { window: Some(7), d_head: 40, ..base }]
}

/// Rows of q and of k, and sequences among them: of one token, longer than a tile, and going on from cached keys.
fn spans() -> (usize, usize, Vec<Span>) {
    let span = |q: std::ops::Range<usize>, kv| Span { q, kv };
    (56, 130, vec![span(0..1, 0..1), span(1..46, 3..48), span(46..55, 50..120), span(55..56, 120..130)])
}

/// q, k and v.
fn inputs(run: &mut Run<'_>, spec: &AttentionSpec) -> Result<[Tensor; 3]> {
    let ((n, s, _), [q, k]) = (spans(), [spec.n_head, spec.n_kv_head].map(|heads| heads * spec.d_head));
    Ok([run.tensor(&[n, q])?, run.tensor(&[s, k])?, run.tensor(&[s, k])?])
}

fn attention(run: &mut Run<'_>) -> Result<()> {
    for spec in specs() {
        let qkv = inputs(run, &spec)?;
        let mut z = run.stale(qkv[0].shape())?;
        run.call(|k| k.attention(&mut z, qkv.each_ref(), &spans().2, &spec))?;
        run.give([&z])?;
    }
    Ok(())
}

fn attention_backward_acc(run: &mut Run<'_>) -> Result<()> {
    for spec in specs() {
        let (qkv, mut dqkv) = (inputs(run, &spec)?, inputs(run, &spec)?);
        let dz = run.tensor(qkv[0].shape())?;
        run.call(|k| k.attention_backward_acc(dqkv.each_mut(), &dz, qkv.each_ref(), &spans().2, &spec))?;
        run.give(&dqkv)?;
    }
    Ok(())
}

/// For every kind of attention and sequence.
fn each(run: &mut Run<'_>, check: fn(&mut Run<'_>, &Span, &AttentionSpec) -> Result<()>) -> Result<()> {
    for spec in specs() {
        for span in spans().2 {
            check(run, &span, &spec)?;
        }
    }
    Ok(())
}

/// Weights that are not those of q and k, so that an edit is noticed.
fn weights(run: &mut Run<'_>, span: &Span, spec: &AttentionSpec) -> Result<Tensor> {
    run.tensor(&[spec.n_head, span.q.len(), span.kv.len()])
}

fn pattern(run: &mut Run<'_>) -> Result<()> {
    each(run, |run, span, spec| {
        let [q, k, _] = inputs(run, spec)?;
        let mut p = run.stale(&[spec.n_head, span.q.len(), span.kv.len()])?;
        run.call(|kernels| kernels.pattern(&mut p, &q, &k, span, spec))?;
        run.give([&p])
    })
}

fn pattern_apply(run: &mut Run<'_>) -> Result<()> {
    each(run, |run, span, spec| {
        let [mut z, v, _] = inputs(run, spec)?;
        let p = weights(run, span, spec)?;
        run.call(|k| k.pattern_apply(&mut z, &p, &v, span, spec))?;
        run.give([&z])
    })
}

fn pattern_apply_backward(run: &mut Run<'_>) -> Result<()> {
    each(run, |run, span, spec| {
        let [dz, v, mut dv] = inputs(run, spec)?;
        let (p, mut dp) = (weights(run, span, spec)?, run.stale(&[spec.n_head, span.q.len(), span.kv.len()])?);
        run.call(|k| k.pattern_apply_backward(&mut dp, &mut dv, &dz, &p, &v, span, spec))?;
        run.give([&dp, &dv])
    })
}

fn pattern_backward_acc(run: &mut Run<'_>) -> Result<()> {
    each(run, |run, span, spec| {
        let ([q, k, _], [mut dq, mut dk, _]) = (inputs(run, spec)?, inputs(run, spec)?);
        let dp = weights(run, span, spec)?;
        let mut p = run.stale(dp.shape())?;
        run.prepare(|kernels| kernels.pattern(&mut p, &q, &k, span, spec))?;
        run.call(|kernels| kernels.pattern_backward_acc([&mut dq, &mut dk], &dp, &p, [&q, &k], span, spec))?;
        run.give([&dq, &dk])
    })
}
