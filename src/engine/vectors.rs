//! Arithmetic on long vectors in main memory: sums in f64 and in a fixed order, whatever the number of threads.

use rayon::prelude::*;

use crate::tensor::Real;

const BLOCK: usize = 1 << 14;

/// Σ a·b
pub fn dot(a: &[Real], b: &[Real]) -> f64 {
    let product = |(a, b): (&[Real], &[Real])| a.iter().zip(b).map(|(a, b)| *a as f64 * *b as f64).sum::<f64>();
    let parts: Vec<f64> = a.par_chunks(BLOCK).zip(b.par_chunks(BLOCK)).map(product).collect();
    parts.iter().sum()
}

/// √Σ a²
pub fn norm(a: &[Real]) -> f64 {
    dot(a, a).sqrt()
}

/// a ← a + c·b
pub fn add(a: &mut [Real], c: f64, b: &[Real]) {
    a.par_chunks_mut(BLOCK).zip(b.par_chunks(BLOCK)).for_each(|(a, b)| {
        for (a, b) in a.iter_mut().zip(b) {
            *a = (*a as f64 + c * *b as f64) as Real;
        }
    });
}

/// a ← c·a
pub fn scale(a: &mut [Real], c: f64) {
    a.par_chunks_mut(BLOCK).for_each(|a| a.iter_mut().for_each(|a| *a = (*a as f64 * c) as Real));
}

/// Removes from `a` its parts along `others`, which have norm 1. Twice, so that rounding leaves nothing behind.
pub fn orthogonalize<'a>(a: &mut [Real], others: &(impl Iterator<Item = &'a [Real]> + Clone)) {
    for _ in 0..2 {
        for other in others.clone() {
            add(a, -dot(a, other), other);
        }
    }
}

/// Brings `a` to norm 1 and returns the norm it had; a zero vector stays.
pub fn normalize(a: &mut [Real]) -> f64 {
    let length = norm(a);
    if length > 0.0 {
        scale(a, 1.0 / length);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In half precision Σ v² of this vector would be infinite, and the normalized vector zero.
    #[test]
    fn many_ones_have_the_right_norm() {
        let mut ones = vec![1.0; 100_000];
        assert!((normalize(&mut ones) - 100_000f64.sqrt()).abs() < 1e-9);
        assert!(ones.iter().all(|x| (*x as f64 - 1.0 / 100_000f64.sqrt()).abs() < 1e-9));
        let mut none = vec![0.0; 3];
        assert_eq!((normalize(&mut none), none), (0.0, vec![0.0; 3]));
    }

    #[test]
    fn what_is_orthogonalized_has_no_part_left() {
        let mut first = vec![3.0, 4.0, 0.0];
        normalize(&mut first);
        let mut second = vec![1.0, 2.0, 3.0];
        orthogonalize(&mut second, &std::iter::once(&first[..]));
        assert!(dot(&first, &second).abs() < 1e-7 && second[2] == 3.0, "{second:?}");
    }
}
