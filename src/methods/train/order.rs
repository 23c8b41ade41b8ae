//! Which examples a step sees: a function of seed and step alone, so that going on needs no state.

use std::ops::Range;

use super::Config;
use super::options::{Layout, Unit};
use super::rows::Example;
use crate::engine::rng::Stream;

/// The steps of a training run.
pub(super) struct Course {
    /// What is shuffled: examples, copies included, or blocks of joined rows.
    units: Vec<Example>,
    /// Indices into `units`, copies included.
    deck: Vec<usize>,
    batch: usize,
    shuffle: bool,
    stream: Stream,
    /// All steps.
    pub(super) n_steps: u64,
    /// The order of the epoch that was asked for last.
    epoch: Option<(u64, Vec<usize>)>,
}

impl Course {
    /// Plans the steps over `examples`; packed blocks have at most `n_ctx` tokens.
    pub(super) fn new(config: &Config, examples: Vec<Example>, n_ctx: usize, seed: u64) -> Self {
        let units = match config.rows.layout {
            Layout::Single => examples,
            Layout::Packed => packed(&examples, n_ctx),
        };
        let copies = |(i, unit): (usize, &Example)| std::iter::repeat_n(i, unit.copies as usize);
        let deck: Vec<usize> = units.iter().enumerate().flat_map(copies).collect();
        let mut course = Self {
            units,
            deck,
            batch: config.batch(),
            shuffle: config.rows.shuffle,
            stream: Stream::new(seed, "training order"),
            n_steps: 0,
            epoch: None,
        };
        course.n_steps = course.length(config, if config.pads_count() { n_ctx } else { 0 });
        course
    }

    /// Steps to the end, when every example is filled up to `fill_to` tokens.
    fn length(&self, config: &Config, fill_to: usize) -> u64 {
        let per_epoch = self.steps_per_epoch() as f64;
        let by_tokens = config.length.tokens.map(|n| {
            // steps of an epoch differ a little in length; over epochs that evens out
            (n as f64 / (self.tokens_per_epoch(fill_to) as f64 / per_epoch)).ceil() as u64
        });
        let given = config.length.steps.into_iter().chain(by_tokens).min();
        given.unwrap_or_else(|| (config.length.epochs.unwrap_or(1.0) * per_epoch).ceil() as u64).max(1)
    }

    /// Steps of a pass over the data; the last one may have fewer examples.
    pub(super) fn steps_per_epoch(&self) -> u64 {
        self.deck.len().div_ceil(self.batch).max(1) as u64
    }

    /// Tokens of a pass over the data.
    fn tokens_per_epoch(&self, fill_to: usize) -> u64 {
        tokens(self.deck.iter().filter_map(|i| self.units.get(*i)), fill_to)
    }

    /// Tokens of all steps, when every example is filled up to `fill_to` tokens.
    pub(super) fn all_tokens(&mut self, fill_to: usize) -> u64 {
        let (epochs, rest) = (self.n_steps / self.steps_per_epoch(), self.n_steps % self.steps_per_epoch());
        let begun: u64 = (self.n_steps - rest..self.n_steps).map(|step| tokens(self.examples(step), fill_to)).sum();
        epochs * self.tokens_per_epoch(fill_to) + begun
    }

    /// Examples of a pass over the data, copies included.
    pub(super) fn n_examples(&self) -> usize {
        self.deck.len()
    }

    /// Different examples.
    pub(super) fn n_units(&self) -> usize {
        self.units.len()
    }

    /// Passes over the data after `steps` steps.
    pub(super) fn epoch_of(&self, steps: u64) -> f64 {
        steps as f64 / self.steps_per_epoch() as f64
    }

    /// Whether something that happens every `every` units is due after `steps` steps.
    pub(super) fn is_due(&self, steps: u64, every: u64, unit: Unit) -> bool {
        let period = match unit {
            Unit::Steps => every,
            Unit::Epochs => every * self.steps_per_epoch(),
        };
        steps.is_multiple_of(period.max(1))
    }

