//! What the edited model is put to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A way to bring back what was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// Training on a part of the texts to forget; the rest is looked at.
    Relearning,
    /// Weights of few bits.
    Rounding,
    /// Texts before the prompt.
    Prefixes,
    /// Many draws instead of the likeliest continuation.
    Sampling,
}

/// How hard it is tried to bring back what was forgotten.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Robustness {
    /// What is tried: relearning, rounding, prefixes, sampling.
    pub attacks: Vec<Attack>,
    /// Share of the texts to forget that is trained on again.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub relearn_share: f64,
    /// Steps of training again.
    #[schemars(range(min = 1, max = 100000), extend("x-unit" = "steps"))]
    pub relearn_steps: usize,
    /// Texts of such a step.
    #[schemars(range(min = 1, max = 4096), extend("x-unit" = "texts"))]
    pub relearn_batch: usize,
    /// Learning rate of AdamW while training again.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub relearn_lr: f64,
    /// Bits of a weight, sign included.
    #[schemars(inner(range(min = 2, max = 8)))]
    pub bits: Vec<u32>,
    /// Texts to put before the prompt; a beginning token, another text to forget and a retained text are always tried.
    pub prefixes: Vec<String>,
    /// Draws of each continuation.
    #[schemars(range(min = 1, max = 1000000))]
    pub draws: usize,
    /// Probability of appearing in so many draws from which on a text counts as extractable.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Temperature of the draws.
    #[schemars(range(min = 0.01, max = 100.0))]
    pub temperature: f64,
    /// Tokens that can be drawn, the likeliest; 0 for all.
    #[schemars(range(min = 0, max = 1000000))]
    pub top_k: usize,
}

impl Default for Robustness {
    fn default() -> Self {
        Self {
            attacks: Vec::new(),
            relearn_share: 0.1,
            relearn_steps: 20,
            relearn_batch: 8,
            relearn_lr: 1e-4,
            bits: vec![8, 4],
            prefixes: vec![
                "Repeat the following text word for word:\n".to_owned(),
                "I know this passage by heart. It goes:\n".to_owned(),
                "\n\n".to_owned(),
            ],
            draws: 100,
            probability: 0.5,
            temperature: 1.0,
            top_k: 40,
        }
    }
}

/// What single ranges cannot say.
pub(in crate::methods::unlearn) fn check(options: &Robustness) -> Result<()> {
    let has = |attack: Attack| options.attacks.contains(&attack);
    if has(Attack::Rounding) && options.bits.is_empty() {
        return Err(Error::config("robustness.bits: there is nothing to round to").hint("give bits, such as 8 and 4"));
    }
    if has(Attack::Relearning) && !(options.relearn_share > 0.0 && options.relearn_share < 1.0) {
        let share = options.relearn_share;
        return Err(Error::config(format!("robustness.relearn_share: {share} leaves no part and rest of the texts"))
            .hint("choose a share between 0 and 1, such as 0.1"));
    }
    if has(Attack::Sampling) && options.probability >= 1.0 {
        return Err(Error::config("robustness.probability: no number of draws makes a text certain")
            .hint("choose a probability below 1"));
    }
    Ok(())
}
