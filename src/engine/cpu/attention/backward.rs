//! Attention, backward: the weights are computed again, block by block.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    AttentionSpec, Pair, Place, Sight, Span, Start, Weights, blocks, heads, left, product, right, softmax, tiles,
    weights,
};
use crate::check;
use crate::cpu::gemm::{Matrix, NR, Right};
use crate::cpu::grid::TileMut;
use crate::error::Result;
use crate::tensor::{Buffer, Real, Tensor};

/// One key/value head of one sequence: what its queries read.
struct Keys<'a> {
    /// (key, channel) and (channel, key).
    k: [Pair<Right<'a>>; 2],
    /// (key, channel) of the values.
    v: Pair<Right<'a>>,
}

/// Inputs of backward, all planes.
struct Inputs<'a> {
    q: Pair<&'a [Real]>,
    k: Pair<&'a [Real]>,
    v: Pair<&'a [Real]>,
    dz: Pair<&'a [Real]>,
    dual: bool,
}

/// dq, dk, dv += ∂L/∂(q, k, v)
pub(in crate::cpu) fn backward_acc(
    [dq, dk, dv]: [&mut Tensor; 3],
    dz: &Tensor,
    qkv: [&Tensor; 3],
    spans: &[Span],
    spec: &AttentionSpec,
) -> Result<()> {
    check::attention_backward([dq, dk, dv], dz, qkv, spans, spec)?;
    let dual = dq.is_dual();
    let (kv, d) = (spec.n_kv_head, spec.d_head);
    let width = spec.n_head / kv * d;
    let inputs = Inputs {
        q: Pair::of(qkv[0], dual),
        k: Pair::of(qkv[1], dual),
        v: Pair::of(qkv[2], dual),
        dz: Pair::of(dz, dual),
        dual,
    };
    let q_rows: Vec<_> = spans.iter().map(|s| s.q.clone()).collect();
    let kv_rows: Vec<_> = spans.iter().map(|s| s.kv.clone()).collect();
    let dq = tiles(dq, &q_rows, &heads(kv, width));
    let dk = tiles(dk, &kv_rows, &heads(kv, d));
    let dv = tiles(dv, &kv_rows, &heads(kv, d));
    dq.into_par_iter().zip(dk).zip(dv).enumerate().for_each(|(i, ((dq, dk), dv))| {
        backward_head(dq, dk, dv, &inputs, &spans[i / kv], i % kv, spec);
    });
    Ok(())
}

/// One key/value head of one sequence and the query heads that read it.
fn backward_head(
    mut dq: Pair<TileMut<'_>>,
    mut dk: Pair<TileMut<'_>>,
    mut dv: Pair<TileMut<'_>>,
    inputs: &Inputs<'_>,
    span: &Span,
    kv_head: usize,
    spec: &AttentionSpec,
) {
    let (h, d) = (spec.n_head, spec.d_head);
    let group = h / spec.n_kv_head;
    let n = span.kv.len();
    let place = Place { row: span.kv.start, column: kv_head * d, ld: spec.n_kv_head * d };
    let keys = Keys {
        k: [right(&inputs.k, n, d, |k| place.rows(k, 0)), right(&inputs.k, d, n, |k| place.columns(k, 0))],
        v: right(&inputs.v, n, d, |v| place.rows(v, 0)),
    };
    for head in 0..group {
        let place = Place { row: span.q.start, column: (kv_head * group + head) * d, ld: h * d };
        let columns = head * d..(head + 1) * d;
        for block in blocks(span) {
            let (w, ds) = score_gradient(inputs, &keys, place, &block, span, spec);
            let (rows, seen) = (block.len(), w.keys.len());
            let planes = [&ds, &w.p].map(|p| p.map(|p| &**p));
            let [ds_turned, p_turned] = planes.each_ref().map(|p| left(p, seen, rows, |p| Matrix::turned(p, w.width)));
            let q = right(&inputs.q, d, rows, |q| place.columns(q, block.start));
            let dz = right(&inputs.dz, d, rows, |dz| place.columns(dz, block.start));
            let ds_rows = left(&planes[0], rows, seen, |p| Matrix::new(p, w.width));
            let k = keys.k[1].map(|k| k.view().rows(w.keys.clone()));
            product(dq.part(block, columns.clone()), &ds_rows, &k, Start::Add);
            product(dk.part(w.keys.clone(), 0..d), &ds_turned, &q.map(Right::view), Start::Add);
            product(dv.part(w.keys.clone(), 0..d), &p_turned, &dz.map(Right::view), Start::Add);
        }
    }
}

/// The weights of a block of queries and the gradient of their scores, scale included.
fn score_gradient(
    inputs: &Inputs<'_>,
    keys: &Keys<'_>,
    place: Place,
    block: &Range<usize>,
    span: &Span,
    spec: &AttentionSpec,
) -> (Weights, Pair<Buffer>) {
    let (d, rows) = (spec.d_head, block.len());
    let sight = Sight::new(span, spec);
    let [q, dz] = [&inputs.q, &inputs.dz].map(|planes| left(planes, rows, d, |p| place.rows(p, block.start)));
    let w = weights(&q, &keys.k[0], block, sight, spec.scale as Real, inputs.dual);
    let mut dp = Pair::stale(rows * w.width, inputs.dual);
    let v = keys.v.map(|v| v.view().panels(w.keys.start / NR..w.keys.end.div_ceil(NR)));
    product(dp.tile(rows, w.width), &dz, &v, Start::Zero);
    for (i, query) in block.clone().enumerate() {
        let seen = sight.of(query);
        let seen = seen.start - w.keys.start..seen.end - w.keys.start;
        softmax_backward(&mut dp, &w.p, i * w.width..(i + 1) * w.width, &seen, spec.scale as Real);
    }
    (w, dp)
}

/// Turns row `row` of dp into that of ds, with tangents if there are any.
pub(super) fn softmax_backward(
    dp: &mut Pair<Buffer>,
    p: &Pair<Buffer>,
    row: Range<usize>,
    seen: &Range<usize>,
    scale: Real,
) {
    match (&mut dp.t, &p.t) {
        (Some(dp_t), Some(p_t)) => {
            let rows = [&mut dp.v[row.clone()], &mut dp_t[row.clone()]];
            softmax::backward_dual(rows, [&p.v[row.clone()], &p_t[row]], seen, scale);
        }
        _ => softmax::backward(&mut dp.v[row.clone()], &p.v[row], seen, scale),
    }
}
