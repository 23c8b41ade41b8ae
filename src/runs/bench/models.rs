//! Models of known shapes with random weights.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::engine::Kernels;
use crate::engine::families::{Wanted, blueprint};
use crate::engine::model::{Decoder, Weight};
use crate::engine::rng::Stream;
use crate::engine::tensor::Real;
use crate::error::Result;

/// How large models and texts are: as their names say, or tiny, to try the benchmark itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// Two layers of 32 channels, 640 token ids, texts of 8 tokens.
    pub tiny: bool,
}

impl Scale {
    fn of(self, full: usize, tiny: usize) -> usize {
        if self.tiny { tiny } else { full }
    }

    /// Tokens of a text.
    pub(super) fn tokens(self, full: usize) -> usize {
        self.of(full, 8)
    }

    /// Texts at once.
    pub(super) fn texts(self, full: usize) -> usize {
        self.of(full, 2)
    }

    /// Rows and columns of a product.
    pub(super) fn side(self, full: usize) -> usize {
        self.of(full, 64)
    }

    /// Token ids of GPT-2 and of Pythia.
    pub(super) fn vocab(self, full: usize) -> usize {
        self.of(full, 640)
    }
}

/// GPT-2 with 124 M parameters.
pub(super) fn gpt2(kernels: &Arc<dyn Kernels>, scale: Scale) -> Result<Decoder> {
    random(
        kernels,
        &json!({
            "model_type": "gpt2", "vocab_size": scale.vocab(50257), "n_positions": 1024, "n_embd": scale.of(768, 32),
            "n_layer": scale.of(12, 2), "n_head": scale.of(12, 2), "activation_function": "gelu_new"
        }),
    )
}

/// TinyMem with 4 layers.
pub(super) fn tiny_mem(kernels: &Arc<dyn Kernels>) -> Result<Decoder> {
    random(
        kernels,
        &json!({
            "model_type": "gpt2", "vocab_size": 14, "n_positions": 150, "n_embd": 128, "n_layer": 4, "n_head": 4,
            "activation_function": "relu", "bos_token_id": 0, "eos_token_id": 0
        }),
    )
}

/// Pythia: 70 M, 160 M, 410 M and 1.4 G parameters.
#[derive(Clone, Copy)]
pub(super) enum Pythia {
    M70,
    M160,
    M410,
    B14,
}

/// A Pythia model.
pub(super) fn pythia(kernels: &Arc<dyn Kernels>, size: Pythia, scale: Scale) -> Result<Decoder> {
    let [layers, width, heads] = match size {
        _ if scale.tiny => [2, 32, 2],
        Pythia::M70 => [6, 512, 8],
        Pythia::M160 => [12, 768, 12],
        Pythia::M410 => [24, 1024, 16],
        Pythia::B14 => [24, 2048, 16],
    };
    random(
        kernels,
        &json!({
            "model_type": "gpt_neox", "vocab_size": scale.vocab(50304), "hidden_size": width,
            "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": 4 * width,
            "max_position_embeddings": 2048, "rotary_pct": 0.25, "hidden_act": "gelu"
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
