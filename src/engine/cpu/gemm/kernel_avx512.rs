//! Tiles of a product with AVX-512: up to 14 × 32 sums in registers.

use std::arch::x86_64::{
    __m512, _MM_HINT_T0, _mm_prefetch, _mm512_add_ps, _mm512_castpd_ps, _mm512_castps_pd, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_shuffle_f32x4, _mm512_storeu_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd,
    _mm512_unpacklo_ps,
};

use super::{NR, Start, Tile};

/// How many steps of k the right-hand side is asked for in advance.
const AHEAD: usize = 16;

/// One tile. Few rows take several panels at once, so that enough sums are in flight.
///
/// # Safety
/// AVX-512 F must be present and the pointers of `t` must cover what its fields say.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn run(t: &Tile<'_>) {
    // SAFETY: as promised by the caller.
    unsafe { if t.a_row == 1 { rows::<false>(t) } else { rows::<true>(t) } }
}

/// One tile; `LONG`: the numbers of a row lie side by side, else those of a step.
#[target_feature(enable = "avx512f")]
unsafe fn rows<const LONG: bool>(t: &Tile<'_>) {
    // SAFETY: as promised by the caller.
    unsafe {
        match (t.rows, t.panels) {
            (1, 4) => tile::<1, 4, LONG>(t),
            (2, 4) => tile::<2, 4, LONG>(t),
            (1, _) => each::<1, LONG>(t),
            (2, _) => each::<2, LONG>(t),
            (3, _) => each::<3, LONG>(t),
            (4, _) => each::<4, LONG>(t),
            (5, _) => each::<5, LONG>(t),
            (6, _) => each::<6, LONG>(t),
            (7, _) => each::<7, LONG>(t),
            (8, _) => each::<8, LONG>(t),
            (9, _) => each::<9, LONG>(t),
            (10, _) => each::<10, LONG>(t),
            (11, _) => each::<11, LONG>(t),
            (12, _) => each::<12, LONG>(t),
            (13, _) => each::<13, LONG>(t),
            _ => each::<14, LONG>(t),
        }
    }
}

/// Panel after panel. A function of its own for each number of rows: inside another one, sums would leave their
/// registers.
#[inline(never)]
#[target_feature(enable = "avx512f")]
unsafe fn each<const M: usize, const LONG: bool>(t: &Tile<'_>) {
    for p in 0..t.panels {
        // SAFETY: the panels lie `panel_stride` apart and their columns 32 apart.
        unsafe { tile::<M, 1, LONG>(&t.panel(p)) }
    }
}

#[target_feature(enable = "avx512f")]
unsafe fn tile<const M: usize, const P: usize, const LONG: bool>(t: &Tile<'_>) {
    let mut sums = [[[_mm512_setzero_ps(); 2]; P]; M];
    let (mut a, mut b) = (t.a, t.b);
    let lines: [*const f32; M] = std::array::from_fn(|i| t.a.wrapping_add(i * t.a_row));
    for i in 0..M {
        for p in 0..2 * P {
            _mm_prefetch::<_MM_HINT_T0>(t.c.wrapping_add(i * t.ldc + p * 16).cast());
        }
    }
    for k in 0..t.k {
        // SAFETY: k steps of M numbers of a and `NR` numbers of each panel of b; prefetches may miss.
        unsafe {
            let mut columns = [[_mm512_setzero_ps(); 2]; P];
            for (p, column) in columns.iter_mut().enumerate() {
                let b = b.add(p * t.panel_stride);
                column[0] = _mm512_loadu_ps(b);
                column[1] = _mm512_loadu_ps(b.add(16));
                _mm_prefetch::<_MM_HINT_T0>(b.wrapping_add(AHEAD * t.b_step).cast());
                _mm_prefetch::<_MM_HINT_T0>(b.wrapping_add(AHEAD * t.b_step + 16).cast());
            }
            if !LONG {
                _mm_prefetch::<_MM_HINT_T0>(a.wrapping_add(AHEAD * t.a_step).cast());
            }
            for i in 0..M {
                let x = _mm512_set1_ps(if LONG { *lines[i].add(k) } else { *a.add(i) });
                for p in 0..P {
                    sums[i][p][0] = _mm512_fmadd_ps(x, columns[p][0], sums[i][p][0]);
                    sums[i][p][1] = _mm512_fmadd_ps(x, columns[p][1], sums[i][p][1]);
                }
            }
            a = a.wrapping_add(t.a_step);
            b = b.wrapping_add(t.b_step);
        }
    }
    let mut masks = [[u16::MAX; 2]; P];
    if t.cols < P * NR {
        for (p, pair) in masks.iter_mut().enumerate() {
            for (h, mask) in pair.iter_mut().enumerate() {
                *mask = ((1u32 << t.cols.saturating_sub(p * NR + h * 16).min(16)) - 1) as u16;
            }
        }
    }
    for (i, row) in sums.iter().enumerate() {
        for (p, pair) in row.iter().enumerate() {
            for (h, &sum) in pair.iter().enumerate() {
                let (column, mask) = (p * NR + h * 16, masks[p][h]);
                let c = t.c.wrapping_add(i * t.ldc + column);
                // SAFETY: the tile covers M rows; lanes at or past `cols` are masked out.
                unsafe {
                    let base = match t.start {
                        Start::Zero => _mm512_setzero_ps(),
                        Start::Bias(bias) => _mm512_maskz_loadu_ps(mask, bias.as_ptr().wrapping_add(column)),
                        Start::Add => _mm512_maskz_loadu_ps(mask, c),
                    };
                    _mm512_mask_storeu_ps(c, mask, _mm512_add_ps(base, sum));
                }
            }
        }
    }
}

