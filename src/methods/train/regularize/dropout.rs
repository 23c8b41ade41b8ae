//! Example-tied dropout: some channels learn only from the examples they belong to.
//!
//! At the input of every block, channels 0..F are always on; each other one is on for example i with probability p,
//! decided by (seed, i, channel) alone. What only some examples need gathers in those channels, and they are off when
//! the model is used: channels of the first kind are then scaled by (fixed + p)/fixed.
//! Source: Maini et al. 2023, arXiv:2307.09542; TinyMem: `utils/dropout.py`, whose code masks positions instead of
//! channels, and zeroes every example outside the first batch: that is `as_published`.

use std::collections::BTreeSet;

use crate::engine::rng::Stream;
use crate::engine::{Offsets, Real, Result, Site, Tap, Tensor};
use crate::methods::train::options::{Regularize, TiedDropout};

/// Which channels or positions are on for whom.
#[derive(Clone, Debug)]
pub(crate) struct TiedMasks {
    kind: TiedDropout,
    fixed_share: f64,
    own_share: f64,
    stream: Stream,
    /// Examples that have masks at all (`as_published`): those of the first batch.
    known: BTreeSet<usize>,
}

impl TiedMasks {
    /// As the options say; none when they are off. `first_batch`: the examples of the first step.
    pub(crate) fn new(options: &Regularize, seed: u64, first_batch: impl IntoIterator<Item = usize>) -> Option<Self> {
        (options.tied_dropout != TiedDropout::Off).then(|| Self {
            kind: options.tied_dropout,
            fixed_share: options.fixed_share,
            own_share: options.own_share,
            stream: Stream::new(seed, "example-tied dropout"),
            known: first_batch.into_iter().collect(),
        })
    }

    /// How many of `n` channels or positions are always on.
    fn n_fixed(&self, n: usize) -> usize {
        (self.fixed_share * n as f64).floor() as usize
    }

    /// Whether channel or position `at` is on for `example`.
    fn is_on(&self, example: usize, at: usize) -> bool {
        self.stream.item(example as u64).item(at as u64).uniform() < self.own_share
    }

    /// The factors of example `example` on `n` channels or positions.
    fn of_example(&self, example: usize, n: usize) -> Vec<Real> {
        if self.kind == TiedDropout::AsPublished && !self.known.contains(&example) {
            return vec![0.0; n];
        }
        let fixed = self.n_fixed(n);
        (0..n).map(|at| Real::from(u8::from(at < fixed || self.is_on(example, at)))).collect()
    }

    /// The factors when the model is used.
    fn in_use(&self, n: usize) -> Vec<Real> {
        let (fixed, factor) = (self.n_fixed(n), (self.fixed_share + self.own_share) / self.fixed_share);
        (0..n).map(|at| if at < fixed { factor as Real } else { 0.0 }).collect()
    }

    /// For the examples of a step: `numbers[i]` is that of sequence i of `offsets`.
    pub(crate) fn training_tap(&self, numbers: &[usize], offsets: &Offsets) -> MaskTap<'_> {
        MaskTap { masks: self, examples: Some(numbers.to_vec()), offsets: offsets.clone(), factors: Vec::new() }
    }

    /// For sequences that the model is tried on.
    pub(crate) fn use_tap(&self, offsets: &Offsets) -> MaskTap<'_> {
        MaskTap { masks: self, examples: None, offsets: offsets.clone(), factors: Vec::new() }
    }

    /// Whether what comes before the end of a sequence depends on where it ends.
    pub(crate) fn depends_on_length(&self) -> bool {
        self.kind == TiedDropout::AsPublished
    }
}

/// Masks the residual stream at the input of every block.
pub(crate) struct MaskTap<'a> {
    masks: &'a TiedMasks,
    /// The examples of the sequences; absent when the model is used.
    examples: Option<Vec<usize>>,
    offsets: Offsets,
    /// For each sequence its factors on channels, or on positions; made at the first block.
    factors: Vec<Vec<Real>>,
}

impl MaskTap<'_> {
    fn fill(&mut self, width: usize) {
        if !self.factors.is_empty() {
            return;
        }
        let by_position = self.masks.kind == TiedDropout::AsPublished;
        for (i, rows) in self.offsets.iter().enumerate() {
            let n = if by_position { rows.len() } else { width };
            let example = self.examples.as_ref().map(|numbers| numbers.get(i).copied().unwrap_or_default());
            self.factors.push(match example {
                Some(example) => self.masks.of_example(example, n),
                None => self.masks.in_use(n),
            });
        }
    }

    fn apply(&mut self, x: &mut Tensor) -> Result<()> {
        let width = x.cols();
        self.fill(width);
        let by_position = self.masks.kind == TiedDropout::AsPublished;
        let (offsets, factors) = (&self.offsets, &self.factors);
        let mask = |plane: &mut [Real]| {
            for (rows, factors) in offsets.iter().zip(factors) {
                let rows = plane.get_mut(rows.start * width..rows.end * width).unwrap_or_default();
                for (position, row) in rows.chunks_exact_mut(width.max(1)).enumerate() {
                    scale(
                        row,
                        if by_position { factors.get(position..).unwrap_or_default() } else { factors },
                        by_position,
                    );
                }
            }
        };
        x.edit(|value, tangent| {
            mask(value);
            if let Some(tangent) = tangent {
                mask(tangent);
            }
        })
    }
}

