//! Next-token cross-entropy and its gradient through the whole model.

use std::ops::Range;

use crate::error::Result;
use crate::grads::GradSink;
use crate::hooks::{NoTap, Site, Tap};
use crate::kernels::Want;
use crate::model::{Acts, Decoder, Keep};
use crate::narrow::{in_lanes, lanes};
use crate::relief;
use crate::tensor::{Batch, Offsets, Real, Tensor};

/// Logits of this many numbers are formed at a time: 128 MiB.
const LOGITS_AT_ONCE: usize = 1 << 25;

impl Batch {
    /// Weights such that the loss is the mean over all counted tokens of the batch.
    #[must_use]
    pub fn token_mean(mut self) -> Self {
        let n = self.weights.iter().filter(|w| **w != 0.0).count().max(1);
        self.weights.iter_mut().for_each(|w| *w /= n as Real);
        self
    }

    /// Weights such that the loss of each sequence is the mean over its own counted tokens: its own gradient.
    #[must_use]
    pub fn example_mean(mut self) -> Self {
        for rows in self.offsets.iter() {
            let own = &mut self.weights[rows];
            let n = own.iter().filter(|w| **w != 0.0).count().max(1);
            for w in own {
                *w /= n as Real;
            }
        }
        self
    }
}

/// What [`loss_gradient`] and [`reweighed_gradient`] found.
#[derive(Clone, Debug)]
pub struct Loss {
    /// Σ weight·nll over all rows.
    pub total: f64,
    /// −ln p(target) of each row, nats; rows of weight 0 are 0.
    pub nll: Vec<f64>,
}

/// Σ weight·(−ln p(target)) over the rows of `batch`; its gradient goes to `sink`.
pub fn loss_gradient(
    model: &Decoder,
    batch: &Batch,
    sink: &mut dyn GradSink,
    tap: &mut dyn Tap,
    keep: Keep,
) -> Result<Loss> {
    let nll = match lanes(model, batch, sink).filter(|_| !looks(model, tap)) {
        Some(lanes) => {
            in_lanes(model, batch, sink, &lanes, &|part, sums| row_losses(model, part, sums, &mut NoTap, keep))?
        }
        None => row_losses(model, batch, sink, tap, keep)?,
    };
    let total = nll.iter().zip(&batch.weights).map(|(l, w)| l * *w as f64).sum();
    Ok(Loss { total, nll })
}

/// −ln p(target) of each row; the gradient goes to `sink`.
fn row_losses(
    model: &Decoder,
    batch: &Batch,
    sink: &mut dyn GradSink,
    tap: &mut dyn Tap,
    keep: Keep,
) -> Result<Vec<f64>> {
    let mut acts = forward(model, batch, tap, keep)?;
    let (nll, dhidden) = head_backward(model, batch, &acts.hidden, sink)?;
    acts.hidden = Tensor::zeros(&[0, 0], false);
    model.backward(batch, acts, dhidden, sink, tap)?;
    Ok(nll)
}

/// Whether a tap is interested in anything.
fn looks(model: &Decoder, tap: &dyn Tap) -> bool {
    (0..=model.blocks.len()).any(|layer| Site::ALL.iter().any(|site| tap.wants(layer, *site)))
}

/// Forward; where the memory of a card does not suffice to keep everything, once more with blocks that are computed again
/// on the way back. A tap that looks at something would see it twice, so then it is an error.
fn forward(model: &Decoder, batch: &Batch, tap: &mut dyn Tap, keep: Keep) -> Result<Acts> {
    let error = match model.forward(batch, tap, keep) {
        Err(error) if error.is_out_of_memory() && keep == Keep::All => error,
        result => return result,
    };
    if looks(model, tap) {
        return Err(error);
    }
    relief::note("the memory of the card did not suffice for a gradient: blocks are computed again on the way back");
    model.forward(batch, tap, Keep::Residuals)
}

