//! PyTorch's generator of the processor.
//!
//! Source: `aten/src/ATen/core/{MT19937RNGEngine,DistributionsHelper,TransformationHelper}.h`,
//! `aten/src/ATen/native/cpu/DistributionTemplates.h`; checked against torch 2.15.
//! Generators of CUDA devices are of another kind and depend on the device; they are not imitated.

use std::f64::consts::TAU;

use super::mt19937::Mt19937;

/// What `torch.manual_seed(n)` and the functions after it give for tensors in main memory.
#[derive(Clone, Debug)]
pub struct Torch {
    words: Mt19937,
    /// The second number of a pair of normals that nobody took yet.
    spare: Option<f64>,
}

impl Torch {
    /// `torch.manual_seed(seed)`; only the lower 32 bits count.
    pub fn new(seed: u64) -> Self {
        Self { words: Mt19937::from_number(seed as u32), spare: None }
    }

    fn bits64(&mut self) -> u64 {
        let high = u64::from(self.words.next_u32());
        high << 32 | u64::from(self.words.next_u32())
    }

    /// One element of `torch.rand` in f32: uniform in [0, 1) with 24 bits.
    pub fn uniform(&mut self) -> f32 {
        (self.words.next_u32() & 0x00FF_FFFF) as f32 * (1.0 / 16_777_216.0)
    }

    /// One element of `torch.rand` in f64: uniform in [0, 1) with 53 bits.
    pub fn uniform_f64(&mut self) -> f64 {
        (self.bits64() & ((1 << 53) - 1)) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// One element of `torch.randint(n)`, for n below 2³²; 0 for n = 0.
    pub fn below(&mut self, n: u32) -> u32 {
        self.words.next_u32() % n.max(1)
    }

    /// `torch.randperm(n)`.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut items: Vec<usize> = (0..n).collect();
        for i in 0..n.saturating_sub(1) {
            let z = self.words.next_u32() as usize % (n - i);
            items.swap(i, i + z);
        }
        items
    }

    /// The order of one epoch of `DataLoader(shuffle=True)` over n rows.
    pub fn epoch(&mut self, n: usize) -> Vec<usize> {
        // the loader's base seed, which nobody uses without workers
        self.bits64();
        Self::new(self.bits64() & (u64::MAX >> 1)).permutation(n)
    }

    /// `torch.randn` in f32 into a contiguous tensor of this length.
    ///
    /// Equal to torch but for the last digit: it computes logarithm and cosine in vectors of its own.
    pub fn fill_normal(&mut self, out: &mut [f32]) {
        const BLOCK: usize = 16;
        if out.len() < BLOCK {
            for x in out.iter_mut() {
                *x = self.normal() as f32;
            }
            return;
        }
        for x in out.iter_mut() {
            *x = self.uniform();
        }
        let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
        blocks.iter_mut().for_each(transform);
        if !rest.is_empty()
            && let Some(last) = out.last_chunk_mut::<BLOCK>()
        {
            for x in last.iter_mut() {
                *x = self.uniform();
            }
            transform(last);
        }
    }

    /// One standard normal, as short tensors are filled.
    fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let (u1, u2) = (self.uniform_f64(), self.uniform_f64());
        let radius = (-2.0 * (-u2).ln_1p()).sqrt();
        let (sin, cos) = (TAU * u1).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }
}

/// Sixteen uniforms become sixteen normals.
fn transform(block: &mut [f32; 16]) {
    let (first, second) = block.split_at_mut(8);
    for (a, b) in first.iter_mut().zip(second) {
        let radius = (-2.0 * (1.0 - *a).ln()).sqrt();
        let (sin, cos) = (TAU as f32 * *b).sin_cos();
        *a = radius * cos;
        *b = radius * sin;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f32], wanted: &[f64]) {
        assert_eq!(found.len(), wanted.len());
        for (f, w) in found.iter().zip(wanted) {
            assert!((f64::from(*f) - w).abs() < 2e-6, "{found:?} is not {wanted:?}");
        }
    }

    fn normals<const N: usize>(torch: &mut Torch) -> [f32; N] {
        let mut out = [0.0; N];
        torch.fill_normal(&mut out);
        out
    }

    /// The permutations behind the split of TinyMem's rows.
    #[test]
    fn permutations() {
        assert_eq!(Torch::new(598).permutation(10), [9, 5, 1, 0, 8, 4, 6, 7, 2, 3]);
        let all = Torch::new(598).permutation(20_000);
        assert_eq!(all[..5], [1199, 14457, 10957, 9262, 5258]);
        assert_eq!(all[19_995..], [2132, 7941, 11418, 7205, 3349]);
        assert_eq!(Torch::new(598).permutation(3000)[..5], [1199, 1586, 639, 2205, 166]);
        assert_eq!(Torch::new(598).permutation(0), [0; 0]);
    }

    /// torch 2.15, `torch.manual_seed(543)`.
    #[test]
    fn uniforms_and_integers() {
        let mut torch = Torch::new(543);
        assert_eq!([0.0; 3].map(|_| torch.uniform()), [0.3023525, 0.009405553, 0.7383147]);
        assert_eq!([0.0; 3].map(|_| torch.uniform_f64()), [0.46507225041502, 0.23210581556570598, 0.7080145198512475]);
        assert_eq!([1000; 4].map(|n| torch.below(n)), [511, 126, 207, 689]);
    }

    /// torch 2.15, `torch.manual_seed(543)`: `randn(5)` and `randn(3)` share a pair; `randn(18)` fills its end twice.
    #[test]
    fn normals_of_short_and_long_tensors() {
        let mut torch = Torch::new(543);
        close(
            &normals::<5>(&mut torch),
            &[-1.9000180959701538, 1.0629652738571167, 0.13536587357521057, -0.3442091941833496, 1.4945026636123657],
        );
        close(&normals::<3>(&mut torch), &[-1.9455375671386719, -2.0835907459259033, 0.810896635055542]);
        let wanted = [
            0.8430231213569641,
            -0.12236812710762024,
            0.18160301446914673,
            -0.8565645217895508,
            -0.6371781229972839,
            -1.8004926443099976,
            0.5487164855003357,
            -0.7678899765014648,
            -0.5872409343719482,
            1.78914213180542,
            1.1991603374481201,
            -0.3950047492980957,
            0.7549347877502441,
            -0.24855078756809235,
            0.6141601204872131,
            -1.0162718296051025,
            -0.2998979389667511,
            1.2261545658111572,
        ];
        close(&normals::<18>(&mut Torch::new(543)), &wanted);
    }

    /// torch 2.15, `torch.manual_seed(7)`, two epochs of a shuffled loader of ten rows in one batch.
    #[test]
    fn orders_of_a_shuffled_loader() {
        let mut torch = Torch::new(7);
        assert_eq!(torch.epoch(10), [3, 2, 7, 8, 6, 1, 5, 9, 0, 4]);
        assert_eq!(torch.epoch(10), [1, 3, 5, 2, 8, 9, 6, 7, 4, 0]);
    }
}
