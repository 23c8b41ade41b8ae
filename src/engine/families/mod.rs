//! The supported model families: config.json → [`ModelConfig`], names on disk → parameters.
//!
//! A family reads its configuration, checks every number and lays out a [`Blueprint`]: the decoder's
//! structure with the name, shape and orientation of every tensor. No numbers are touched here.
//! Source: transformers 5.23, `models/{gpt2,gpt_neo,gptj,gpt_neox,llama,mistral,qwen2}`.

mod blueprint;
mod fields;
mod gpt2;
mod gpt_neo;
mod gpt_neox;
mod gptj;
mod llama;
mod rope;
mod sized;

use serde_json::Value;

pub use blueprint::{Blueprint, Wanted};
pub(crate) use fields::token_ids;
pub use sized::{Sizes, sized};

use crate::error::{Error, Result};
use crate::model::{Activation, ModelConfig};
use fields::Fields;

/// What `model_type` may say.
pub const SUPPORTED: &[&str] = &["gpt2", "gpt_neo", "gptj", "gpt_neox", "llama", "mistral", "qwen2"];

/// The structure that a config.json describes, in the spelling of transformers 4 or 5.
///
/// # Errors
/// A family that is not supported, a missing or impossible number, an unknown activation or rotary scaling.
pub fn blueprint(config: &Value) -> Result<Blueprint> {
    let Value::Object(map) = config else {
        return Err(Error::data(format!("config.json holds {}, not an object", fields::kind(config))));
    };
    let fields = Fields::new(map);
    refuse_quantized(&fields)?;
    let blueprint = match fields.text("model_type")? {
        Some("gpt2") => gpt2::blueprint(&fields),
        Some("gpt_neo") => gpt_neo::blueprint(&fields),
        Some("gptj") => gptj::blueprint(&fields),
        Some("gpt_neox") => gpt_neox::blueprint(&fields),
        Some("llama") => llama::blueprint(&fields, llama::Kind::Llama),
        Some("mistral") => llama::blueprint(&fields, llama::Kind::Mistral),
        Some("qwen2") => llama::blueprint(&fields, llama::Kind::Qwen2),
        Some(other) => Err(unsupported(other)),
        None => Err(Error::data("config.json has no model_type").hint(format!("supported: {}", SUPPORTED.join(", ")))),
    }?;
    check(&blueprint.config)?;
    Ok(blueprint)
}

fn unsupported(model_type: &str) -> Error {
    let message = match model_type {
        "olmo2" | "olmo3" => format!(
            "model_type \"{model_type}\" is not supported: it normalizes after attention and feed-forward, and q and k as well"
        ),
        "qwen3" => "model_type \"qwen3\" is not supported: it normalizes q and k".to_owned(),
        _ => format!("model_type \"{model_type}\" is not supported"),
    };
    Error::data(message).hint(format!("supported: {}", SUPPORTED.join(", ")))
}

fn refuse_quantized(fields: &Fields<'_>) -> Result<()> {
    let Some(quantization) = fields.object("quantization_config")? else { return Ok(()) };
    let method = quantization.text("quant_method")?.unwrap_or("unknown method").to_owned();
    Err(Error::data(format!("the weights are quantized ({method})"))
        .hint("use the original checkpoint in f32, f16 or bf16; quantized weights have no exact gradients"))
}

/// What must hold whatever the family.
fn check(config: &ModelConfig) -> Result<()> {
    if !config.n_head.is_multiple_of(config.n_kv_head) {
        return Err(Error::data(format!(
            "config.json: {} heads cannot share {} key/value heads evenly",
            config.n_head, config.n_kv_head
        )));
    }
    let width = config.n_head * config.d_head;
    if width > fields::MAX_WIDTH {
        return Err(Error::data(format!(
            "config.json: {} heads of width {} are {width} channels; at most {} are believed",
            config.n_head,
            config.d_head,
            fields::MAX_WIDTH
        )));
    }
    Ok(())
}

/// The activation with this name in transformers.
fn activation(key: &str, name: &str) -> Result<Activation> {
    match name {
        "gelu" => Ok(Activation::GeluErf),
        "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "silu" | "swish" => Ok(Activation::Silu),
        "relu" => Ok(Activation::Relu),
        _ => Err(Error::data(format!("config.json: {key} \"{name}\" is not supported"))
            .hint("supported: gelu, gelu_new, gelu_fast, gelu_pytorch_tanh, silu, swish, relu")),
    }
}

/// Width of a head when all heads together are as wide as the model.
fn head_width(d_model: usize, n_head: usize) -> Result<usize> {
    if !d_model.is_multiple_of(n_head) {
        return Err(Error::data(format!("config.json: width {d_model} cannot be divided into {n_head} heads")));
    }
    Ok(d_model / n_head)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(config: &Value) -> String {
        blueprint(config).err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn refusals_name_what_is_refused() {
        assert!(message(&json!([])).contains("an array, not an object"));
        assert!(message(&json!({})).contains("no model_type"));
        assert!(message(&json!({"model_type": "olmo2"})).contains("normalizes after"));
        assert!(message(&json!({"model_type": "bert"})).contains("gpt2, gpt_neo"));
        assert!(message(&json!({"model_type": 3})).contains("model_type is 3"));
        let quantized = json!({"model_type": "llama", "quantization_config": {"quant_method": "gptq"}});
        assert!(message(&quantized).contains("gptq"));
    }

    #[test]
    fn activations_by_their_names() {
        assert_eq!(activation("hidden_act", "gelu_fast").unwrap(), Activation::GeluTanh);
        assert_eq!(activation("hidden_act", "gelu").unwrap(), Activation::GeluErf);
        assert!(activation("hidden_act", "mish").unwrap_err().to_string().contains("hidden_act \"mish\""));
    }
}
