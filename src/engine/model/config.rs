//! The shape of a decoder, whatever family it comes from.

/// One decoder for GPT-2, GPT-Neo, GPT-J, GPT-NeoX and Llama (and what is shaped like them).
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// `model_type` of the configuration file.
    pub family: Family,
    pub n_layer: usize,
    pub n_head: usize,
    pub n_kv_head: usize,
    /// Longest sequence the model was made for.
    pub n_ctx: usize,
    pub d_model: usize,
    pub d_head: usize,
    pub d_ff: usize,
    pub vocab_size: usize,
    pub norm: Norm,
    pub position: Position,
    pub residual: Residual,
    pub mlp: Mlp,
    /// Per layer: `None` sees the whole prefix, `Some(w)` the last `w` tokens, itself included.
    pub window: Vec<Option<usize>>,
    /// Factor on q·k per layer: 1/√d_head, 1 for GPT-Neo.
    pub attention_scale: Vec<f64>,
    /// Whether the output head is the input embedding.
    pub tied_embeddings: bool,
    /// Beginning-of-sequence token, if the configuration names one.
    pub bos: Option<u32>,
    /// Tokens that end a text.
    pub eos: Vec<u32>,
}

/// The supported families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Gpt2,
    GptNeo,
    GptJ,
    GptNeoX,
    /// Llama and folders of the same shape: Mistral, Qwen2.
    Llama,
}

/// Normalization before attention, feed-forward and head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// (x − mean) / √(var + eps) · gain + bias
    Layer { eps: f64 },
    /// x / √(mean(x²) + eps) · gain
    Rms { eps: f64 },
}

/// How positions enter.
#[derive(Clone, Debug, PartialEq)]
pub enum Position {
    /// A learned vector per position is added to the embedding.
    Learned,
    /// Pairs of q and k channels are turned by angle position · `inv_freq[i]`.
    Rotary { inv_freq: Vec<f64>, interleaved: bool },
}

/// How attention and feed-forward join the residual stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// y = x + attn(norm1 x); y + mlp(norm2 y)
    Sequential,
    /// x + attn(norm1 x) + mlp(norm1 x)  (GPT-J)
    ParallelOneNorm,
    /// x + attn(norm1 x) + mlp(norm2 x)  (GPT-NeoX)
    ParallelTwoNorms,
}

/// The feed-forward block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mlp {
    /// down(f(up x))
    Plain(Activation),
    /// down(f(gate x) ⊙ up x)
    Gated(Activation),
}

/// Element-wise nonlinearity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// ½x(1 + tanh(√(2/π)(x + 0.044715x³))): `gelu_new`, `gelu_fast`, `gelu_pytorch_tanh`.
    GeluTanh,
    /// x·Φ(x): `gelu`.
    GeluErf,
    /// x·σ(x): `silu`, `swish`.
    Silu,
    /// max(x, 0): `relu`.
    Relu,
}