/// Scales a row by one factor a channel, or all of it by the first.
fn scale(row: &mut [Real], factors: &[Real], by_position: bool) {
    let first = factors.first().copied().unwrap_or(0.0);
    for (i, x) in row.iter_mut().enumerate() {
        *x *= if by_position { first } else { factors.get(i).copied().unwrap_or(0.0) };
    }
}

impl Tap for MaskTap<'_> {
    fn wants(&self, _layer: usize, site: Site) -> bool {
        site == Site::ResidPre
    }

    fn forward(&mut self, _layer: usize, _site: Site, x: &mut Tensor) -> Result<()> {
        self.apply(x)
    }

    fn backward(&mut self, _layer: usize, _site: Site, dx: &mut Tensor) -> Result<()> {
        self.apply(dx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(kind: TiedDropout, first: &[usize]) -> TiedMasks {
        let options = Regularize { tied_dropout: kind, ..Regularize::default() };
        TiedMasks::new(&options, 3, first.iter().copied()).unwrap()
    }

    fn ones(n: usize, width: usize) -> Tensor {
        Tensor::from_vec(&[n, width], vec![1.0; n * width]).unwrap()
    }

    #[test]
    fn a_mask_is_a_function_of_the_example_alone() {
        let masks = masks(TiedDropout::Channel, &[]);
        let masked = |numbers: &[usize], lengths: &[usize]| {
            let offsets = Offsets::from_lengths(lengths.iter().copied());
            let mut x = ones(offsets.total(), 50);
            masks.training_tap(numbers, &offsets).forward(1, Site::ResidPre, &mut x).unwrap();
            x.value().chunks(50).map(<[Real]>::to_vec).collect::<Vec<_>>()
        };
        let alone = masked(&[7], &[2]);
        let in_company = masked(&[4, 7, 9], &[1, 2, 3]);
        assert_eq!(alone[0], alone[1], "all positions");
        assert_eq!(alone[0], in_company[1], "any company");
        assert_ne!(in_company[0], in_company[1], "another example has other channels");
        assert!(alone[0][..10].iter().all(|x| *x == 1.0), "a fifth is always on");
    }

    #[test]
    fn channels_are_on_as_often_as_asked() {
        let masks = masks(TiedDropout::Channel, &[]);
        let (examples, width) = (500, 100);
        let on: f64 = (0..examples).map(|i| masks.of_example(i, width)[20..].iter().sum::<Real>() as f64).sum();
        let (n, p) = ((examples * 80) as f64, 0.1);
        let deviation = (n * p * (1.0 - p)).sqrt();
        assert!((on - n * p).abs() < 3.0 * deviation, "{on} of {n}");
    }

    #[test]
    fn in_use_own_channels_are_off_and_the_others_scaled() {
        let masks = masks(TiedDropout::Channel, &[]);
        let offsets = Offsets::from_lengths([2]);
        let mut x = ones(2, 10);
        masks.use_tap(&offsets).forward(0, Site::ResidPre, &mut x).unwrap();
        let row = [1.5, 1.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0].map(|x: f64| x as Real);
        assert_eq!(x.value(), [row, row].concat());
    }

    #[test]
    fn as_published_zeroes_all_but_the_first_batch() {
        let masks = masks(TiedDropout::AsPublished, &[5]);
        let offsets = Offsets::from_lengths([10, 10]);
        let mut x = ones(20, 3);
        masks.training_tap(&[5, 6], &offsets).forward(0, Site::ResidPre, &mut x).unwrap();
        let by_row: Vec<Real> = x.value().chunks(3).map(|row| row.iter().sum()).collect();
        assert_eq!(by_row[..2], [3.0, 3.0], "a fifth of the positions is always on");
        assert!(by_row[10..].iter().all(|sum| *sum == 0.0), "an example outside the first batch");
        let mut dx = ones(20, 3);
        masks.training_tap(&[5, 6], &offsets).backward(0, Site::ResidPre, &mut dx).unwrap();
        assert_eq!(dx.value(), x.value(), "gradients are masked alike");
    }
}
