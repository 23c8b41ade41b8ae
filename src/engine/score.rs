//! What a model says about texts: one teacher-forced pass, no gradient, no whole logits.

use rayon::prelude::*;

use crate::error::Result;
use crate::hooks::{NoTap, Tap};
use crate::kernels::{TokenScore, Want, gather_rows};
use crate::model::{Decoder, Keep};
use crate::narrow::rows_at_once;
use crate::relief;
use crate::tensor::{Batch, Tensor};

/// Rows that go through the model together; the outcome does not depend on it.
const ROWS_AT_ONCE: usize = 2048;

/// Scores of tokens 1, 2, … of each sequence given those before it: `len − 1` entries a sequence.
///
/// The same sequence gets the same bits alone, in any company and with any number of threads.
pub fn score_tokens(model: &Decoder, sequences: &[&[u32]], want: Want) -> Result<Vec<Vec<TokenScore>>> {
    let score = |part: &&[&[u32]]| score_targets(model, &Batch::causal(part), want);
    let scores: Result<Vec<Vec<Vec<TokenScore>>>> = if let Some(rows) = rows_at_once(model) {
        // all are waited for, so that the first error in order is the one to tell
        let each: Vec<Result<_>> = parts(sequences, rows.min(ROWS_AT_ONCE)).par_iter().map(score).collect();
        each.into_iter().collect()
    } else {
        parts(sequences, ROWS_AT_ONCE).iter().map(score).collect()
    };
    Ok(scores?.into_iter().flatten().collect())
}

/// Consecutive sequences with at most `most` rows together; at least one.
fn parts<'a, 'b>(sequences: &'a [&'b [u32]], most: usize) -> Vec<&'a [&'b [u32]]> {
    let mut parts = Vec::new();
    let mut rest = sequences;
    while !rest.is_empty() {
        let mut rows = 0;
        let fits = |s: &&&[u32]| {
            rows += s.len();
            rows <= most
        };
        let n = rest.iter().take_while(fits).count().max(1);
        let (part, after) = rest.split_at(n);
        parts.push(part);
        rest = after;
    }
    parts
}

/// Scores of the rows of `batch` that have a weight, sequence by sequence: for those who need only some
/// positions, such as the continuation after a prefix; the head is the dearest part of a small model.
///
/// Where the memory of a card does not suffice, it takes half of the sequences at a time.
pub fn score_targets(model: &Decoder, batch: &Batch, want: Want) -> Result<Vec<Vec<TokenScore>>> {
    let n = batch.offsets.len();
    match score_tapped(model, batch, want, &mut NoTap) {
        Err(error) if error.is_out_of_memory() && n > 1 => {
            relief::note("the memory of the card did not suffice for a batch: it was scored in smaller parts");
            let mut scores = score_targets(model, &batch.part(0..n / 2), want)?;
            scores.extend(score_targets(model, &batch.part(n / 2..n), want)?);
            Ok(scores)
        }
        result => result,
    }
}

/// As [`score_targets`], with activations read or edited on the way.
pub fn score_tapped(model: &Decoder, batch: &Batch, want: Want, tap: &mut dyn Tap) -> Result<Vec<Vec<TokenScore>>> {
    let hidden = model.forward(batch, tap, Keep::Nothing)?.hidden;
    let (x, targets) = rows_with_target(model, &hidden, batch)?;
    let weight = model.params.get(model.head.weight);
    let bias = model.head.bias.map(|b| model.params.get(b));
    let mut rest = model.kernels.token_scores(&x, weight, bias, &targets, want)?.into_iter();
    let counted = |rows: std::ops::Range<usize>| batch.weights[rows].iter().filter(|w| **w != 0.0).count();
    Ok(batch.offsets.iter().map(|rows| rest.by_ref().take(counted(rows)).collect()).collect())
}

/// The rows of `hidden` that predict something, and what they predict.
fn rows_with_target(model: &Decoder, hidden: &Tensor, batch: &Batch) -> Result<(Tensor, Vec<u32>)> {
    let rows: Vec<usize> = (0..hidden.rows()).filter(|r| batch.weights[*r] != 0.0).collect();
    let x = gather_rows(&*model.kernels, hidden, &rows, false)?;
    Ok((x, rows.iter().map(|r| batch.targets[*r]).collect()))
}
