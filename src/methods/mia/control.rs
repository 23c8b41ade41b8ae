//! The control that never sees the model.

use super::Config;
use super::samples::Samples;
use crate::methods::common::bag_of_words::cross_validated;
use crate::methods::common::membership::{Measured, MetricOptions, measure as measure_scores};

/// How well the words of the texts alone tell the classes apart; `None` when it was not wanted or cannot be taken.
pub(super) fn measure(config: &Config, samples: &Samples<'_>, seed: u64) -> Option<Measured> {
    if config.control_folds == 0 {
        return None;
    }
    let texts: Option<Vec<&str>> = samples.list.iter().map(|s| s.record.text.as_deref()).collect();
    let labels = samples.labels();
    let scores = cross_validated(&texts?, &labels, config.control_folds, seed)?;
    let scores: Vec<Option<f64>> = scores.into_iter().map(Some).collect();
    Some(measure_scores(&scores, &labels, &MetricOptions { replicates: config.bootstrap, seed, thinned: false }))
}
