//! Shuffled batches of texts to forget and to retain.

use crate::engine::rng::Stream;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::sets::{Item, Sets};

/// Endless shuffled batches of texts to forget and to retain; the end of a pass makes a smaller one.
pub(super) struct Mixed {
    stream: Stream,
    order: Vec<usize>,
    at: usize,
    batch: usize,
    pass: u64,
}

impl Mixed {
    /// Batches of `batch` texts, shuffled by the stream `name`.
    pub(super) fn new(job: &Job<'_, '_>, batch: usize, name: &str) -> Self {
        let n = job.sets.forget.len() + job.sets.retain.len();
        Self { stream: job.stream(name), order: (0..n).collect(), at: n, batch: batch.max(1), pass: 0 }
    }

    /// Batches of a pass.
    pub(super) fn n_batches(&self) -> usize {
        self.order.len().div_ceil(self.batch)
    }

    /// The next batch, and which of its texts are to be forgotten.
    pub(super) fn next<'s>(&mut self, sets: &'s Sets<'_>) -> (Vec<&'s Item>, Vec<bool>) {
        if self.at >= self.order.len() {
            self.order.sort_unstable();
            self.stream.item(self.pass).shuffle(&mut self.order);
            (self.pass, self.at) = (self.pass + 1, 0);
        }
        let end = (self.at + self.batch).min(self.order.len());
        let taken = &self.order[self.at..end];
        self.at = end;
        let n = sets.forget.len();
        let item = |i: &usize| if *i < n { &sets.forget[*i] } else { &sets.retain[*i - n] };
        (taken.iter().map(item).collect(), taken.iter().map(|i| *i < n).collect())
    }
}
