//! The loss of every text at every point.
//!
//! An item is a point and some texts: the unit that is kept, resumed and can be stopped after.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::super::sets::{Mean, TextSet};
use super::config::Config;
use super::grid::Grid;
use crate::engine::score::score_tokens;
use crate::engine::walk::Walker;
use crate::engine::{Decoder, TokenScore, Want};
use crate::error::Result;
use crate::figures::Figure;
use crate::methods::Context;

/// What a model says about a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct TextLoss {
    /// Σ −ln p, nats.
    pub(super) nll: f64,
    /// Predicted tokens that are the most likely ones.
    pub(super) n_right: u32,
    /// Whether all of those after the split are.
    pub(super) exact: bool,
}

/// A set at a point.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Value {
    /// Nats per token; not a number at a hole.
    pub(super) loss: f64,
    /// Share of predicted tokens that are the most likely ones.
    pub(super) accuracy: f64,
    /// Share of texts whose part after the split is predicted without a mistake.
    pub(super) exact: f64,
    /// Loss of each text; empty unless wanted.
    pub(super) texts: Vec<f64>,
}

/// All points around a model: `values[set][point]`, in the order of the grid.
pub(super) type Values = Vec<Vec<Value>>;

/// The texts of all sets, laid end to end.
struct Texts<'a> {
    sets: &'a [TextSet],
    /// Set and place within it of each text.
    places: Vec<(usize, usize)>,
    /// Texts that go through the model together.
    chunks: Vec<Range<usize>>,
}

impl<'a> Texts<'a> {
    fn new(sets: &'a [TextSet], batch_tokens: usize) -> Self {
        let places: Vec<(usize, usize)> =
            sets.iter().enumerate().flat_map(|(s, set)| (0..set.texts.len()).map(move |t| (s, t))).collect();
        let (mut chunks, mut start, mut tokens) = (Vec::new(), 0, 0);
        for (i, (s, t)) in places.iter().enumerate() {
            let n = sets[*s].texts[*t].ids.len();
            if i > start && tokens + n > batch_tokens {
                chunks.push(start..i);
                (start, tokens) = (i, 0);
            }
            tokens += n;
        }
        chunks.push(start..places.len());
        Self { sets, places, chunks }
    }

    fn losses(&self, model: &Decoder, chunk: usize) -> Result<Vec<TextLoss>> {
        let places = &self.places[self.chunks[chunk].clone()];
        let ids: Vec<&[u32]> = places.iter().map(|(s, t)| &self.sets[*s].texts[*t].ids[..]).collect();
        let scores = score_tokens(model, &ids, Want::default())?;
        let each = places.iter().zip(&ids).zip(&scores);
        Ok(each.map(|(((s, t), ids), scores)| text_loss(ids, scores, self.sets[*s].splits[*t])).collect())
    }
}

fn text_loss(ids: &[u32], scores: &[TokenScore], split: usize) -> TextLoss {
    let right = |(score, id): (&TokenScore, &u32)| score.argmax == *id;
    let pairs = || scores.iter().zip(&ids[1..]);
    TextLoss {
        nll: -scores.iter().map(|s| s.log_prob).sum::<f64>(),
        n_right: pairs().filter(|p| right(*p)).count() as u32,
        exact: split < scores.len() && pairs().skip(split).all(right),
    }
}

/// Figures from the values that are known, and which are.
pub(super) type Shown<'a> = dyn Fn(&Values, &[bool]) -> Vec<Figure> + 'a;

/// Visits every point of `grid` with `walker`, coarse to fine; `stage` names the work, and `shown` draws what is known
/// on the way.
pub(super) fn evaluate(
    config: &Config,
    cx: &mut Context<'_>,
    stage: &str,
    sets: &[TextSet],
    (grid, mut walker): (&Grid, Walker),
    shown: &Shown<'_>,
) -> Result<Values> {
    let texts = Texts::new(sets, config.batch_tokens);
    let (order, per_point) = (grid.order(), texts.chunks.len());
    let mut stands: Option<usize> = None;
    let compute = |items: Range<usize>| {
        let mut losses = Vec::with_capacity(items.len());
        for item in items {
            let point = order[item / per_point];
            if stands != Some(point) {
                let (_, _, at) = grid.point(point);
                walker.go(if grid.plane { &at } else { &at[..1] })?;
                stands = Some(point);
            }
            losses.push(texts.losses(walker.model(), item % per_point)?);
        }
        Ok(losses)
    };
    let mut values: Values = vec![vec![Value::default(); grid.len()]; sets.len()];
    let mut known = vec![false; grid.len()];
    let mut here: Vec<TextLoss> = Vec::new();
    cx.for_each(stage, order.len() * per_point, 1, compute, |host, first, parts: Vec<Vec<TextLoss>>| {
        for (item, part) in parts.into_iter().enumerate() {
            here.extend(part);
            if (first + item + 1).is_multiple_of(per_point) {
                let n_done = (first + item) / per_point;
                for (s, value) in at_point(config, &texts, &here).into_iter().enumerate() {
                    host.metric(&format!("loss of {}", sets[s].name), n_done as u64, value.loss);
                    values[s][order[n_done]] = value;
                }
                here.clear();
                known[order[n_done]] = true;
                host.partial(&|| shown(&values, &known));
            }
        }
        Ok(())
    })?;
    Ok(values)
}

/// What all sets are at a point, from the losses of all texts.
fn at_point(config: &Config, texts: &Texts<'_>, losses: &[TextLoss]) -> Vec<Value> {
    let of_set = |s: usize| {
        let set = &texts.sets[s];
        let mine = || texts.places.iter().zip(losses).filter(move |((own, _), _)| *own == s);
        let predicted = |t: usize| set.texts[t].ids.len() - 1;
        let n_tokens: usize = (0..set.texts.len()).map(predicted).sum();
        let each = || mine().map(|((_, t), loss)| loss.nll / predicted(*t) as f64);
        let counted = (0..set.texts.len()).filter(|t| set.splits[*t] < predicted(*t)).count();
        Value {
            loss: match config.mean {
                Mean::Tokens => mine().map(|(_, loss)| loss.nll).sum::<f64>() / n_tokens as f64,
                Mean::Texts => each().sum::<f64>() / set.texts.len() as f64,
            },
            accuracy: mine().map(|(_, loss)| f64::from(loss.n_right)).sum::<f64>() / n_tokens as f64,
            exact: mine().filter(|(_, loss)| loss.exact).count() as f64 / counted as f64,
            texts: if config.per_text { each().collect() } else { Vec::new() },
        }
    };
    (0..texts.sets.len()).map(of_set).collect()
}
