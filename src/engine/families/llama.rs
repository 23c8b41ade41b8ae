//! Llama 1 to 3.x, Amber; Mistral (sliding window) and Qwen2 (biases on q, k, v).

use super::blueprint::{Blueprint, Table};
use super::fields::{Fields, MAX_CONTEXT, MAX_HEADS, MAX_LAYERS, MAX_VOCAB, MAX_WIDTH, wrong};
use super::rope::Rope;
use super::{activation, head_width};
use crate::error::{Error, Result};
use crate::model::{BlockParams, Family, Mlp, MlpParams, ModelConfig, Norm, Position, ProjectionParams, Residual};

/// Whose configuration it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Llama,
    Mistral,
    Qwen2,
}

/// Which linear maps have a bias.
struct Biases {
    qkv: bool,
    attn_out: bool,
    mlp: bool,
}

pub(super) fn blueprint(fields: &Fields<'_>, kind: Kind) -> Result<Blueprint> {
    let config = config(fields, kind)?;
    let biases = biases(fields, kind)?;
    let (d, f) = (config.d_model, config.d_ff);
    let (q_width, kv_width) = (config.n_head * config.d_head, config.n_kv_head * config.d_head);
    let mut table = Table::new("model.");
    let embed = table.embedding("model.embed_tokens", config.vocab_size, d);
    let blocks = (0..config.n_layer)
        .map(|i| {
            let at = format!("model.layers.{i}");
            BlockParams {
                norm1: table.rms_norm(&format!("{at}.input_layernorm"), d),
                projection: ProjectionParams::Separate {
                    q: table.linear(&format!("{at}.self_attn.q_proj"), q_width, d, biases.qkv),
                    k: table.linear(&format!("{at}.self_attn.k_proj"), kv_width, d, biases.qkv),
                    v: table.linear(&format!("{at}.self_attn.v_proj"), kv_width, d, biases.qkv),
                },
                attn_out: table.linear(&format!("{at}.self_attn.o_proj"), d, q_width, biases.attn_out),
                norm2: Some(table.rms_norm(&format!("{at}.post_attention_layernorm"), d)),
                mlp: MlpParams {
                    gate: Some(table.linear(&format!("{at}.mlp.gate_proj"), f, d, biases.mlp)),
                    up: table.linear(&format!("{at}.mlp.up_proj"), f, d, biases.mlp),
                    down: table.linear(&format!("{at}.mlp.down_proj"), d, f, biases.mlp),
                },
            }
        })
        .collect();
    let final_norm = table.rms_norm("model.norm", d);
    let head = table.head(&config, embed);
    let block_prefix = "model.layers.".to_owned();
    Ok(Blueprint { config, wanted: table.finish(), block_prefix, embed, positions: None, blocks, final_norm, head })
}

fn biases(fields: &Fields<'_>, kind: Kind) -> Result<Biases> {
    Ok(match kind {
        Kind::Llama => {
            let attention = fields.flag("attention_bias", false)?;
            Biases { qkv: attention, attn_out: attention, mlp: fields.flag("mlp_bias", false)? }
        }
        Kind::Mistral => Biases { qkv: false, attn_out: false, mlp: false },
        Kind::Qwen2 => Biases { qkv: true, attn_out: false, mlp: false },
    })
}

