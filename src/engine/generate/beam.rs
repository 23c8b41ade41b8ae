//! Beam search, beam sampling and diverse beam search, as transformers 5 does them.
//!
//! A step looks at the best 2·beams continuations of all beams of a group (more with several end-of-text
//! tokens). Those of the first `beams` that end are finished; the best `beams` that do not end run on.
//!
//! Differs from transformers: a search starts with one beam instead of copies at −10⁹, so that truncation to
//! few tokens gives few beams, never impossible ones; candidates that were drawn are ordered by score, as
//! transformers 4 did; a finished group of a diverse search costs later groups nothing (there it counts as
//! padding); log-probabilities are computed in f64.

use rayon::prelude::*;

use super::config::{BeamPlan, EarlyStopping, GenerateConfig, Generation};
use super::plain::{finite, nothing_possible};
use super::process::{log_sum_exp, penalize_chosen, penalize_repetition, suppress, truncate};
use super::select::{Best, Candidate, draw_without_replacement};
use super::step_model::StepModel;
use super::{Control, Job, Step};
use crate::error::{Error, Result};
use crate::rng::Stream;
use crate::tensor::Real;

/// A running beam.
struct Beam {
    /// Prompt and continuation.
    tokens: Vec<u32>,
    /// Σ of processed log-probabilities.
    score: f64,
    /// The row of the model that says what comes next.
    source: usize,
}

/// Beams that compete with each other.
struct Group {
    /// Best first.
    running: Vec<Beam>,
    /// Best first, at most as many as beams.
    finished: Vec<Generation>,
    stream: Stream,
    /// Whether a running beam could still beat a finished one.
    open: bool,
}

/// All beams of one prompt.
struct Search {
    prompt: usize,
    groups: Vec<Group>,
}

/// What is the same for all searches of a step.
struct Round<'a> {
    job: &'a Job<'a>,
    plan: BeamPlan,
    suppressed: Vec<u32>,
    logits: &'a [Real],
    vocab_size: usize,
    n_ctx: usize,
    /// Length of the continuations after this step.
    n_new: usize,
}

/// Continues every prompt; gives the best `n_return` of each.
pub(super) fn decode(
    model: &mut dyn StepModel,
    job: &Job<'_>,
    plan: BeamPlan,
    control: &mut Control<'_>,
) -> Result<Vec<Vec<Generation>>> {
    let mut searches = start(job, &plan);
    let longest = job.prompts.iter().zip(job.limits).map(|(p, limit)| p.len() + limit).max().unwrap_or(1);
    let n_rows = job.prompts.len() * plan.groups * plan.group_size;
    model.prefill(job.prompts, n_rows, (longest - 1).min(model.n_ctx()))?;
    for n_new in 1.. {
        let logits = model.logits()?;
        let round = Round {
            job,
            plan,
            suppressed: job.config.suppressed(n_new - 1),
            logits: &logits.to_host()?,
            vocab_size: model.vocab_size(),
            n_ctx: model.n_ctx(),
            n_new,
        };
        searches.par_iter_mut().try_for_each(|search| search.advance(&round))?;
        let running = || searches.iter().flat_map(|s| &s.groups).filter(|g| g.open).flat_map(|g| &g.running);
        let parents: Vec<usize> = running().map(|b| b.source).collect();
        let tokens: Vec<u32> = running().filter_map(|b| b.tokens.last().copied()).collect();
        if !control(Step { n_new, n_running: parents.len(), fresh: &[] }) {
            return Err(Error::Cancelled);
        }
        if parents.is_empty() {
            break;
        }
        model.reorder(&parents)?;
        model.step(&tokens)?;
        let groups = searches.iter_mut().flat_map(|s| &mut s.groups).filter(|g| g.open);
        for (row, beam) in groups.flat_map(|g| &mut g.running).enumerate() {
            beam.source = row;
        }
    }
    searches.into_iter().map(|s| s.best(job.config)).collect()
}

fn start(job: &Job<'_>, plan: &BeamPlan) -> Vec<Search> {
    let root = Stream::new(job.config.seed, "generate");
    let search = |(prompt, tokens): (usize, &&[u32])| {
        let group = |g: usize| Group {
            running: vec![Beam { tokens: tokens.to_vec(), score: 0.0, source: prompt }],
            finished: Vec::with_capacity(2 * plan.group_size),
            stream: root.item(job.first_prompt + prompt as u64).item(g as u64),
            open: true,
        };
        Search { prompt, groups: (0..plan.groups).map(group).collect() }
    };
    job.prompts.iter().enumerate().map(search).collect()
}

