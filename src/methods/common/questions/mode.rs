//! Ways to read an answer out of a model.

use super::items::Item;
use super::judge;
use super::score::Answered;
use super::{Config, Format};

/// A way to read an answer out of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::methods) enum Mode {
    Letter,
    Sum,
    Mean,
    Calibrated,
    Direct,
}

impl Mode {
    pub(in crate::methods) fn all(config: &Config) -> Vec<Self> {
        let of = |format: Format| match format {
            Format::Letter => &[Self::Letter][..],
            Format::Likelihood => &[Self::Sum, Self::Mean, Self::Calibrated],
            Format::Direct => &[Self::Direct],
        };
        [Format::Letter, Format::Likelihood, Format::Direct]
            .into_iter()
            .filter(|format| config.has(*format))
            .flat_map(of)
            .copied()
            .collect()
    }

    pub(in crate::methods) fn id(self) -> &'static str {
        match self {
            Self::Letter => "letter",
            Self::Sum => "likelihood_sum",
            Self::Mean => "likelihood_mean",
            Self::Calibrated => "likelihood_calibrated",
            Self::Direct => "direct",
        }
    }

    pub(in crate::methods) fn title(self) -> &'static str {
        match self {
            Self::Letter => "letter",
            Self::Sum => "likelihood, sum",
            Self::Mean => "likelihood, mean",
            Self::Calibrated => "likelihood, calibrated",
            Self::Direct => "direct answer",
        }
    }

    /// The number by which an option is chosen.
    pub(in crate::methods) fn value(self, answered: &Answered, option: usize) -> Option<f64> {
        let sum = answered.options.get(option);
        match self {
            Self::Letter => answered.letters.get(option).copied(),
            Self::Sum => sum.copied(),
            Self::Mean => Some(sum? / *answered.n_tokens.get(option)? as f64),
            Self::Calibrated => Some(sum? - answered.prior.get(option)?),
            Self::Direct => None,
        }
    }

    /// The chosen option: the first of the most likely ones.
    pub(in crate::methods) fn chosen(self, item: &Item, answered: &Answered) -> Option<usize> {
        let mut best: Option<(usize, f64)> = None;
        for option in 0..item.options.len() {
            let value = self.value(answered, option)?;
            if best.is_none_or(|(_, top)| value > top) {
                best = Some((option, value));
            }
        }
        best.map(|(option, _)| option)
    }

    /// Whether the answer is right; absent when the question could not be put.
    pub(in crate::methods) fn is_right(self, config: &Config, item: &Item, answered: &Answered) -> Option<bool> {
        match self {
            Self::Direct => Some(judge::is_right(answered.said.as_ref()?, &item.answer, config.compat)),
            _ => Some(self.chosen(item, answered)? == item.right()?),
        }
    }
}
