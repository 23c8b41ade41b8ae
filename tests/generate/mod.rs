//! Generation on real models.

mod cache;
mod goldens;
mod story;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use memoscope::engine::cpu::CpuKernels;
use memoscope::engine::rng::Stream;
use memoscope::engine::{Decoder, Device, Weight, families, weights};
use serde_json::{Value, json};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn load(dir: &Path) -> Decoder {
    weights::load(dir, Device::Cpu).unwrap_or_else(|e| panic!("{}: {e}", dir.display())).decoder
}

/// A decoder of every shape there is, with random numbers: (name, decoder).
fn models() -> Vec<(&'static str, Decoder)> {
    let shapes = [
        ("gpt2", json!({"model_type": "gpt2", "n_layer": 2, "n_head": 3, "n_embd": 24, "n_positions": 48})),
        (
            "gpt_neo",
            json!({"model_type": "gpt_neo", "num_layers": 2, "num_heads": 2, "hidden_size": 16, "window_size": 5,
                   "attention_types": [[["global", "local"], 1]], "max_position_embeddings": 48}),
        ),
        (
            "gptj",
            json!({"model_type": "gptj", "n_layer": 2, "n_head": 2, "n_embd": 24, "rotary_dim": 8, "n_positions": 48}),
        ),
        (
            "gpt_neox",
            json!({"model_type": "gpt_neox", "num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 32,
                   "intermediate_size": 40, "max_position_embeddings": 48}),
        ),
        (
            "llama",
            json!({"model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
                   "hidden_size": 32, "intermediate_size": 24, "max_position_embeddings": 48}),
        ),
        (
            "mistral",
            json!({"model_type": "mistral", "num_hidden_layers": 2, "num_attention_heads": 4,
                   "num_key_value_heads": 1, "hidden_size": 32, "intermediate_size": 24, "sliding_window": 7,
                   "max_position_embeddings": 48}),
        ),
    ];
    shapes.into_iter().map(|(name, config)| (name, random(name, config))).collect()
}

/// A decoder of this configuration with weights of spread 0.4, large enough to make distinct predictions.
fn random(name: &str, mut config: Value) -> Decoder {
    config["vocab_size"] = 97.into();
    let blueprint = families::blueprint(&config).unwrap_or_else(|e| panic!("{name}: {e}"));
    let kernels = Arc::new(CpuKernels);
    let decoder = blueprint.build(kernels, |wanted| {
        let mut stream = Stream::new(11, &wanted.name);
        let values = (0..wanted.shape.iter().product()).map(|_| 0.4 * stream.normal() as f32).collect();
        Weight::owned(&wanted.name, &wanted.shape, wanted.orientation, values)
    });
    decoder.unwrap_or_else(|e| panic!("{name}: {e}"))
}
