//! What a technique costs, told before it runs: tokens through the model.

use super::config::{Config, RetainLoss};
use super::technique::{How, Knobs, Need, Technique};
use crate::error::Result;
use crate::methods::Amount;

/// Texts of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// How many.
    pub n: u64,
    /// Their tokens.
    pub tokens: u64,
}

impl Texts {
    /// Tokens of a text.
    pub fn mean(self) -> u64 {
        self.tokens / self.n.max(1)
    }
}

/// What a technique works on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Size {
    /// To be forgotten.
    pub forget: Texts,
    /// To be kept.
    pub retain: Texts,
    /// Numbers of the model; these three are 0 for a model that an earlier step will make.
    pub parameters: u64,
    /// Its layers.
    pub n_layer: u64,
    /// Hidden units of a layer.
    pub d_ff: u64,
    /// Prefix length k.
    pub k: u64,
    /// Whether the published code is reproduced.
    pub is_paper: bool,
}

impl Size {
    /// Texts to forget and to retain together.
    pub fn both(&self) -> Texts {
        Texts { n: self.forget.n + self.retain.n, tokens: self.forget.tokens + self.retain.tokens }
    }
}

/// Tokens through the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// Forward.
    pub forward: u64,
    /// And backward.
    pub backward: u64,
}

impl Passes {
    /// Forward alone.
    pub fn forward(tokens: u64) -> Self {
        Self { forward: tokens, backward: 0 }
    }

    /// Forward and backward.
    pub fn both(tokens: u64) -> Self {
        Self { forward: tokens, backward: tokens }
    }

    fn times(self, n: u64) -> Self {
        Self { forward: self.forward.saturating_mul(n), backward: self.backward.saturating_mul(n) }
    }
}

/// Steps of `epochs` passes over `n` texts in batches, at most `max_steps` where there is such a bound.
///
/// # Errors
/// A technique without `epochs` or `batch`.
pub fn steps(knobs: &Knobs, n: u64) -> Result<u64> {
    let batches = n.div_ceil(knobs.count("batch")?.max(1) as u64);
    let steps = (knobs.count("epochs")? as u64).saturating_mul(batches);
    let max = if knobs.has("max_steps") { knobs.count("max_steps")? as u64 } else { 0 };
    Ok(if max == 0 { steps } else { steps.min(max) })
}

/// Tokens of that many steps over texts of one list.
///
/// # Errors
/// As [`steps`].
pub fn trained_tokens(knobs: &Knobs, texts: Texts) -> Result<u64> {
    let (steps, batch) = (steps(knobs, texts.n)?, knobs.count("batch")?.max(1) as u64);
    let batches = texts.n.div_ceil(batch).max(1);
    // The last batch of a pass may be smaller.
    Ok((u128::from(steps) * u128::from(texts.tokens) / u128::from(batches)) as u64)
}

/// What a technique does beside the measurements, over all ratios.
///
/// # Errors
/// An unknown technique.
pub(super) fn passes(config: &Config, amount: &Amount) -> Result<Passes> {
    let (technique, knobs) = (config.technique()?, config.knobs()?);
    let texts = |slot: &str| Texts {
        n: amount.texts.get(slot).copied().unwrap_or(0),
        tokens: amount.tokens.get(slot).copied().unwrap_or(0),
    };
    let size = Size {
        forget: texts("forget"),
        retain: texts("retain"),
        parameters: amount.parameters,
        n_layer: amount.n_layer,
        d_ff: amount.d_ff,
        k: config.k as u64,
        is_paper: config.is_paper(),
    };
    match &technique.how {
        How::Localize(rule) => rule.passes(&knobs, &size),
        How::Edit(rule) => {
            let mut all = Passes::default();
            for ratio in config.all_ratios()? {
                let one = rule.passes(&knobs, &size, ratio)?;
                all = Passes { forward: all.forward + one.forward, backward: all.backward + one.backward };
            }
            Ok(all)
        }
        How::Objective(_) => of_objective(config, technique, &knobs, &size),
    }
}