/// As [`loss_gradient`], but the weights of the rows are chosen when their losses are known: `reweigh` gets −ln p(target)
/// of each row and changes the weights of `batch` in place. Costs the head's forward pass twice.
pub fn reweighed_gradient(
    model: &Decoder,
    batch: &mut Batch,
    sink: &mut dyn GradSink,
    tap: &mut dyn Tap,
    keep: Keep,
    reweigh: &mut dyn FnMut(&[f64], &mut [Real]),
) -> Result<Loss> {
    let mut acts = forward(model, batch, tap, keep)?;
    let (weight, bias) = (model.params.get(model.head.weight), model.head.bias.map(|b| model.params.get(b)));
    let scores = model.kernels.token_scores(&acts.hidden, weight, bias, &batch.targets, Want::default())?;
    let losses: Vec<f64> =
        scores.iter().zip(&batch.weights).map(|(s, w)| if *w == 0.0 { 0.0 } else { -s.log_prob }).collect();
    reweigh(&losses, &mut batch.weights);
    let (_, dhidden) = head_backward(model, batch, &acts.hidden, sink)?;
    acts.hidden = Tensor::zeros(&[0, 0], false);
    model.backward(batch, acts, dhidden, sink, tap)?;
    let total = losses.iter().zip(&batch.weights).map(|(l, w)| l * *w as f64).sum();
    Ok(Loss { total, nll: losses })
}

/// The head and cross-entropy, forward and backward, for whole sequences at a time.
/// Gives each row's loss and ∂L/∂hidden (N, C).
fn head_backward(
    model: &Decoder,
    batch: &Batch,
    hidden: &Tensor,
    sink: &mut dyn GradSink,
) -> Result<(Vec<f64>, Tensor)> {
    let (weight, bias) = (model.params.get(model.head.weight), model.head.bias.map(|b| model.params.get(b)));
    let wanted = sink.wants(model.head.weight) || model.head.bias.is_some_and(|b| sink.wants(b));
    let mut nll = Vec::with_capacity(hidden.rows());
    let kernels = &*model.kernels;
    let mut dhidden = kernels.stale(hidden.shape(), hidden.is_dual())?;
    let max_rows = if wanted && sink.needs_all_rows() { usize::MAX } else { LOGITS_AT_ONCE / weight.d_out().max(1) };
    for rows in blocks(&batch.offsets, max_rows) {
        let mut x = kernels.stale(&[rows.len(), hidden.cols()], hidden.is_dual())?;
        kernels.copy_rows(&mut x, 0, hidden, rows.clone())?;
        let mut logits = kernels.stale(&[rows.len(), weight.d_out()], hidden.is_dual())?;
        kernels.linear(&mut logits, &x, weight, bias)?;
        let (targets, weights) = (&batch.targets[rows.clone()], &batch.weights[rows.clone()]);
        let losses = kernels.cross_entropy(&mut logits, targets, weights)?;
        nll.extend(losses.iter().zip(weights).map(|(l, w)| if *w == 0.0 { 0.0 } else { *l }));
        if wanted {
            sink.linear(&model.head, &x, &logits, rows.clone(), &batch.offsets)?;
        }
        let mut dx = kernels.stale(x.shape(), x.is_dual())?;
        kernels.linear_backward(&mut dx, &logits, weight)?;
        kernels.copy_rows(&mut dhidden, rows.start, &dx, 0..rows.len())?;
    }
    Ok((nll, dhidden))
}

/// Logits (N, V) of every row: for comparing with other programs; scoring does not form them.
pub fn logits(model: &Decoder, batch: &Batch, tap: &mut dyn Tap) -> Result<Tensor> {
    let acts = model.forward(batch, tap, Keep::Nothing)?;
    let weight = model.params.get(model.head.weight);
    let mut y = model.kernels.stale(&[acts.hidden.rows(), weight.d_out()], acts.hidden.is_dual())?;
    model.kernels.linear(&mut y, &acts.hidden, weight, model.head.bias.map(|b| model.params.get(b)))?;
    Ok(y)
}

/// Whole sequences together until they exceed `max_rows`; at least one.
pub(crate) fn blocks(offsets: &Offsets, max_rows: usize) -> Vec<Range<usize>> {
    let mut blocks: Vec<Range<usize>> = Vec::new();
    for rows in offsets.iter() {
        match blocks.last_mut() {
            Some(last) if rows.end - last.start <= max_rows => last.end = rows.end,
            _ => blocks.push(rows),
        }
    }
    blocks
}
