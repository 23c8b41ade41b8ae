//! Tiles of a product with AVX-512: up to 14 × 32 sums in registers.

use std::arch::x86_64::{
    __m512, _MM_HINT_T0, _mm_prefetch, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps,
};

use super::{LHS_STRIDE, NR, Start, Tile};

/// How many steps of k the right-hand side is asked for in advance.
const AHEAD: usize = 16;

/// One tile. Few rows take several panels at once, so that enough sums are in flight.
///
/// # Safety
/// AVX-512 F must be present and the pointers of `t` must cover what its fields say.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn run(t: &Tile<'_>) {
    // SAFETY: as promised by the caller.
    unsafe {
        match (t.rows, t.panels) {
            (1, 4) => tile::<1, 4>(t),
            (2, 4) => tile::<2, 4>(t),
            (1, _) => each::<1>(t),
            (2, _) => each::<2>(t),
            (3, _) => each::<3>(t),
            (4, _) => each::<4>(t),
            (5, _) => each::<5>(t),
            (6, _) => each::<6>(t),
            (7, _) => each::<7>(t),
            (8, _) => each::<8>(t),
            (9, _) => each::<9>(t),
            (10, _) => each::<10>(t),
            (11, _) => each::<11>(t),
            (12, _) => each::<12>(t),
            (13, _) => each::<13>(t),
            _ => each::<14>(t),
        }
    }
}

/// Panel after panel.
#[target_feature(enable = "avx512f")]
unsafe fn each<const M: usize>(t: &Tile<'_>) {
    for p in 0..t.panels {
        // SAFETY: the panels lie `panel_stride` apart and their columns 32 apart.
        unsafe { tile::<M, 1>(&t.panel(p)) }
    }
}

#[target_feature(enable = "avx512f")]
unsafe fn tile<const M: usize, const P: usize>(t: &Tile<'_>) {
    let mut sums = [[[_mm512_setzero_ps(); 2]; P]; M];
    let (mut a, mut b) = (t.a, t.b);
    for i in 0..M {
        for p in 0..2 * P {
            _mm_prefetch::<_MM_HINT_T0>(t.c.wrapping_add(i * t.ldc + p * 16).cast());
        }
    }
    for _ in 0..t.k {
        // SAFETY: k steps of `LHS_STRIDE` numbers of a and `NR` numbers of each panel of b; prefetches may miss.
        unsafe {
            let mut columns = [[_mm512_setzero_ps(); 2]; P];
            for (p, column) in columns.iter_mut().enumerate() {
                let b = b.add(p * t.panel_stride);
                column[0] = _mm512_loadu_ps(b);
                column[1] = _mm512_loadu_ps(b.add(16));
                _mm_prefetch::<_MM_HINT_T0>(b.wrapping_add(AHEAD * NR).cast());
                _mm_prefetch::<_MM_HINT_T0>(b.wrapping_add(AHEAD * NR + 16).cast());
            }
            _mm_prefetch::<_MM_HINT_T0>(a.wrapping_add(AHEAD * LHS_STRIDE).cast());
            for (i, row) in sums.iter_mut().enumerate() {
                let x = _mm512_set1_ps(*a.add(i));
                for (sum, column) in row.iter_mut().zip(&columns) {
                    sum[0] = _mm512_fmadd_ps(x, column[0], sum[0]);
                    sum[1] = _mm512_fmadd_ps(x, column[1], sum[1]);
                }
            }
            a = a.add(LHS_STRIDE);
            b = b.add(NR);
        }
    }
    for (i, row) in sums.iter().enumerate() {
        for (p, pair) in row.iter().enumerate() {
            for (h, &sum) in pair.iter().enumerate() {
                // SAFETY: lanes at or past `cols` are masked out.
                unsafe { finish(t, i, p * NR + h * 16, sum) }
            }
        }
    }
}

/// Adds 16 sums to row `i` of the result, from column `column`.
#[target_feature(enable = "avx512f")]
unsafe fn finish(t: &Tile<'_>, i: usize, column: usize, sum: __m512) {
    let lanes = t.cols.saturating_sub(column).min(16);
    let mask = ((1u32 << lanes) - 1) as u16;
    let c = t.c.wrapping_add(i * t.ldc + column);
    // SAFETY: lanes outside the mask are neither read nor written.
    unsafe {
        let base = match t.start {
            Start::Zero => _mm512_setzero_ps(),
            Start::Bias(bias) => _mm512_maskz_loadu_ps(mask, bias.as_ptr().wrapping_add(column)),
            Start::Add => _mm512_maskz_loadu_ps(mask, c),
        };
        _mm512_mask_storeu_ps(c, mask, _mm512_add_ps(base, sum));
    }
}
