//! Memory needed to score and to train, before any is taken.
//!
//! Closed formulas over the sizes of a model: what forward keeps for backward is counted array by array as
//! in `model/acts.rs`. Pools and buffers of the allocator come on top, usually below a tenth.

use serde::Serialize;

use crate::model::{Keep, Mlp, ModelConfig, Residual};
use crate::tensor::Real;
use crate::train::Rule;

const NUMBER: u64 = size_of::<Real>() as u64;

/// Rows the scoring loop runs at once.
const SCORED_AT_ONCE: u64 = 2048;

/// Logits formed at once in training, in numbers.
const LOGITS_AT_ONCE: u64 = 1 << 25;

/// What is updated each step besides the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimizer {
    /// Nothing.
    Sgd,
    /// One running sum per weight.
    Momentum,
    /// Two moments per weight.
    AdamW,
}

impl Optimizer {
    /// Numbers kept per trained weight.
    fn moments(self) -> u64 {
        match self {
            Self::Sgd => 0,
            Self::Momentum => 1,
            Self::AdamW => 2,
        }
    }
}

impl From<Rule> for Optimizer {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::AdamW { .. } => Self::AdamW,
            Rule::Sgd { momentum, .. } if momentum != 0.0 => Self::Momentum,
            Rule::Sgd { .. } => Self::Sgd,
        }
    }
}

/// Bytes by purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// The numbers of the model. While scoring they stay mapped from disk, and the system may take them back.
    pub weights: u64,
    /// Matrices repacked for products.
    pub packed: u64,
    /// One number per trained weight.
    pub gradients: u64,
    /// Moments of the optimizer.
    pub optimizer: u64,
    /// What forward holds at its peak.
    pub activations: u64,
    /// Logits formed at once.
    pub logits: u64,
}

impl Needs {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.weights + self.packed + self.gradients + self.optimizer + self.activations + self.logits
    }
}

/// To score texts of at most `longest` tokens with a model whose files have `stored` bytes for
/// `n_elements` numbers.
pub fn score_bytes(config: &ModelConfig, n_elements: u64, stored: u64, longest: u64) -> Needs {
    let rows = longest.max(SCORED_AT_ONCE);
    let stream = 2 * config.d_model as u64;
    Needs {
        weights: stored,
        packed: n_elements * NUMBER,
        activations: rows * (block_numbers(config) + stream) * NUMBER,
        ..Needs::default()
    }
}

/// To train all of `n_elements` numbers on `rows` tokens a step.
pub fn train_bytes(config: &ModelConfig, n_elements: u64, rows: u64, optimizer: Optimizer, keep: Keep) -> Needs {
    train_part_bytes(config, [n_elements; 2], rows, optimizer, keep)
}

/// To train `n_trained` of `n_elements` numbers (with those of an adapter) on `rows` tokens a step: what is frozen has
/// neither gradient nor moments.
pub fn train_part_bytes(
    config: &ModelConfig,
    [n_elements, n_trained]: [u64; 2],
    rows: u64,
    optimizer: Optimizer,
    keep: Keep,
) -> Needs {
    let weights = n_elements * NUMBER;
    let (n_layer, stream) = (config.n_layer as u64, 2 * config.d_model as u64);
    let kept = match keep {
        Keep::All => n_layer * block_numbers(config),
        Keep::Residuals => n_layer * config.d_model as u64 + block_numbers(config),
        Keep::Nothing => block_numbers(config),
    };
    // Backward works on the gradients of one block while the activations are still there.
    let backward = if keep == Keep::Nothing { 0 } else { block_numbers(config) };
    Needs {
        weights,
        packed: weights,
        gradients: n_trained * NUMBER,
        optimizer: optimizer.moments() * n_trained * NUMBER,
        activations: rows * (kept + backward + stream) * NUMBER,
        logits: (rows * config.vocab_size as u64).min(LOGITS_AT_ONCE.max(config.vocab_size as u64)) * NUMBER,
    }
}

/// Rows of a batch whose activations, kept for backward in all blocks, take about so many bytes; at least one.
pub fn rows_within(config: &ModelConfig, bytes: u64) -> usize {
    let row = config.n_layer as u64 * block_numbers(config) * NUMBER;
    usize::try_from(bytes / row.max(1)).unwrap_or(usize::MAX).max(1)
}

/// Numbers a row keeps in one block.
fn block_numbers(config: &ModelConfig) -> u64 {
    let c = config.d_model;
    let q = config.n_head * config.d_head;
    let kv = config.n_kv_head * config.d_head;
    let streams = match config.residual {
        // resid_pre, normed1, resid_mid, normed2
        Residual::Sequential => 4 * c,
        // resid_pre, normed1
        Residual::ParallelOneNorm => 2 * c,
        // resid_pre, normed1, normed2
        Residual::ParallelTwoNorms => 3 * c,
    };
    let mlp = match config.mlp {
        Mlp::Plain(_) => 2 * config.d_ff,
        Mlp::Gated(_) => 3 * config.d_ff,
    };
    // q, k, v and z
    (streams + 2 * q + 2 * kv + mlp) as u64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::families;

    /// GPT-2 small: 124,439,808 weights; per row and block 4·768 streams, 4·768 in attention, 2·3072 in feed-forward.
    #[test]
    fn gpt2_small_by_hand() {
        let config = json!({"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024,
            "vocab_size": 50257});
        let blueprint = families::blueprint(&config).unwrap();
        let n = blueprint.n_elements() as u64;
        assert_eq!(n, 124_439_808);
        assert_eq!(block_numbers(&blueprint.config), 8 * 768 + 6144);
        let needs = train_bytes(&blueprint.config, n, 1024, Optimizer::AdamW, Keep::All);
        assert_eq!(needs.weights + needs.gradients + needs.optimizer, 4 * n * NUMBER);
        assert_eq!(needs.activations, 1024 * (13 * 12_288 + 1536) * NUMBER);
        assert_eq!(needs.logits, (1 << 25) * NUMBER);
        assert_eq!(rows_within(&blueprint.config, 100 * 12 * 12_288 * NUMBER), 100);
        assert_eq!(rows_within(&blueprint.config, 1), 1);
        let less = train_bytes(&blueprint.config, n, 1024, Optimizer::Sgd, Keep::Residuals);
        assert_eq!(less.activations, 1024 * (12 * 768 + 2 * 12_288 + 1536) * NUMBER);
        assert!(less.total() < needs.total());
        // LoRA of rank 8 on the fused projections: 12·8·(768 + 2304) numbers
        let lora = 12 * 8 * (768 + 2304);
        let adapted = train_part_bytes(&blueprint.config, [n + lora, lora], 1024, Optimizer::AdamW, Keep::All);
        assert_eq!((adapted.gradients, adapted.optimizer), (lora * NUMBER, 2 * lora * NUMBER));
        let rule = Rule::Sgd { momentum: 0.9, nesterov: false, weight_decay: 0.0 };
        assert_eq!(train_bytes(&blueprint.config, n, 1, rule.into(), Keep::All).optimizer, n * NUMBER);
        let score = score_bytes(&blueprint.config, n, 4 * n, 100);
        assert_eq!(score.activations, 2048 * (12_288 + 1536) * NUMBER);
    }
}
