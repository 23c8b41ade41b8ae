//! What a technique works with: a copy of the model that it may change, the texts, its settings.

use std::ops::Range;

use super::config::Config;
use super::course::{Curve, NATS};
use super::sets::{Item, Sets};
use super::technique::Knobs;
use crate::engine::grads::GradSink;
use crate::engine::loss::loss_gradient;
use crate::engine::memory::rows_within;
use crate::engine::model::Keep;
use crate::engine::rng::Stream;
use crate::engine::sinks::SumGrads;
use crate::engine::{Batch, Decoder, NoTap, ParamId, Tensor};
use crate::error::{Error, Result};
use crate::methods::{Context, LoadedModel};

/// Bytes that activations may take on the way back.
const ACTIVATIONS: u64 = 1 << 30;

/// Gradients of some parameters.
pub type Gradients = Vec<(ParamId, Tensor)>;

/// Everything a technique works with.
pub struct Job<'a, 'h> {
    /// Progress and live numbers.
    pub cx: &'a mut Context<'h>,
    /// The copy that is changed; the model itself is never touched.
    pub model: Decoder,
    /// The model as it came.
    pub base: &'h LoadedModel,
    /// Texts to forget, to retain, and others.
    pub sets: &'a Sets<'h>,
    /// Settings of the technique.
    pub knobs: Knobs,
    /// The configuration.
    pub config: &'a Config,
    /// Sentences for the report.
    pub notes: Vec<String>,
    /// Live curves.
    pub curves: Vec<Curve>,
    /// Name of the stage that is shown.
    pub stage: String,
}

impl Job<'_, '_> {
    /// Reports progress; fails when the user wants to stop.
    ///
    /// # Errors
    /// `Cancelled`.
    pub fn tick(&mut self, done: usize, total: usize) -> Result<()> {
        let stage = self.stage.clone();
        self.cx.progress(&stage, done, total)
    }

    /// A named random stream of this run.
    pub fn stream(&self, name: &str) -> Stream {
        Stream::new(self.cx.seed, &format!("unlearn {name}"))
    }

    /// A point of a live curve of numbers without a unit.
    pub fn point(&mut self, name: &str, step: usize, value: f64) {
        self.point_in("", name, step, value);
    }

    /// A point of a live curve of losses that are means of −ln p.
    pub fn nll(&mut self, name: &str, step: usize, value: f64) {
        self.point_in(NATS, name, step, value);
    }

    /// A point of a live curve of numbers in `unit`.
    pub fn point_in(&mut self, unit: &str, name: &str, step: usize, value: f64) {
        self.cx.host.metric(name, step as u64, value);
        let point = [step as f64, value];
        match self.curves.iter_mut().find(|curve| curve.name == name) {
            Some(curve) => curve.points.push(point),
            None => self.curves.push(Curve { name: name.to_owned(), unit: unit.to_owned(), points: vec![point] }),
        }
    }

    /// The gradient of Σ weight·nll over a batch for the wanted parameters, and the losses of the rows.
    ///
    /// # Errors
    /// Those of the engine; a loss that is not a number.
    pub fn gradient(&self, batch: &Batch, wants: &dyn Fn(ParamId) -> bool) -> Result<(Gradients, Vec<f64>)> {
        let mut sums = SumGrads::new(&self.model, wants)?;
        let nll = self.into_sink(batch, &mut sums)?;
        Ok((sums.into_gradients(), nll))
    }

    /// As [`Self::gradient`], handed to a sink: whole texts at a time, so that what they keep for the way back takes
    /// about `ACTIVATIONS` bytes whatever the size of the batch.
    ///
    /// # Errors
    /// Those of the engine; a loss that is not a number.
    pub fn into_sink(&self, batch: &Batch, sink: &mut dyn GradSink) -> Result<Vec<f64>> {
        let most = rows_within(&self.model.config, ACTIVATIONS);
        if batch.tokens.len() <= most {
            return self.at_once(batch, sink);
        }
        let mut nll = Vec::with_capacity(batch.tokens.len());
        for texts in parts(batch.offsets.iter().map(|rows| rows.len()), most) {
            nll.extend(self.at_once(&batch.part(texts), sink)?);
        }
        Ok(nll)
    }

    fn at_once(&self, batch: &Batch, sink: &mut dyn GradSink) -> Result<Vec<f64>> {
        let loss = loss_gradient(&self.model, batch, sink, &mut NoTap, Keep::All)?;
        finite(loss.total)?;
        Ok(loss.nll)
    }
}

/// Consecutive texts with at most `most` tokens together; at least one.
fn parts(lengths: impl IntoIterator<Item = usize>, most: usize) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut tokens = 0;
    for (i, length) in lengths.into_iter().enumerate() {
        match parts.last_mut() {
            Some(part) if tokens + length <= most => {
                part.end = i + 1;
                tokens += length;
            }
            _ => {
                parts.push(i..i + 1);
                tokens = length;
            }
        }
    }
    parts
}

/// Refuses losses that are not numbers.
///
/// # Errors
/// `Data`, with what to do.
pub fn finite(loss: f64) -> Result<f64> {
    if loss.is_finite() {
        return Ok(loss);
    }
    Err(Error::data("the loss is no longer a number: the model diverged or its weights are damaged")
        .hint("lower lr, epochs or max_steps; `memoscope inspect` names damaged tensors"))
}

/// Chunks of a list of texts, at most `n` each.
pub fn batches(items: &[Item], n: usize) -> impl Iterator<Item = &[Item]> + '_ {
    items.chunks(n.max(1))
}

/// Sequences as a batch whose loss is the mean over all counted tokens.
pub fn token_mean(items: &[&Item]) -> Batch {
    whole(items).token_mean()
}

/// Sequences as a batch in which every token that localization counts has weight 1: those after the prompt, in paper mode
/// all but the first.
pub fn whole(items: &[&Item]) -> Batch {
    let sequences: Vec<&[u32]> = items.iter().map(|i| i.text.ids.as_slice()).collect();
    let mut batch = Batch::causal(&sequences);
    for (rows, item) in batch.offsets.clone().iter().zip(items) {
        batch.weights[rows].iter_mut().take(item.counted.saturating_sub(1)).for_each(|w| *w = 0.0);
    }
    batch
}

/// The row of a text's batch from which on it is recited, of `n` rows: where its answer is predicted, or position k − 1
/// of rows without a prompt; the first row of shorter ones.
pub fn recited_from(item: &Item, k: usize, n: usize) -> usize {
    match item.counted {
        0 | 1 if n > k => k.saturating_sub(1),
        0 | 1 => 0,
        counted => counted - 1,
    }
}

/// Mean over the predicted tokens of each sequence, from the losses of the rows.
pub fn means(batch: &Batch, nll: &[f64]) -> Vec<f64> {
    let mean = |rows: Range<usize>| {
        let n = batch.weights[rows.clone()].iter().filter(|w| **w != 0.0).count().max(1);
        nll[rows].iter().sum::<f64>() / n as f64
    };
    batch.offsets.iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_whole_and_none_is_left_out() {
        assert_eq!(parts([3, 3, 3, 9, 1, 1], 6), [0..2, 2..3, 3..4, 4..6]);
        assert_eq!(parts([5], 1), [0..1], "a text that is too long goes alone");
        assert!(parts([], 4).is_empty());
    }
}
