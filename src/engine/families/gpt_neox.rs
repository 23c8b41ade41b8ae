//! GPT-NeoX and Pythia: fused projection per head, partial rotation, parallel or sequential blocks.

use super::blueprint::{Blueprint, Table};
use super::fields::{Fields, MAX_CONTEXT, MAX_HEADS, MAX_LAYERS, MAX_VOCAB, MAX_WIDTH};
use super::rope::Rope;
use super::{activation, head_width};
use crate::error::Result;
use crate::kernels::HeadLayout;
use crate::model::{
    BlockParams, Family, Linear, Mlp, MlpParams, ModelConfig, Norm, Position, ProjectionParams, Residual,
};

pub(super) fn blueprint(fields: &Fields<'_>) -> Result<Blueprint> {
    let config = config(fields)?;
    let bias = fields.flag("attention_bias", true)?;
    let (d, f) = (config.d_model, config.d_ff);
    let mut table = Table::new("gpt_neox.");
    let embed = table.embedding("gpt_neox.embed_in", config.vocab_size, d);
    let blocks = (0..config.n_layer)
        .map(|i| {
            let at = format!("gpt_neox.layers.{i}");
            BlockParams {
                norm1: table.layer_norm(&format!("{at}.input_layernorm"), d),
                norm2: Some(table.layer_norm(&format!("{at}.post_attention_layernorm"), d)),
                projection: ProjectionParams::Fused {
                    qkv: table.linear(&format!("{at}.attention.query_key_value"), 3 * d, d, bias),
                    layout: HeadLayout::PerHead,
                },
                attn_out: table.linear(&format!("{at}.attention.dense"), d, d, bias),
                mlp: MlpParams {
                    gate: None,
                    up: table.linear(&format!("{at}.mlp.dense_h_to_4h"), f, d, true),
                    down: table.linear(&format!("{at}.mlp.dense_4h_to_h"), d, f, true),
                },
            }
        })
        .collect();
    let final_norm = table.layer_norm("gpt_neox.final_layer_norm", d);
    // Called `lm_head` in the memory of transformers 5, still `embed_out` in its files.
    let weight = if config.tied_embeddings {
        embed
    } else {
        table.renamed("embed_out.weight", "lm_head.weight", &[config.vocab_size, d])
    };
    let head = Linear { weight, bias: None };
    let block_prefix = "gpt_neox.layers.".to_owned();
    Ok(Blueprint { config, wanted: table.finish(), block_prefix, embed, positions: None, blocks, final_norm, head })
}

fn config(fields: &Fields<'_>) -> Result<ModelConfig> {
    let n_layer = fields.size("num_hidden_layers", MAX_LAYERS)?;
    let n_head = fields.size("num_attention_heads", MAX_HEADS)?;
    let d_model = fields.size("hidden_size", MAX_WIDTH)?;
    let vocab_size = fields.size("vocab_size", MAX_VOCAB)?;
    let d_head = head_width(d_model, n_head)?;
    let rope = Rope::read(fields, "rotary_emb_base", "rotary_pct")?;
    let rotary_dim = (d_head as f64 * rope.partial.unwrap_or(0.25)) as usize;
    let is_parallel = fields.flag("use_parallel_residual", true)?;
    let name = fields.text("hidden_act")?.unwrap_or("gelu");
    Ok(ModelConfig {
        family: Family::GptNeoX,
        n_layer,
        n_head,
        n_kv_head: n_head,
        n_ctx: fields.size("max_position_embeddings", MAX_CONTEXT)?,
        d_model,
        d_head,
        d_ff: fields.maybe_size("intermediate_size", MAX_WIDTH)?.unwrap_or(4 * d_model),
        vocab_size,
        norm: Norm::Layer { eps: fields.epsilon("layer_norm_eps", 1e-5)? },
        position: Position::Rotary { inv_freq: rope.frequencies(rotary_dim)?, interleaved: false },
        residual: if is_parallel { Residual::ParallelTwoNorms } else { Residual::Sequential },
        mlp: Mlp::Plain(activation("hidden_act", name)?),
        window: vec![None; n_layer],
        attention_scale: vec![(d_head as f64).sqrt().recip(); n_layer],
        tied_embeddings: fields.flag("tie_word_embeddings", false)?,
        bos: fields.tokens("bos_token_id", Some(0), vocab_size)?.first().copied(),
        eos: fields.tokens("eos_token_id", Some(2), vocab_size)?,
    })
}