fn config(fields: &Fields<'_>, kind: Kind) -> Result<ModelConfig> {
    let n_layer = fields.size("num_hidden_layers", MAX_LAYERS)?;
    let n_head = fields.size("num_attention_heads", MAX_HEADS)?;
    let d_model = fields.size("hidden_size", MAX_WIDTH)?;
    let vocab_size = fields.size("vocab_size", MAX_VOCAB)?;
    let d_head = match fields.maybe_size("head_dim", MAX_WIDTH)? {
        Some(d_head) => d_head,
        None => head_width(d_model, n_head)?,
    };
    let rope = Rope::read(fields, "rope_theta", "partial_rotary_factor")?;
    if rope.partial.is_some_and(|p| p < 1.0) {
        return Err(Error::data("config.json: partial_rotary_factor below 1 is not part of this family"));
    }
    let name = fields.text("hidden_act")?.unwrap_or("silu");
    let (bos, eos) = if kind == Kind::Qwen2 { (None, None) } else { (Some(1), Some(2)) };
    Ok(ModelConfig {
        family: Family::Llama,
        n_layer,
        n_head,
        n_kv_head: fields.maybe_size("num_key_value_heads", MAX_HEADS)?.unwrap_or(n_head),
        n_ctx: fields.size("max_position_embeddings", MAX_CONTEXT)?,
        d_model,
        d_head,
        d_ff: fields.size("intermediate_size", MAX_WIDTH)?,
        vocab_size,
        norm: Norm::Rms { eps: fields.epsilon("rms_norm_eps", 1e-6)? },
        position: Position::Rotary { inv_freq: rope.frequencies(d_head)?, interleaved: false },
        residual: Residual::Sequential,
        mlp: Mlp::Gated(activation("hidden_act", name)?),
        window: windows(fields, kind, n_layer)?,
        attention_scale: vec![(d_head as f64).sqrt().recip(); n_layer],
        tied_embeddings: fields.flag("tie_word_embeddings", false)?,
        bos: fields.tokens("bos_token_id", bos, vocab_size)?.first().copied(),
        eos: fields.tokens("eos_token_id", eos, vocab_size)?,
    })
}

/// The sliding window of each layer. Mistral: all layers. Qwen2: those that `layer_types` or
/// `max_window_layers` says, and only with `use_sliding_window`.
fn windows(fields: &Fields<'_>, kind: Kind, n_layer: usize) -> Result<Vec<Option<usize>>> {
    const DEFAULT: usize = 4096;
    let slides = match kind {
        Kind::Llama => false,
        Kind::Mistral => true,
        Kind::Qwen2 => fields.flag("use_sliding_window", false)?,
    };
    // null says that nothing slides; an absent key has the library's default.
    let written = fields.maybe_size("sliding_window", MAX_CONTEXT)?;
    let window = if fields.has("sliding_window") { written } else { Some(DEFAULT) }.filter(|_| slides);
    let Some(types) = fields.list("layer_types")? else {
        // Qwen2 may slide in no layer at all, so 0 is a number of full layers too.
        let full = match (kind, fields.get("max_window_layers")) {
            (Kind::Qwen2, None) => 28,
            (Kind::Qwen2, Some(value)) => value
                .as_u64()
                .ok_or_else(|| wrong("max_window_layers", value, "must be a whole number, 0 or more"))?
                .min(n_layer as u64) as usize,
            _ => 0,
        };
        return Ok((0..n_layer).map(|i| window.filter(|_| i >= full)).collect());
    };
    if types.len() != n_layer {
        return Err(Error::data(format!(
            "config.json: layer_types names {} layers but num_hidden_layers is {n_layer}",
            types.len()
        )));
    }
    types
        .iter()
        .map(|layer| match layer.as_str() {
            Some("full_attention") => Ok(None),
            Some("sliding_attention") => Ok(window),
            _ => Err(wrong("layer_types", layer, "must be \"full_attention\" or \"sliding_attention\"")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(config: &Value, kind: Kind) -> Vec<Option<usize>> {
        windows(&Fields::new(config.as_object().unwrap()), kind, 3).unwrap()
    }

    #[test]
    fn windows_follow_the_family() {
        assert_eq!(of(&json!({"sliding_window": 5}), Kind::Llama), [None; 3]);
        assert_eq!(of(&json!({"sliding_window": 5}), Kind::Mistral), [Some(5); 3]);
        assert_eq!(of(&json!({"sliding_window": null}), Kind::Mistral), [None; 3]);
        assert_eq!(of(&json!({}), Kind::Mistral), [Some(4096); 3]);
        assert_eq!(of(&json!({"sliding_window": 5}), Kind::Qwen2), [None; 3]);
        let some = json!({"sliding_window": 5, "use_sliding_window": true, "max_window_layers": 1});
        assert_eq!(of(&some, Kind::Qwen2), [None, Some(5), Some(5)]);
        let types = json!({"sliding_window": 5, "use_sliding_window": true,
            "layer_types": ["sliding_attention", "full_attention", "full_attention"]});
        assert_eq!(of(&types, Kind::Qwen2), [Some(5), None, None]);
    }
}
