//! Shapes are checked once, where an operation begins; loops and kernels inside trust them. Every device has the same
//! checks.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::kernels::{AttentionSpec, Rows, Span, Update};
use crate::model::Weight;
use crate::tensor::{Real, Tensor};

/// An error of ours unless `holds`.
pub(crate) fn that(holds: bool, message: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::bug(message())) }
}

/// All tensors have the shape of the first.
pub(crate) fn same(what: &str, first: &Tensor, others: &[&Tensor]) -> Result<()> {
    that(others.iter().all(|t| t.shape() == first.shape()), || {
        let shapes: Vec<_> = others.iter().map(|t| t.shape()).collect();
        format!("{what}: shapes {:?} and {shapes:?} differ", first.shape())
    })
}

/// y (N,O) from x (N,C).
pub(crate) fn linear(y: &Tensor, x: &Tensor, w: &Weight, b: Option<&Weight>) -> Result<()> {
    that(x.cols() == w.d_in() && y.shape() == [x.rows(), w.d_out()], || {
        format!("linear: y {:?} from x {:?} and {} {:?}", y.shape(), x.shape(), w.name, w.shape)
    })?;
    let fits = b.is_none_or(|b| b.len() == w.d_out());
    that(fits, || format!("linear: the bias of {} has the wrong length", w.name))
}

/// dx (N,C) from dy (N,O).
pub(crate) fn linear_backward(dx: &Tensor, dy: &Tensor, w: &Weight) -> Result<()> {
    that(dy.cols() == w.d_out() && dx.shape() == [dy.rows(), w.d_in()], || {
        format!("linear backward: dx {:?} from dy {:?} and {} {:?}", dx.shape(), dy.shape(), w.name, w.shape)
    })
}

/// dW from rows of x (N,C) and dy (N,O).
pub(crate) fn outer(dw: &Tensor, x: &Tensor, dy: &Tensor, rows: &Range<usize>, w: &Weight) -> Result<()> {
    that(x.cols() == w.d_in() && dy.cols() == w.d_out() && dw.len() == w.len(), || {
        format!("outer: dw {:?} of {} {:?} from {:?}, {:?}", dw.shape(), w.name, w.shape, x.shape(), dy.shape())
    })?;
    let fits = rows.start <= rows.end && rows.end <= x.rows() && rows.end <= dy.rows();
    that(fits, || format!("outer: no rows {rows:?}"))
}

/// db (C) from rows of x (N,C).
pub(crate) fn column_sum(db: &Tensor, x: &Tensor, rows: &Range<usize>) -> Result<()> {
    that(db.len() == x.cols() && rows.start <= rows.end && rows.end <= x.rows(), || {
        format!("column sum: db {:?} from rows {rows:?} of {:?}", db.shape(), x.shape())
    })
}

/// A parameter, its moments and its gradient.
pub(crate) fn update(w: &Weight, moments: &[Tensor], g: &Tensor, update: &Update) -> Result<()> {
    that(update.fits(moments.len()), || format!("{} moments for {update:?}", moments.len()))?;
    that(g.len() == w.len() && moments.iter().all(|m| m.len() == w.len()), || {
        let shapes: Vec<_> = moments.iter().map(Tensor::shape).collect();
        format!("update: {} {:?} by {:?} with moments {shapes:?}", w.name, w.shape, g.shape())
    })
}

/// Both sides of a product of weight gradients.
pub(crate) fn gram(a: &Rows<'_>, b: &Rows<'_>) -> Result<()> {
    for side in [a, b] {
        that(side.rows.end <= side.x.rows() && side.rows.end <= side.dy.rows(), || {
            format!("gram: rows {:?} of {:?} and {:?}", side.rows, side.x.shape(), side.dy.shape())
        })?;
    }
    that(a.x.cols() == b.x.cols() && a.dy.cols() == b.dy.cols(), || {
        format!("gram: widths {:?} {:?} and {:?} {:?}", a.x.shape(), a.dy.shape(), b.x.shape(), b.dy.shape())
    })
}

/// As many numbers on both sides.
pub(crate) fn dot(a: &Tensor, b: &Tensor) -> Result<()> {
    that(a.len() == b.len(), || format!("dot: {:?} and {:?}", a.shape(), b.shape()))
}

/// The same rows of two tensors.
pub(crate) fn dot_rows(a: &Tensor, b: &Tensor, rows: &Range<usize>) -> Result<()> {
    same("dot of rows", a, &[b])?;
    that(rows.start <= rows.end && rows.end <= a.rows(), || format!("dot of rows {rows:?} of {:?}", a.shape()))
}

