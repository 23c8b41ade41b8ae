//! What a fresh model will need, before it is there.

use super::Config;
use super::options::{FreshFamily, Rule};
use super::trainer::CHECKPOINTS;

/// Bytes of a number.
const BYTES: u64 = 4;

impl Config {
    /// Parameters of the fresh model; its vocabulary is not known yet, so that of a tokenizer to be trained counts.
    fn parameters(&self) -> u64 {
        let fresh = &self.fresh;
        let [n_layer, d_model, vocab] = [fresh.n_layer, fresh.d_model, self.tokenizer.vocab_size].map(|n| n as u64);
        let d_ff = fresh.d_ff.map_or(4 * d_model, |n| n as u64);
        // Biases and norms are a few vectors a block.
        let wide = if fresh.family == FreshFamily::Llama { 3 } else { 2 };
        let block = 4 * d_model * d_model + wide * d_model * d_ff + 9 * d_model + d_ff;
        let positions = match fresh.family {
            FreshFamily::Gpt2 | FreshFamily::GptNeo => self.context() * d_model,
            FreshFamily::Gptj | FreshFamily::GptNeox | FreshFamily::Llama => vocab * d_model,
        };
        vocab * d_model + positions + n_layer * block
    }

    fn context(&self) -> u64 {
        self.fresh.n_ctx.unwrap_or(512) as u64
    }

    /// Vectors as long as all parameters that the optimizer keeps.
    fn moments(&self) -> u64 {
        match self.optimizer.rule {
            Rule::AdamW => 2,
            Rule::Sgd => u64::from(self.optimizer.momentum > 0.0),
        }
    }

    /// Bytes of main memory: weights, gradient, moments, and what a batch of rows leaves on its way forward.
    pub(super) fn fresh_bytes(&self, mean_row: u64) -> u64 {
        let fresh = &self.fresh;
        let row = if self.pads_count() { self.context() } else { mean_row.min(self.context()) };
        let [n_layer, d_model, batch] = [fresh.n_layer, fresh.d_model, self.rows.batch].map(|n| n as u64);
        let d_ff = fresh.d_ff.map_or(4 * d_model, |n| n as u64);
        let a_token = n_layer * (8 * d_model + 2 * d_ff) + 4 * d_model + 2 * self.tokenizer.vocab_size as u64;
        BYTES * (self.parameters() * (2 + self.moments()) + batch * row * a_token)
    }

    /// Bytes of the checkpoints: the models, and what the newest keep for going on.
    pub(super) fn kept_bytes(&self) -> u64 {
        let models = self.checkpoint.keep.map_or(CHECKPOINTS, |n| n as u64) + 1;
        let resumable = self.checkpoint.resumable as u64 * self.moments();
        BYTES * self.parameters() * (models + resumable)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// GPT-2 small has 124,439,808 parameters; transformers counts 50,257 tokens and 1,024 positions.
    #[test]
    fn parameters_of_known_models_are_met() {
        let config = |value: serde_json::Value| serde_json::from_value::<Config>(value).unwrap();
        let gpt2 = config(json!({
            "fresh": {"family": "gpt2", "n_layer": 12, "n_head": 12, "d_model": 768, "n_ctx": 1024},
            "tokenizer": {"vocab_size": 50257}
        }));
        let off = gpt2.parameters() as f64 / 124_439_808.0 - 1.0;
        assert!(off.abs() < 0.001, "{off}");
        // Weights, gradient and two moments alone are 2 GB.
        assert!(gpt2.fresh_bytes(100) > 1_990_000_000);
        let plain = config(json!({"optimizer": {"rule": "sgd"}}));
        assert!(plain.fresh_bytes(50) < config(json!({})).fresh_bytes(50));
        assert_eq!(plain.kept_bytes(), 4 * plain.parameters() * 11);
    }
}
