//! Takes a fused projection apart into q, k and v, and puts gradients together again.

use rayon::prelude::*;

use crate::check;
use crate::error::Result;
use crate::kernels::HeadLayout;
use crate::tensor::{Real, Tensor};

/// Where part `part` (q, k, v) of head `head` begins in a fused row.
fn place(layout: HeadLayout, part: usize, head: usize, n_head: usize, d: usize) -> usize {
    match layout {
        HeadLayout::Thirds => (part * n_head + head) * d,
        HeadLayout::PerHead => (head * 3 + part) * d,
    }
}

/// q, k, v (N,H·D) from qkv (N,3·H·D)
pub(super) fn split(mut parts: [&mut Tensor; 3], qkv: &Tensor, n_head: usize, layout: HeadLayout) -> Result<()> {
    check::heads(qkv, [&*parts[0], &*parts[1], &*parts[2]], n_head)?;
    for (index, part) in parts.iter_mut().enumerate() {
        let (value, tangent) = part.planes_mut();
        let sizes = [qkv.cols(), n_head];
        take_part(value, qkv.value(), index, sizes, layout);
        match (tangent, qkv.tangent()) {
            (Some(tangent), Some(fused)) => take_part(tangent, fused, index, sizes, layout),
            (Some(tangent), None) => tangent.fill(0.0),
            _ => {}
        }
    }
    Ok(())
}

fn take_part(out: &mut [Real], fused: &[Real], part: usize, [width, n_head]: [usize; 2], layout: HeadLayout) {
    let d = width / 3 / n_head;
    if d == 0 {
        return;
    }
    out.par_chunks_exact_mut(n_head * d).zip(fused.par_chunks_exact(width)).for_each(|(out, fused)| {
        for (head, out) in out.chunks_exact_mut(d).enumerate() {
            let start = place(layout, part, head, n_head, d);
            out.copy_from_slice(&fused[start..start + d]);
        }
    });
}

/// The transpose of [`split`].
pub(super) fn merge(qkv: &mut Tensor, parts: [&Tensor; 3], n_head: usize, layout: HeadLayout) -> Result<()> {
    check::heads(qkv, parts, n_head)?;
    let width = qkv.cols();
    let (value, tangent) = qkv.planes_mut();
    for (index, part) in parts.iter().enumerate() {
        put_part(value, part.value(), index, [width, n_head], layout);
    }
    let Some(tangent) = tangent else { return Ok(()) };
    for (index, part) in parts.iter().enumerate() {
        match part.tangent() {
            Some(part) => put_part(tangent, part, index, [width, n_head], layout),
            None => put_part(tangent, &vec![0.0; part.value().len()], index, [width, n_head], layout),
        }
    }
    Ok(())
}

fn put_part(fused: &mut [Real], part: &[Real], index: usize, [width, n_head]: [usize; 2], layout: HeadLayout) {
    let d = width / 3 / n_head;
    if d == 0 {
        return;
    }
    fused.par_chunks_exact_mut(width).zip(part.par_chunks_exact(n_head * d)).for_each(|(fused, part)| {
        for (head, part) in part.chunks_exact(d).enumerate() {
            let start = place(layout, index, head, n_head, d);
            fused[start..start + d].copy_from_slice(part);
        }
    });
}
