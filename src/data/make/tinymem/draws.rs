//! What is drawn for a set, from our own streams or from those of the published code.

use crate::data::Compat;
use crate::data::rng_compat::{Python, Torch};
use crate::engine::rng::Stream;

/// The seed with which the published code splits every set, whatever the seed of the experiment.
const SPLIT_SEED: u64 = 598;

/// Rows of a set by what they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) train: Vec<usize>,
    pub(super) test: Vec<usize>,
}

/// Source of everything random.
pub(super) enum Draws {
    /// Our own streams: a row's noise depends on the seed and the row alone.
    Own(u64),
    /// Python's `random`, in the order of the published code.
    Paper(Box<Python>),
}

impl Draws {
    pub(super) fn new(seed: u64, compat: Compat) -> Self {
        match compat {
            Compat::Correct => Self::Own(seed),
            Compat::Paper => Self::Paper(Box::new(Python::new(seed))),
        }
    }

    /// Whether what is drawn depends on what was drawn before.
    pub(super) fn is_sequential(&self) -> bool {
        matches!(self, Self::Paper(_))
    }

    /// Splits `n` rows, of which `n_test` are for testing; `name` tells sets apart.
    pub(super) fn split(&self, name: &str, n: usize, n_test: usize) -> Split {
        let mut train = match self {
            Self::Own(seed) => shuffled(*seed, &format!("tinymem/split/{name}"), n),
            Self::Paper(_) => Torch::new(SPLIT_SEED).permutation(n),
        };
        let test = train.split_off(n - n_test.min(n));
        Split { train, test }
    }

    /// Noise for `rows` rows of `length` places: 0, or with probability `share` −1 or +1, equally likely.
    pub(super) fn noise(&mut self, rows: usize, length: usize, share: f64) -> Vec<i8> {
        const VALUES: [i8; 3] = [0, -1, 1];
        let still = 1.0 - share;
        let one = still + share / 2.0;
        let cumulative = [still, one, one + share / 2.0];
        match self {
            Self::Own(seed) => {
                let stream = Stream::new(*seed, "tinymem/noise");
                let place = |u: f64| VALUES[cumulative.partition_point(|&sum| sum <= u).min(VALUES.len() - 1)];
                let row = |i: usize| {
                    let mut stream = stream.item(i as u64);
                    (0..length).map(move |_| place(stream.uniform()))
                };
                (0..rows).flat_map(row).collect()
            }
            Self::Paper(python) => (0..rows * length).map(|_| VALUES[python.choice(&cumulative)]).collect(),
        }
    }

    /// `k` different numbers below `n`.
    pub(super) fn sample(&mut self, n: usize, k: usize) -> Vec<usize> {
        match self {
            Self::Own(seed) => {
                let mut drawn = shuffled(*seed, "tinymem/sample", n);
                drawn.truncate(k);
                drawn
            }
            Self::Paper(python) => python.sample(n, k),
        }
    }

    /// The numbers below `n` in random order.
    pub(super) fn order(&mut self, n: usize) -> Vec<usize> {
        match self {
            Self::Own(seed) => shuffled(*seed, "tinymem/duplicates", n),
            Self::Paper(python) => {
                let mut order: Vec<usize> = (0..n).collect();
                python.shuffle(&mut order);
                order
            }
        }
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        match self {
            Self::Own(seed) => Stream::new(*seed, "tinymem/trigger").below(n),
            Self::Paper(python) => python.below(n as u32) as usize,
        }
    }
}

fn shuffled(seed: u64, name: &str, n: usize) -> Vec<usize> {
    let mut items: Vec<usize> = (0..n).collect();
    Stream::new(seed, name).shuffle(&mut items);
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_noise_of_a_row_does_not_depend_on_the_others() {
        let all = Draws::Own(3).noise(50, 20, 0.1);
        assert_eq!(Draws::Own(3).noise(10, 20, 0.1), all[..200]);
        let altered = all.iter().filter(|&&value| value != 0).count();
        // 1000 places, expected 100, standard deviation 9.5
        assert!((60..140).contains(&altered), "{altered}");
        assert!(all.contains(&1) && all.contains(&-1));
        assert_eq!(Draws::Own(3).noise(50, 20, 0.0), vec![0; 1000]);
    }

    #[test]
    fn a_split_uses_every_row_once() {
        for compat in [Compat::Correct, Compat::Paper] {
            let Split { train, test } = Draws::new(1, compat).split("main", 100, 30);
            assert_eq!((train.len(), test.len()), (70, 30));
            let mut all = [train, test].concat();
            all.sort_unstable();
            assert_eq!(all, (0..100).collect::<Vec<_>>());
        }
    }
}
