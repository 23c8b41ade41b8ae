//! Packing: a strip of a row-major matrix, turned or as it lies.

#[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
use super::kernel_avx512;
use crate::cpu::simd::{Job, simd};
#[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
use crate::cpu::simd::{Level, level};
use crate::tensor::Real;

/// Turns `rows` × `cols` numbers (`ld` apart) into `[cols][width]`; zeros where rows are missing.
pub(super) fn transpose(out: &mut [Real], width: usize, src: &[Real], ld: usize, [rows, cols]: [usize; 2]) {
    assert!(rows <= width && cols * width <= out.len(), "a packed strip is too short");
    assert!(rows == 0 || cols == 0 || (rows - 1) * ld + cols <= src.len(), "a strip leaves its matrix");
    #[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
    if level() == Level::Avx512 && width.is_multiple_of(16) {
        // SAFETY: the features were detected; both sides were measured above.
        unsafe { kernel_avx512::transpose(out.as_mut_ptr(), width, src.as_ptr(), ld, [rows, cols]) };
        return;
    }
    simd(Transpose { out, width, src, ld, size: [rows, cols] });
}

/// Copies the first `rows` numbers of `cols` lines (`ld` apart) into `[cols][width]`; zeros where rows are missing.
pub(super) fn copy(out: &mut [Real], width: usize, src: &[Real], ld: usize, [rows, cols]: [usize; 2]) {
    assert!(rows <= width && cols * width <= out.len(), "a packed strip is too short");
    assert!(rows == 0 || cols == 0 || (cols - 1) * ld + rows <= src.len(), "a strip leaves its matrix");
    #[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
    if level() == Level::Avx512 && width.is_multiple_of(16) {
        // SAFETY: the features were detected; both sides were measured above.
        unsafe { kernel_avx512::copy(out.as_mut_ptr(), width, src.as_ptr(), ld, [rows, cols]) };
        return;
    }
    for (line, out) in src.chunks(ld.max(1)).zip(out.chunks_exact_mut(width)).take(cols) {
        let (head, tail) = out.split_at_mut(rows);
        head.copy_from_slice(&line[..rows]);
        tail.fill(0.0);
    }
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
        const STEP: usize = 16;
        let Self { out, width, src, ld, size: [rows, cols] } = self;
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
