//! Scores that need further passes: other texts, other models, gradients.

use super::columns::{Column, Pass};
use super::neighbors::neighbors;
use super::samples::{Sample, Samples};
use super::{Config, scores};
use crate::engine::score::score_targets;
use crate::engine::{Batch, Want};
use crate::error::{Error, Result};
use crate::methods::common::alignment::{AlignOptions, align, gradient_norms};
use crate::methods::common::correlation::mean;
use crate::methods::common::paraphrases::{Chooser, Counted, PAPER_TOKENS};
use crate::methods::common::tables::counted;
use crate::methods::common::texts::{Encoder, LongTexts, TextOptions, chunk_len, score};
use crate::methods::{Context, LoadedModel};

/// What every score starts from.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) config: &'a Config,
    pub(super) model: &'a LoadedModel,
    pub(super) samples: &'a Samples<'a>,
    /// The pass over the texts themselves.
    pub(super) passes: &'a [Pass],
}

impl Given<'_> {
    /// Texts that go through a model together.
    fn chunk(&self) -> usize {
        chunk_len(self.samples.lengths(), self.config.batch_tokens)
    }

    fn encoder<'m>(&self, model: &'m LoadedModel) -> Result<Encoder<'m>> {
        Encoder::new(model, &self.config.text_options())
    }
}

/// A packed pass over some sequences; `None` where there is none, or it has no prediction.
fn passes_over(model: &LoadedModel, ids: &[Option<Vec<u32>>], max_tokens: usize) -> Result<Vec<Option<Pass>>> {
    let usable = |ids: &&Vec<u32>| ids.len() > 1;
    let sequences: Vec<&[u32]> = ids.iter().flatten().filter(usable).map(Vec::as_slice).collect();
    let mut scored = score(&model.decoder, &sequences, Want::default(), max_tokens, max_tokens / 2)?.into_iter();
    let own = |ids: &Option<Vec<u32>>| {
        let next = ids.as_ref().filter(usable).and_then(|_| scored.next());
        next.map(|s| Pass::new(&s))
    };
    Ok(ids.iter().map(own).collect())
}

/// Mean log-probability of other texts; `None` where there is none.
fn means(model: &LoadedModel, encoder: &Encoder<'_>, texts: &[Option<String>]) -> Result<Vec<Option<f64>>> {
    let encode = |text: &Option<String>| text.as_deref().map(|t| Ok(encoder.text(t)?.ids)).transpose();
    let ids: Vec<Option<Vec<u32>>> = texts.iter().map(encode).collect::<Result<_>>()?;
    Ok(passes_over(model, &ids, encoder.max_tokens)?.iter().map(|p| p.as_ref().and_then(Pass::mean)).collect())
}

pub(super) fn lowercase(given: Given<'_>, cx: &mut Context<'_>) -> Result<Column> {
    let Given { model, samples, passes, .. } = given;
    let encoder = given.encoder(model)?;
    let lower = cx.map("score lowercase", samples.list.len(), given.chunk(), |range| {
        let lower: Vec<Option<String>> =
            samples.list[range].iter().map(|s| s.read_text().map(str::to_lowercase)).collect();
        means(model, &encoder, &lower)
    })?;
    let values = lower.iter().zip(passes).map(|(l, p)| scores::lowercase::score((*l)?, p.mean()?)).collect();
    Ok(Column::new("lowercase", "Lowercase", values))
}

