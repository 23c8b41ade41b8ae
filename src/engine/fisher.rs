//! The diagonal of the inverse of a block-diagonal empirical Fisher matrix.
//!
//! Each tensor is cut into blocks of B flat neighbors; of each block F = λI + (1/m) Σ ggᵀ over m gradients, in f64.
//! This is what the rank-one recursion F⁻¹ ← F⁻¹ − uuᵀ/(m + gᵀu), u = F⁻¹g, from F⁻¹ = I/λ ends with, at the cost of one
//! Cholesky factorization a block and without its rounding.
//! Memory: B(B+1)/2 numbers of 8 bytes for every block of B weights, 4(B+1) bytes a weight.
//! Source: Singh and Alistarh 2020, arXiv:2004.14340; Kurtic et al. 2022, arXiv:2203.07259 (oBERT).

use rayon::prelude::*;

use crate::tensor::Real;

/// Sums of gg ᵀ of the blocks of one tensor.
pub struct Fisher {
    block: usize,
    n: usize,
    /// Lower triangles, block after block.
    sums: Vec<f64>,
}

impl Fisher {
    /// For a tensor of `n` numbers in blocks of `block`.
    pub fn new(n: usize, block: usize) -> Self {
        let block = block.clamp(1, n.max(1));
        Self { block, n, sums: vec![0.0; n.div_ceil(block) * triangle(block)] }
    }

    /// Bytes for a tensor of `n` numbers.
    pub fn bytes(n: usize, block: usize) -> usize {
        n.div_ceil(block.max(1)) * triangle(block) * size_of::<f64>()
    }

    /// Adds ggᵀ.
    pub fn add(&mut self, gradient: &[Real]) {
        let block = self.block;
        self.sums.par_chunks_mut(triangle(block)).zip(gradient.par_chunks(block)).for_each(|(sums, g)| {
            for (i, x) in g.iter().enumerate() {
                let row = &mut sums[triangle(i)..=triangle(i) + i];
                row.iter_mut().zip(g).for_each(|(sum, y)| *sum += f64::from(*x) * f64::from(*y));
            }
        });
    }

    /// [(λI + Σ ggᵀ / m)⁻¹]ᵢᵢ of every number.
    pub fn inverse_diagonal(&self, damping: f64, m: f64) -> Vec<f64> {
        let mut out = vec![0.0; self.n];
        let blocks = out.par_chunks_mut(self.block).zip(self.sums.par_chunks(triangle(self.block)));
        blocks.for_each(|(out, sums)| inverse_diagonal(sums, out, damping, m));
        out
    }
}

/// Numbers of a lower triangle of `n` rows.
fn triangle(n: usize) -> usize {
    n * (n + 1) / 2
}

/// By Cholesky: A = LLᵀ, and (A⁻¹)ᵢᵢ = Σₖ (L⁻¹)²ₖᵢ.
fn inverse_diagonal(sums: &[f64], out: &mut [f64], damping: f64, m: f64) {
    let n = out.len();
    let mut l = vec![0.0; triangle(n)];
    for i in 0..n {
        for j in 0..=i {
            let a = sums[triangle(i) + j] / m + if i == j { damping } else { 0.0 };
            let dot: f64 = (0..j).map(|k| l[triangle(i) + k] * l[triangle(j) + k]).sum();
            l[triangle(i) + j] = if i == j { (a - dot).max(0.0).sqrt() } else { (a - dot) / l[triangle(j) + j] };
        }
    }
    let mut column = vec![0.0; n];
    for (c, out) in out.iter_mut().enumerate() {
        // column c of L⁻¹, from the top down
        for i in c..n {
            let dot: f64 = (c..i).map(|k| l[triangle(i) + k] * column[k]).sum();
            let unit = if i == c { 1.0 } else { 0.0 };
            column[i] = (unit - dot) / l[triangle(i) + i];
        }
        *out = column[c..].iter().map(|x| x * x).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    /// The rank-one recursion of the published code, in f64.
    fn recursion(gradients: &[Vec<f64>], damping: f64) -> Vec<f64> {
        let (n, m) = (gradients[0].len(), gradients.len() as f64);
        let mut inverse = vec![vec![0.0; n]; n];
        (0..n).for_each(|i| inverse[i][i] = 1.0 / damping);
        for g in gradients {
            let u: Vec<f64> = inverse.iter().map(|row| row.iter().zip(g).map(|(a, b)| a * b).sum()).collect();
            let scale = m + g.iter().zip(&u).map(|(a, b)| a * b).sum::<f64>();
            for i in 0..n {
                for j in 0..n {
                    inverse[i][j] -= u[i] * u[j] / scale;
                }
            }
        }
        (0..n).map(|i| inverse[i][i]).collect()
    }

    #[test]
    fn equals_the_recursion_block_by_block() {
        let (n, block, damping) = (13, 5, 1e-3);
        let mut stream = Stream::new(1, "fisher");
        let gradients: Vec<Vec<f64>> =
            (0..8).map(|_| (0..n).map(|_| f64::from((stream.normal() * 0.1) as Real)).collect()).collect();
        let mut fisher = Fisher::new(n, block);
        for g in &gradients {
            fisher.add(&g.iter().map(|x| *x as Real).collect::<Vec<_>>());
        }
        let found = fisher.inverse_diagonal(damping, gradients.len() as f64);
        for start in (0..n).step_by(block) {
            let end = (start + block).min(n);
            let own: Vec<Vec<f64>> = gradients.iter().map(|g| g[start..end].to_vec()).collect();
            for (found, wanted) in found[start..end].iter().zip(recursion(&own, damping)) {
                assert!((found / wanted - 1.0).abs() < 1e-10, "{found} is not {wanted}");
            }
        }
    }

    #[test]
    fn without_gradients_it_is_one_over_the_damping() {
        let found = Fisher::new(7, 50).inverse_diagonal(0.25, 1.0);
        assert_eq!(found.iter().map(|x| (x - 4.0).abs() < 1e-12).filter(|ok| *ok).count(), 7);
        assert_eq!(Fisher::bytes(100, 50), 2 * 1275 * 8);
    }
}
