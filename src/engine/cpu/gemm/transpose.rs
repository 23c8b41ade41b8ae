//! Packing of rows: a strip of a row-major matrix, turned.
#![expect(clippy::inline_always, reason = "the body is compiled per instruction set")]

use crate::cpu::simd::{Job, simd};
use crate::tensor::Real;

/// Turns `rows` × `cols` numbers (`ld` apart) into `[cols][width]`; zeros where rows are missing.
pub(super) fn transpose(out: &mut [Real], width: usize, src: &[Real], ld: usize, [rows, cols]: [usize; 2]) {
    simd(Transpose { out, width, src, ld, size: [rows, cols] });
}

/// What [`transpose`] does.
struct Transpose<'a> {
    out: &'a mut [Real],
    width: usize,
    src: &'a [Real],
    ld: usize,
    size: [usize; 2],
}

impl Job for Transpose<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { out, width, src, ld, size: [rows, cols] } = self;
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
}
