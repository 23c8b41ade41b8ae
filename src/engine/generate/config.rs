//! What to generate and how.

use serde::{Deserialize, Serialize};

use super::StopRule;
use crate::error::{Error, Result};
use crate::model::ModelConfig;

/// How the next token is chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The most likely token; ties go to the lower id.
    #[default]
    Greedy,
    /// Drawn from the distribution after temperature, then top-k, then top-p.
    Sample {
        /// Logits are divided by it.
        temperature: f64,
        /// Only the k most likely tokens and those that tie with the last; 0 keeps all.
        top_k: usize,
        /// Only the smallest set of tokens whose probability reaches p; 1 keeps all.
        top_p: f64,
    },
    /// The most likely continuations as a whole, by breadth-limited search.
    Beam {
        /// Continuations followed at once.
        beams: usize,
        /// Finished ones are ranked by log-probability / length^penalty.
        length_penalty: f64,
        early_stopping: EarlyStopping,
    },
    /// Beam search whose candidates are drawn without replacement instead of being the best.
    BeamSample {
        beams: usize,
        length_penalty: f64,
        early_stopping: EarlyStopping,
        temperature: f64,
        top_k: usize,
        top_p: f64,
    },
    /// Groups of beams; a token costs `diversity` for each time an earlier group chose it in the same step
    /// (Vijayakumar et al. 2018, Hamming diversity).
    DiverseBeam {
        /// All beams together; a multiple of `groups`.
        beams: usize,
        groups: usize,
        /// Nats.
        diversity: f64,
        length_penalty: f64,
        early_stopping: EarlyStopping,
    },
}

/// When beam search stops looking for better continuations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyStopping {
    /// When no running beam, ranked at its present length, beats the worst finished one.
    #[default]
    Heuristic,
    /// As soon as there are as many finished ones as beams.
    WhenFull,
    /// When no running beam can beat the worst finished one at any length still allowed.
    Never,
}

/// Everything that decides what is generated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GenerateConfig {
    pub strategy: Strategy,
    /// Tokens made at most, the end-of-text token included.
    pub max_new_tokens: usize,
    /// End-of-text tokens are impossible before so many tokens.
    pub min_new_tokens: usize,
    /// Tokens of prompt and continuation become less likely: a positive value is divided by it, a negative one
    /// multiplied. Applied to logits, in beam search to log-probabilities (as transformers does).
    pub repetition_penalty: f64,
    /// Tokens that end a text; empty for none.
    pub eos: Vec<u32>,
    /// Tokens that are never chosen.
    pub forbid: Vec<u32>,
    /// Continuations per prompt, best first for beams; 1 for greedy.
    pub n_return: usize,
    pub seed: u64,
    /// Number of the first prompt: random numbers depend on (seed, number of the prompt, number of the sample),
    /// so that work may be cut into calls.
    pub first_prompt: u64,
    /// Sequences that run at once; results do not depend on it.
    pub rows_at_once: usize,
}

impl Default for GenerateConfig {
    fn default() -> Self {
        Self {
            strategy: Strategy::Greedy,
            max_new_tokens: 32,
            min_new_tokens: 0,
            repetition_penalty: 1.0,
            eos: Vec::new(),
            forbid: Vec::new(),
            n_return: 1,
            seed: 0,
            first_prompt: 0,
            rows_at_once: 32,
        }
    }
}

/// Why a continuation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// With this end-of-text token, which is its last.
    Eos(u32),
    /// Because the caller said so.
    Stop,
    /// At the number of tokens asked for.
    Length,
    /// Because the model's context is full.
    ContextFull,
}

/// One continuation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// The new tokens; the one that ended the text included.
    pub tokens: Vec<u32>,
    /// Greedy and sampling: Σ ln p(token) under the model as it is, nats. Beams: Σ of processed log-probabilities
    /// / length^penalty, by which they are ranked.
    pub score: f64,
    pub finish: Finish,
}

/// Temperature and truncation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampling {
    pub(super) temperature: f64,
    pub(super) top_k: usize,
    pub(super) top_p: f64,
    /// Tokens that truncation always leaves.
    pub(super) min_keep: usize,
}

/// A beam search in full.
#[derive(Clone, Copy, Debug)]
pub(super) struct BeamPlan {
    pub(super) groups: usize,
    pub(super) group_size: usize,
    /// Candidates looked at per step and group: enough that as many as the beams do not end.
    pub(super) candidates: usize,
    pub(super) diversity: f64,
    pub(super) length_penalty: f64,
    pub(super) early_stopping: EarlyStopping,
    pub(super) sampling: Option<Sampling>,
}