impl Search {
    /// One more token for every open group.
    fn advance(&mut self, round: &Round<'_>) -> Result<()> {
        let n_prompt = round.job.prompts[self.prompt].len();
        let limit = round.job.limits[self.prompt];
        let mut chosen = Vec::new();
        for group in self.groups.iter_mut().filter(|g| g.open) {
            let candidates = group.candidates(round, &chosen)?;
            group.accept(&candidates, round, n_prompt, limit);
            chosen.extend(group.running.iter().filter_map(|b| b.tokens.last()));
        }
        Ok(())
    }

    fn best(self, config: &GenerateConfig) -> Result<Vec<Generation>> {
        let mut all: Vec<Generation> = self.groups.into_iter().flat_map(|g| g.finished).collect();
        if all.is_empty() {
            return Err(nothing_possible());
        }
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        all.truncate(config.n_return);
        Ok(all)
    }
}

impl Group {
    /// The continuations by one token that are looked at, best first. `chosen` are the tokens of earlier groups.
    fn candidates(&mut self, round: &Round<'_>, chosen: &[u32]) -> Result<Vec<Candidate>> {
        let config = round.job.config;
        let mut best = Best::new(round.plan.candidates);
        let mut pool = Vec::new();
        let mut scores: Vec<f64> = Vec::with_capacity(round.vocab_size);
        for (beam, running) in self.running.iter().enumerate() {
            let logits = &round.logits[running.source * round.vocab_size..][..round.vocab_size];
            scores.clear();
            scores.extend(logits.iter().map(|x| f64::from(*x)));
            let total = finite(log_sum_exp(&scores))?;
            for x in &mut scores {
                *x -= total;
            }
            penalize_chosen(&mut scores, chosen, round.plan.diversity);
            penalize_repetition(&mut scores, &running.tokens, config.repetition_penalty);
            suppress(&mut scores, &round.suppressed);
            if let Some(sampling) = &round.plan.sampling {
                truncate(&mut scores, sampling);
            }
            let possible = scores.iter().enumerate().filter(|(_, x)| **x > f64::NEG_INFINITY);
            let all = possible.map(|(token, x)| Candidate { score: running.score + x, beam, token: token as u32 });
            match round.plan.sampling {
                Some(_) => pool.extend(all),
                None => all.for_each(|c| best.offer(c)),
            }
        }
        Ok(match round.plan.sampling {
            Some(_) => draw_without_replacement(pool, round.plan.candidates, &mut self.stream),
            None => best.into_vec(),
        })
    }

    /// Finishes those of the first candidates that end; the best of the others run on.
    fn accept(&mut self, candidates: &[Candidate], round: &Round<'_>, n_prompt: usize, limit: usize) {
        let plan = &round.plan;
        let mut running = Vec::with_capacity(plan.group_size);
        for (rank, candidate) in candidates.iter().enumerate() {
            let parent = &self.running[candidate.beam];
            let mut tokens = Vec::with_capacity(n_prompt + limit);
            tokens.extend_from_slice(&parent.tokens);
            tokens.push(candidate.token);
            let finish = round.job.config.finish(&tokens[n_prompt..], limit, tokens.len(), round.n_ctx, round.job.stop);
            match finish {
                Some(finish) if rank < plan.group_size => {
                    let score = candidate.score / round.length_factor(round.n_new);
                    self.finished.push(Generation { tokens: tokens.split_off(n_prompt), score, finish });
                }
                None if running.len() < plan.group_size => {
                    running.push(Beam { tokens, score: candidate.score, source: parent.source });
                }
                _ => {}
            }
        }
        self.running = running;
        self.finished.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.finished.truncate(plan.group_size);
        self.open = self.may_improve(round, limit);
    }

    fn may_improve(&self, round: &Round<'_>, limit: usize) -> bool {
        let plan = &round.plan;
        let Some(best) = self.running.first() else { return false };
        let Some(worst) = self.finished.last().filter(|_| self.finished.len() >= plan.group_size) else { return true };
        let length = match plan.early_stopping {
            EarlyStopping::WhenFull => return false,
            EarlyStopping::Never if plan.length_penalty > 0.0 => limit,
            EarlyStopping::Never | EarlyStopping::Heuristic => round.n_new,
        };
        best.score / round.length_factor(length) > worst.score
    }
}

impl Round<'_> {
    fn length_factor(&self, length: usize) -> f64 {
        (length as f64).powf(self.plan.length_penalty)
    }
}