/// A step looks at texts to forget, with another answer each where there are two sides, and at as many to retain; what
/// the model said before is learned once.
fn of_objective(config: &Config, technique: &Technique, knobs: &Knobs, size: &Size) -> Result<Passes> {
    let is_paired = technique.answers == Need::Yes || technique.id == "idk-dpo";
    let forgotten = trained_tokens(knobs, size.forget)?.saturating_mul(if is_paired { 2 } else { 1 });
    let batch = (knobs.count("batch")? as u64).clamp(1, size.forget.n.max(1));
    let is_kept = size.retain.n > 0 && technique.retain != Need::No;
    let pairs = if is_kept { steps(knobs, size.forget.n)?.saturating_mul(batch) } else { 0 };
    let trained = Passes::both(forgotten.saturating_add(pairs.saturating_mul(size.retain.mean())));
    let mut before = size.forget.tokens;
    if config.retain_loss == RetainLoss::Kl || technique.id == "kl" || technique.id == "rmu" {
        before += pairs.min(size.retain.n) * size.retain.mean();
    }
    Ok(Passes { forward: trained.forward.saturating_add(before), ..trained })
}

/// One pass forward and backward over the texts to forget, `epochs` times where there are some: most localizations.
pub(super) fn of_localization(knobs: &Knobs, size: &Size) -> Result<Passes> {
    let epochs = if knobs.has("epochs") { knobs.count("epochs")?.max(1) } else { 1 };
    Ok(Passes::both(size.forget.tokens).times(epochs as u64))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// 10 texts of 20 tokens to forget, 40 of 10 to retain, a model of 3 layers of 100 units.
    fn found(config: Value) -> [u64; 2] {
        let config: Config = serde_json::from_value(config).unwrap();
        let of = |list: [(&str, u64); 2]| list.into_iter().map(|(slot, n)| (slot.to_owned(), n)).collect();
        let amount = Amount {
            texts: of([("forget", 10), ("retain", 40)]),
            tokens: of([("forget", 200), ("retain", 400)]),
            parameters: 1_000_000,
            n_layer: 3,
            d_ff: 100,
            ..Amount::default()
        };
        let passes = passes(&config, &amount).unwrap();
        [passes.forward, passes.backward]
    }

    #[test]
    fn passes_by_hand() {
        assert_eq!(found(json!({"technique": "magnitude"})), [0, 0]);
        assert_eq!(found(json!({"technique": "none"})), [0, 0]);
        assert_eq!(found(json!({"technique": "durable"})), [200, 200]);
        assert_eq!(found(json!({"technique": "activations"})), [200, 0]);
        assert_eq!(found(json!({"technique": "slimming", "epochs": 7})), [1400, 1400]);
        assert_eq!(found(json!({"technique": "zero", "ratios": [0.1, 0.2]})), [301 * 200, 0], "scored once");
        // positions 15 to 18 of 20 tokens: prefixes of 16 to 19 tokens
        let ig = 10 * 3 * 5 * (16 + 17 + 18 + 19);
        assert_eq!(found(json!({"technique": "integrated-gradients", "ig_steps": 5, "k": 16})), [ig, ig]);
        // ⌊10⁶·10⁻⁵⌋ turns with 25 of the 50 texts, and twice as many for the other ratio
        let greedy = (10 + 20) * 600 / 2;
        assert_eq!(found(json!({"technique": "greedy", "batch": 25, "ratios": [2e-5]})), [greedy, greedy]);
        assert_eq!(found(json!({"technique": "subnet", "batch": 4, "epochs": 1000, "max_steps": 3})), [200, 200]);
        assert_eq!(found(json!({"technique": "balanced-subnet", "epochs": 2})), [1200, 1200]);
        // three batches, and a retained text for each; before, every text once
        let npo = json!({"technique": "npo", "batch": 4, "epochs": 1000, "max_steps": 3});
        assert_eq!(found(npo), [200 + 12 * 10 + 200, 200 + 12 * 10]);
        assert_eq!(found(json!({"technique": "dpo", "batch": 10, "epochs": 1}))[1], 400 + 100);
        // one group of tensors; gradients of ten texts add up blocks of 50 at the cost of 25 tokens each
        assert_eq!(found(json!({"technique": "obs"})), [200 + 10 * 25, 200]);
        assert_eq!(found(json!({"technique": "obs", "compat": "paper"})), [200 + 512 * 25, 200]);
    }
}
