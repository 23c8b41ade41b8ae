//! config.json: wrong numbers, wrong types, wrong encodings, and weights that disagree with it.

use std::fs;
use std::path::Path;

use memoscope::engine::{Device, weights};
use serde_json::{Value, json};

use super::assert_refused;
use crate::models::build::{copy, edit_config};

#[track_caller]
fn refuses(what: &str, dir: &Path, part: &str) {
    assert_refused(what, dir, part, || weights::load(dir, Device::Cpu));
}

#[track_caller]
fn refuses_change(model: &str, change: &Value, part: &str) {
    let dir = copy(model);
    edit_config(dir.path(), change);
    refuses(&format!("{model} with {change}"), dir.path(), part);
}

#[test]
fn numbers_out_of_range() {
    for bad in [json!(0), json!(-1), json!(1.5), json!("2"), json!(true), json!([2]), json!(1e18), json!(u64::MAX)] {
        for key in ["n_layer", "n_head", "n_embd", "vocab_size", "n_positions", "n_inner"] {
            refuses_change("gpt2", &json!({ key: bad }), &format!("{key} is"));
        }
        for key in ["num_hidden_layers", "num_key_value_heads", "head_dim", "intermediate_size"] {
            refuses_change("llama", &json!({ key: bad }), &format!("{key} is"));
        }
    }
    for bad in [json!(0), json!(-1e-5), json!(2.0), json!("1e-5")] {
        refuses_change("gpt2", &json!({"layer_norm_epsilon": bad}), "layer_norm_epsilon is");
        refuses_change("llama", &json!({"rms_norm_eps": bad}), "rms_norm_eps is");
    }
    refuses_change("llama", &json!({"rope_parameters": {"rope_theta": -1}}), "rope_theta is");
    refuses_change("llama", &json!({"rope_parameters": 3}), "rope_parameters is 3 but must be an object");
    refuses_change("gpt_neox", &json!({"rope_parameters": {"partial_rotary_factor": 1.5}}), "at most 1");
    refuses_change("gpt2", &json!({"eos_token_id": "end"}), "eos_token_id is");
    refuses_change("gpt2", &json!({"tie_word_embeddings": 1}), "must be true or false");
}

#[test]
fn numbers_that_do_not_go_together() {
    refuses_change("gpt2", &json!({"n_head": 3}), "width 16 cannot be divided into 3 heads");
    refuses_change("llama", &json!({"num_key_value_heads": 3}), "4 heads cannot share 3");
    refuses_change("gptj", &json!({"rotary_dim": 32}), "wider than a head");
    refuses_change("gptj", &json!({"rotary_dim": 3}), "cannot be rotated in pairs");
    refuses_change("gpt_neo", &json!({"num_layers": 4}), "num_layers is 4");
    refuses_change("gpt_neo", &json!({"attention_layers": ["global", "middle", "local"]}), "\"global\" or \"local\"");
    refuses_change("qwen2", &json!({"layer_types": ["full_attention"]}), "names 1 layers");
    refuses_change("qwen2", &json!({"layer_types": ["full_attention", "linear_attention"]}), "linear_attention");
}

#[test]
fn names_that_are_not_known() {
    refuses_change("gpt2", &json!({"activation_function": "mish"}), "\"mish\"");
    refuses_change("llama", &json!({"rope_parameters": {"rope_type": "yarn"}}), "\"yarn\" is not supported");
    refuses_change("llama", &json!({"model_type": "mamba"}), "supported: gpt2");
    refuses_change("llama", &json!({"model_type": "olmo2"}), "normalizes after attention");
    refuses_change("llama", &json!({"model_type": null}), "no model_type");
    refuses_change("llama", &json!({"quantization_config": {"quant_method": "awq"}}), "quantized (awq)");
    refuses_change("gpt2", &json!({"n_embd": null}), "no n_embd");
}

#[test]
fn weights_of_another_model() {
    refuses_change(
        "llama",
        &json!({"num_hidden_layers": 3}),
        "9 tensors are missing: model.layers.2.input_layernorm.weight",
    );
    refuses_change("llama", &json!({"num_hidden_layers": 1}), "inside the blocks are unknown");
    refuses_change("llama", &json!({"intermediate_size": 25}), "has shape [24, 16] but config.json asks for [25, 16]");
    refuses_change("llama", &json!({"vocab_size": 38}), "has shape [37, 16] but config.json asks for [38, 16]");
    refuses_change("llama", &json!({"attention_bias": true}), "model.layers.0.self_attn.q_proj.bias");
    refuses_change("llama_biases", &json!({"mlp_bias": false}), "model.layers.0.mlp.down_proj.bias");
    refuses_change("llama3_tied", &json!({"tie_word_embeddings": false}), "\"tie_word_embeddings\": true");
    // Square matrices and equal counts do not hide a wrong family.
    refuses_change("mistral", &json!({"model_type": "qwen2"}), "q_proj.bias");
}

#[test]
fn types_without_arithmetic() {
    let dir = copy("gpt2");
    let path = dir.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap().replacen("F32", "I32", 1);
    fs::write(&path, crate::models::build::with_header(&header, &bytes[8 + length..])).unwrap();
    refuses("integers", dir.path(), "is stored as I32");
}

#[test]
fn not_json() {
    let dir = copy("gpt2");
    let path = dir.path().join("config.json");
    let good = fs::read_to_string(&path).unwrap();
    let check = |bytes: &[u8], part: &str| {
        fs::write(&path, bytes).unwrap();
        refuses(part, dir.path(), part);
    };
    check(b"", "is empty");
    check(b"{", "not valid JSON");
    check(b"[]", "an array, not an object");
    check(good.replace(": 16", ": NaN").as_bytes(), "line");
    check(good.replace("\"n_head\"", "\"n_layer\"").as_bytes(), "\"n_layer\" occurs twice");
    check("{\"a\":".repeat(10_000).as_bytes(), "recursion limit");
    let utf16: Vec<u8> = std::iter::once(0xFEFF).chain(good.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    check(&utf16, "UTF-16");
    check(&good.replace("gpt2", "gpt\u{e9}").chars().map(|c| c as u8).collect::<Vec<_>>(), "not UTF-8");
    fs::write(&path, format!("\u{feff}{}", good.replace('\n', "\r\n"))).unwrap();
    assert!(weights::load(dir.path(), Device::Cpu).is_ok(), "a mark and carriage returns are fine");
    fs::write(dir.path().join("generation_config.json"), r#"{"eos_token_id": "x"}"#).unwrap();
    assert_refused("a wrong generation_config.json", dir.path(), "eos_token_id", || weights::open(dir.path()));
}
