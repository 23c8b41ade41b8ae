//! Packing of rows: a strip of a row-major matrix, turned.
#![expect(clippy::inline_always, reason = "the body is compiled per instruction set")]

use crate::cpu::simd::simd;
use crate::tensor::Real;

/// Turns `rows` × `cols` numbers (`ld` apart) into `[cols][width]`; zeros where rows are missing.
pub(super) fn transpose(out: &mut [Real], width: usize, src: &[Real], ld: usize, [rows, cols]: [usize; 2]) {
    simd(body, (out, width, src, ld, [rows, cols]));
}

#[inline(always)]
fn body((out, width, src, ld, [rows, cols]): (&mut [Real], usize, &[Real], usize, [usize; 2])) {
    const STEP: usize = 16;
    for start in (0..cols).step_by(STEP) {
        let end = cols.min(start + STEP);
        let out = &mut out[start * width..end * width];
        for i in 0..rows {
            let row = &src[i * ld + start..i * ld + end];
            for (k, &x) in row.iter().enumerate() {
                out[k * width + i] = x;
            }
        }
        for row in out.chunks_exact_mut(width) {
            row[rows..].fill(0.0);
        }
    }
}
