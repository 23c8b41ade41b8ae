//! Attention in steps, for those who want to see or edit the weights (H, T, S) of one sequence.
//!
//! Without an edit the result has the bits of the fused pass.

use rayon::prelude::*;

use super::backward::softmax_backward;
use super::{AttentionSpec, Pair, Place, Sight, Span, Start, blocks, heads, left, product, right, tiles, weights};
use crate::check;
use crate::cpu::gemm::{Matrix, Right};
use crate::cpu::grid::TileMut;
use crate::error::Result;
use crate::tensor::{Buffer, Real, Tensor};

fn q_place(span: &Span, spec: &AttentionSpec, head: usize) -> Place {
    Place { row: span.q.start, column: head * spec.d_head, ld: spec.n_head * spec.d_head }
}

fn kv_place(span: &Span, spec: &AttentionSpec, kv_head: usize) -> Place {
    Place { row: span.kv.start, column: kv_head * spec.d_head, ld: spec.n_kv_head * spec.d_head }
}

/// The heads of p, one tile each.
fn head_tiles<'a>(p: &'a mut Tensor, span: &Span) -> Vec<Pair<TileMut<'a>>> {
    let rows = heads(p.shape()[0], span.q.len());
    tiles(p, &rows, std::slice::from_ref(&(0..span.kv.len())))
}

/// Head `head` of p.
fn head_of<'a>(p: &Pair<&'a [Real]>, span: &Span, head: usize) -> Pair<&'a [Real]> {
    let size = span.q.len() * span.kv.len();
    p.map(|p| &p[head * size..(head + 1) * size])
}

/// p (H, T, S): the attention weights of one span.
pub(in crate::cpu) fn pattern(p: &mut Tensor, q: &Tensor, k: &Tensor, span: &Span, spec: &AttentionSpec) -> Result<()> {
    check::attention(&[q], &[k], std::slice::from_ref(span), spec)?;
    check::pattern(p, span, spec)?;
    let (dual, d, group) = (p.is_dual(), spec.d_head, spec.n_head / spec.n_kv_head);
    let (q, k) = (Pair::of(q, dual), Pair::of(k, dual));
    head_tiles(p, span).into_par_iter().enumerate().for_each(|(head, mut p)| {
        let place = kv_place(span, spec, head / group);
        let k = right(&k, span.kv.len(), d, |k| place.rows(k, 0));
        for block in blocks(span) {
            let q = left(&q, block.len(), d, |q| q_place(span, spec, head).rows(q, block.start));
            let w = weights(&q, &k, &block, Sight::new(span, spec), spec.scale as Real, dual);
            let copy = |out: &mut TileMut<'_>, from: &Buffer| {
                for (i, from) in from.chunks_exact(w.width).take(block.len()).enumerate() {
                    let row = out.row(block.start + i);
                    row.fill(0.0);
                    row[w.keys.clone()].copy_from_slice(&from[..w.keys.len()]);
                }
            };
            copy(&mut p.v, &w.p.v);
            if let (Some(out), Some(from)) = (&mut p.t, &w.p.t) {
                copy(out, from);
            }
        }
    });
    Ok(())
}

/// z rows of `span` = p · v
pub(in crate::cpu) fn pattern_apply(
    z: &mut Tensor,
    p: &Tensor,
    v: &Tensor,
    span: &Span,
    spec: &AttentionSpec,
) -> Result<()> {
    check::attention(&[z], &[v], std::slice::from_ref(span), spec)?;
    check::pattern(p, span, spec)?;
    let (dual, d, group) = (z.is_dual(), spec.d_head, spec.n_head / spec.n_kv_head);
    let (t, s) = (span.q.len(), span.kv.len());
    let (p, v) = (Pair::of(p, dual), Pair::of(v, dual));
    let rows = std::slice::from_ref(&span.q);
    tiles(z, rows, &heads(spec.n_head, d)).into_par_iter().enumerate().for_each(|(head, z)| {
        let place = kv_place(span, spec, head / group);
        let v = right(&v, d, s, |v| place.columns(v, 0));
        let p = left(&head_of(&p, span, head), t, s, |p| Matrix::new(p, s));
        product(z, &p, &v.map(Right::view), Start::Zero);
    });
    Ok(())
}

