//! The perplexity that Analysis360 computes from left-padded batches.

use super::{Config, Total};
use crate::engine::Want;
use crate::engine::score::score_tokens;
use crate::error::{Error, Result};
use crate::methods::common::tables::scalar;
use crate::methods::common::texts::Text;
use crate::methods::{Context, LoadedModel, Scalar};

/// exp(total_loss / total_tokens) with total_loss += mean loss over all B·(T − 1) positions, pads included, times T.
pub(super) fn perplexity(
    config: &Config,
    cx: &mut Context<'_>,
    model: &LoadedModel,
    texts: &[Text],
    totals: &[Total],
) -> Result<Scalar> {
    let pad = model.decoder.config.eos.first().copied().ok_or_else(|| {
        Error::config(format!("paper mode pads with the end-of-text token, but {} names none", model.name))
            .hint("set compat to `correct`")
    })?;
    let longest = |batch: &[Text]| batch.iter().map(|t| t.ids.len()).max().unwrap_or(0);
    let batches: Vec<&[Text]> = texts.chunks(config.batch_size).collect();
    let n_pads: Vec<usize> = batches.iter().flat_map(|b| b.iter().map(|t| longest(b) - t.ids.len())).collect();
    let at_pads = cx.map("score pads", texts.len(), 1, |range| {
        range.map(|i| pads_nll(model, pad, n_pads[i], &texts[i])).collect()
    })?;
    let (mut total_loss, mut total_tokens) = (0.0, 0);
    for (b, batch) in batches.iter().enumerate() {
        let (start, t) = (b * config.batch_size, longest(batch));
        let sum: f64 = (start..start + batch.len()).map(|i| totals[i].nll + at_pads[i]).sum();
        total_loss += sum / (batch.len() * (t - 1)) as f64 * t as f64;
        total_tokens += batch.iter().map(|t| t.ids.len()).sum::<usize>();
    }
    let value = (total_loss / total_tokens as f64).exp();
    Ok(scalar("perplexity.paper", "Perplexity as Analysis360 computes it", "", Some(value), texts.len(), "too large"))
}

/// Σ −ln p of the pads after the first, and of the first token after them.
fn pads_nll(model: &LoadedModel, pad: u32, n_pads: usize, text: &Text) -> Result<f64> {
    let Some(first) = text.ids.first().filter(|_| n_pads > 0) else { return Ok(0.0) };
    let mut ids = vec![pad; n_pads];
    ids.push(*first);
    let scores = score_tokens(&model.decoder, &[&ids], Want::default())?;
    Ok(-scores.iter().flatten().map(|s| s.log_prob).sum::<f64>())
}
