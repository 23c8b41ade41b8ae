//! The groups of [`Config`](super::Config).

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

/// How rows become training examples.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RowOptions {
    /// Rows that go through the model together.
    #[schemars(range(min = 1, max = 65536), extend("x-unit" = "rows"))]
    pub batch: usize,
    /// Batches whose gradients are added up to one step.
    #[schemars(range(min = 1, max = 65536), extend("x-unit" = "batches"))]
    pub accumulate: usize,
    /// Whether every row is an example of its own.
    pub layout: Layout,
    /// What happens to rows longer than the context.
    pub long: LongRows,
    /// End every text with the end-of-text token, where the tokenizer has one.
    pub add_eos: bool,
    /// Fill rows up to the context with pads, and let these count in loss, accuracy and perplexity, as TinyMem does.
    pub pad_in_loss: bool,
    /// Whether rows come in another order each epoch.
    pub shuffle: bool,
    /// Only the first so many rows.
    #[schemars(range(min = 1))]
    pub limit: Option<usize>,
}

impl Default for RowOptions {
    fn default() -> Self {
        Self {
            batch: 32,
            accumulate: 1,
            layout: Layout::Single,
            long: LongRows::Split,
            add_eos: true,
            pad_in_loss: false,
            shuffle: true,
            limit: None,
        }
    }
}

/// Whether every row is an example of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Every row is one; there is no padding.
    Single,
    /// Rows are joined and cut into blocks as long as the context.
    Packed,
}

/// What happens to rows longer than the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LongRows {
    /// They are cut into pieces, and all pieces are used.
    Split,
    /// Only their beginning is used, and they are counted.
    Truncate,
    /// They stop the run.
    Refuse,
}

/// Which rows of data with clean twins are trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mitigation {
    /// All rows as they are.
    #[default]
    Off,
    /// Only the clean twins of altered rows (TinyMem, `clean`).
    Clean,
    /// Only the rows that were never altered (TinyMem, `extra`).
    Extra,
    /// Rows that were never altered, and the clean twins of the others (TinyMem, `both`).
    Both,
}

/// How long training goes on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Length {
    /// Passes over the data, where neither `steps` nor `tokens` is given.
    #[schemars(range(min = 0.001, max = 1e6), extend("x-unit" = "epochs"))]
    pub epochs: Option<f64>,
    /// Updates of the weights.
    #[schemars(range(min = 1), extend("x-unit" = "steps"))]
    pub steps: Option<u64>,
    /// Tokens that are read, rounded up to whole steps.
    #[schemars(range(min = 1), extend("x-unit" = "tokens"))]
    pub tokens: Option<u64>,
}

impl Default for Length {
    fn default() -> Self {
        Self { epochs: Some(3.0), steps: None, tokens: None }
    }
}

/// The rule that moves the weights.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerOptions {
    /// Which rule.
    pub rule: Rule,
    /// Decay of the moving mean of gradients (`AdamW`).
    #[schemars(range(min = 0.0, max = 0.999_999))]
    pub beta1: f64,
    /// Decay of the moving mean of squared gradients (`AdamW`).
    #[schemars(range(min = 0.0, max = 0.999_999_9))]
    pub beta2: f64,
    /// Keeps the step finite where gradients vanish (`AdamW`).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub eps: f64,
    /// Pull towards zero, as L2 of TinyMem; decoupled in `AdamW`, added to the gradient in SGD.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub weight_decay: f64,
    /// Whether norms, biases and embeddings decay too, as in TinyMem and torch.
    pub decay_all: bool,
    /// Share of the last step that goes on (SGD).
    #[schemars(range(min = 0.0, max = 0.999_999))]
    pub momentum: f64,
    /// Look ahead along the momentum (SGD).
    pub nesterov: bool,
    /// Longest gradient: longer ones are scaled down; 0 leaves them.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub clip: f64,
    /// Go on with the moments that the given model was saved with, where it has any.
    pub continue_moments: bool,
}

impl Default for OptimizerOptions {
    fn default() -> Self {
        Self {
            rule: Rule::AdamW,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
            decay_all: true,
            momentum: 0.0,
            nesterov: false,
            clip: 1.0,
            continue_moments: false,
        }
    }
}

/// How a gradient becomes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Adam with decoupled weight decay.
    AdamW,
    /// Gradient descent.
    Sgd,
}

/// The learning rate over time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LearningRate {
    /// Highest learning rate.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub peak: f64,
    /// How it goes on after warm-up.
    pub schedule: Decay,
    /// Steps in which it rises from 0.
    #[schemars(range(min = 0), extend("x-unit" = "steps"))]
    pub warmup_steps: u64,
}

impl Default for LearningRate {
    fn default() -> Self {
        Self { peak: 1e-3, schedule: Decay::Constant, warmup_steps: 0 }
    }
}

/// How the learning rate goes on after warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// It stays.
    Constant,
    /// It falls to 0 along a line.
    Linear,
    /// It falls to 0 along half a cosine.
    Cosine,
}