impl GenerateConfig {
    /// Checks every field against its range and the model.
    ///
    /// # Errors
    /// `Config` naming the field.
    pub fn check(&self, model: &ModelConfig) -> Result<()> {
        need(self.max_new_tokens >= 1, "max_new_tokens must be at least 1")?;
        need(self.min_new_tokens <= self.max_new_tokens, "min_new_tokens must not exceed max_new_tokens")?;
        need(
            self.repetition_penalty.is_finite() && self.repetition_penalty > 0.0,
            "repetition_penalty must be above 0",
        )?;
        need(self.n_return >= 1, "n_return must be at least 1")?;
        need(self.rows_at_once >= 1, "rows_at_once must be at least 1")?;
        let vocab_size = model.vocab_size;
        if let Some(id) = self.eos.iter().chain(&self.forbid).find(|id| **id as usize >= vocab_size) {
            return Err(Error::config(format!(
                "token {id} in eos or forbid exceeds the vocabulary ({vocab_size} tokens)"
            )));
        }
        self.check_strategy()
    }

    fn check_strategy(&self) -> Result<()> {
        if let Some(s) = self.sampling() {
            need(s.temperature.is_finite() && s.temperature > 0.0, "temperature must be above 0")
                .map_err(|e| e.hint("greedy decoding is temperature 0: choose the strategy greedy"))?;
            need(s.top_p > 0.0 && s.top_p <= 1.0, "top_p must be above 0 and at most 1")?;
        }
        if let Strategy::DiverseBeam { beams, groups, diversity, .. } = self.strategy {
            need(groups >= 1 && beams % groups == 0, "beams must be a multiple of groups")?;
            need(diversity.is_finite() && diversity >= 0.0, "diversity must not be negative")?;
        }
        let Some(plan) = self.beam_plan() else {
            let several = matches!(self.strategy, Strategy::Sample { .. });
            return need(
                several || self.n_return == 1,
                "greedy decoding has one continuation (n_return, `--count`); sample with a temperature or use beams for more",
            );
        };
        let beams = plan.groups * plan.group_size;
        need(beams >= 1, "beams must be at least 1")?;
        need(self.n_return <= beams, "n_return must not exceed beams")?;
        need(plan.length_penalty.is_finite(), "length_penalty must be a finite number")?;
        Ok(())
    }

    /// How tokens are drawn, if they are.
    pub(super) fn sampling(&self) -> Option<Sampling> {
        match self.strategy {
            Strategy::Sample { temperature, top_k, top_p } => Some(Sampling { temperature, top_k, top_p, min_keep: 1 }),
            Strategy::BeamSample { temperature, top_k, top_p, .. } => {
                Some(Sampling { temperature, top_k, top_p, min_keep: self.n_eos().max(1) + 1 })
            }
            Strategy::Greedy | Strategy::Beam { .. } | Strategy::DiverseBeam { .. } => None,
        }
    }

    /// The beam search, if it is one.
    pub(super) fn beam_plan(&self) -> Option<BeamPlan> {
        let (beams, groups, diversity, length_penalty, early_stopping) = match self.strategy {
            Strategy::Greedy | Strategy::Sample { .. } => return None,
            Strategy::Beam { beams, length_penalty, early_stopping }
            | Strategy::BeamSample { beams, length_penalty, early_stopping, .. } => {
                (beams, 1, 0.0, length_penalty, early_stopping)
            }
            Strategy::DiverseBeam { beams, groups, diversity, length_penalty, early_stopping } => {
                (beams, groups, diversity, length_penalty, early_stopping)
            }
        };
        let group_size = beams / groups.max(1);
        let candidates = group_size * (self.n_eos() + 1).max(2);
        let sampling = self.sampling();
        Some(BeamPlan { groups, group_size, candidates, diversity, length_penalty, early_stopping, sampling })
    }

    /// Sequences a prompt needs in the model.
    pub fn rows_per_prompt(&self) -> usize {
        self.beam_plan().map_or(self.n_return, |p| p.groups * p.group_size)
    }

    /// Tokens that cannot be chosen as new token number `n_new` (0 is the first).
    pub(super) fn suppressed(&self, n_new: usize) -> Vec<u32> {
        let early: &[u32] = if n_new < self.min_new_tokens { &self.eos } else { &[] };
        let mut ids = [&self.forbid, early].concat();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Why a continuation whose last token was just chosen ends, if it does. `n_total` counts the prompt too.
    pub(super) fn finish(
        &self,
        new: &[u32],
        limit: usize,
        n_total: usize,
        n_ctx: usize,
        stop: &StopRule<'_>,
    ) -> Option<Finish> {
        match new.last() {
            Some(token) if self.eos.contains(token) => Some(Finish::Eos(*token)),
            _ if stop(new) => Some(Finish::Stop),
            _ if new.len() >= limit => Some(Finish::Length),
            // Going on means reading all of them.
            _ if n_total > n_ctx => Some(Finish::ContextFull),
            _ => None,
        }
    }

    fn n_eos(&self) -> usize {
        let mut ids = self.eos.clone();
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    }
}

fn need(fine: bool, message: &str) -> Result<()> {
    if fine { Ok(()) } else { Err(Error::config(message)) }
}
