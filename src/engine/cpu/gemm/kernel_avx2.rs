//! Tiles of a product with AVX2 and fused multiply-add: up to 6 × 16 sums in registers.

use std::arch::x86_64::{
    _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};

use super::{Start, Tile};

/// One tile, in parts of up to 6 rows and 16 columns.
///
/// # Safety
/// AVX2 and FMA must be present and the pointers of `t` must cover what its fields say.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run(t: &Tile<'_>) {
    for p in 0..t.panels {
        let panel = t.panel(p);
        let mut row = 0;
        while row < t.rows {
            let rows = (t.rows - row).min(6);
            for half in 0..2 {
                // SAFETY: as promised by the caller; parts lie inside the tile.
                unsafe {
                    match rows {
                        1 => part::<1>(&panel, row, half * 16),
                        2 => part::<2>(&panel, row, half * 16),
                        3 => part::<3>(&panel, row, half * 16),
                        4 => part::<4>(&panel, row, half * 16),
                        5 => part::<5>(&panel, row, half * 16),
                        _ => part::<6>(&panel, row, half * 16),
                    }
                }
            }
            row += rows;
        }
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn part<const M: usize>(t: &Tile<'_>, row: usize, column: usize) {
    let cols = t.cols.saturating_sub(column).min(16);
    if cols == 0 {
        return;
    }
    let mut sums = [[_mm256_setzero_ps(); 2]; M];
    // SAFETY: k steps of all rows of a and of `NR` numbers of b.
    unsafe {
        let (mut a, mut b) = (t.a.add(row * t.a_row), t.b.add(column));
        for _ in 0..t.k {
            let columns = [_mm256_loadu_ps(b), _mm256_loadu_ps(b.add(8))];
            for (i, sum) in sums.iter_mut().enumerate() {
                let x = _mm256_set1_ps(*a.add(i * t.a_row));
                sum[0] = _mm256_fmadd_ps(x, columns[0], sum[0]);
                sum[1] = _mm256_fmadd_ps(x, columns[1], sum[1]);
            }
            a = a.wrapping_add(t.a_step);
            b = b.wrapping_add(t.b_step);
        }
    }
    for (i, sum) in sums.iter().enumerate() {
        let mut block = [0.0f32; 16];
        // SAFETY: `block` has 16 numbers; `c` has `cols` numbers in this row from `column`.
        let c = unsafe {
            _mm256_storeu_ps(block.as_mut_ptr(), _mm256_add_ps(sum[0], _mm256_setzero_ps()));
            _mm256_storeu_ps(block.as_mut_ptr().add(8), _mm256_add_ps(sum[1], _mm256_setzero_ps()));
            std::slice::from_raw_parts_mut(t.c.add((row + i) * t.ldc + column), cols)
        };
        match t.start {
            Start::Zero => c.copy_from_slice(&block[..cols]),
            Start::Bias(bias) => {
                for ((c, b), s) in c.iter_mut().zip(&bias[column..]).zip(&block) {
                    *c = b + s;
                }
            }
            Start::Add => {
                for (c, s) in c.iter_mut().zip(&block) {
                    *c += s;
                }
            }
        }
    }
}