/// Rows of a tensor that go to row `at` of another.
pub(crate) fn copy_rows(to: &Tensor, at: usize, from: &Tensor, rows: &Range<usize>) -> Result<()> {
    let fits = to.cols() == from.cols() && rows.start <= rows.end && rows.end <= from.rows();
    that(fits && at + rows.len() <= to.rows(), || {
        format!("copy: rows {rows:?} of {:?} to row {at} of {:?}", from.shape(), to.shape())
    })
}

/// Rows of a tensor that are repeated from row `at` on, beside themselves.
pub(crate) fn repeat_rows(x: &Tensor, rows: &Range<usize>, at: usize) -> Result<()> {
    let apart = rows.end <= at || at + rows.len() <= rows.start;
    let fits = rows.start <= rows.end && rows.end <= x.rows() && at + rows.len() <= x.rows();
    that(fits && apart, || format!("copy: rows {rows:?} of {:?} to row {at}", x.shape()))
}

/// Columns of a tensor.
pub(crate) fn columns(x: &Tensor, columns: &[u32]) -> Result<()> {
    let fits = columns.iter().all(|&c| (c as usize) < x.cols());
    that(fits, || format!("columns {columns:?} of {:?}", x.shape()))
}

/// Gain and bias of rows of x.
pub(crate) fn norm(y: &Tensor, x: &Tensor, gain: &Weight, bias: Option<&Weight>) -> Result<()> {
    same("norm", y, &[x])?;
    let c = x.cols();
    that(gain.len() == c && bias.is_none_or(|b| b.len() == c), || {
        format!("norm: {} has {} numbers for rows of {c}", gain.name, gain.len())
    })
}

/// Gradients of rows of x.
pub(crate) fn norm_backward(
    dx: &Tensor,
    dgain_rows: Option<&Tensor>,
    dy: &Tensor,
    x: &Tensor,
    gain: &Weight,
) -> Result<()> {
    same("norm backward", dx, &[dy, x])?;
    that(gain.len() == x.cols(), || format!("norm backward: {} has {} numbers", gain.name, gain.len()))?;
    dgain_rows.map_or(Ok(()), |dgain| same("norm backward", dx, &[dgain]))
}

/// Both gradients of a gate.
pub(crate) fn gate_backward(dgate: &Tensor, dup: &Tensor, others: [&Tensor; 3]) -> Result<()> {
    let [dy, gate, up] = others;
    same("gate backward", dgate, &[dup, dy, gate, up])?;
    that(dgate.is_dual() == dup.is_dual(), || "gate backward: only one result has a tangent".to_owned())
}

/// A fused projection and its three parts.
pub(crate) fn heads(qkv: &Tensor, parts: [&Tensor; 3], n_head: usize) -> Result<()> {
    let (n, width) = (qkv.rows(), qkv.cols());
    let fits = n_head > 0 && width.is_multiple_of(3 * n_head) && parts.iter().all(|p| p.shape() == [n, width / 3]);
    that(fits, || {
        let shapes = parts.map(Tensor::shape);
        format!("heads: fused {:?}, parts {shapes:?}, {n_head} heads", qkv.shape())
    })
}

/// x (N,H·D), a position a row, and at most D/2 frequencies.
pub(crate) fn rotate(x: &Tensor, positions: &[u32], n_head: usize, inv_freq: &[f64]) -> Result<()> {
    let (n, width) = (x.rows(), x.cols());
    let fits =
        n_head > 0 && width.is_multiple_of(n_head) && positions.len() == n && 2 * inv_freq.len() * n_head <= width;
    that(fits, || {
        let (p, f) = (positions.len(), inv_freq.len());
        format!("rotate: x {:?}, {n_head} heads, {p} positions, {f} frequencies", x.shape())
    })
}

/// Every id has a row.
fn ids(table: &str, ids: &[u32], rows: usize) -> Result<()> {
    that(ids.iter().all(|&id| (id as usize) < rows), || {
        let worst = ids.iter().max().copied().unwrap_or(0);
        format!("embedding: id {worst} but {table} has {rows} rows")
    })
}

/// y (N,C) from rows of a table (V,C).
pub(crate) fn embed(y: &Tensor, table: &Weight, tokens: &[u32]) -> Result<()> {
    let c = y.cols();
    that(y.rows() == tokens.len() && table.len().is_multiple_of(c.max(1)), || {
        format!("embedding: {} ids of {} {:?} into {:?}", tokens.len(), table.name, table.shape, y.shape())
    })?;
    ids(&table.name, tokens, table.len() / c.max(1))
}