pub(super) fn reference(given: Given<'_>, cx: &mut Context<'_>) -> Result<Vec<Column>> {
    let Given { config, samples, passes, .. } = given;
    let reference = cx.model("reference").map_err(|e| e.context("the score `reference`"))?;
    let encoder = given.encoder(reference)?;
    // Sums and numbers of tokens.
    let of_reference = cx.map("score reference", samples.list.len(), given.chunk(), |range| {
        let encode = |s: &Sample<'_>| match s.read_text() {
            Some(text) if !config.is_paper() => Ok(Some(encoder.text(text)?.ids)),
            _ => Ok(Some(encoder.foreign_ids(&s.text.ids)?)),
        };
        let ids: Vec<Option<Vec<u32>>> = samples.list[range].iter().map(encode).collect::<Result<_>>()?;
        let of = |p: &Pass| (p.log_probs.iter().sum::<f64>(), p.log_probs.len());
        let passes = passes_over(reference, &ids, encoder.max_tokens)?;
        Ok(passes.iter().map(|p| p.as_ref().map(of)).collect::<Vec<Option<(f64, usize)>>>())
    })?;
    let pairs = || passes.iter().zip(&of_reference).zip(&samples.list);
    let per_token = pairs().map(|((p, r), _)| {
        let (sum, n) = (*r)?;
        Some(scores::reference::per_token(p.mean()?, sum / n as f64))
    });
    let per_byte = pairs().map(|((p, r), s)| {
        let bytes = s.read_text()?.len();
        scores::reference::per_byte(p.log_probs.iter().sum(), (*r)?.0, bytes)
    });
    let by_byte = Column::new("reference_per_byte", "Reference per byte", per_byte.collect());
    Ok(vec![Column::new("reference", "Reference", per_token.collect()), Column { is_headline: false, ..by_byte }])
}

pub(super) fn neighborhood(given: Given<'_>, cx: &mut Context<'_>) -> Result<Column> {
    let Given { model, samples, passes, .. } = given;
    let neighbors = neighbors(cx.datasets("neighbors"), samples)?;
    let encoder = given.encoder(model)?;
    let of_neighbors = cx.map("score neighbors", samples.list.len(), 1, |range| {
        let one = |texts: &Vec<&str>| {
            let texts: Vec<Option<String>> = texts.iter().map(|&t| Some(t.to_owned())).collect();
            Ok(means(model, &encoder, &texts)?.into_iter().flatten().collect())
        };
        neighbors[range].iter().map(one).collect::<Result<Vec<Vec<f64>>>>()
    })?;
    let values = passes.iter().zip(&of_neighbors).map(|(p, n)| scores::neighborhood::score(p.mean()?, n)).collect();
    Ok(Column::new("neighborhood", "Neighborhood", values))
}

/// Adds to `notes` how many of the nonmembers that were asked for go before the texts, where not all do.
pub(super) fn recall(given: Given<'_>, cx: &mut Context<'_>, notes: &mut Vec<String>) -> Result<Column> {
    let Given { config, model, samples, passes } = given;
    let n = samples.list.len();
    let shots: Vec<usize> = (0..n).filter(|&i| !samples.list[i].is_member).take(config.recall_shots).collect();
    let shot_ids: Vec<&[u32]> = shots.iter().map(|&i| samples.list[i].body()).collect();
    let average = samples.list.iter().map(|s| s.body().len()).sum::<usize>() / n.max(1);
    let (prefix, n_used) = scores::recall::prefix(&shot_ids, samples.max_tokens.saturating_sub(average + 1));
    if n_used < config.recall_shots && n_used > 0 {
        let wanted = counted(config.recall_shots, "nonmember");
        notes.push(format!("ReCaLL: {n_used} of {wanted} asked for go before the texts; no more are there or fit."));
    }
    if prefix.is_empty() {
        return Err(Error::data("no nonmember is short enough to go before the texts")
            .hint("leave `recall` out, or lower max_tokens"));
    }
    let conditional = cx.map("score after nonmembers", n, 1, |range| {
        range.map(|i| conditional(model, &prefix, &samples.list[i], samples.max_tokens)).collect()
    })?;
    let of = |(i, (c, p)): (usize, (&Option<f64>, &Pass))| {
        if shots.contains(&i) { None } else { scores::recall::score((*c)?, p.mean()?) }
    };
    Ok(Column::new("recall", "ReCaLL", conditional.iter().zip(passes).enumerate().map(of).collect()))
}

