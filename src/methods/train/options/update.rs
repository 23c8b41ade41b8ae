//! How the weights move.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

impl Default for LearningRate {
    fn default() -> Self {
        Self { peak: 1e-3, schedule: Decay::Constant, warmup_steps: 0 }
    }
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
