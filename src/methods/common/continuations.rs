//! Greedy continuations, decoded only where they leave the true text.
//!
//! One teacher-forced pass decides exactness and the first mismatch, because up to there greedy decoding sees the true
//! tokens; only rows that mismatch are decoded, from there on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::generate::{GenerateConfig, Generation, Step, generate, greedy_from, never_stop};
use crate::engine::score::score_targets;
use crate::engine::{Batch, Decoder, TokenScore, Want};
use crate::error::{Error, Result};

/// What an end-of-text token does while decoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EosPolicy {
    /// Nothing: it is a token like any other, and a true one can be matched.
    #[default]
    Free,
    /// It ends the row; the rest is filled (Analysis360).
    Stop,
    /// It is never chosen (Pythia's evaluation), so that a true one is never matched.
    Forbid,
}

/// What a model is given, and what it has to reproduce.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// At least one token.
    pub prefix: &'a [u32],
    /// The true continuation.
    pub continuation: &'a [u32],
}

/// How rows are decoded.
#[derive(Clone, Copy)]
pub struct Greedy<'a> {
    /// The model.
    pub decoder: &'a Decoder,
    /// What an end-of-text token does.
    pub policy: EosPolicy,
    /// Fills a row after the end-of-text token that stops it.
    pub pad: u32,
}

impl Greedy<'_> {
    /// The greedy continuation of each row, as long as its true one.
    pub fn continuations(&self, rows: &[Given<'_>]) -> Result<Vec<Vec<u32>>> {
        let matched = self.matched(rows)?;
        // Up to the first mismatch the true tokens are the greedy ones; the mismatching one is known too.
        let open: Vec<usize> = (0..rows.len()).filter(|&i| matched[i].len() < rows[i].continuation.len()).collect();
        let prompts: Vec<Vec<u32>> = open.iter().map(|&i| [rows[i].prefix, &matched[i]].concat()).collect();
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
    pub fn matched(&self, rows: &[Given<'_>]) -> Result<Vec<Vec<u32>>> {
        let sequences: Vec<Vec<u32>> = rows.iter().map(|r| [r.prefix, r.continuation].concat()).collect();
        let mut batch = Batch::causal(&sequences);
        let offsets = batch.offsets.clone();
        for (rows_of, row) in offsets.iter().zip(rows) {
            // Position p predicts token p + 1: those of the prefix need no head.
            batch.weights[rows_of].iter_mut().take(row.prefix.len() - 1).for_each(|w| *w = 0.0);
        }
        let top = if self.policy == EosPolicy::Forbid { self.decoder.config.eos.len() + 1 } else { 0 };
        let scores = score_targets(self.decoder, &batch, Want { top, ..Want::default() })?;
        scores.iter().zip(rows).map(|(scores, row)| self.greedy_prefix(scores, row.continuation)).collect()
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
        let mut go_on = |_: Step<'_>| true;
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
        let cut = |(generations, n): (Vec<Generation>, &usize)| {
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
