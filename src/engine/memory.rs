//! Memory needed to score and to train, before any is taken.
//!
//! Closed formulas over the sizes of a model: what forward keeps for backward is counted array by array as
//! in `model/acts.rs`. Pools and buffers of the allocator come on top, usually below a tenth.

use serde::Serialize;

use crate::model::{Keep, Mlp, ModelConfig, Residual};
use crate::tensor::Real;

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
    /// Two moments per weight.
    AdamW,
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
        gradients: weights,
        optimizer: if optimizer == Optimizer::AdamW { 2 * weights } else { 0 },
        activations: rows * (kept + backward + stream) * NUMBER,
        logits: (rows * config.vocab_size as u64).min(LOGITS_AT_ONCE.max(config.vocab_size as u64)) * NUMBER,
    }
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
        let less = train_bytes(&blueprint.config, n, 1024, Optimizer::Sgd, Keep::Residuals);
        assert_eq!(less.activations, 1024 * (12 * 768 + 2 * 12_288 + 1536) * NUMBER);
        assert!(less.total() < needs.total());
        let score = score_bytes(&blueprint.config, n, 4 * n, 100);
        assert_eq!(score.activations, 2048 * (12_288 + 1536) * NUMBER);
    }
}
