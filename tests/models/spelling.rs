//! Configurations in the spelling of transformers 4 and 5 describe the same model.

use memoscope::engine::families::blueprint;
use serde_json::{Value, json};

fn merged(base: &Value, extra: &Value) -> Value {
    let mut config = base.clone();
    for (key, value) in extra.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

fn assert_same(base: &Value, old: &Value, new: &Value) {
    let (old, new) = (blueprint(&merged(base, old)).unwrap(), blueprint(&merged(base, new)).unwrap());
    assert_eq!(old.config, new.config, "{base}");
    assert_eq!(old.wanted, new.wanted, "{base}");
}

#[test]
fn old_and_new_spellings_agree() {
    let llama = json!({"model_type": "llama", "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 4, "intermediate_size": 24, "max_position_embeddings": 64});
    assert_same(
        &llama,
        &json!({"rope_theta": 5e5, "rope_scaling": null, "torch_dtype": "float32"}),
        &json!({"rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}, "dtype": "float32"}),
    );
    let scaled = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16});
    assert_same(
        &llama,
        &json!({"rope_theta": 100.0, "rope_scaling": scaled}),
        &json!({"rope_parameters": merged(&scaled, &json!({"rope_theta": 100.0}))}),
    );
    assert_same(&llama, &json!({}), &json!({"num_key_value_heads": 4, "head_dim": 8, "rope_theta": 10000}));
    let neox = json!({"model_type": "gpt_neox", "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 64});
    assert_same(
        &neox,
        &json!({"rotary_pct": 0.5, "rotary_emb_base": 500}),
        &json!({"rope_parameters": {"rope_theta": 500.0, "partial_rotary_factor": 0.5, "rope_type": "default"}}),
    );
    assert_same(&neox, &json!({}), &json!({"rotary_pct": 0.25, "rotary_emb_base": 10000}));
    let neo = json!({"model_type": "gpt_neo", "vocab_size": 64, "hidden_size": 32, "num_layers": 4, "num_heads": 2,
        "max_position_embeddings": 64});
    assert_same(
        &neo,
        &json!({"attention_types": [[["global", "local"], 1], [["local"], 2]]}),
        &json!({"attention_layers": ["global", "local", "local", "local"]}),
    );
    let gpt2 = json!({"model_type": "gpt2", "vocab_size": 64, "n_embd": 32, "n_layer": 2, "n_head": 2,
        "n_positions": 64});
    assert_same(&gpt2, &json!({"n_inner": null}), &json!({"n_inner": 128, "activation_function": "gelu_new"}));
}
