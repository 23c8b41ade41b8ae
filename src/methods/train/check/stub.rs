//! A model whose answers are known: after token t it says t + 1, and after 9 the end of the text.

use serde_json::json;

use crate::engine::model::Decoder;
use crate::engine::train::init::{InitSpec, fresh};
use crate::engine::{Device, Real};

/// The end of a text.
pub(super) const EOS: u32 = 11;

/// With the vocabulary that it needs.
pub(super) fn successor() -> Decoder {
    successor_of(12, 32)
}

/// Embeddings are one-hot, blocks add nothing, and the head holds the table of successors.
pub(super) fn successor_of(n_ids: usize, n_ctx: usize) -> Decoder {
    let config = json!({
        "model_type": "llama", "vocab_size": n_ids, "hidden_size": n_ids, "num_hidden_layers": 1,
        "num_attention_heads": 1, "intermediate_size": 4, "max_position_embeddings": n_ctx, "rms_norm_eps": 1e-6,
        "hidden_act": "silu", "tie_word_embeddings": false, "eos_token_id": EOS,
    });
    let mut model = fresh(&config, InitSpec { std: 0.02, scale_residual: false }, 0, Device::Cpu).unwrap();
    let [embed, head] = [model.embed, model.head.weight];
    let block = model.blocks[0];
    for id in [embed, head, block.attn_out.weight, block.mlp.down.weight] {
        model.params.get_mut(id).values_mut().fill(0.0);
    }
    for token in 0..n_ids {
        model.params.get_mut(embed).values_mut()[token * n_ids + token] = 1.0;
        let next = if token == 9 { EOS as usize } else { (token + 1) % n_ids };
        let number = next * n_ids + token;
        model.params.get_mut(head).values_mut()[number] = Real::from(1u8);
    }
    model
}
