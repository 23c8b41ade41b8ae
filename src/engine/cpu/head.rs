//! The output head without whole logits: token scores.
//!
//! The vocabulary is cut into chunks of `CHUNK` tokens. Each task forms the logits of some rows and one chunk in
//! its cache and keeps a few sums a row; chunks are joined in the order of the vocabulary, in f64.
#![expect(clippy::inline_always, reason = "bodies are compiled per instruction set")]

use std::ops::Range;

use rayon::prelude::*;

use super::gemm::{Lhs, Matrix, NR, Rhs, Start, element, gemm_tile};
use super::grid::TileMut;
use super::linear::packed;
use super::scalar::{exp, max};
use super::search::{best_of, position};
use super::simd::{Job, simd};
use crate::check;
use crate::error::Result;
use crate::head_parts::{CHUNK, Part, Question, TOP, join};
use crate::kernels::{TokenScore, Want};
use crate::model::Weight;
use crate::tensor::{Buffer, Real, Tensor};

/// Panels of rows (14 rows each) of a task.
const ROW_PANELS: usize = 16;
/// Partial sums of a row, in f64.
const LANES: usize = 16;

/// The head and the rows it is applied to.
pub(super) struct Head<'a> {
    pub(super) lhs: Lhs<'a>,
    pub(super) rhs: Rhs<'a>,
    pub(super) bias: Option<&'a [Real]>,
    pub(super) vocab: usize,
}

impl Head<'_> {
    /// Tokens of chunk `c`.
    fn tokens(&self, c: usize) -> Range<usize> {
        c * CHUNK..self.vocab.min((c + 1) * CHUNK)
    }

    fn chunks(&self) -> usize {
        self.vocab.div_ceil(CHUNK)
    }

    /// Where the sums of a chunk start.
    pub(super) fn start(&self, tokens: &Range<usize>) -> Start<'_> {
        self.bias.map_or(Start::Zero, |bias| Start::Bias(&bias[tokens.clone()]))
    }

    /// The columns of a chunk.
    pub(super) fn columns(&self, tokens: &Range<usize>) -> Rhs<'_> {
        self.rhs.panels(tokens.start / NR..tokens.end.div_ceil(NR))
    }

    /// The logit of one token, with the bits it has in a product.
    fn logit(&self, x: &[Real], token: usize) -> Real {
        let start = self.bias.map_or(0.0, |bias| bias[token]);
        element(x, self.rhs.column(token), start)
    }

    /// Something about every row and chunk, row after row: `f(logits of a row in a chunk, row, first token)`.
    fn scan<T: Send>(&self, f: impl Fn(&mut [Real], usize, usize) -> T + Sync) -> Vec<Vec<T>> {
        let groups = self.lhs.count().div_ceil(ROW_PANELS);
        let tasks: Vec<(usize, usize)> = (0..self.chunks()).flat_map(|c| (0..groups).map(move |g| (g, c))).collect();
        let parts: Vec<Vec<T>> = tasks
            .par_iter()
            .map(|&(g, c)| {
                let panels = g * ROW_PANELS..self.lhs.count().min((g + 1) * ROW_PANELS);
                let (rows, tokens) = (self.lhs.rows(&panels), self.tokens(c));
                let mut logits = Buffer::stale(rows.len() * tokens.len());
                let mut tile = TileMut::whole(&mut logits, rows.len(), tokens.len());
                gemm_tile(&mut tile, &self.lhs, panels, self.columns(&tokens), self.start(&tokens));
                let each = logits.chunks_exact_mut(tokens.len()).take(rows.len()).enumerate();
                each.map(|(i, row)| f(row, rows.start + i, tokens.start)).collect()
            })
            .collect();
        let count = if groups == 0 { 0 } else { self.lhs.rows(&(0..self.lhs.count())).len() };
        let mut rows: Vec<Vec<T>> = (0..count).map(|_| Vec::with_capacity(self.chunks())).collect();
        for ((g, _), part) in tasks.iter().zip(parts) {
            let first = self.lhs.panel_rows(g * ROW_PANELS).start;
            rows[first..].iter_mut().zip(part).for_each(|(row, next)| row.push(next));
        }
        rows
    }
}

