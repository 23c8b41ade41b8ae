//! How the weights move.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::train::Schedule;

/// The rule that moves the weights.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerOptions {
    /// Which rule.
    pub rule: Rule,
    /// Decay of the moving mean of gradients (`AdamW`).
    #[schemars(range(min = 0.0, max = 0.999_999))]
    pub beta1: f64,
    /// Decay of the moving mean of squared gradients (`AdamW`).
    #[schemars(range(min = 0.0, max = 0.999_999_9))]
    pub beta2: f64,
    /// Keeps the step finite where gradients vanish (`AdamW`).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub eps: f64,
    /// Pull towards zero, as L2 of TinyMem; decoupled in `AdamW`, added to the gradient in SGD.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub weight_decay: f64,
    /// Whether norms, biases and embeddings decay too, as in TinyMem and torch.
    pub decay_all: bool,
    /// Share of the last step that goes on (SGD).
    #[schemars(range(min = 0.0, max = 0.999_999))]
    pub momentum: f64,
    /// Look ahead along the momentum (SGD).
    pub nesterov: bool,
    /// Longest gradient: longer ones are scaled down; 0 leaves them.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub clip: f64,
    /// Go on with the moments that the given model was saved with, where it has any.
    pub continue_moments: bool,
}

impl Default for OptimizerOptions {
    fn default() -> Self {
        Self {
            rule: Rule::AdamW,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
            decay_all: true,
            momentum: 0.0,
            nesterov: false,
            clip: 1.0,
            continue_moments: false,
        }
    }
}

/// How a gradient becomes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Adam with decoupled weight decay.
    AdamW,
    /// Gradient descent.
    Sgd,
}

/// The learning rate over time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LearningRate {
    /// Highest learning rate.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub peak: f64,
    /// How it goes on after warm-up.
    pub schedule: Decay,
    /// Steps in which it rises from 0.
    #[schemars(range(min = 0), extend("x-unit" = "steps"))]
    pub warmup_steps: u64,
    /// How it rises.
    pub rise: Rise,
}

impl Default for LearningRate {
    fn default() -> Self {
        Self { peak: 1e-3, schedule: Decay::Constant, warmup_steps: 0, rise: Rise::Linear }
    }
}

impl LearningRate {
    /// The learning rate of the step after `step` steps, of `total`.
    pub(in crate::methods::train) fn at(&self, step: u64, total: u64) -> f64 {
        let warmup = self.warmup_steps;
        if self.rise == Rise::Logarithmic && step < warmup {
            return self.peak * (step as f64 + 1.0).ln() / (warmup.max(2) as f64).ln();
        }
        let schedule = match self.schedule {
            Decay::Constant => Schedule::Constant { warmup },
            Decay::Linear => Schedule::Linear { warmup },
            Decay::Cosine => Schedule::Cosine { warmup },
        };
        self.peak * schedule.factor(step, total)
    }
}

/// How the learning rate rises in the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rise {
    /// Along a line.
    Linear,
    /// ln(t + 1)/ln(steps) after t steps, as `WarmupLR` of `DeepSpeed`.
    Logarithmic,
}

/// How the learning rate goes on after warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// It stays.
    Constant,
    /// It falls to 0 along a line.
    Linear,
    /// It falls to 0 along half a cosine.
    Cosine,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of `DeepSpeed`'s `WarmupLR` with ten warm-up steps: 0, 0.30103, …, 1, and 1 from then on.
    #[test]
    fn a_logarithmic_rise_is_that_of_deepspeed() {
        let lr = LearningRate { peak: 2e-5, warmup_steps: 10, rise: Rise::Logarithmic, ..LearningRate::default() };
        let share = |step: u64| lr.at(step, 1000) / lr.peak;
        for (step, wanted) in [(0, 0.0), (1, std::f64::consts::LOG10_2), (4, 0.698_97), (9, 1.0), (10, 1.0), (50, 1.0)]
        {
            assert!((share(step) - wanted).abs() < 1e-5, "{step}: {}", share(step));
        }
    }
}