/// Copies `rows` numbers of each of `cols` lines (`ld` apart) into `[cols][width]`; zeros where rows are missing.
///
/// # Safety
/// AVX-512 F must be present; `src` must cover the lines and `out` `cols` × `width`, a multiple of 16.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn copy(out: *mut f32, width: usize, src: *const f32, ld: usize, [rows, cols]: [usize; 2]) {
    for column in (0..width).step_by(16) {
        let mask = ((1u32 << rows.saturating_sub(column).min(16)) - 1) as u16;
        for k in 0..cols {
            // SAFETY: lanes outside the mask are not read; line `k` of `out` has `width` numbers.
            unsafe {
                let line = _mm512_maskz_loadu_ps(mask, src.wrapping_add(k * ld + column));
                _mm512_storeu_ps(out.add(k * width + column), line);
            }
        }
    }
}

/// Turns `rows` × `cols` numbers (`ld` apart) into `[cols][width]`, 16 × 16 at a time; zeros where rows are missing.
///
/// # Safety
/// AVX-512 F must be present; `src` must cover the rows and `out` `cols` × `width`, a multiple of 16.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn transpose(out: *mut f32, width: usize, src: *const f32, ld: usize, [rows, cols]: [usize; 2]) {
    for column in (0..cols).step_by(16) {
        let count = (cols - column).min(16);
        let mask = ((1u32 << count) - 1) as u16;
        for row in (0..width).step_by(16) {
            let mut block = [_mm512_setzero_ps(); 16];
            for (i, r) in block.iter_mut().enumerate() {
                if row + i < rows {
                    // SAFETY: the row exists; columns past the last are masked out.
                    *r = unsafe { _mm512_maskz_loadu_ps(mask, src.add((row + i) * ld + column)) };
                }
            }
            let block = turn(&block);
            for (k, r) in block.iter().enumerate().take(count) {
                // SAFETY: row `column + k` of `out` has `width` numbers.
                unsafe { _mm512_storeu_ps(out.add((column + k) * width + row), *r) };
            }
        }
    }
}

/// Transposes 16 × 16 numbers: pairs, quads, then quarters of registers.
#[target_feature(enable = "avx512f")]
fn turn(r: &[__m512; 16]) -> [__m512; 16] {
    let mut pairs = *r;
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    // quads[4 g + c]: columns c, c + 4, c + 8, c + 12 of rows 4 g..4 g + 4, one column a quarter
    let mut quads = pairs;
    for g in 0..4 {
        let p = |i: usize| _mm512_castps_pd(pairs[4 * g + i]);
        quads[4 * g] = _mm512_castpd_ps(_mm512_unpacklo_pd(p(0), p(2)));
        quads[4 * g + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(p(0), p(2)));
        quads[4 * g + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(p(1), p(3)));
        quads[4 * g + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(p(1), p(3)));
    }
    let mut out = quads;
    for c in 0..4 {
        let even = _mm512_shuffle_f32x4::<0x88>(quads[c], quads[4 + c]);
        let odd = _mm512_shuffle_f32x4::<0xdd>(quads[c], quads[4 + c]);
        let even_high = _mm512_shuffle_f32x4::<0x88>(quads[8 + c], quads[12 + c]);
        let odd_high = _mm512_shuffle_f32x4::<0xdd>(quads[8 + c], quads[12 + c]);
        out[c] = _mm512_shuffle_f32x4::<0x88>(even, even_high);
        out[4 + c] = _mm512_shuffle_f32x4::<0x88>(odd, odd_high);
        out[8 + c] = _mm512_shuffle_f32x4::<0xdd>(even, even_high);
        out[12 + c] = _mm512_shuffle_f32x4::<0xdd>(odd, odd_high);
    }
    out
}
