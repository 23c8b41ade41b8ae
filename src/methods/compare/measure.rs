//! The measurements.

use super::measurement::{Alignment, Alternative, Cell, Measurement, Scores, overlap, visible};
use crate::engine::generate::greedy_from;
use crate::engine::score::score_tokens;
use crate::engine::{Batch, TokenScore, Want, alignment};
use crate::error::{Error, Result};
use crate::methods::LoadedModel;
use crate::methods::common::texts::{Encoder, Text, TextOptions};
use crate::methods::common::{likelihood, zlib};

/// Alternatives shown for a token.
const N_TOP: usize = 5;
/// Share of the least likely tokens in Min-K %.
const MIN_K: f64 = 0.2;
/// Rows of both texts together whose pairwise products fit comfortably (N² numbers of 8 bytes).
const ALIGNABLE_ROWS: usize = 4096;

/// Splits a text into tokens.
pub fn tokenize(model: &LoadedModel, text: &str) -> Result<Measurement> {
    let encoded = Encoder::new(model, &TextOptions::default())?.text(text)?;
    let cells = cells(model, &encoded, text);
    let scores = Scores { n_tokens: cells.len(), ..Scores::default() };
    Ok(Measurement { text: text.to_owned(), cells, scores, n_cut: encoded.n_cut })
}

/// Measures every token of a text. An empty text has no tokens and no scores.
pub fn measure(model: &LoadedModel, text: &str) -> Result<Measurement> {
    if text.is_empty() {
        return Ok(Measurement::default());
    }
    let mut measurement = tokenize(model, text)?;
    let ids: Vec<u32> = measurement.cells.iter().map(|c| c.id).collect();
    let want = Want { rank: true, moments: true, top: N_TOP };
    let scored = score_tokens(&model.decoder, &[&ids], want)?.pop().unwrap_or_default();
    for (cell, score) in measurement.cells.iter_mut().skip(1).zip(&scored) {
        fill(model, cell, score);
    }
    measurement.scores = scores(measurement.read_text(), &measurement.cells)?;
    Ok(measurement)
}

/// Compares the gradients of two texts with respect to the output head: cosine, and the share of every token.
pub fn align(model: &LoadedModel, texts: &[String; 2], is_wanted: &dyn Fn() -> bool) -> Result<Alignment> {
    let encoder = Encoder::new(model, &TextOptions::default())?;
    let [a, b] = [encoder.text(&texts[0])?.ids, encoder.text(&texts[1])?.ids];
    if a.len() + b.len() > ALIGNABLE_ROWS {
        let n = a.len() + b.len();
        return Err(Error::config(format!("{n} tokens are too many to compare while typing"))
            .hint("run the method “gradient alignment” on them instead"));
    }
    if a.len() < 2 || b.len() < 2 {
        return Err(Error::config("a text of one token has no gradient").hint("type at least two tokens on each side"));
    }
    if !is_wanted() {
        return Err(Error::Cancelled);
    }
    let gram = alignment::head_gram(&model.decoder, &Batch::causal(&[&a, &b]).example_mean())?;
    let inner = gram.inner(0, 1);
    let numbers = vec![
        ("inner product".to_owned(), inner),
        ("gradient norm, original".to_owned(), gram.norm(0)),
        ("gradient norm, paraphrase".to_owned(), gram.norm(1)),
    ];
    // The row of a token predicts the next one, which gets the share.
    let shares = |i: usize, j: usize| {
        let rows = gram.contributions(i, j);
        let share = |v: &f64| (inner != 0.0).then(|| v / inner);
        std::iter::once(None).chain(rows.iter().map(share)).take(rows.len()).collect()
    };
    Ok(Alignment { cosine: gram.cosine(0, 1), numbers, original: shares(0, 1), paraphrase: shares(1, 0) })
}

/// Continues a text by the most likely tokens, as many as fit into the context.
pub fn continue_greedily(model: &LoadedModel, text: &str, n: usize, is_wanted: &dyn Fn() -> bool) -> Result<String> {
    let ids = Encoder::new(model, &TextOptions::default())?.text(text)?.ids;
    if ids.is_empty() {
        return Err(Error::config("there is nothing to continue").hint("type a beginning"));
    }
    let room = (model.decoder.config.n_ctx + 1).saturating_sub(ids.len());
    let new = greedy_from(&model.decoder, &[&ids], &[n.min(room)], &mut |_| is_wanted())?;
    let new = new.first().map(Vec::as_slice).unwrap_or_default();
    let Some(tokenizer) = &model.tokenizer else { return Ok(format!("{new:?}")) };
    let end = new.iter().position(|id| model.decoder.config.eos.contains(id)).unwrap_or(new.len());
    Ok(tokenizer.decode_after(&ids, new.get(..end).unwrap_or(new)))
}

/// Tokens with their text; those that share a character with a neighbor show their bytes.
fn cells(model: &LoadedModel, encoded: &Text, text: &str) -> Vec<Cell> {
    let bytes_of = |id: u32| model.tokenizer.as_ref().and_then(|t| t.token_bytes(id)).unwrap_or_default();
    let span = |i: usize| encoded.spans.get(i).cloned().unwrap_or_default();
    let mut cells: Vec<Cell> = Vec::with_capacity(encoded.ids.len());
    for (i, id) in encoded.ids.iter().enumerate() {
        let here = span(i);
        let shares = cells.last().is_some_and(|before| overlap(&before.span, &here)) || overlap(&here, &span(i + 1));
        let bytes = if shares { bytes_of(*id) } else { text.get(here.clone()).unwrap_or_default().as_bytes().to_vec() };
        cells.push(Cell { id: *id, shown: visible(&bytes), bytes, span: here, ..Cell::default() });
    }
    cells
}

fn fill(model: &LoadedModel, cell: &mut Cell, score: &TokenScore) {
    cell.log_prob = Some(score.log_prob);
    cell.rank = score.rank;
    cell.entropy = score.moments.map(|m| -m[0]);
    let alternative =
        |(id, log_prob): &(u32, f64)| Alternative { id: *id, shown: shown(model, *id), probability: log_prob.exp() };
    cell.top = score.top.iter().map(alternative).collect();
}

fn shown(model: &LoadedModel, id: u32) -> String {
    let tokenizer = model.tokenizer.as_ref();
    match tokenizer.and_then(|t| t.token_bytes(id)) {
        Some(bytes) if !bytes.is_empty() => visible(&bytes),
        _ => tokenizer.and_then(|t| t.token(id)).unwrap_or_else(|| format!("id {id}")),
    }
}

fn scores(text: &str, cells: &[Cell]) -> Result<Scores> {
    let log_probs: Vec<f64> = cells.iter().filter_map(|c| c.log_prob).collect();
    let predicted = || cells.iter().filter(|c| c.log_prob.is_some());
    let n = log_probs.len();
    let loss = (n > 0).then(|| -log_probs.iter().sum::<f64>() / n as f64);
    let zlib_len = zlib::compressed_len(text.as_bytes())?.max(1) as f64;
    Ok(Scores {
        n_tokens: cells.len(),
        loss,
        min_k: likelihood::min_k(&log_probs, MIN_K, false),
        zlib_ratio: loss.map(|l| l / zlib_len),
        exact_prefix: predicted().take_while(|c| c.rank == Some(0)).count(),
        top1: (n > 0).then(|| predicted().filter(|c| c.rank == Some(0)).count() as f64 / n as f64),
    })
}