/// dp (H, T, S) = dz · vᵀ and dv += pᵀ · dz
pub(in crate::cpu) fn pattern_apply_backward(
    [dp, dv]: [&mut Tensor; 2],
    dz: &Tensor,
    [p, v]: [&Tensor; 2],
    span: &Span,
    spec: &AttentionSpec,
) -> Result<()> {
    check::attention(&[dz], &[dv, v], std::slice::from_ref(span), spec)?;
    check::pattern(p, span, spec)?;
    check::pattern(dp, span, spec)?;
    let (dual, d, group) = (dp.is_dual(), spec.d_head, spec.n_head / spec.n_kv_head);
    let (t, s) = (span.q.len(), span.kv.len());
    let (p, v, dz) = (Pair::of(p, dual), Pair::of(v, dual), Pair::of(dz, dual));
    head_tiles(dp, span).into_par_iter().enumerate().for_each(|(head, dp)| {
        let place = kv_place(span, spec, head / group);
        let v = right(&v, s, d, |v| place.rows(v, 0));
        let dz = left(&dz, t, d, |dz| q_place(span, spec, head).rows(dz, 0));
        product(dp, &dz, &v.map(Right::view), Start::Zero);
    });
    let rows = std::slice::from_ref(&span.kv);
    tiles(dv, rows, &heads(spec.n_kv_head, d)).into_par_iter().enumerate().for_each(|(kv_head, mut dv)| {
        for head in kv_head * group..(kv_head + 1) * group {
            let p = left(&head_of(&p, span, head), s, t, |p| Matrix::turned(p, s));
            let dz = right(&dz, d, t, |dz| q_place(span, spec, head).columns(dz, 0));
            product(dv.part(0..s, 0..d), &p, &dz.map(Right::view), Start::Add);
        }
    });
    Ok(())
}

/// dq, dk += through the softmax of the unedited weights `p`
pub(in crate::cpu) fn pattern_backward_acc(
    [dq, dk]: [&mut Tensor; 2],
    [dp, p]: [&Tensor; 2],
    [q, k]: [&Tensor; 2],
    span: &Span,
    spec: &AttentionSpec,
) -> Result<()> {
    check::attention(&[dq, q], &[dk, k], std::slice::from_ref(span), spec)?;
    check::pattern(p, span, spec)?;
    check::pattern(dp, span, spec)?;
    let (dual, d, group) = (dq.is_dual(), spec.d_head, spec.n_head / spec.n_kv_head);
    check::that(dk.is_dual() == dual, || "attention pattern: only one result has a tangent".to_owned())?;
    let (t, s) = (span.q.len(), span.kv.len());
    let [dp, p, q, k] = [dp, p, q, k].map(|x| Pair::of(x, dual));
    let dq = tiles(dq, std::slice::from_ref(&span.q), &heads(spec.n_kv_head, group * d));
    let dk = tiles(dk, std::slice::from_ref(&span.kv), &heads(spec.n_kv_head, d));
    dq.into_par_iter().zip(dk).enumerate().for_each(|(kv_head, (mut dq, mut dk))| {
        let k = right(&k, d, s, |k| kv_place(span, spec, kv_head).columns(k, 0));
        for index in 0..group {
            let head = kv_head * group + index;
            let ds = score_gradient(&head_of(&dp, span, head), &head_of(&p, span, head), span, spec, dual);
            let ds = ds.map(|ds| &**ds);
            let q = right(&q, d, t, |q| q_place(span, spec, head).columns(q, 0));
            let rows = left(&ds, t, s, |ds| Matrix::new(ds, s));
            product(dq.part(0..t, index * d..(index + 1) * d), &rows, &k.map(Right::view), Start::Add);
            let columns = left(&ds, s, t, |ds| Matrix::turned(ds, s));
            product(dk.part(0..s, 0..d), &columns, &q.map(Right::view), Start::Add);
        }
    });
    Ok(())
}

/// ds of one head, scale included.
fn score_gradient(
    dp: &Pair<&[Real]>,
    p: &Pair<&[Real]>,
    span: &Span,
    spec: &AttentionSpec,
    dual: bool,
) -> Pair<Buffer> {
    let s = span.kv.len();
    let copy = |planes: &Pair<&[Real]>| {
        let mut copy = Pair::stale(planes.v.len(), dual);
        copy.v.copy_from_slice(planes.v);
        if let Some(out) = &mut copy.t {
            match planes.t {
                Some(t) => out.copy_from_slice(t),
                None => out.fill(0.0),
            }
        }
        copy
    };
    let (mut ds, p) = (copy(dp), copy(p));
    let sight = Sight::new(span, spec);
    for i in 0..span.q.len() {
        softmax_backward(&mut ds, &p, i * s..(i + 1) * s, &sight.of(i), spec.scale as Real);
    }
    ds
}
