//! Scores that follow from one forward pass.

use serde::{Deserialize, Serialize};

use super::samples::Samples;
use super::{Config, scores};
use crate::engine::{TokenScore, Want};
use crate::error::Result;
use crate::methods::common::likelihood;
use crate::methods::common::texts::{chunk_len, score};
use crate::methods::common::zlib::compressed_len;
use crate::methods::{Context, LoadedModel};

/// What the model says about the predicted tokens of a text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pass {
    pub(super) log_probs: Vec<f64>,
    /// μ and σ² of each distribution.
    pub(super) moments: Vec<[f64; 2]>,
}

impl Pass {
    pub(super) fn new(scores: &[TokenScore]) -> Self {
        Self {
            log_probs: scores.iter().map(|s| s.log_prob).collect(),
            moments: scores.iter().filter_map(|s| s.moments).collect(),
        }
    }

    /// Mean log-probability.
    pub(super) fn mean(&self) -> Option<f64> {
        scores::loss::score(&self.log_probs)
    }
}

/// One score of all samples.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Stable name, such as `min_k_0.2`.
    pub(super) id: String,
    pub(super) label: String,
    /// Where the score is undefined, `None`.
    pub(super) values: Vec<Option<f64>>,
    /// Whether it stands in figures and headline numbers; of families with ratios only one does.
    pub(super) is_headline: bool,
    /// The family and ratio, for the sweep over ratios.
    pub(super) ratio: Option<(&'static str, f64)>,
}

impl Column {
    pub(super) fn new(id: &str, label: &str, values: Vec<Option<f64>>) -> Self {
        Self { id: id.to_owned(), label: label.to_owned(), values, is_headline: true, ratio: None }
    }
}

/// One forward pass over every text.
pub(super) fn forward(
    config: &Config,
    cx: &mut Context<'_>,
    model: &LoadedModel,
    samples: &Samples<'_>,
) -> Result<Vec<Pass>> {
    let want = Want { moments: true, ..Want::default() };
    let chunk = chunk_len(samples.lengths(), config.batch_tokens);
    cx.map("score", samples.list.len(), chunk, |range| {
        let ids: Vec<&[u32]> = samples.list[range].iter().map(|s| s.text.ids.as_slice()).collect();
        let scored = score(&model.decoder, &ids, want, samples.max_tokens, samples.max_tokens / 2)?;
        Ok(scored.iter().map(|s| Pass::new(s)).collect())
    })
}

pub(super) fn loss(passes: &[Pass]) -> Column {
    Column::new("loss", "Loss", passes.iter().map(Pass::mean).collect())
}

pub(super) fn zlib(samples: &Samples<'_>, passes: &[Pass]) -> Result<Vec<Column>> {
    let sizes: Vec<Option<usize>> = samples
        .list
        .iter()
        .map(|s| s.read_text().map(|t| compressed_len(t.as_bytes())).transpose())
        .collect::<Result<_>>()?;
    let of = |f: fn(&[f64], usize) -> Option<f64>| {
        passes.iter().zip(&sizes).map(|(p, size)| f(&p.log_probs, (*size)?)).collect()
    };
    let sum = Column { is_headline: false, ..Column::new("zlib_sum", "zlib, total likelihood", of(scores::zlib::sum)) };
    Ok(vec![Column::new("zlib", "zlib", of(scores::zlib::mean)), sum])
}

pub(super) fn min_k(config: &Config, passes: &[Pass]) -> Vec<Column> {
    let of = |ratio: f64| passes.iter().map(|p| likelihood::min_k(&p.log_probs, ratio, config.is_paper())).collect();
    by_ratio(config, "min_k", "Min-K%", &of)
}

pub(super) fn min_k_plus_plus(config: &Config, passes: &[Pass]) -> Vec<Column> {
    let of = |ratio: f64| {
        let score = |p: &Pass| likelihood::min_k_plus_plus(&p.log_probs, &p.moments, ratio, config.is_paper());
        passes.iter().map(score).collect()
    };
    by_ratio(config, "min_k_plus_plus", "Min-K%++", &of)
}

fn by_ratio(config: &Config, id: &'static str, label: &str, values: &dyn Fn(f64) -> Vec<Option<f64>>) -> Vec<Column> {
    // The ratio that papers quote.
    const QUOTED: f64 = 0.2;
    let nearest = |a: &&f64, b: &&f64| (**a - QUOTED).abs().total_cmp(&(**b - QUOTED).abs());
    let headline = config.ratios.iter().min_by(nearest).copied();
    let column = |ratio: &f64| Column {
        is_headline: Some(*ratio) == headline,
        ratio: Some((id, *ratio)),
        ..Column::new(&format!("{id}_{ratio:?}"), &format!("{label} {ratio:?}"), values(*ratio))
    };
    config.ratios.iter().map(column).collect()
}
