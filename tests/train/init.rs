//! Fresh models have the deviations of their originals, and depend on nothing but configuration and seed.

use memoscope::engine::train::init::{InitSpec, fresh};
use memoscope::engine::{Decoder, Device, Weight};
use serde_json::{Value, json};

fn configs() -> Vec<Value> {
    let neox = json!({"model_type": "gpt_neox", "vocab_size": 500, "hidden_size": 96, "num_hidden_layers": 4,
        "num_attention_heads": 4, "intermediate_size": 200, "max_position_embeddings": 64});
    let llama = json!({"model_type": "llama", "vocab_size": 500, "hidden_size": 96, "num_hidden_layers": 4,
        "num_attention_heads": 4, "intermediate_size": 200, "max_position_embeddings": 64, "attention_bias": true,
        "initializer_range": 0.05});
    let neo = json!({"model_type": "gpt_neo", "vocab_size": 500, "hidden_size": 96, "num_layers": 4, "num_heads": 4,
        "max_position_embeddings": 64});
    vec![
        json!({"model_type": "gpt2", "vocab_size": 500, "n_embd": 96, "n_layer": 4, "n_head": 4, "n_positions": 64}),
        json!({"model_type": "gptj", "vocab_size": 500, "n_embd": 96, "n_layer": 4, "n_head": 4, "n_positions": 64,
            "rotary_dim": 8, "tie_word_embeddings": false}),
        neo,
        neox,
        llama,
    ]
}

fn deviation(w: &Weight) -> f64 {
    let n = w.len() as f64;
    let values = w.values();
    let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    (values.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n).sqrt()
}

/// Matrices that write to the residual stream are named by `small`.
fn check(model: &Decoder, std: f64, small: f64, what: &str) {
    let residual: Vec<_> = model.blocks.iter().flat_map(|b| [b.attn_out.weight, b.mlp.down.weight]).collect();
    for (id, w) in model.params.iter() {
        let values = w.values();
        if w.shape.len() == 1 {
            let is_gain = w.name.ends_with(".weight");
            assert!(values.iter().all(|x| *x == if is_gain { 1.0 } else { 0.0 }), "{what} {}", w.name);
            continue;
        }
        let want = if residual.contains(&id) { small } else { std };
        let got = deviation(w);
        // the deviation of a sample of n normal numbers is off by about 1/√(2n)
        let slack = 4.0 / (2.0 * w.len() as f64).sqrt();
        assert!((got / want - 1.0).abs() < slack.max(0.005), "{what} {}: {got}, not {want}", w.name);
        let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / w.len() as f64;
        assert!(mean.abs() < 5.0 * want / (w.len() as f64).sqrt(), "{what} {}: mean {mean}", w.name);
    }
}

#[test]
fn deviations_are_those_of_each_family() {
    for config in configs() {
        let spec = InitSpec::of_family(&config).unwrap();
        let model = fresh(&config, spec, 5, Device::Cpu).unwrap();
        let what = config["model_type"].as_str().unwrap();
        let std = if what == "llama" { 0.05 } else { 0.02 };
        let small = if what == "gpt2" { std / 8f64.sqrt() } else { std };
        check(&model, std, small, what);
    }
    let config = &configs()[0];
    let model = fresh(config, InitSpec::tiny_mem(128), 5, Device::Cpu).unwrap();
    check(&model, 0.0707107, 0.0707107 / 8f64.sqrt(), "TinyMem");
}

#[test]
fn seeds_give_models() {
    let config = &configs()[3];
    let spec = InitSpec::of_family(config).unwrap();
    let model = |seed| {
        let model = fresh(config, spec, seed, Device::Cpu).unwrap();
        model.params.iter().map(|(_, w)| w.values().to_vec()).collect::<Vec<_>>()
    };
    let (a, b, c) = (model(1), model(1), model(2));
    assert_eq!(a, b);
    assert_ne!(a, c);
    assert_ne!(a[1], a[2], "parameters have streams of their own");
    let mut bad = config.clone();
    bad["initializer_range"] = json!("small");
    assert!(InitSpec::of_family(&bad).unwrap_err().to_string().contains("initializer_range is \"small\""));
}