/// Log-probability of each row's target and more.
pub(super) fn token_scores(
    x: &Tensor,
    w: &Weight,
    b: Option<&Weight>,
    targets: &[u32],
    want: Want,
) -> Result<Vec<TokenScore>> {
    check::head(x, w, b)?;
    let (n, c) = (x.rows(), x.cols());
    check::targets(targets, &vec![1.0; n], n, w.d_out())?;
    let bias = b.map(Weight::values);
    let lhs = Lhs::new(Matrix::new(x.value(), c), n, c);
    let head = Head { lhs, rhs: packed(w).view(), bias: bias.as_deref(), vocab: w.d_out() };
    let question = |i: usize| {
        let target = targets[i] as usize;
        Question { target, logit: head.logit(&x.value()[i * c..(i + 1) * c], target), want }
    };
    let questions: Vec<Question> = (0..n).into_par_iter().map(question).collect();
    let parts = head.scan(|row, i, first| chunk_part(row, first, questions[i]));
    Ok(parts.into_iter().zip(questions).map(|(parts, q)| join(&parts, q)).collect())
}

fn chunk_part(row: &mut [Real], first: usize, q: Question) -> Part {
    let top = simd(Max { row: &*row });
    let best = if q.want.top > 0 { best_of(row, first, q.want.top.min(TOP)) } else { Vec::new() };
    let ahead = if q.want.rank { simd(Ahead { row: &*row, first, target: q.target, logit: q.logit }) } else { 0 };
    let own = position(row, top);
    row[own] = Real::NEG_INFINITY;
    let others =
        if q.want.moments { simd(Moments { row: &*row, top }) } else { [simd(ExpSum { row: &*row, top }), 0.0, 0.0] };
    Part { top, argmax: first + own, others, ahead, best }
}

/// The largest logit.
pub(super) struct Max<'a> {
    pub(super) row: &'a [Real],
}

impl Job for Max<'_> {
    type Out = Real;

    #[inline(always)]
    fn run(self) -> Real {
        max(self.row)
    }
}

/// How many tokens come before the target.
struct Ahead<'a> {
    row: &'a [Real],
    first: usize,
    target: usize,
    logit: Real,
}

impl Job for Ahead<'_> {
    type Out = u32;

    #[inline(always)]
    fn run(self) -> u32 {
        let Self { row, first, target, logit } = self;
        let split = target.saturating_sub(first).min(row.len());
        let before: u32 = row[..split].iter().map(|&z| u32::from(z >= logit)).sum();
        let after: u32 = row[split..].iter().map(|&z| u32::from(z > logit)).sum();
        before + after
    }
}

/// Σ exp(z − top)
pub(super) struct ExpSum<'a> {
    pub(super) row: &'a [Real],
    pub(super) top: Real,
}

impl Job for ExpSum<'_> {
    type Out = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Self { row, top } = self;
        let mut lanes = [0.0f64; LANES];
        for chunk in row.chunks(LANES) {
            for (lane, &z) in lanes.iter_mut().zip(chunk) {
                *lane += f64::from(exp(z - top));
            }
        }
        lanes.iter().sum()
    }
}

/// Σ e, Σ e·t and Σ e·t² with t = z − top, e = exp(t).
struct Moments<'a> {
    row: &'a [Real],
    top: Real,
}

impl Job for Moments<'_> {
    type Out = [f64; 3];

    #[inline(always)]
    fn run(self) -> [f64; 3] {
        let Self { row, top } = self;
        let mut lanes = [[0.0f64; LANES]; 3];
        let [zeroth, first, second] = &mut lanes;
        for chunk in row.chunks(LANES) {
            for (l, &z) in chunk.iter().enumerate() {
                // a token without a chance (−∞) adds nothing
                let t = if z - top < -200.0 { -200.0 } else { z - top };
                let (e, t) = (f64::from(exp(t)), f64::from(t));
                zeroth[l] += e;
                first[l] += e * t;
                second[l] += e * t * t;
            }
        }
        lanes.map(|l| l.iter().sum())
    }
}
