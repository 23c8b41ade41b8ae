//! Losses of logits other than plain cross-entropy, and their gradients through the whole model.
//!
//! A loss sees −ln p(target) of every row first, and then says what goes back: weights of the rows' cross-entropies,
//! or the gradient of each row's logits. Losses of activations go back through a [`Tap`] alone.

use std::ops::Range;

use rayon::prelude::*;

use crate::error::Result;
use crate::grads::GradSink;
use crate::hooks::Tap;
use crate::kernels::Want;
use crate::loss::blocks;
use crate::model::{Decoder, Keep, Weight};
use crate::tensor::{Batch, Real, Tensor};

/// Logits of this many numbers are formed at a time: 128 MiB.
const LOGITS_AT_ONCE: usize = 1 << 25;

/// A loss of one row: gets the row's number in the batch, its logits, and those of the other model (empty without
/// one); turns the logits into their gradient and gives the row's share of the loss.
pub type RowLoss<'a> = dyn Fn(usize, &mut [f64], &[f64]) -> f64 + Sync + 'a;

/// What another model's head reads for each row of a batch, and that head: its logits are formed block by block.
pub struct Against<'a> {
    /// (N, C)
    pub hidden: Tensor,
    /// The head.
    pub weight: &'a Weight,
    /// Its bias, if it has one.
    pub bias: Option<&'a Weight>,
}

/// What goes back through the model.
pub enum Signal<'a> {
    /// Σ wᵣ·(−ln p(target of r)), the weights taken as constants; and the loss itself.
    Weights { weights: Vec<Real>, value: f64 },
    /// Σ over the rows with a weight of a loss of their logits, perhaps beside those of another model.
    Rows { loss: Box<RowLoss<'a>>, against: Option<Against<'a>> },
    /// Nothing but what a tap adds; the loss is known to it.
    Tap,
}

/// What [`objective_gradient`] asks: given −ln p(target) of each row (0 where its weight is 0), what goes back.
pub type Choose<'a, 's> = dyn FnMut(&[f64]) -> Result<Signal<'s>> + 'a;

/// Runs a batch forward, asks `choose` what goes back, and hands the gradient to `sink`. Gives the loss.
///
/// `wants_losses`: whether `choose` looks at the rows' losses; they cost the head once more.
pub fn objective_gradient(
    model: &Decoder,
    batch: &Batch,
    sink: &mut dyn GradSink,
    tap: &mut dyn Tap,
    wants_losses: bool,
    choose: &mut Choose<'_, '_>,
) -> Result<f64> {
    let mut acts = model.forward(batch, tap, Keep::All)?;
    let losses = if wants_losses { losses(model, batch, &acts.hidden)? } else { Vec::new() };
    let (value, dhidden) = match choose(&losses)? {
        Signal::Tap => (0.0, model.kernels.zeros(acts.hidden.shape(), false)?),
        Signal::Weights { weights, value } => {
            let (_, dhidden) = through_head(model, &batch.offsets, &acts.hidden, sink, &mut |logits, rows| {
                model.kernels.cross_entropy(logits, &batch.targets[rows.clone()], &weights[rows])?;
                Ok(0.0)
            })?;
            (value, dhidden)
        }
        Signal::Rows { loss, against } => {
            through_head(model, &batch.offsets, &acts.hidden, sink, &mut |logits, rows| {
                let others = against.as_ref().map(|a| other_logits(model, a, rows.clone())).transpose()?;
                rows_loss(logits, others.as_ref(), rows, &batch.weights, &loss)
            })?
        }
    };
    acts.hidden = Tensor::zeros(&[0, 0], false);
    model.backward(batch, acts, dhidden, sink, tap)?;
    Ok(value)
}

/// −ln p(target) of each row of weight other than 0.
fn losses(model: &Decoder, batch: &Batch, hidden: &Tensor) -> Result<Vec<f64>> {
    let (weight, bias) = (model.params.get(model.head.weight), model.head.bias.map(|b| model.params.get(b)));
    let scores = model.kernels.token_scores(hidden, weight, bias, &batch.targets, Want::default())?;
    Ok(scores.iter().zip(&batch.weights).map(|(s, w)| if *w == 0.0 { 0.0 } else { -s.log_prob }).collect())
}

/// The other model's logits of some rows.
fn other_logits(model: &Decoder, against: &Against<'_>, rows: Range<usize>) -> Result<Tensor> {
    let kernels = &*model.kernels;
    let mut x = kernels.stale(&[rows.len(), against.hidden.cols()], false)?;
    kernels.copy_rows(&mut x, 0, &against.hidden, rows)?;
    let mut logits = kernels.stale(&[x.rows(), against.weight.d_out()], false)?;
    kernels.linear(&mut logits, &x, against.weight, against.bias)?;
    Ok(logits)
}

/// Turns logits into their gradient, in f64, row by row.
fn rows_loss(
    logits: &mut Tensor,
    others: Option<&Tensor>,
    rows: Range<usize>,
    weights: &[Real],
    loss: &RowLoss<'_>,
) -> Result<f64> {
    let v = logits.cols().max(1);
    let mut values = vec![0.0; rows.len()];
    let others = others.map(Tensor::to_host).transpose()?;
    logits.edit(|numbers, _| {
        let each = numbers.par_chunks_exact_mut(v).zip(&mut values).enumerate();
        each.for_each_init(<(Vec<f64>, Vec<f64>)>::default, |(wide, other), (i, (row, value))| {
            if weights[rows.start + i] == 0.0 {
                return row.fill(0.0);
            }
            let widen = |to: &mut Vec<f64>, from: &[Real]| {
                to.clear();
                to.extend(from.iter().map(|x| f64::from(*x)));
            };
            widen(wide, row);
            if let Some(others) = &others {
                widen(other, &others[i * v..(i + 1) * v]);
            }
            *value = loss(rows.start + i, wide, other);
            row.iter_mut().zip(wide.iter()).for_each(|(to, from)| *to = *from as Real);
        });
    })?;
    Ok(values.iter().sum())
}

/// The head forward and backward, whole sequences at a time: Σ of what `turn` gives, and ∂L/∂hidden (N, C).
fn through_head(
    model: &Decoder,
    offsets: &crate::tensor::Offsets,
    hidden: &Tensor,
    sink: &mut dyn GradSink,
    turn: &mut dyn FnMut(&mut Tensor, Range<usize>) -> Result<f64>,
) -> Result<(f64, Tensor)> {
    let (weight, bias) = (model.params.get(model.head.weight), model.head.bias.map(|b| model.params.get(b)));
    let wanted = sink.wants(model.head.weight) || model.head.bias.is_some_and(|b| sink.wants(b));
    let kernels = &*model.kernels;
    let mut dhidden = kernels.stale(hidden.shape(), false)?;
    let mut value = 0.0;
    for rows in blocks(offsets, LOGITS_AT_ONCE / weight.d_out().max(1)) {
        let mut x = kernels.stale(&[rows.len(), hidden.cols()], false)?;
        kernels.copy_rows(&mut x, 0, hidden, rows.clone())?;
        let mut logits = kernels.stale(&[rows.len(), weight.d_out()], false)?;
        kernels.linear(&mut logits, &x, weight, bias)?;
        value += turn(&mut logits, rows.clone())?;
        if wanted {
            sink.linear(&model.head, &x, &logits, rows.clone(), offsets)?;
        }
        let mut dx = kernels.zeros(x.shape(), false)?;
        kernels.linear_backward_acc(&mut dx, &logits, weight)?;
        kernels.copy_rows(&mut dhidden, rows.start, &dx, 0..rows.len())?;
    }
    Ok((value, dhidden))
}
