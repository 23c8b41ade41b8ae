//! Whether what was forgotten stays forgotten: the edited model is trained again, rounded, prompted and sampled.
//!
//! The same is done to the model before, so that both can be compared; training again is compared with the reference
//! model, where there is one.

mod charts;
mod options;
mod prefixes;
mod quick;
mod relearning;
mod report;
mod rounding;
mod sampling;

pub(super) use options::check;
pub use options::{Attack, Robustness};
pub(super) use report::{Plain, figures, notes, scalars, tables};

use super::battery::Metric;
use super::config::Config;
use super::sets::Sets;
use crate::engine::Decoder;
use crate::error::Result;
use crate::methods::{Amount, Context, LoadedModel, Work};

/// What was found; what was not asked for is absent.
#[derive(Default)]
pub(super) struct Findings {
    relearning: Option<relearning::Relearning>,
    rounding: Vec<Rounded>,
    prefixes: Option<prefixes::Prefixes>,
    sampling: Option<sampling::Sampling>,
}

/// The battery of a model before and after the edit with weights of so many bits.
pub(super) struct Rounded {
    bits: u32,
    before: Vec<Metric>,
    after: Vec<Metric>,
}

/// Does what the configuration asks for to the model before and to the edited one.
///
/// # Errors
/// Those of the engine, `Cancelled`.
pub(super) fn run(
    config: &Config,
    cx: &mut Context<'_>,
    base: &LoadedModel,
    edited: &Decoder,
    sets: &Sets<'_>,
) -> Result<Findings> {
    let mut found = Findings::default();
    let asked = |attack: Attack| config.robustness.attacks.contains(&attack);
    if asked(Attack::Rounding) {
        for bits in &config.robustness.bits {
            let mut of = |model: &Decoder, when: &str| {
                let rounded = rounding::rounded(model, *bits);
                let raw = super::battery::measure(config, cx, &rounded, sets, &format!("{when}, {bits} bits"))?;
                Ok(super::battery::metrics(config, base, sets, &raw, None))
            };
            let before = of(&base.decoder, "before")?;
            let after = of(edited, "after")?;
            found.rounding.push(Rounded { bits: *bits, before, after });
        }
    }
    if asked(Attack::Prefixes) {
        found.prefixes = Some(prefixes::run(config, cx, base, edited, sets)?);
    }
    if asked(Attack::Sampling) {
        found.sampling = Some(sampling::run(config, cx, base, edited, sets)?);
    }
    if asked(Attack::Relearning) {
        found.relearning = Some(relearning::run(config, cx, base, edited, sets)?);
    }
    Ok(found)
}

/// For the time estimate: what this adds.
pub(super) fn work(config: &Config, amount: &Amount) -> Work {
    let options = &config.robustness;
    let tokens = |slot: &str| amount.tokens.get(slot).copied().unwrap_or(0);
    let rows = |slot: &str| amount.texts.get(slot).copied().unwrap_or(0);
    let mut work = Work::default();
    for attack in &options.attacks {
        match attack {
            Attack::Rounding => {
                let phases = 2 * options.bits.len() as u64;
                let all = tokens("forget") + tokens("retain") + tokens("holdout");
                let generated = ["forget", "retain", "holdout"].map(|s| rows(s).min(config.generated_rows as u64));
                let decoded = phases * generated.iter().sum::<u64>() * config.l as u64 / 2;
                work.forward_tokens += phases * all + decoded;
                work.decoded_tokens += decoded;
            }
            Attack::Prefixes => work.forward_tokens += 2 * (options.prefixes.len() as u64 + 4) * tokens("forget"),
            Attack::Sampling => work.forward_tokens += 2 * tokens("forget"),
            Attack::Relearning => {
                let models = 1 + amount.models.get("reference").copied().unwrap_or(0);
                let mean = tokens("forget") / rows("forget").max(1);
                let again = models * (options.relearn_steps * options.relearn_batch) as u64 * mean;
                let checks = 2 + u64::from(options.relearn_steps.max(1).ilog2());
                work.forward_tokens += again + (1 + models * checks) * (2 * tokens("forget") + tokens("retain"));
                work.backward_tokens += again;
                // the trained copy, its gradient and two moments
                work.vectors = work.vectors.max(4);
            }
        }
    }
    work.fleeting_tokens = work.forward_tokens;
    work
}
