//! What forward keeps for backward.

use crate::tensor::{Offsets, Tensor};

/// What forward keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Everything backward needs.
    #[default]
    All,
    /// Only the residual stream before each block; backward runs each block again.
    Residuals,
    /// Nothing: for scoring.
    Nothing,
}

/// Activations of one forward pass.
pub struct Acts {
    /// The residual stream after the last block, (N, C).
    pub(super) resid: Tensor,
    /// After the final norm: what the head reads, (N, C).
    pub hidden: Tensor,
    pub(super) blocks: Vec<Kept>,
    pub(super) positions: Vec<u32>,
    pub(super) offsets: Offsets,
}

/// What is kept of one block.
pub(super) enum Kept {
    /// Its input only.
    Input(Tensor),
    /// Everything.
    Full(Box<BlockActs>),
}

/// Activations inside one block; rows N.
pub(super) struct BlockActs {
    /// The stream entering, (N, C).
    pub(super) resid_pre: Tensor,
    /// After the first norm, (N, C).
    pub(super) normed1: Tensor,
    /// Queries and keys after rotation and values: (N, H·D), (N, K·D), (N, K·D).
    pub(super) qkv: [Tensor; 3],
    /// Attention weights of each sequence before and after editing, where a tap asked for them.
    pub(super) patterns: Option<Vec<[Tensor; 2]>>,
    /// Weighted values, (N, H·D).
    pub(super) z: Tensor,
    /// The stream between attention and feed-forward; sequential blocks only.
    pub(super) resid_mid: Option<Tensor>,
    /// After the second norm; absent where both share the first.
    pub(super) normed2: Option<Tensor>,
    /// Before the nonlinearity, (N, F).
    pub(super) mlp_pre: Tensor,
    /// The factor of gated blocks, (N, F).
    pub(super) mlp_up: Option<Tensor>,
    /// What the last product reads, (N, F).
    pub(super) mlp_post: Tensor,
}
