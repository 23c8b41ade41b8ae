//! Attention, forward.

use rayon::prelude::*;

use super::single::single;
use super::{AttentionSpec, Pair, Place, Sight, Span, Start, blocks, heads, left, product, right, tiles, weights};
use crate::check;
use crate::cpu::gemm::{Matrix, Right};
use crate::error::Result;
use crate::tensor::{Real, Tensor};

/// z (N,H·D) = softmax(scale·q·kᵀ, causal) · v
pub(in crate::cpu) fn forward(z: &mut Tensor, qkv: [&Tensor; 3], spans: &[Span], spec: &AttentionSpec) -> Result<()> {
    check::attention(&[z, qkv[0]], &[qkv[1], qkv[2]], spans, spec)?;
    let dual = z.is_dual();
    if !dual && spans.iter().all(|s| s.q.len() == 1) {
        single(z, qkv, spans, spec);
        return Ok(());
    }
    let (h, d) = (spec.n_head, spec.d_head);
    let group = h / spec.n_kv_head;
    let [q, k, v] = qkv.map(|t| Pair::of(t, dual));
    let tasks: Vec<(usize, usize)> =
        (0..spans.len()).flat_map(|s| (0..spec.n_kv_head).map(move |head| (s, head))).collect();
    let packed: Vec<(Pair<Right<'_>>, Pair<Right<'_>>)> = tasks
        .into_par_iter()
        .map(|(s, head)| {
            let (n, place) = (spans[s].kv.len(), Place { row: spans[s].kv.start, column: head * d, ld: qkv[1].cols() });
            (right(&k, n, d, |k| place.rows(k, 0)), right(&v, d, n, |v| place.columns(v, 0)))
        })
        .collect();
    let blocks: Vec<_> = spans.iter().enumerate().flat_map(|(s, span)| blocks(span).map(move |b| (s, b))).collect();
    let rows: Vec<_> = blocks.iter().map(|(s, b)| spans[*s].q.start + b.start..spans[*s].q.start + b.end).collect();
    tiles(z, &rows, &heads(h, d)).into_par_iter().enumerate().for_each(|(i, z)| {
        let ((s, block), head) = (&blocks[i / h], i % h);
        let (k, v) = &packed[s * spec.n_kv_head + head / group];
        let place = Place { row: spans[*s].q.start, column: head * d, ld: h * d };
        let q = left(&q, block.len(), d, |q| place.rows(q, block.start));
        let w = weights(&q, k, block, Sight::new(&spans[*s], spec), spec.scale as Real, dual);
        let p = w.p.map(|p| &**p);
        let p = left(&p, block.len(), w.keys.len(), |p| Matrix::new(p, w.width));
        product(z, &p, &v.map(|v| v.view().rows(w.keys.clone())), Start::Zero);
    });
    Ok(())
}
