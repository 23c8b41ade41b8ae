//! Tiles of a product in plain Rust: for `f64`, and for processors without a kernel of their own.

use super::{NR, Start, Tile};
use crate::tensor::Real;

/// One step of a chain. Fused where that is an instruction; elsewhere it would be a call.
pub(super) fn step(a: Real, b: Real, sum: Real) -> Real {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) { a.mul_add(b, sum) } else { a * b + sum }
}

/// One tile, in parts of up to 4 rows and 8 columns.
///
/// # Safety
/// The pointers of `t` must cover what its fields say.
pub(super) unsafe fn run(t: &Tile<'_>) {
    for p in 0..t.panels {
        let panel = t.panel(p);
        for row in (0..t.rows).step_by(4) {
            for column in (0..panel.cols.min(NR)).step_by(8) {
                // SAFETY: as promised by the caller; parts lie inside the tile.
                unsafe { part(&panel, row, column) }
            }
        }
    }
}

unsafe fn part(t: &Tile<'_>, row: usize, column: usize) {
    let rows = (t.rows - row).min(4);
    let mut sums: [[Real; 8]; 4] = [[0.0; 8]; 4];
    for k in 0..t.k {
        // SAFETY: k steps of `NR` numbers of b.
        let b = unsafe { std::slice::from_raw_parts(t.b.add(k * t.b_step + column), 8) };
        for (i, sum) in sums.iter_mut().enumerate().take(rows) {
            // SAFETY: row `row + i` exists.
            let x = unsafe { *t.a.add((row + i) * t.a_row + k * t.a_step) };
            for (s, &y) in sum.iter_mut().zip(b) {
                *s = step(x, y, *s);
            }
        }
    }
    let cols = (t.cols - column).min(8);
    for (i, sum) in sums.iter().enumerate().take(rows) {
        // SAFETY: `c` has `cols` numbers in this row from `column`.
        let c = unsafe { std::slice::from_raw_parts_mut(t.c.add((row + i) * t.ldc + column), cols) };
        for (j, (c, s)) in c.iter_mut().zip(sum).enumerate() {
            *c = s + match t.start {
                Start::Zero => 0.0,
                Start::Bias(bias) => bias[column + j],
                Start::Add => *c,
            };
        }
    }
}
