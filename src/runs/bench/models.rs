//! Models of known shapes with random weights.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::engine::Kernels;
use crate::engine::families::{Wanted, blueprint};
use crate::engine::model::{Decoder, Weight};
use crate::engine::rng::Stream;
use crate::engine::tensor::Real;
use crate::error::Result;

/// GPT-2 with 124 M parameters.
pub(super) fn gpt2(kernels: &Arc<dyn Kernels>) -> Result<Decoder> {
    random(
        kernels,
        &json!({
            "model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12,
            "activation_function": "gelu_new"
        }),
    )
}

/// Pythia with 160 M parameters.
pub(super) fn pythia_160m(kernels: &Arc<dyn Kernels>) -> Result<Decoder> {
    neox(kernels, 12, 768, 12)
}

/// Pythia with 70 M parameters.
pub(super) fn pythia_70m(kernels: &Arc<dyn Kernels>) -> Result<Decoder> {
    neox(kernels, 6, 512, 8)
}

/// TinyMem on arithmetic, with 4 layers.
pub(super) fn tinymem(kernels: &Arc<dyn Kernels>) -> Result<Decoder> {
    random(
        kernels,
        &json!({
            "model_type": "gpt2", "vocab_size": 14, "n_positions": 150, "n_embd": 128, "n_layer": 4, "n_head": 4,
            "activation_function": "relu", "bos_token_id": 0, "eos_token_id": 0
        }),
    )
}

fn neox(kernels: &Arc<dyn Kernels>, layers: usize, width: usize, heads: usize) -> Result<Decoder> {
    random(
        kernels,
        &json!({
            "model_type": "gpt_neox", "vocab_size": 50304, "hidden_size": width, "num_hidden_layers": layers,
            "num_attention_heads": heads, "intermediate_size": 4 * width, "max_position_embeddings": 2048,
            "rotary_pct": 0.25, "hidden_act": "gelu"
        }),
    )
}

/// Norm gains 1, vectors 0, matrices uniform with deviation 0.02: what a fresh model looks like.
fn random(kernels: &Arc<dyn Kernels>, config: &Value) -> Result<Decoder> {
    let mut stream = Stream::new(0, "bench weights");
    blueprint(config)?.build(Arc::clone(kernels), |wanted: &Wanted| {
        let n: usize = wanted.shape.iter().product();
        let is_vector = wanted.shape.len() == 1;
        let is_gain = is_vector && wanted.name.ends_with(".weight");
        let number = |stream: &mut Stream| (stream.uniform() - 0.5) as Real * 0.07;
        let values = if is_vector {
            vec![if is_gain { 1.0 } else { 0.0 }; n]
        } else {
            (0..n).map(|_| number(&mut stream)).collect()
        };
        Weight::owned(&wanted.name, &wanted.shape, wanted.orientation, values)
    })
}

/// `n` random token sequences of length `t`.
pub(super) fn ids(n: usize, t: usize, vocab_size: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut stream = Stream::new(seed, "bench tokens");
    (0..n).map(|_| (0..t).map(|_| stream.below(vocab_size) as u32).collect()).collect()
}
