//! GPT-2: learned positions, fused Conv1D projections, tied head.

use super::blueprint::{Blueprint, Table};
use super::fields::{Fields, MAX_CONTEXT, MAX_HEADS, MAX_LAYERS, MAX_VOCAB, MAX_WIDTH};
use super::{activation, head_width};
use crate::error::{Error, Result};
use crate::kernels::HeadLayout;
use crate::model::{BlockParams, Family, Mlp, MlpParams, ModelConfig, Norm, Position, ProjectionParams, Residual};

const END_OF_TEXT: u32 = 50_256;

pub(super) fn blueprint(fields: &Fields<'_>) -> Result<Blueprint> {
    if fields.flag("add_cross_attention", false)? {
        return Err(Error::data(
            "config.json: add_cross_attention is true; only decoders without an encoder are supported",
        ));
    }
    let config = config(fields)?;
    let (d, f) = (config.d_model, config.d_ff);
    let mut table = Table::new("transformer.");
    let embed = table.embedding("transformer.wte", config.vocab_size, d);
    let positions = table.embedding("transformer.wpe", config.n_ctx, d);
    let blocks = (0..config.n_layer)
        .map(|i| {
            let at = format!("transformer.h.{i}");
            BlockParams {
                norm1: table.layer_norm(&format!("{at}.ln_1"), d),
                projection: ProjectionParams::Fused {
                    qkv: table.conv1d(&format!("{at}.attn.c_attn"), d, 3 * d),
                    layout: HeadLayout::Thirds,
                },
                attn_out: table.conv1d(&format!("{at}.attn.c_proj"), d, d),
                norm2: Some(table.layer_norm(&format!("{at}.ln_2"), d)),
                mlp: MlpParams {
                    gate: None,
                    up: table.conv1d(&format!("{at}.mlp.c_fc"), d, f),
                    down: table.conv1d(&format!("{at}.mlp.c_proj"), f, d),
                },
            }
        })
        .collect();
    let final_norm = table.layer_norm("transformer.ln_f", d);
    let head = table.head(&config, embed);
    let block_prefix = "transformer.h.".to_owned();
    let wanted = table.finish();
    Ok(Blueprint { config, wanted, block_prefix, embed, positions: Some(positions), blocks, final_norm, head })
}

fn config(fields: &Fields<'_>) -> Result<ModelConfig> {
    let (n_layer, n_head) = (fields.size("n_layer", MAX_LAYERS)?, fields.size("n_head", MAX_HEADS)?);
    let d_model = fields.size("n_embd", MAX_WIDTH)?;
    let vocab_size = fields.size("vocab_size", MAX_VOCAB)?;
    let d_head = head_width(d_model, n_head)?;
    let name = fields.text("activation_function")?.unwrap_or("gelu_new");
    let scale = if fields.flag("scale_attn_weights", true)? { (d_head as f64).sqrt().recip() } else { 1.0 };
    let by_layer = fields.flag("scale_attn_by_inverse_layer_idx", false)?;
    let layer_scale = |i: usize| if by_layer { scale / (i + 1) as f64 } else { scale };
    Ok(ModelConfig {
        family: Family::Gpt2,
        n_layer,
        n_head,
        n_kv_head: n_head,
        n_ctx: fields.size("n_positions", MAX_CONTEXT)?,
        d_model,
        d_head,
        d_ff: fields.maybe_size("n_inner", MAX_WIDTH)?.unwrap_or(4 * d_model),
        vocab_size,
        norm: Norm::Layer { eps: fields.epsilon("layer_norm_epsilon", 1e-5)? },
        position: Position::Learned,
        residual: Residual::Sequential,
        mlp: Mlp::Plain(activation("activation_function", name)?),
        window: vec![None; n_layer],
        attention_scale: (0..n_layer).map(layer_scale).collect(),
        tied_embeddings: fields.flag("tie_word_embeddings", true)?,
        bos: fields.tokens("bos_token_id", Some(END_OF_TEXT), vocab_size)?.first().copied(),
        eos: fields.tokens("eos_token_id", Some(END_OF_TEXT), vocab_size)?,
    })
}
