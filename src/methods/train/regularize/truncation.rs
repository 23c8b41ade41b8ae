//! Loss truncation: the examples that the model finds hardest are left out.
//!
//! The losses of the last W examples are kept; every W examples the cut-off becomes their percentile, and an example
//! counts only when its loss is below it.
//! Source: Kang and Hashimoto 2020, arXiv:2004.14589; TinyMem: `utils/dropper.py`.

use crate::methods::train::options::Regularize;

/// Nothing is cut off before the window is full.
const OPEN: f64 = 1e8;

/// The losses of the last examples, and where they are cut off.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Truncation {
    keep_share: f64,
    /// A ring; zeros where nothing was written yet.
    losses: Vec<f32>,
    /// Where the next loss goes.
    cursor: usize,
    /// Examples so far.
    seen: u64,
    /// Examples since the cut-off was taken.
    since: u64,
    cutoff: f64,
}

/// What an interrupted run needs beside the ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct TruncationState {
    cursor: usize,
    seen: u64,
    since: u64,
    cutoff: f64,
}

impl Truncation {
    /// As the options say; none when they drop nothing.
    pub(crate) fn new(options: &Regularize) -> Option<Self> {
        (options.drop_share > 0.0).then(|| Self {
            keep_share: 1.0 - options.drop_share,
            losses: vec![0.0; options.drop_window],
            cursor: 0,
            seen: 0,
            since: 0,
            cutoff: OPEN,
        })
    }

    /// Takes the loss of each example of a batch, and says which of them are kept.
    pub(crate) fn kept(&mut self, losses: &[f64]) -> Vec<bool> {
        let (n, window) = (losses.len() as u64, self.losses.len() as u64);
        self.since += n;
        self.seen += n;
        let is_full = self.seen >= window;
        for loss in losses {
            if let Some(slot) = self.losses.get_mut(self.cursor) {
                *slot = *loss as f32;
            }
            self.cursor = (self.cursor + 1) % self.losses.len();
        }
        if !is_full {
            return vec![true; losses.len()];
        }
        if self.since > window {
            self.cutoff = percentile(&self.losses, self.keep_share);
            self.since = 0;
        }
        losses.iter().map(|loss| *loss < self.cutoff).collect()
    }

    /// What the next run needs to go on: the ring, and the rest.
    pub(crate) fn state(&self) -> (&[f32], TruncationState) {
        let state = TruncationState { cursor: self.cursor, seen: self.seen, since: self.since, cutoff: self.cutoff };
        (&self.losses, state)
    }

    /// Goes on where another run was.
    pub(crate) fn restore(&mut self, losses: Vec<f32>, state: TruncationState) {
        if losses.len() == self.losses.len() {
            self.losses = losses;
        }
        self.cursor = state.cursor % self.losses.len();
        (self.seen, self.since, self.cutoff) = (state.seen, state.since, state.cutoff);
    }
}

/// The value below which `share` of the numbers lie, interpolated linearly, as numpy does.
fn percentile(values: &[f32], share: f64) -> f64 {
    let mut sorted: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = share * (sorted.len().saturating_sub(1)) as f64;
    let value = |i: usize| sorted.get(i).or_else(|| sorted.last()).copied().unwrap_or(0.0);
    let (low, high) = (value(at.floor() as usize), value(at.ceil() as usize));
    // rounded as numpy's percentile of numbers of single precision
    f64::from((low + (high - low) * (at - at.floor())) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stream of tinymem 9.1, computed there with the original's code.
    #[test]
    fn the_cut_off_follows_the_published_stream() {
        let options = Regularize { drop_share: 0.05, ..Regularize::default() };
        let mut truncation = Truncation::new(&options).unwrap();
        let mut kept = Vec::new();
        let mut cutoffs = Vec::new();
        for batch in 0..160_u64 {
            let losses: Vec<f64> = (0..128).map(|i| ((7919 * (128 * batch + i)) % 10007) as f64 / 10007.0).collect();
            kept.push(truncation.kept(&losses).iter().filter(|kept| **kept).count());
            cutoffs.push(truncation.cutoff);
        }
        assert!(kept[..78].iter().all(|n| *n == 128), "nothing is cut off before the window is full");
        assert_eq!((kept[78], kept[157], kept[158]), (122, 122, 121));
        assert!((cutoffs[78] - 0.949940025806427).abs() < 1e-12, "{}", cutoffs[78]);
        assert!((cutoffs[156] - cutoffs[78]).abs() < 1e-15, "between, the cut-off stays");
        assert!((cutoffs[157] - 0.9498401284217834).abs() < 1e-12, "{}", cutoffs[157]);
    }

    #[test]
    fn what_lies_above_the_cut_off_is_dropped_and_states_go_on() {
        let options = Regularize { drop_share: 0.5, drop_window: 4, ..Regularize::default() };
        let mut truncation = Truncation::new(&options).unwrap();
        truncation.kept(&[1.0, 2.0, 3.0, 4.0]);
        // the ring holds 1, 2, 3, 5: half of them lie below 2.5
        let mut copy = Truncation::new(&options).unwrap();
        let (losses, state) = truncation.state();
        copy.restore(losses.to_vec(), state);
        assert_eq!(truncation.kept(&[2.0, 2.2, 9.0, 9.5]), [true, true, false, false]);
        assert_eq!(copy.kept(&[2.0, 2.2, 9.0, 9.5]), [true, true, false, false]);
        assert_eq!(copy, truncation);
    }
}
