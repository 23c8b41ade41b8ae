//! Greedy decoding and sampling: one sequence a row, no row knows of another.

use rayon::prelude::*;

use super::config::{GenerateConfig, Generation, Strategy};
use super::process::{log_sum_exp, penalize_repetition, suppress, truncate};
use super::step_model::{LIKELIEST_MAX, StepModel};
use super::{Control, Fresh, Job, Step, select};
use crate::error::{Error, Result};
use crate::rng::Stream;

/// A running continuation.
struct Row {
    /// Index of the prompt in this job, and number among its samples.
    prompt: usize,
    sample: usize,
    /// Prompt and continuation.
    tokens: Vec<u32>,
    /// Σ ln p, nats.
    score: f64,
    stream: Stream,
    /// The row of the model that says what comes next.
    source: usize,
}

/// Continues every prompt `n_return` times.
pub(super) fn decode(
    model: &mut dyn StepModel,
    job: &Job<'_>,
    control: &mut Control<'_>,
) -> Result<Vec<Vec<Generation>>> {
    let config = job.config;
    let mut done: Vec<Vec<Option<Generation>>> = job.prompts.iter().map(|_| vec![None; config.n_return]).collect();
    let mut rows = start(job);
    let longest = job.prompts.iter().zip(job.limits).map(|(p, limit)| p.len() + limit).max().unwrap_or(1);
    model.prefill(job.prompts, rows.len(), (longest - 1).min(model.n_ctx()))?;
    let mut n_new = 0;
    loop {
        choose(model, &mut rows, n_new, config)?;
        n_new += 1;
        let fresh: Vec<Fresh> = rows.iter().map(|r| r.fresh(job)).collect();
        rows.retain(|row| {
            let new = &row.tokens[job.prompts[row.prompt].len()..];
            let finish = config.finish(new, job.limits[row.prompt], row.tokens.len(), model.n_ctx(), job.stop);
            if let Some(finish) = finish {
                let generation = Generation { tokens: new.to_vec(), score: row.score, finish };
                done[row.prompt][row.sample] = Some(generation);
            }
            finish.is_none()
        });
        if !control(Step { n_new, n_running: rows.len(), fresh: &fresh }) {
            return Err(Error::Cancelled);
        }
        if rows.is_empty() {
            return Ok(done.into_iter().map(|samples| samples.into_iter().flatten().collect()).collect());
        }
        model.reorder(&rows.iter().map(|r| r.source).collect::<Vec<_>>())?;
        model.step(&rows.iter().filter_map(|r| r.tokens.last().copied()).collect::<Vec<_>>())?;
        for (i, row) in rows.iter_mut().enumerate() {
            row.source = i;
        }
    }
}

fn start(job: &Job<'_>) -> Vec<Row> {
    let root = Stream::new(job.config.seed, "generate");
    let row = |(prompt, sample): (usize, usize)| Row {
        prompt,
        sample,
        tokens: job.prompts[prompt].to_vec(),
        score: 0.0,
        stream: root.item(job.first_prompt + prompt as u64).item(sample as u64),
        source: prompt,
    };
    let pairs = (0..job.prompts.len()).flat_map(|prompt| (0..job.config.n_return).map(move |sample| (prompt, sample)));
    pairs.map(row).collect()
}

impl Row {
    fn fresh(&self, job: &Job<'_>) -> Fresh {
        let token = self.tokens.last().copied().unwrap_or_default();
        Fresh { prompt: job.first_prompt + self.prompt as u64, sample: self.sample, token }
    }

    fn push(&mut self, token: u32, log_prob: f64) {
        self.tokens.push(token);
        self.score += log_prob;
    }
}

/// Adds a token to every row.
fn choose(model: &dyn StepModel, rows: &mut [Row], n_new: usize, config: &GenerateConfig) -> Result<()> {
    let suppressed = config.suppressed(n_new);
    let plain = config.strategy == Strategy::Greedy && config.repetition_penalty == 1.0;
    if plain && suppressed.len() < LIKELIEST_MAX {
        return choose_likeliest(model, rows, &suppressed);
    }
    let logits = model.logits()?;
    let (values, vocab_size) = (logits.to_host()?, model.vocab_size());
    let sampling = config.sampling();
    rows.par_iter_mut().try_for_each_init(Vec::new, |scores: &mut Vec<f64>, row| {
        scores.clear();
        scores.extend(values[row.source * vocab_size..][..vocab_size].iter().map(|x| f64::from(*x)));
        let total = finite(log_sum_exp(scores))?;
        penalize_repetition(scores, &row.tokens, config.repetition_penalty);
        suppress(scores, &suppressed);
        let chosen = match &sampling {
            None => select::best(scores),
            Some(sampling) => {
                truncate(scores, sampling);
                select::draw(scores, &mut row.stream)
            }
        };
        let token = chosen.ok_or_else(nothing_possible)?;
        row.push(token as u32, f64::from(values[row.source * vocab_size + token]) - total);
        Ok(())
    })
}

/// Greedy without logits: the head is read once and only the best tokens come out.
fn choose_likeliest(model: &dyn StepModel, rows: &mut [Row], suppressed: &[u32]) -> Result<()> {
    let n = (suppressed.len() + 1).min(model.vocab_size());
    let best = model.likeliest(n)?;
    for row in rows {
        let best = best.get(row.source).map(Vec::as_slice).unwrap_or_default();
        if best.len() < n {
            // Nothing compares with what is not a number.
            finite(f64::NAN)?;
        }
        let possible = best.iter().find(|(token, _)| !suppressed.contains(token));
        let (token, log_prob) = possible.ok_or_else(nothing_possible)?;
        row.push(*token, finite(*log_prob)?);
    }
    Ok(())
}

/// Refuses what comes of weights that are not numbers.
pub(super) fn finite(x: f64) -> Result<f64> {
    if x.is_finite() {
        return Ok(x);
    }
    Err(Error::data("the model's scores of the next token are not finite numbers")
        .hint("the weights are damaged or overflow; `memoscope inspect` names such tensors"))
}

/// The error when suppression leaves no token.
pub(super) fn nothing_possible() -> Error {
    Error::config("no token is possible: forbid and min_new_tokens exclude them all").hint("forbid fewer tokens")
}
