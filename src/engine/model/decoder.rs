//! The decoder and its parts.

use std::sync::Arc;

use super::acts::{Acts, Keep, Kept};
use super::adapter::Adapters;
use super::block::{Attend, visit};
use super::block_backward::Backward;
use super::{Linear, ModelConfig, ParamId, Params};
use crate::error::{Error, Result};
use crate::grads::GradSink;
use crate::hooks::{NoTap, Site, Tap};
use crate::kernels::{HeadLayout, Kernels, spans};
use crate::tensor::{Batch, Tensor};

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
    /// Low-rank additions; their parameters come after all others.
    pub adapters: Adapters,
    pub kernels: Arc<dyn Kernels>,
}

impl Decoder {
    /// A second decoder with the same numbers, to be edited: what is not changed stays in memory (or on disk) once.
    #[must_use]
    pub fn shared(&self) -> Self {
        let mut params = Params::default();
        for (_, weight) in self.params.iter() {
            params.push(weight.shared());
        }
        Self {
            config: self.config.clone(),
            params,
            embed: self.embed,
            positions: self.positions,
            blocks: self.blocks.clone(),
            final_norm: self.final_norm,
            head: self.head,
            adapters: self.adapters.clone(),
            kernels: Arc::clone(&self.kernels),
        }
    }

    /// Whether a direction is set on any parameter, so that everything carries tangents.
    pub fn is_dual(&self) -> bool {
        self.params.iter().any(|(_, w)| w.tangent().is_some())
    }

    /// Checks that every id is in the vocabulary and every sequence fits into the context.
    pub fn check(&self, batch: &Batch) -> Result<()> {
        let vocab_size = self.config.vocab_size;
        if let Some(id) = batch.tokens.iter().chain(&batch.targets).find(|id| **id as usize >= vocab_size) {
            return Err(Error::data(format!(
                "token id {id} exceeds the vocabulary of the model ({vocab_size} tokens)"
            ))
            .hint("the rows or the tokenizer belong to another model"));
        }
        let longest = batch.offsets.iter().map(|r| r.len()).max().unwrap_or(0);
        if longest > self.config.n_ctx {
            let n_ctx = self.config.n_ctx;
            return Err(Error::data(format!(
                "a text of {longest} tokens is longer than the context of the model ({n_ctx})"
            ))
            .hint("cut it, or read it in windows"));
        }
        Ok(())
    }

    /// Token embeddings, with learned positions where the family has them.
    pub(crate) fn embed(&self, tokens: &[u32], positions: &[u32]) -> Result<Tensor> {
        let mut x = self.kernels.zeros(&[tokens.len(), self.config.d_model], self.is_dual())?;
        self.kernels.embed_acc(&mut x, self.params.get(self.embed), tokens)?;
        if let Some(table) = self.positions {
            self.kernels.embed_acc(&mut x, self.params.get(table), positions)?;
        }
        Ok(x)
    }

    /// Runs all blocks and the final norm on rows whose keys and values `attend` knows: for decoding
    /// with a cache. Gives what the head reads, (N, C).
    pub(crate) fn forward_rows(&self, tokens: &[u32], positions: &[u32], attend: &mut Attend<'_>) -> Result<Tensor> {
        let mut x = self.embed(tokens, positions)?;
        for layer in 0..self.blocks.len() {
            x = self.block_forward(layer, x, positions, &mut NoTap, attend)?.0;
        }
        self.apply_norm(&x, self.final_norm)
    }

    /// Runs a batch up to the final norm. The head is not applied: see [`crate::score`] and [`crate::loss`].
    pub fn forward(&self, batch: &Batch, tap: &mut dyn Tap, keep: Keep) -> Result<Acts> {
        self.check(batch)?;
        let positions: Vec<u32> = batch.offsets.iter().flat_map(|r| 0..r.len() as u32).collect();
        let spans = spans(&batch.offsets);
        let mut resid = self.embed(&batch.tokens, &positions)?;
        visit(tap, 0, Site::Embed, &mut resid)?;
        let mut blocks = Vec::new();
        for layer in 0..self.blocks.len() {
            if keep == Keep::Residuals {
                blocks.push(Kept::Input(resid.copied()?));
            }
            let mut attend = |layer: usize, z: &mut Tensor, qkv: [&Tensor; 3], tap: &mut dyn Tap| {
                self.attend_packed(layer, z, qkv, &spans, tap)
            };
            let (next, acts) = self.block_forward(layer, resid, &positions, tap, &mut attend)?;
            if keep == Keep::All {
                blocks.push(Kept::Full(Box::new(acts)));
            }
            resid = next;
        }
        let mut hidden = self.apply_norm(&resid, self.final_norm)?;
        visit(tap, self.blocks.len(), Site::FinalNorm, &mut hidden)?;
        Ok(Acts { resid, hidden, blocks, positions, offsets: batch.offsets.clone() })
    }

    /// Carries ∂L/∂hidden (N, C) back through the model; gradients go to the sink as they arise.
    ///
    /// # Errors
    /// `Bug` when `acts` were made with [`Keep::Nothing`].
    pub fn backward(
        &self,
        batch: &Batch,
        acts: Acts,
        mut dhidden: Tensor,
        sink: &mut dyn GradSink,
        tap: &mut dyn Tap,
    ) -> Result<()> {
        if acts.blocks.len() != self.blocks.len() {
            return Err(Error::bug("backward after a forward that kept nothing"));
        }
        let spans = spans(&acts.offsets);
        let mut b = Backward { sink, tap, offsets: &acts.offsets, positions: &acts.positions, spans: &spans };
        b.visit(self.blocks.len(), Site::FinalNorm, &mut dhidden)?;
        let mut dx = self.kernels.zeros(dhidden.shape(), dhidden.is_dual())?;
        self.norm_backward(&mut dx, self.final_norm, &acts.resid, &dhidden, &mut b)?;
        for (layer, kept) in acts.blocks.into_iter().enumerate().rev() {
            let inside = match kept {
                Kept::Full(inside) => inside,
                Kept::Input(resid) => {
                    let mut attend = |layer: usize, z: &mut Tensor, qkv: [&Tensor; 3], tap: &mut dyn Tap| {
                        self.attend_packed(layer, z, qkv, &spans, tap)
                    };
                    Box::new(self.block_forward(layer, resid, b.positions, b.tap, &mut attend)?.1)
                }
            };
            let goes_on = self.wants_before(layer, &b);
            dx = self.block_backward(layer, dx, &inside, &mut b, goes_on)?;
            if !goes_on {
                return Ok(());
            }
        }
        b.visit(0, Site::Embed, &mut dx)?;
        if b.sink.wants(self.embed) {
            b.sink.embedding(self.embed, &batch.tokens, &dx, b.offsets)?;
        }
        match self.positions {
            Some(table) if b.sink.wants(table) => b.sink.embedding(table, b.positions, &dx, b.offsets),
            _ => Ok(()),
        }
    }
}
