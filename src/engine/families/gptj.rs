//! GPT-J: one norm per block, attention and feed-forward in parallel, interleaved rotation of the first channels.

use super::blueprint::{Blueprint, Table};
use super::fields::{Fields, MAX_CONTEXT, MAX_HEADS, MAX_LAYERS, MAX_VOCAB, MAX_WIDTH};
use super::{activation, head_width, rope};
use crate::error::{Error, Result};
use crate::model::{
    BlockParams, Family, Linear, Mlp, MlpParams, ModelConfig, Norm, Orientation, Position, ProjectionParams, Residual,
};

const END_OF_TEXT: u32 = 50_256;

pub(super) fn blueprint(fields: &Fields<'_>) -> Result<Blueprint> {
    let config = config(fields)?;
    let (d, f, v) = (config.d_model, config.d_ff, config.vocab_size);
    let mut table = Table::new("transformer.");
    let embed = table.embedding("transformer.wte", v, d);
    let blocks = (0..config.n_layer)
        .map(|i| {
            let at = format!("transformer.h.{i}");
            BlockParams {
                norm1: table.layer_norm(&format!("{at}.ln_1"), d),
                norm2: None,
                projection: ProjectionParams::Separate {
                    q: table.linear(&format!("{at}.attn.q_proj"), d, d, false),
                    k: table.linear(&format!("{at}.attn.k_proj"), d, d, false),
                    v: table.linear(&format!("{at}.attn.v_proj"), d, d, false),
                },
                attn_out: table.linear(&format!("{at}.attn.out_proj"), d, d, false),
                mlp: MlpParams {
                    gate: None,
                    up: table.linear(&format!("{at}.mlp.fc_in"), f, d, true),
                    down: table.linear(&format!("{at}.mlp.fc_out"), d, f, true),
                },
            }
        })
        .collect();
    let final_norm = table.layer_norm("transformer.ln_f", d);
    let head = if config.tied_embeddings {
        let bias = table.tensor("lm_head.bias".to_owned(), &[v], Orientation::OutIn);
        Linear { weight: embed, bias: Some(bias) }
    } else {
        table.linear("lm_head", v, d, true)
    };
    let block_prefix = "transformer.h.".to_owned();
    Ok(Blueprint { config, wanted: table.finish(), block_prefix, embed, positions: None, blocks, final_norm, head })
}

fn config(fields: &Fields<'_>) -> Result<ModelConfig> {
    let (n_layer, n_head) = (fields.size("n_layer", MAX_LAYERS)?, fields.size("n_head", MAX_HEADS)?);
    let d_model = fields.size("n_embd", MAX_WIDTH)?;
    let vocab_size = fields.size("vocab_size", MAX_VOCAB)?;
    let d_head = head_width(d_model, n_head)?;
    let rotary_dim = fields.maybe_size("rotary_dim", MAX_WIDTH)?.unwrap_or(64);
    if rotary_dim > d_head {
        return Err(Error::data(format!(
            "config.json: rotary_dim {rotary_dim} is wider than a head ({d_model} / {n_head} = {d_head})"
        )));
    }
    let name = fields.text("activation_function")?.unwrap_or("gelu_new");
    Ok(ModelConfig {
        family: Family::GptJ,
        n_layer,
        n_head,
        n_kv_head: n_head,
        n_ctx: fields.size("n_positions", MAX_CONTEXT)?,
        d_model,
        d_head,
        d_ff: fields.maybe_size("n_inner", MAX_WIDTH)?.unwrap_or(4 * d_model),
        vocab_size,
        norm: Norm::Layer { eps: fields.epsilon("layer_norm_epsilon", 1e-5)? },
        position: Position::Rotary { inv_freq: rope::plain(10_000.0, rotary_dim)?, interleaved: true },
        residual: Residual::ParallelOneNorm,
        mlp: Mlp::Plain(activation("activation_function", name)?),
        window: vec![None; n_layer],
        attention_scale: vec![(d_head as f64).sqrt().recip(); n_layer],
        tied_embeddings: fields.flag("tie_word_embeddings", false)?,
        bos: fields.tokens("bos_token_id", Some(END_OF_TEXT), vocab_size)?.first().copied(),
        eos: fields.tokens("eos_token_id", Some(END_OF_TEXT), vocab_size)?,
    })
}