/// What keeps the model from memorizing while it learns.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Regularize {
    /// Share of the examples with the largest loss that is left out (loss truncation); 0 leaves none out.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub drop_share: f64,
    /// Examples over which the cut-off of the loss is taken.
    #[schemars(range(min = 2, max = 10_000_000), extend("x-unit" = "examples"))]
    pub drop_window: usize,
    /// Divide the loss by the examples that are kept instead of by all of the batch.
    pub drop_mean_of_kept: bool,
    /// Example-tied dropout: channels that learn only from some examples and are switched off afterwards.
    pub tied_dropout: TiedDropout,
    /// Share of the channels that every example uses.
    #[schemars(range(min = 0.001, max = 1.0))]
    pub fixed_share: f64,
    /// Chance that an example uses one of the other channels.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub own_share: f64,
    /// Factor λ on the spectral norms of the weights: the loss grows by λ/2·Σσ; 0 is off.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub spectral: f64,
    /// Which power of the spectral norm is added.
    pub spectral_form: SpectralForm,
    /// How the projection behind attention is cut into heads.
    pub spectral_split: SpectralSplit,
    /// Factor λ on the absolute weights: the loss grows by λ·Σ|θ|; 0 is off.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub l1: f64,
}

impl Default for Regularize {
    fn default() -> Self {
        Self {
            drop_share: 0.0,
            drop_window: 10_000,
            drop_mean_of_kept: false,
            tied_dropout: TiedDropout::Off,
            fixed_share: 0.2,
            own_share: 0.1,
            spectral: 0.0,
            spectral_form: SpectralForm::Squared,
            spectral_split: SpectralSplit::Input,
            l1: 0.0,
        }
    }
}

/// Example-tied dropout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TiedDropout {
    /// None.
    Off,
    /// Channels belong to examples, as the method says (Maini et al. 2023).
    Channel,
    /// Positions belong to the examples of the first batch, and all others are zeroed, as TinyMem's code does.
    AsPublished,
}

/// Which power of the spectral norm is added to the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpectralForm {
    /// λ/2·σ², with the gradient λ·σ·u·vᵀ (Yoshida and Miyato 2017).
    Squared,
    /// λ/2·σ, with the gradient λ/2·u·vᵀ (TinyMem).
    Linear,
}

/// How the projection behind attention is cut into heads for their spectral norms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpectralSplit {
    /// Along its inputs, where the heads are.
    Input,
    /// Along its outputs, as TinyMem's code does.
    Output,
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

/// What is measured while it learns.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Check {
    /// How often is measured, in `unit`; at the start and at the end it is anyway.
    #[schemars(range(min = 1))]
    pub every: u64,
    /// What `every` counts.
    pub unit: Unit,
    /// Measure loss, accuracy and perplexity on the test rows.
    pub quality: bool,
    /// Measure how many training rows are memorized.
    pub memorization: bool,
    /// Prefix length k of the memorization check.
    #[schemars(range(min = 1, max = 65536), extend("x-unit" = "tokens"))]
    pub k: usize,
    /// Continuation length l of the memorization check; shorter where a row ends.
    #[schemars(range(min = 1, max = 65536), extend("x-unit" = "tokens"))]
    pub l: usize,
    /// Rows of each group and test set that are measured: the first ones.
    #[schemars(range(min = 1), extend("x-unit" = "rows"))]
    pub limit: usize,
    /// Steps behind one point of the training curve; about a thousand points when absent.
    #[schemars(range(min = 1), extend("x-unit" = "steps"))]
    pub log_every: Option<u64>,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            every: 1,
            unit: Unit::Epochs,
            quality: true,
            memorization: true,
            k: 32,
            l: 32,
            limit: 1000,
            log_every: None,
        }
    }
}

/// What a period counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Passes over the data.
    Epochs,
    /// Updates of the weights.
    Steps,
}

/// When training ends early.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Stop {
    /// Checks in a row without a lower test loss after which training ends; never when absent.
    #[schemars(range(min = 1), extend("x-unit" = "checks"))]
    pub patience: Option<u64>,
    /// Fall of the test loss that counts.
    #[schemars(range(min = 0.0, max = 100.0), extend("x-unit" = "nats/token"))]
    pub min_delta: f64,
}

/// What is kept for going on, and for looking back.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Checkpoints {
    /// How often the model is kept, in `unit`; ten times in the whole run when absent. At the end it is anyway.
    #[schemars(range(min = 1))]
    pub every: Option<u64>,
    /// What `every` counts.
    pub unit: Unit,
    /// Newest checkpoints from which training can go on; older ones keep the model alone.
    #[schemars(range(min = 1, max = 1000))]
    pub resumable: usize,
    /// Newest checkpoints of all that are kept; all when absent.
    #[schemars(range(min = 1, max = 100_000))]
    pub keep: Option<usize>,
    /// Keep the moments of the optimizer with the final model, for training that goes on later.
    pub final_moments: bool,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { every: None, unit: Unit::Epochs, resumable: 2, keep: None, final_moments: false }
    }
}
