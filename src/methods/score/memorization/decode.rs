//! Greedy continuations, decoded only where they leave the true text.

use super::{Config, EosPolicy, Row};
use crate::engine::generate::{GenerateConfig, generate, greedy_from, never_stop};
use crate::engine::score::score_targets;
use crate::engine::{Batch, Decoder, TokenScore, Want};
use crate::error::{Error, Result};
use crate::methods::LoadedModel;

/// How the rows of a run are decoded by one model.
pub(super) struct Plan<'a> {
    decoder: &'a Decoder,
    policy: EosPolicy,
    pad: u32,
}

impl<'a> Plan<'a> {
    /// Fails when a policy about end-of-text tokens meets a model that names none, or rows exceed the context.
    pub(super) fn new(config: &Config, model: &'a LoadedModel, rows: &[Row]) -> Result<Self> {
        let decoder = &model.decoder;
        let policy = config.eos();
        if policy != EosPolicy::Free && decoder.config.eos.is_empty() {
            return Err(Error::config(format!(
                "eos_policy is not `free`, but {} names no end-of-text token",
                model.name
            ))
            .hint("set eos_policy to `free`"));
        }
        let longest = rows.iter().map(|r| r.prefix.len() + r.continuation.len()).max().unwrap_or(0);
        if longest > decoder.config.n_ctx {
            return Err(Error::config(format!(
                "k + l: a row has {longest} tokens; the context of {} is {}",
                model.name, decoder.config.n_ctx
            ))
            .hint("lower k or l"));
        }
        Ok(Self { decoder, policy, pad: config.pad_token })
    }

    /// The greedy continuation of each row, as long as its true one.
    pub(super) fn continuations(&self, rows: &[Row]) -> Result<Vec<Vec<u32>>> {
        let matched = self.matched(rows)?;
        // Up to the first mismatch the true tokens are the greedy ones; the mismatching one is known too.
        let open: Vec<usize> = (0..rows.len()).filter(|&i| matched[i].len() < rows[i].continuation.len()).collect();
        let prompts: Vec<Vec<u32>> = open.iter().map(|&i| [&rows[i].prefix[..], &matched[i]].concat()).collect();
        let n_new: Vec<usize> = open.iter().map(|&i| rows[i].continuation.len() - matched[i].len()).collect();
        let decoded = self.decode(&prompts, &n_new)?;
        let mut continuations = matched;
        for (i, tokens) in open.into_iter().zip(decoded) {
            continuations[i].extend(tokens);
        }
        if self.policy == EosPolicy::Stop {
            for continuation in &mut continuations {
                self.fill_after_eos(continuation);
            }
        }
        Ok(continuations)
    }

    /// The greedy tokens of each row up to and including the first that differs from the true one.
    fn matched(&self, rows: &[Row]) -> Result<Vec<Vec<u32>>> {
        let sequences: Vec<Vec<u32>> = rows.iter().map(|r| [&r.prefix[..], &r.continuation].concat()).collect();
        let mut batch = Batch::causal(&sequences);
        let offsets = batch.offsets.clone();
        for (rows_of, row) in offsets.iter().zip(rows) {
            // Position p predicts token p + 1: those of the prefix need no head.
            batch.weights[rows_of].iter_mut().take(row.prefix.len() - 1).for_each(|w| *w = 0.0);
        }
        let top = if self.policy == EosPolicy::Forbid { self.decoder.config.eos.len() + 1 } else { 0 };
        let scores = score_targets(self.decoder, &batch, Want { top, ..Want::default() })?;
        scores.iter().zip(rows).map(|(scores, row)| self.greedy_prefix(scores, &row.continuation)).collect()
    }

    fn greedy_prefix(&self, scores: &[TokenScore], continuation: &[u32]) -> Result<Vec<u32>> {
        let mut tokens = Vec::new();
        for (score, truth) in scores.iter().zip(continuation) {
            let token = self.choice(score)?;
            tokens.push(token);
            if token != *truth {
                break;
            }
        }
        Ok(tokens)
    }

    fn choice(&self, score: &TokenScore) -> Result<u32> {
        if self.policy != EosPolicy::Forbid {
            return Ok(score.argmax);
        }
        let allowed = score.top.iter().find(|(token, _)| !self.decoder.config.eos.contains(token));
        allowed.map(|(token, _)| *token).ok_or_else(|| Error::bug("no token is left beside the end-of-text tokens"))
    }

    fn decode(&self, prompts: &[Vec<u32>], n_new: &[usize]) -> Result<Vec<Vec<u32>>> {
        let mut go_on = |_: crate::engine::generate::Step<'_>| true;
        if self.policy != EosPolicy::Forbid {
            let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
            return greedy_from(self.decoder, &prompts, n_new, &mut go_on);
        }
        let Some(longest) = n_new.iter().copied().max().filter(|n| *n > 0) else {
            return Ok(vec![Vec::new(); prompts.len()]);
        };
        let forbid = self.decoder.config.eos.clone();
        let config = GenerateConfig { max_new_tokens: longest, forbid, ..GenerateConfig::default() };
        let generations = generate(self.decoder, prompts, &config, &never_stop, &mut go_on)?;
        let cut = |(generations, n): (Vec<crate::engine::generate::Generation>, &usize)| {
            let mut tokens = generations.into_iter().next().map(|g| g.tokens).unwrap_or_default();
            tokens.truncate(*n);
            tokens
        };
        Ok(generations.into_iter().zip(n_new).map(cut).collect())
    }

    fn fill_after_eos(&self, continuation: &mut [u32]) {
        let end = continuation.iter().position(|token| self.decoder.config.eos.contains(token));
        if let Some(rest) = end.and_then(|end| continuation.get_mut(end + 1..)) {
            rest.fill(self.pad);
        }
    }
}
