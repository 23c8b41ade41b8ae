//! GPT-Neo: learned positions, attention without 1/√d, local windows in some layers, tied head.

use serde_json::Value;

use super::blueprint::{Blueprint, Table};
use super::fields::{Fields, MAX_CONTEXT, MAX_HEADS, MAX_LAYERS, MAX_VOCAB, MAX_WIDTH, wrong};
use super::{activation, head_width};
use crate::error::{Error, Result};
use crate::model::{BlockParams, Family, Mlp, MlpParams, ModelConfig, Norm, Position, ProjectionParams, Residual};

const END_OF_TEXT: u32 = 50_256;

pub(super) fn blueprint(fields: &Fields<'_>) -> Result<Blueprint> {
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
                projection: ProjectionParams::Separate {
                    q: table.linear(&format!("{at}.attn.attention.q_proj"), d, d, false),
                    k: table.linear(&format!("{at}.attn.attention.k_proj"), d, d, false),
                    v: table.linear(&format!("{at}.attn.attention.v_proj"), d, d, false),
                },
                attn_out: table.linear(&format!("{at}.attn.attention.out_proj"), d, d, true),
                norm2: Some(table.layer_norm(&format!("{at}.ln_2"), d)),
                mlp: MlpParams {
                    gate: None,
                    up: table.linear(&format!("{at}.mlp.c_fc"), f, d, true),
                    down: table.linear(&format!("{at}.mlp.c_proj"), d, f, true),
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
    let (n_layer, n_head) = (fields.size("num_layers", MAX_LAYERS)?, fields.size("num_heads", MAX_HEADS)?);
    let d_model = fields.size("hidden_size", MAX_WIDTH)?;
    let vocab_size = fields.size("vocab_size", MAX_VOCAB)?;
    let name = fields.text("activation_function")?.unwrap_or("gelu_new");
    let window = fields.maybe_size("window_size", MAX_CONTEXT)?.unwrap_or(256);
    let layers = layers(fields, n_layer)?;
    Ok(ModelConfig {
        family: Family::GptNeo,
        n_layer,
        n_head,
        n_kv_head: n_head,
        n_ctx: fields.size("max_position_embeddings", MAX_CONTEXT)?,
        d_model,
        d_head: head_width(d_model, n_head)?,
        d_ff: fields.maybe_size("intermediate_size", MAX_WIDTH)?.unwrap_or(4 * d_model),
        vocab_size,
        norm: Norm::Layer { eps: fields.epsilon("layer_norm_epsilon", 1e-5)? },
        position: Position::Learned,
        residual: Residual::Sequential,
        mlp: Mlp::Plain(activation("activation_function", name)?),
        window: layers.into_iter().map(|is_local| is_local.then_some(window)).collect(),
        attention_scale: vec![1.0; n_layer],
        tied_embeddings: fields.flag("tie_word_embeddings", true)?,
        bos: fields.tokens("bos_token_id", Some(END_OF_TEXT), vocab_size)?.first().copied(),
        eos: fields.tokens("eos_token_id", Some(END_OF_TEXT), vocab_size)?,
    })
}

/// Whether each layer is local: `attention_layers`, or `attention_types` as `[[[pattern…], repeats]…]`.
fn layers(fields: &Fields<'_>, n_layer: usize) -> Result<Vec<bool>> {
    let mut layers = Vec::new();
    if let Some(list) = fields.list("attention_layers")? {
        append(&mut layers, "attention_layers", list)?;
    } else if let Some(groups) = fields.list("attention_types")? {
        for group in groups {
            let must = "must be a list of [pattern, repeats]";
            let parts = group.as_array().map(Vec::as_slice);
            let Some([Value::Array(pattern), repeats]) = parts else {
                return Err(wrong("attention_types", group, must));
            };
            let repeats = repeats.as_u64().filter(|&n| n <= MAX_LAYERS as u64);
            let repeats = repeats.ok_or_else(|| wrong("attention_types", group, must))?;
            for _ in 0..repeats {
                append(&mut layers, "attention_types", pattern)?;
            }
        }
    } else {
        layers.extend((0..n_layer).map(|i| i % 2 == 1));
    }
    if layers.len() != n_layer {
        return Err(Error::data(format!(
            "config.json: attention_layers (or attention_types) describes {} layers but num_layers is {n_layer}",
            layers.len()
        )));
    }
    Ok(layers)
}

fn append(layers: &mut Vec<bool>, key: &str, pattern: &[Value]) -> Result<()> {
    for kind in pattern {
        layers.push(match kind.as_str() {
            Some("global") => false,
            Some("local") => true,
            _ => return Err(wrong(key, kind, "must be \"global\" or \"local\"")),
        });
        if layers.len() > MAX_LAYERS {
            return Err(Error::data(format!("config.json: {key} describes more than {MAX_LAYERS} layers")));
        }
    }
    Ok(())
}
