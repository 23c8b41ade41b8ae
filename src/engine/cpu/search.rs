//! Finds numbers in a row, a run at a time.
#![expect(clippy::inline_always, reason = "the body is compiled per instruction set")]

use super::simd::{Job, simd};
use crate::tensor::Real;

/// Numbers that are looked at together.
const RUN: usize = 64;

/// The first place of `x` in `row`, 0 if there is none.
pub(super) fn position(row: &[Real], x: Real) -> usize {
    simd(First { row, x })
}

/// What [`position`] finds.
struct First<'a> {
    row: &'a [Real],
    x: Real,
}

impl Job for First<'_> {
    type Out = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let Self { row, x } = self;
        for (r, run) in row.chunks(RUN).enumerate() {
            if run.iter().map(|&y| u32::from(y == x)).sum::<u32>() > 0 {
                return r * RUN + run.iter().position(|&y| y == x).unwrap_or(0);
            }
        }
        0
    }
}

/// The `k` largest, ties by lower id.
pub(super) fn best_of(row: &[Real], first: usize, k: usize) -> Vec<(usize, Real)> {
    let mut best: Vec<(usize, Real)> = Vec::with_capacity(k + 1);
    for (r, run) in row.chunks(RUN).enumerate() {
        let least = if best.len() == k { best.last().map_or(Real::NEG_INFINITY, |b| b.1) } else { Real::NEG_INFINITY };
        if !simd(Any { run, least }) {
            continue;
        }
        for (i, &z) in run.iter().enumerate() {
            if z.is_nan() || best.len() == k && best.last().is_some_and(|&(_, least)| z <= least) {
                continue;
            }
            let place = best.partition_point(|&(_, other)| other >= z);
            best.insert(place, (first + r * RUN + i, z));
            best.truncate(k);
        }
    }
    best
}

/// Whether some number is at least `least`.
struct Any<'a> {
    run: &'a [Real],
    least: Real,
}

impl Job for Any<'_> {
    type Out = bool;

    #[inline(always)]
    fn run(self) -> bool {
        self.run.iter().map(|&y| u32::from(y >= self.least)).sum::<u32>() > 0
    }
}
