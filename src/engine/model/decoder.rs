//! The decoder and its parts.

use std::sync::Arc;

use super::{Linear, ModelConfig, ParamId, Params};
use crate::kernels::{HeadLayout, Kernels};

/// Gain and bias of a norm.
#[derive(Clone, Copy, Debug)]
pub struct NormParams {
    pub gain: ParamId,
    pub bias: Option<ParamId>,
}

/// How q, k and v are made.
#[derive(Clone, Copy, Debug)]
pub enum ProjectionParams {
    /// One product, then divided.
    Fused { qkv: Linear, layout: HeadLayout },
    /// Three products.
    Separate { q: Linear, k: Linear, v: Linear },
}

/// The feed-forward block.
#[derive(Clone, Copy, Debug)]
pub struct MlpParams {
    /// Present in gated blocks.
    pub gate: Option<Linear>,
    pub up: Linear,
    pub down: Linear,
}

/// The parameters of one block.
#[derive(Clone, Copy, Debug)]
pub struct BlockParams {
    pub norm1: NormParams,
    /// Absent where attention and feed-forward share one norm (GPT-J).
    pub norm2: Option<NormParams>,
    pub projection: ProjectionParams,
    pub attn_out: Linear,
    pub mlp: MlpParams,
}

/// A decoder-only transformer with explicit forward and backward passes.
pub struct Decoder {
    pub config: ModelConfig,
    pub params: Params,
    pub embed: ParamId,
    /// Learned positions (GPT-2, GPT-Neo).
    pub positions: Option<ParamId>,
    pub blocks: Vec<BlockParams>,
    pub final_norm: NormParams,
    /// The output head; its weight is `embed` when tied.
    pub head: Linear,
    pub kernels: Arc<dyn Kernels>,
}
