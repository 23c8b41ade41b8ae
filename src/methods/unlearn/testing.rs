//! Tiny models for checks.

use serde_json::{Value, json};

use crate::engine::train::init::{InitSpec, fresh};
use crate::engine::{Decoder, Device};

/// Configuration of a model with two blocks, width 8 and 12 hidden units.
pub(super) fn config(family: &str) -> Value {
    match family {
        "gpt2" => {
            json!({"model_type": "gpt2", "n_embd": 8, "n_layer": 2, "n_head": 2, "n_inner": 12, "n_positions": 16,
            "vocab_size": 13})
        }
        _ => json!({"model_type": family, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 12, "max_position_embeddings": 16, "vocab_size": 13, "rotary_pct": 0.5,
            "tie_word_embeddings": false}),
    }
}

/// A model of this family with large random weights.
pub(super) fn tiny(family: &str, seed: u64) -> Decoder {
    fresh(&config(family), InitSpec { std: 0.4, scale_residual: false }, seed, Device::Cpu).unwrap()
}
