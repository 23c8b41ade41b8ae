//! Generation: greedy, sampling, beam search, beam sampling, diverse beam search.
//!
//! Prompts of unequal lengths run together without padding: a prompt gives the same continuation alone and
//! in any company. Random numbers depend on (seed, number of the prompt, number of the sample) alone.
//! Text is the caller's: stop strings are a function of the new tokens.

mod beam;
mod config;
mod likelihood;
mod plain;
mod process;
mod select;
mod session;
mod step_model;
#[cfg(test)]
mod tests;

pub use config::{EarlyStopping, Finish, GenerateConfig, Generation, Strategy};
pub use likelihood::drawn_log_prob;

use crate::error::{Error, Result};
use crate::model::{Decoder, ModelConfig};
use crate::relief;
use session::Session;

/// Decides from the new tokens so far whether a continuation ends here.
pub type StopRule<'a> = dyn Fn(&[u32]) -> bool + Sync + 'a;

/// Sees every step; `false` cancels.
pub type Control<'a> = dyn FnMut(Step<'_>) -> bool + 'a;

/// No stop rule: end-of-text tokens and lengths decide.
pub fn never_stop(_: &[u32]) -> bool {
    false
}

/// One token more for every running sequence.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// New tokens of each sequence so far.
    pub n_new: usize,
    /// Sequences that go on.
    pub n_running: usize,
    /// The tokens chosen in this step. Empty in beam search, where nothing is decided before the end.
    pub fresh: &'a [Fresh],
}

/// A token that was just chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// Number of the prompt, counted from `first_prompt`.
    pub prompt: u64,
    /// Number among the prompt's samples.
    pub sample: usize,
    pub token: u32,
}

/// Prompts that run together.
struct Job<'a> {
    prompts: &'a [&'a [u32]],
    /// New tokens at most, per prompt.
    limits: &'a [usize],
    config: &'a GenerateConfig,
    /// Number of the first prompt.
    first_prompt: u64,
    stop: &'a StopRule<'a>,
}

/// Continues each prompt: `n_return` continuations a prompt (fewer where beam sampling finds fewer).
///
/// # Errors
/// `Config` for a field out of range or an empty prompt; `Data` for an id beyond the vocabulary or a prompt
/// longer than the context; `Cancelled` when `control` says so.
pub fn generate<S: AsRef<[u32]>>(
    model: &Decoder,
    prompts: &[S],
    config: &GenerateConfig,
    stop: &StopRule<'_>,
    control: &mut Control<'_>,
) -> Result<Vec<Vec<Generation>>> {
    config.check(&model.config)?;
    let prompts: Vec<&[u32]> = prompts.iter().map(AsRef::as_ref).collect();
    check_prompts(&prompts, &model.config)?;
    let mut session = Session::new(model)?;
    let at_once = (config.rows_at_once / config.rows_per_prompt()).max(1);
    let limits = vec![config.max_new_tokens; at_once];
    let mut all = Vec::with_capacity(prompts.len());
    for (i, prompts) in prompts.chunks(at_once).enumerate() {
        let first_prompt = config.first_prompt + (i * at_once) as u64;
        let job = Job { prompts, limits: &limits[..prompts.len()], config, first_prompt, stop };
        all.extend(run(&mut session, &job, control)?);
    }
    Ok(all)
}

/// The greedy continuation of each prompt by exactly so many tokens, whatever they are: no token ends a text.
///
/// # Errors
/// As [`generate`]; also `Config` when a prompt and its continuation exceed the context.
pub fn greedy_from(
    model: &Decoder,
    prompts: &[&[u32]],
    n_new: &[usize],
    control: &mut Control<'_>,
) -> Result<Vec<Vec<u32>>> {
    if prompts.len() != n_new.len() {
        return Err(Error::bug(format!("{} prompts but {} lengths", prompts.len(), n_new.len())));
    }
    check_prompts(prompts, &model.config)?;
    let n_ctx = model.config.n_ctx;
    if let Some((p, n)) = prompts.iter().zip(n_new).find(|(p, n)| p.len() + **n > n_ctx + 1) {
        let message = format!("{} tokens and {n} new ones exceed the context of the model ({n_ctx})", p.len());
        return Err(Error::config(message).hint("shorten the prompt or the continuation"));
    }
    let config = GenerateConfig::default();
    // Those of similar length together: a batch is done when its longest is.
    let mut order: Vec<usize> = (0..prompts.len()).filter(|i| n_new[*i] > 0).collect();
    order.sort_by_key(|i| std::cmp::Reverse(n_new[*i]));
    let mut session = Session::new(model)?;
    let mut continuations = vec![Vec::new(); prompts.len()];
    let (mut at, mut together) = (0, config.rows_at_once.max(1));
    while at < order.len() {
        let chosen = &order[at..order.len().min(at + together)];
        let prompts: Vec<&[u32]> = chosen.iter().map(|i| prompts[*i]).collect();
        let limits: Vec<usize> = chosen.iter().map(|i| n_new[*i]).collect();
        let job = Job { prompts: &prompts, limits: &limits, config: &config, first_prompt: 0, stop: &never_stop };
        let generated = match run(&mut session, &job, control) {
            Err(error) if error.is_out_of_memory() && chosen.len() > 1 => {
                relief::note("the memory of the card did not suffice for a batch: fewer texts are continued at a time");
                together = chosen.len() / 2;
                session = Session::new(model)?;
                continue;
            }
            result => result?,
        };
        for (i, generations) in chosen.iter().zip(generated) {
            continuations[*i] = generations.into_iter().next().map(|g| g.tokens).unwrap_or_default();
        }
        at += chosen.len();
    }
    Ok(continuations)
}

fn run(
    model: &mut dyn step_model::StepModel,
    job: &Job<'_>,
    control: &mut Control<'_>,
) -> Result<Vec<Vec<Generation>>> {
    match job.config.beam_plan() {
        Some(plan) => beam::decode(model, job, plan, control),
        None => plain::decode(model, job, control),
    }
}

fn check_prompts(prompts: &[&[u32]], model: &ModelConfig) -> Result<()> {
    for (i, prompt) in prompts.iter().enumerate() {
        if prompt.is_empty() {
            let hint = match model.bos {
                Some(bos) => format!("begin with the beginning-of-text token, {bos}"),
                None => "give at least one token: this model names no beginning-of-text token".to_owned(),
            };
            return Err(Error::config(format!("prompt {i} is empty")).hint(hint));
        }
        if prompt.len() > model.n_ctx {
            let message =
                format!("prompt {i} has {} tokens, more than the context of the model ({})", prompt.len(), model.n_ctx);
            return Err(Error::data(message).hint("keep its last tokens only"));
        }
        if let Some(id) = prompt.iter().find(|id| **id as usize >= model.vocab_size) {
            let message =
                format!("prompt {i}: token id {id} exceeds the vocabulary of the model ({} tokens)", model.vocab_size);
            return Err(Error::data(message).hint("the prompt or the tokenizer belongs to another model"));
        }
    }
    Ok(())
}