    /// The examples of step `step`; the first is 0.
    pub(super) fn examples(&mut self, step: u64) -> Vec<&Example> {
        let (epoch, at) = (step / self.steps_per_epoch(), step % self.steps_per_epoch());
        if self.epoch.as_ref().is_none_or(|(known, _)| *known != epoch) {
            let mut order = self.deck.clone();
            if self.shuffle {
                self.stream.item(epoch).shuffle(&mut order);
            }
            self.epoch = Some((epoch, order));
        }
        let order = self.epoch.as_ref().map_or(&[][..], |(_, order)| order);
        let start = at as usize * self.batch;
        let range: Range<usize> = start.min(order.len())..(start + self.batch).min(order.len());
        order.get(range).unwrap_or_default().iter().filter_map(|i| self.units.get(*i)).collect()
    }
}

/// Tokens of some examples, each filled up to `fill_to`.
fn tokens<'a>(examples: impl IntoIterator<Item = &'a Example>, fill_to: usize) -> u64 {
    examples.into_iter().map(|example| example.ids.len().max(fill_to) as u64).sum()
}

/// The examples one after the other, copies included, cut into blocks of `n_ctx` tokens; a last one of a single token
/// is left out.
fn packed(examples: &[Example], n_ctx: usize) -> Vec<Example> {
    let mut blocks: Vec<Example> = Vec::new();
    let copies = examples.iter().flat_map(|e| std::iter::repeat_n(e, e.copies as usize));
    for (row, id) in copies.flat_map(|e| e.ids.iter().map(|id| (e.row, *id))) {
        match blocks.last_mut().filter(|block| block.ids.len() < n_ctx) {
            Some(block) => block.ids.push(id),
            None => blocks.push(Example { ids: vec![id], row, number: blocks.len(), copies: 1 }),
        }
    }
    blocks.retain(|block| block.ids.len() > 1);
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(number: usize, n: usize, copies: u32) -> Example {
        Example { ids: (0..n as u32).collect(), row: number, number, copies }
    }

    fn config(batch: usize, epochs: f64) -> Config {
        let mut config = Config::default();
        config.rows.batch = batch;
        config.length.epochs = Some(epochs);
        config
    }

    #[test]
    fn every_epoch_sees_every_copy_once_in_another_order() {
        let examples = vec![example(0, 3, 1), example(1, 3, 4), example(2, 3, 2)];
        let mut course = Course::new(&config(2, 2.5), examples, 16, 7);
        assert_eq!((course.steps_per_epoch(), course.n_steps), (4, 10));
        let epoch = |course: &mut Course, epoch: u64| {
            let steps = 4 * epoch..4 * epoch + 4;
            steps.flat_map(|s| course.examples(s).iter().map(|e| e.number).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        let (first, second) = (epoch(&mut course, 0), epoch(&mut course, 1));
        for order in [&first, &second] {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 1, 1, 1, 2, 2]);
        }
        assert_ne!(first, second);
        let later = course.examples(5).iter().map(|e| e.number).collect::<Vec<_>>();
        assert_eq!(later, second[2..4], "a step does not depend on which were asked for before");
    }

    #[test]
    fn the_length_is_what_is_given_first_of_steps_tokens_and_epochs() {
        let of = |steps, tokens| {
            let mut config = config(2, 3.0);
            (config.length.steps, config.length.tokens) = (steps, tokens);
            Course::new(&config, vec![example(0, 5, 4)], 16, 0).n_steps
        };
        assert_eq!(of(None, None), 6);
        assert_eq!(of(Some(5), None), 5);
        assert_eq!(of(None, Some(31)), 4, "10 tokens a step");
        assert_eq!(of(Some(9), Some(31)), 4);
        let mut padded = config(2, 3.0);
        (padded.length.tokens, padded.rows.pad_in_loss) = (Some(64), true);
        let course = Course::new(&padded, vec![example(0, 5, 4)], 16, 0);
        assert_eq!(course.n_steps, 2, "pads that are read count: 32 tokens a step");
    }

    #[test]
    fn packed_rows_fill_the_context() {
        let blocks = packed(&[example(0, 3, 2), example(1, 3, 1)], 4);
        let ids: Vec<&[u32]> = blocks.iter().map(|b| b.ids.as_slice()).collect();
        assert_eq!(ids, [&[0, 1, 2, 0][..], &[1, 2, 0, 1]], "the last token alone is left out");
    }
}
