//! What learns: a fresh model, its tokenizer, adapters, frozen parts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A model that is made when none is given.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fresh {
    /// Architecture of a fresh model.
    pub family: FreshFamily,
    /// Number of blocks.
    #[schemars(range(min = 1, max = 256))]
    pub n_layer: usize,
    /// Attention heads of a block.
    #[schemars(range(min = 1, max = 256))]
    pub n_head: usize,
    /// Width of the residual stream.
    #[schemars(range(min = 2, max = 65536))]
    pub d_model: usize,
    /// Width inside the feed-forward block; four times `d_model` when absent.
    #[schemars(range(min = 1, max = 262_144))]
    pub d_ff: Option<usize>,
    /// Longest sequence; as long as the longest row, but at most 512, when absent.
    #[schemars(range(min = 2, max = 131_072), extend("x-unit" = "tokens"))]
    pub n_ctx: Option<usize>,
    /// Nonlinearity of the feed-forward block.
    pub activation: FreshActivation,
    /// Standard deviation of fresh weights; 0.8/√d_model when absent, as in TinyMem.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub init_std: Option<f64>,
}

impl Default for Fresh {
    fn default() -> Self {
        Self {
            family: FreshFamily::Gpt2,
            n_layer: 2,
            n_head: 4,
            d_model: 128,
            d_ff: None,
            n_ctx: None,
            activation: FreshActivation::Relu,
            init_std: None,
        }
    }
}

/// Architecture of a fresh model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FreshFamily {
    /// GPT-2: learned positions, output head tied to the embedding.
    Gpt2,
    /// GPT-Neo: as GPT-2, without a scale in attention.
    GptNeo,
    /// GPT-J: rotary positions, attention and feed-forward side by side.
    Gptj,
    /// GPT-NeoX, as Pythia: rotary positions, both side by side with two norms.
    GptNeox,
    /// Llama: rotary positions, RMS norm, gated feed-forward.
    Llama,
}

/// Nonlinearity of a fresh model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FreshActivation {
    /// max(x, 0), as TinyMem.
    Relu,
    /// GELU in its tanh form, as GPT-2.
    GeluNew,
    /// GELU with the error function, as Pythia.
    Gelu,
    /// x·σ(x), as Llama.
    Silu,
}

/// The tokenizer of a fresh model.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vocabulary {
    /// Where the tokenizer of a fresh model comes from.
    pub source: VocabularySource,
    /// Folder with a tokenizer, or its `tokenizer.json`.
    #[schemars(extend("x-path" = true))]
    pub path: Option<String>,
    /// Token ids of a tokenizer that is trained on the texts, its end-of-text token included.
    #[schemars(range(min = 257, max = 1_000_000), extend("x-unit" = "ids"))]
    pub vocab_size: usize,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self { source: VocabularySource::Auto, path: None, vocab_size: 2048 }
    }
}

/// Where the tokenizer of a fresh model comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VocabularySource {
    /// `path` where it is given, else that of the data, else a byte-pair tokenizer trained on the texts.
    Auto,
    /// A byte-pair tokenizer trained on the texts.
    Bpe,
}

/// Low-rank adapters.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoraOptions {
    /// Rank of the adapters; 0 trains the weights themselves.
    #[schemars(range(min = 0, max = 4096))]
    pub rank: usize,
    /// Their scale is alpha/rank.
    #[schemars(range(min = 0.001, max = 65536.0))]
    pub alpha: f64,
    /// Chance that a channel before an adapter is dropped.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub dropout: f64,
    /// Ends of the names of the linear maps that get adapters, such as `c_attn`; those of attention when empty.
    pub targets: Vec<String>,
}

impl Default for LoraOptions {
    fn default() -> Self {
        Self { rank: 0, alpha: 16.0, dropout: 0.0, targets: Vec::new() }
    }
}

/// Parts of the model that stay as they are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Freeze {
    /// Embeddings, learned positions and output head stay as they are.
    pub embeddings: bool,
    /// Blocks that stay as they are, counted from 0.
    pub layers: Vec<usize>,
}