/// Rows of dy (N,C) to rows of a gradient (V,C).
pub(crate) fn embed_backward(dtable: &Tensor, tokens: &[u32], dy: &Tensor, rows: &Range<usize>) -> Result<()> {
    that(rows.end <= tokens.len() && rows.end <= dy.rows() && rows.start <= rows.end, || {
        format!("embedding backward: rows {rows:?} of {} ids and dy {:?}", tokens.len(), dy.shape())
    })?;
    that(dtable.cols() == dy.cols(), || {
        format!("embedding backward: dtable {:?}, dy {:?}", dtable.shape(), dy.shape())
    })?;
    ids("the gradient", &tokens[rows.clone()], dtable.rows())
}

/// A target and a weight a row; targets of weight 0 may be anything.
pub(crate) fn targets(targets: &[u32], weights: &[Real], n: usize, vocab: usize) -> Result<()> {
    that(targets.len() == n && weights.len() == n, || {
        format!("{n} rows but {} targets and {} weights", targets.len(), weights.len())
    })?;
    let outside = |(&t, &w): (&u32, &Real)| w != 0.0 && t as usize >= vocab;
    that(!targets.iter().zip(weights).any(outside), || format!("a target is not one of {vocab} tokens"))
}

/// What the head reads.
pub(crate) fn head(x: &Tensor, w: &Weight, b: Option<&Weight>) -> Result<()> {
    that(x.cols() == w.d_in() && b.is_none_or(|b| b.len() == w.d_out()), || {
        format!("head: x {:?}, {} {:?}", x.shape(), w.name, w.shape)
    })
}

/// S (N,N) of the rows of x.
pub(crate) fn head_gram(s: &Tensor, x: &Tensor) -> Result<()> {
    let n = x.rows();
    that(s.shape() == [n, n], || format!("head gram: s {:?} for {n} rows", s.shape()))
}

/// Shapes of q-like and k-like tensors, spans and heads fit.
pub(crate) fn attention(q: &[&Tensor], kv: &[&Tensor], spans: &[Span], spec: &AttentionSpec) -> Result<()> {
    let (h, k, d) = (spec.n_head, spec.n_kv_head, spec.d_head);
    that(k > 0 && h > 0 && h.is_multiple_of(k) && spec.window != Some(0), || {
        format!("attention: {h} heads, {k} key/value heads, window {:?}", spec.window)
    })?;
    let fits = q.iter().all(|t| t.cols() == h * d) && kv.iter().all(|t| t.cols() == k * d);
    that(fits, || {
        let shapes: Vec<_> = q.iter().chain(kv).map(|t| t.shape()).collect();
        format!("attention: shapes {shapes:?} with {h} and {k} heads of {d}")
    })?;
    let rows = |tensors: &[&Tensor]| tensors.iter().map(|t| t.rows()).min().unwrap_or(0);
    let (n, s) = (rows(q), rows(kv));
    for span in spans {
        let fits = span.q.start <= span.q.end && span.q.end <= n && span.kv.end <= s && span.q.len() <= span.kv.len();
        that(fits, || format!("attention: {span:?} of {n} queries and {s} keys"))?;
    }
    that(spans.windows(2).all(|w| w[0].q.end <= w[1].q.start), || "attention: spans overlap".to_owned())
}

/// As [`attention`], with gradients of the same shapes, and keys of their own for every span.
pub(crate) fn attention_backward(
    [dq, dk, dv]: [&Tensor; 3],
    dz: &Tensor,
    qkv: [&Tensor; 3],
    spans: &[Span],
    spec: &AttentionSpec,
) -> Result<()> {
    attention(&[dq, dz, qkv[0]], &[dk, dv, qkv[1], qkv[2]], spans, spec)?;
    that(dk.is_dual() == dq.is_dual() && dv.is_dual() == dq.is_dual(), || {
        "attention backward: only some results have a tangent".to_owned()
    })?;
    let disjoint = spans.windows(2).all(|w| w[0].kv.end <= w[1].kv.start);
    that(disjoint, || "attention backward: sequences share keys".to_owned())
}

/// p has the shape (H, T, S) of this span.
pub(crate) fn pattern(p: &Tensor, span: &Span, spec: &AttentionSpec) -> Result<()> {
    let want = [spec.n_head, span.q.len(), span.kv.len()];
    that(p.shape() == want, || format!("attention pattern {:?} where {want:?} is expected", p.shape()))
}
