//! A config.json for a new model of a family.

use serde_json::{Value, json};

use crate::model::Family;

/// Sizes of a new model.
#[derive(Clone, Debug, PartialEq)]
pub struct Sizes {
    /// Number of token ids.
    pub vocab_size: usize,
    /// Longest sequence.
    pub n_ctx: usize,
    /// Blocks.
    pub n_layer: usize,
    /// Attention heads.
    pub n_head: usize,
    /// Width of the residual stream.
    pub d_model: usize,
    /// Width inside the feed-forward block.
    pub d_ff: usize,
    /// Nonlinearity, as transformers names it.
    pub activation: &'static str,
    /// Standard deviation of fresh weights.
    pub init_std: f64,
    /// Begins a text.
    pub bos: Option<u32>,
    /// Ends a text.
    pub eos: Option<u32>,
    /// Fills rows.
    pub pad: Option<u32>,
}

/// The config.json that transformers would write for a model of these sizes, without dropout.
pub fn sized(family: Family, sizes: &Sizes) -> Value {
    let mut config = match family {
        Family::Gpt2 => gpt2(sizes),
        Family::GptNeo => gpt_neo(sizes),
        Family::GptJ => gptj(sizes),
        Family::GptNeoX => gpt_neox(sizes),
        Family::Llama => llama(sizes),
    };
    if let Value::Object(map) = &mut config {
        map.insert("vocab_size".to_owned(), json!(sizes.vocab_size));
        map.insert("initializer_range".to_owned(), json!(sizes.init_std));
        for (key, id) in [("bos_token_id", sizes.bos), ("eos_token_id", sizes.eos), ("pad_token_id", sizes.pad)] {
            map.insert(key.to_owned(), json!(id));
        }
    }
    config
}

fn gpt2(sizes: &Sizes) -> Value {
    json!({
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_positions": sizes.n_ctx,
        "n_embd": sizes.d_model, "n_layer": sizes.n_layer, "n_head": sizes.n_head, "n_inner": sizes.d_ff,
        "activation_function": sizes.activation, "layer_norm_epsilon": 1e-5, "tie_word_embeddings": true,
        "attn_pdrop": 0.0, "resid_pdrop": 0.0, "embd_pdrop": 0.0
    })
}

fn gpt_neo(sizes: &Sizes) -> Value {
    json!({
        "model_type": "gpt_neo", "architectures": ["GPTNeoForCausalLM"], "max_position_embeddings": sizes.n_ctx,
        "hidden_size": sizes.d_model, "num_layers": sizes.n_layer, "num_heads": sizes.n_head,
        "intermediate_size": sizes.d_ff, "activation_function": sizes.activation, "layer_norm_epsilon": 1e-5,
        "attention_types": [[["global"], sizes.n_layer]], "window_size": 256, "tie_word_embeddings": true,
        "attention_dropout": 0.0, "resid_dropout": 0.0, "embed_dropout": 0.0
    })
}

fn gptj(sizes: &Sizes) -> Value {
    json!({
        "model_type": "gptj", "architectures": ["GPTJForCausalLM"], "n_positions": sizes.n_ctx,
        "n_embd": sizes.d_model, "n_layer": sizes.n_layer, "n_head": sizes.n_head, "n_inner": sizes.d_ff,
        "rotary_dim": even_quarter(sizes), "activation_function": sizes.activation, "layer_norm_epsilon": 1e-5,
        "tie_word_embeddings": false, "attn_pdrop": 0.0, "resid_pdrop": 0.0, "embd_pdrop": 0.0
    })
}

fn gpt_neox(sizes: &Sizes) -> Value {
    json!({
        "model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"], "max_position_embeddings": sizes.n_ctx,
        "hidden_size": sizes.d_model, "num_hidden_layers": sizes.n_layer, "num_attention_heads": sizes.n_head,
        "intermediate_size": sizes.d_ff, "hidden_act": sizes.activation, "layer_norm_eps": 1e-5,
        "rotary_pct": 0.25, "rotary_emb_base": 10000, "use_parallel_residual": true, "attention_bias": true,
        "tie_word_embeddings": false, "attention_dropout": 0.0, "hidden_dropout": 0.0
    })
}

fn llama(sizes: &Sizes) -> Value {
    json!({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "max_position_embeddings": sizes.n_ctx,
        "hidden_size": sizes.d_model, "num_hidden_layers": sizes.n_layer, "num_attention_heads": sizes.n_head,
        "num_key_value_heads": sizes.n_head, "intermediate_size": sizes.d_ff, "hidden_act": sizes.activation,
        "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "attention_bias": false, "mlp_bias": false,
        "tie_word_embeddings": false, "attention_dropout": 0.0
    })
}

/// A quarter of a head's channels, turned in pairs: GPT-J-6B turns 64 of 256.
fn even_quarter(sizes: &Sizes) -> usize {
    (sizes.d_model / sizes.n_head.max(1) / 8).max(1) * 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::blueprint;

    #[test]
    fn every_family_reads_what_it_writes() {
        let sizes = Sizes {
            vocab_size: 14,
            n_ctx: 32,
            n_layer: 3,
            n_head: 2,
            d_model: 16,
            d_ff: 64,
            activation: "relu",
            init_std: 0.02,
            bos: Some(10),
            eos: Some(11),
            pad: None,
        };
        for family in [Family::Gpt2, Family::GptNeo, Family::GptJ, Family::GptNeoX, Family::Llama] {
            let config = blueprint(&sized(family, &sizes)).unwrap().config;
            assert_eq!(config.family, family);
            let read = [config.vocab_size, config.n_ctx, config.n_layer, config.n_head, config.d_model, config.d_ff];
            assert_eq!(read, [14, 32, 3, 2, 16, 64], "{family:?}");
            assert_eq!((config.bos, config.eos.as_slice()), (Some(10), &[11][..]), "{family:?}");
        }
    }
}
