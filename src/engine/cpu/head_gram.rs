//! Inner products of the logit gradients of all rows, the vocabulary a slice at a time.
//!
//! The softmax of a row must be known before its gradient, so the logits are needed twice. Those of a pair of
//! texts are kept in between; those of a large batch are formed again.
#![expect(clippy::inline_always, reason = "bodies are compiled per instruction set")]

use std::ops::Range;

use rayon::prelude::*;

use super::gemm::{Lhs, Matrix, Packed, Start, gemm};
use super::head::{ExpSum, Head, Max};
use super::linear::packed;
use super::scalar::exp;
use super::simd::{Job, simd};
use crate::check;
use crate::error::Result;
use crate::head_parts::{CHUNK, GramPart, Normalizer, normalizer};
use crate::model::Weight;
use crate::tensor::{Buffer, Real, Tensor};

/// Tokens of a slice: whole chunks.
const SLICE: usize = 4 * CHUNK;
/// Most logits that are kept: 128 MiB.
const KEPT: usize = 1 << 25;

/// S (N,N): inner products of the logit gradients of all rows.
pub(super) fn head_gram(
    s: &mut Tensor,
    x: &Tensor,
    w: &Weight,
    b: Option<&Weight>,
    targets: &[u32],
    weights: &[Real],
) -> Result<()> {
    check::head(x, w, b)?;
    let (n, c) = (x.rows(), x.cols());
    check::head_gram(s, x)?;
    check::targets(targets, weights, n, w.d_out())?;
    let bias = b.map(Weight::values);
    let lhs = Lhs::new(Matrix::new(x.value(), c), n, c);
    let head = Head { lhs, rhs: packed(w).view(), bias: bias.as_deref(), vocab: w.d_out() };
    let (s, tangent) = s.planes_mut();
    if let Some(tangent) = tangent {
        tangent.fill(0.0);
    }
    s.fill(0.0);
    if n > 0 {
        gram_of_logits(s, &head, n, targets, weights);
    }
    Ok(())
}

fn gram_of_logits(s: &mut [Real], head: &Head<'_>, n: usize, targets: &[u32], weights: &[Real]) {
    let slices: Vec<Range<usize>> =
        (0..head.vocab).step_by(SLICE).map(|start| start..head.vocab.min(start + SLICE)).collect();
    let mut kept = Vec::new();
    let mut parts: Vec<Vec<GramPart>> = (0..n).map(|_| Vec::new()).collect();
    for tokens in &slices {
        let mut logits = head.logits(tokens, n);
        let rows = logits.par_chunks_exact_mut(tokens.len()).zip(&mut parts).zip(targets);
        rows.for_each(|((row, parts), &target)| {
            parts.extend(row.chunks_mut(CHUNK).zip((tokens.start..).step_by(CHUNK)).map(|(z, t)| part(z, t, target)));
        });
        if n * head.vocab <= KEPT {
            kept.push(logits);
        }
    }
    let normalizers: Vec<Normalizer> = parts.iter().zip(weights).map(|(parts, &w)| normalizer(parts, w)).collect();
    let mut kept = kept.into_iter();
    for tokens in &slices {
        let mut a = kept.next().unwrap_or_else(|| head.logits(tokens, n));
        let rows = a.par_chunks_exact_mut(tokens.len()).zip(&normalizers).zip(targets.par_iter().zip(weights));
        rows.for_each(|((row, norm), (&target, &weight))| {
            simd(Gradient { row: &mut *row, top: norm.top, factor: norm.factor * weight });
            if let Some(own) = row.get_mut((target as usize).wrapping_sub(tokens.start)) {
                *own = norm.target;
            }
        });
        let a = Matrix::new(&a, tokens.len());
        let rhs = Packed::new(a, n, tokens.len());
        gemm(s, n, &Lhs::new(a, n, tokens.len()), rhs.view(), Start::Add);
    }
}

impl Head<'_> {
    /// The logits of `n` rows and some tokens.
    fn logits(&self, tokens: &Range<usize>, n: usize) -> Buffer {
        let mut logits = Buffer::stale(n * tokens.len());
        gemm(&mut logits, tokens.len(), &self.lhs, self.columns(tokens), self.start(tokens));
        logits
    }
}

/// Turns logits into exp(z − top)·factor.
struct Gradient<'a> {
    row: &'a mut [Real],
    top: Real,
    factor: Real,
}

impl Job for Gradient<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { row, top, factor } = self;
        for z in row {
            *z = exp(*z - top) * factor;
        }
    }
}

/// Reads the logits of one row in the chunk from token `first`, and leaves them as they were.
fn part(logits: &mut [Real], first: usize, target: u32) -> GramPart {
    let target = (target as usize).wrapping_sub(first);
    let own = logits.get(target).copied();
    let top = simd(Max { row: &*logits });
    if own.is_some() {
        logits[target] = Real::NEG_INFINITY;
    }
    let others = simd(ExpSum { row: &*logits, top });
    if let Some(z) = own {
        logits[target] = z;
    }
    GramPart { top, own, others }
}