/// Mean log-probability of a text after the end of `prefix`, as much of both as fits.
fn conditional(model: &LoadedModel, prefix: &[u32], sample: &Sample<'_>, max_tokens: usize) -> Result<Option<f64>> {
    let special = &sample.text.ids[..sample.text.n_special];
    let body = &sample.body()[..sample.body().len().min(max_tokens.saturating_sub(special.len() + 1))];
    let room = max_tokens.saturating_sub(special.len() + body.len());
    let prefix = &prefix[prefix.len().saturating_sub(room)..];
    let ids = [special, prefix, body].concat();
    let mut batch = Batch::causal(&[&ids]);
    let known = ids.len() - body.len();
    batch.weights.iter_mut().take(known - 1).for_each(|w| *w = 0.0);
    let scored = score_targets(&model.decoder, &batch, Want::default())?;
    Ok(scored.iter().map(|s| Pass::new(s)).next().and_then(|p| p.mean()))
}

pub(super) fn gradient_norm(given: Given<'_>, cx: &mut Context<'_>) -> Result<Column> {
    let Given { config, model, samples, .. } = given;
    let values = cx.map("gradient norm", samples.list.len(), 1, |range| {
        let one = |i: usize| -> Result<Option<f64>> {
            let ids = &samples.list[i].text.ids;
            let ids = &ids[..ids.len().min(samples.max_tokens)];
            if config.is_paper() {
                return scores::gradient_norm::mean_of_tensors(&model.decoder, ids, config.tensor_norm).map(Some);
            }
            Ok(gradient_norms(&model.decoder, &[ids])?.first().map(|norm| -norm))
        };
        range.map(one).collect()
    })?;
    Ok(Column::new("gradient_norm", "Gradient norm", values))
}

pub(super) fn alignment(given: Given<'_>, cx: &mut Context<'_>) -> Result<Column> {
    let Given { config, model, samples, .. } = given;
    if samples.list.iter().all(|s| s.record.paraphrases.is_empty()) {
        return Err(Error::config("the score `alignment` needs texts with paraphrases")
            .hint("leave it out of `scores`, or give files with a column `paraphrases`"));
    }
    let options = AlignOptions {
        scope: config.alignment_scope,
        shift: if config.is_paper() { 2 } else { 1 },
        by_name: config.is_paper(),
        ..AlignOptions::default()
    };
    let counted = with_paraphrases(given, options.shift + 1)?;
    let values = cx.map("align", samples.list.len(), 1, |range| {
        let one = |i: usize| -> Result<Option<f64>> {
            let Some(Some(Counted { original, paraphrases, .. })) = counted.get(samples.list[i].place) else {
                return Ok(None);
            };
            let others: Vec<&[u32]> = paraphrases.iter().map(|p| p.ids.as_slice()).collect();
            let pairs = align(&model.decoder, &original.ids, &others, &options)?.pairs;
            Ok(mean(&pairs.iter().filter_map(|p| p.cosine).collect::<Vec<_>>()))
        };
        range.map(one).collect()
    })?;
    Ok(Column::new("alignment", "Gradient alignment", values))
}

/// What is aligned, by place; as the method `gradient-alignment` takes it.
fn with_paraphrases(given: Given<'_>, min_tokens: usize) -> Result<Vec<Option<Counted>>> {
    let Given { config, model, samples, .. } = given;
    let long = if config.long_texts == LongTexts::Refuse { LongTexts::Refuse } else { LongTexts::Truncate };
    let max_tokens = config.max_tokens.or_else(|| config.is_paper().then_some(PAPER_TOKENS));
    let encoder = Encoder::new(model, &TextOptions { long, max_tokens, ..config.text_options() })?;
    let mut all = Vec::with_capacity(samples.n_rows);
    for set in &samples.sets {
        let mut chooser = Chooser::new(&encoder, min_tokens, config.is_paper());
        for (index, record) in set.records.iter().enumerate() {
            let is_asked = config.limit.is_none_or(|limit| index < limit);
            let counted = is_asked.then(|| chooser.choose(record, index, &|_| true)).transpose();
            all.push(counted.map_err(|e| e.at(&set.path))?.and_then(std::result::Result::ok));
        }
    }
    Ok(all)
}
