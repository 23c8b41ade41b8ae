//! Python's `random` module.
//! Source: CPython 3, `Lib/random.py` and `Modules/_randommodule.c`.

use std::collections::BTreeSet;

use super::mt19937::Mt19937;

/// What `random.seed(n)` and the functions after it give.
#[derive(Clone, Debug)]
pub struct Python(Mt19937);

impl Python {
    /// `random.seed(seed)`.
    pub fn new(seed: u64) -> Self {
        let key = [seed as u32, (seed >> 32) as u32];
        let n_words = if key[1] == 0 { 1 } else { 2 };
        Self(Mt19937::from_key(&key[..n_words]))
    }

    /// `random.random()`: uniform in [0, 1) with 53 bits.
    pub fn random(&mut self) -> f64 {
        let high = f64::from(self.0.next_u32() >> 5);
        let low = f64::from(self.0.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// `random.randrange(n)`: uniform in 0..n; 0 for n = 0.
    pub fn below(&mut self, n: u32) -> u32 {
        let bits = u32::BITS - n.leading_zeros();
        loop {
            let drawn = self.0.next_u32().checked_shr(u32::BITS - bits).unwrap_or(0);
            if drawn < n.max(1) {
                return drawn;
            }
        }
    }

    /// The index that `random.choices(population, weights)` takes; `cumulative` are the running sums of the weights.
    pub fn choice(&mut self, cumulative: &[f64]) -> usize {
        let total = cumulative.last().copied().unwrap_or(0.0);
        let drawn = self.random() * total;
        cumulative.partition_point(|&sum| sum <= drawn).min(cumulative.len().saturating_sub(1))
    }

    /// `random.sample(range(n), k)`: k different numbers below n; all of them when k is larger.
    pub fn sample(&mut self, n: usize, k: usize) -> Vec<usize> {
        let k = k.min(n);
        let mut small = 21_usize;
        if k > 5 {
            // 4 to the power of ⌈log₄ 3k⌉
            let mut power = 1;
            while power < 3 * k {
                power *= 4;
            }
            small += power;
        }
        if n <= small { self.sample_from_list(n, k) } else { self.sample_with_memory(n, k) }
    }

    fn sample_from_list(&mut self, n: usize, k: usize) -> Vec<usize> {
        let mut pool: Vec<usize> = (0..n).collect();
        (0..k).map(|_| pool.swap_remove(self.below(pool.len() as u32) as usize)).collect()
    }

    fn sample_with_memory(&mut self, n: usize, k: usize) -> Vec<usize> {
        let mut seen = BTreeSet::new();
        let mut drawn = Vec::with_capacity(k);
        while drawn.len() < k {
            let index = self.below(n as u32) as usize;
            if seen.insert(index) {
                drawn.push(index);
            }
        }
        drawn
    }

    /// `random.shuffle(items)`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i as u32 + 1) as usize;
            items.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_seed_0() {
        let mut random = Python::new(0);
        let drawn: Vec<f64> = (0..3).map(|_| random.random()).collect();
        assert_eq!(drawn, [0.8444218515250481, 0.7579544029403025, 0.420571580830845]);
    }

    /// The first noise of TinyMem with seed 0.
    #[test]
    fn weighted_choices() {
        let mut random = Python::new(0);
        let cumulative = [0.9, 0.9 + 0.05, 0.9 + 0.05 + 0.05];
        let noise: Vec<i32> = (0..40).map(|_| [0, -1, 1][random.choice(&cumulative)]).collect();
        let altered: Vec<(usize, i32)> = noise.into_iter().enumerate().filter(|(_, value)| *value != 0).collect();
        assert_eq!(altered, [(10, -1), (16, -1), (17, 1), (19, -1), (28, -1), (29, 1)]);
    }

    /// CPython 3: `r = random.Random(5)`, then the calls in this order.
    #[test]
    fn samples_small_and_large() {
        let mut random = Python::new(5);
        assert_eq!(random.sample(10, 4), [9, 4, 5, 6]);
        assert_eq!(random.sample(40, 6), [33, 1, 29, 15, 3, 10]);
        assert_eq!(random.random(), 0.11320596465314436);
        assert_eq!([50257; 3].map(|n| random.below(n)), [30740, 16159, 24953]);
        let mut random = Python::new((1 << 40) + 3);
        assert_eq!(random.random(), 0.21978710637116716);
        let mut items = [0, 1, 2, 3, 4, 5, 6, 7];
        random.shuffle(&mut items);
        assert_eq!(items, [0, 5, 6, 7, 3, 2, 4, 1]);
        assert_eq!((random.below(0), random.below(1)), (0, 0));
    }
}
