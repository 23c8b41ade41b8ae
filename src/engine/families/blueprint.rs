//! A decoder before its numbers: structure, and a table of the tensors it is made of.

use std::sync::Arc;

use crate::error::Result;
use crate::kernels::Kernels;
use crate::model::{
    Adapters, BlockParams, Decoder, Linear, ModelConfig, NormParams, Orientation, ParamId, Params, Weight,
};

/// A tensor the model is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name in files that transformers writes.
    pub name: String,
    /// Another name some files use.
    pub alias: Option<String>,
    /// Its shape in the file.
    pub shape: Vec<usize>,
    /// How it lies, if it is a matrix.
    pub orientation: Orientation,
}

/// A decoder before its numbers. Its [`ParamId`]s are positions in `wanted`.
#[derive(Clone, Debug)]
pub struct Blueprint {
    /// The checked configuration.
    pub config: ModelConfig,
    /// Every tensor, in the order of the model.
    pub wanted: Vec<Wanted>,
    /// Beginning of the names of the blocks, such as `transformer.h.`
    pub block_prefix: String,
    pub(super) embed: ParamId,
    pub(super) positions: Option<ParamId>,
    pub(super) blocks: Vec<BlockParams>,
    pub(super) final_norm: NormParams,
    pub(super) head: Linear,
}

impl Blueprint {
    /// Number of elements of all tensors together.
    pub fn n_elements(&self) -> usize {
        self.wanted.iter().map(|w| w.shape.iter().product::<usize>()).sum()
    }

    /// The parameters of each block.
    pub fn blocks(&self) -> &[BlockParams] {
        &self.blocks
    }

    /// The norm before the head.
    pub fn final_norm(&self) -> NormParams {
        self.final_norm
    }

    /// The decoder, with the numbers that `fill` finds for each tensor.
    pub fn build(self, kernels: Arc<dyn Kernels>, mut fill: impl FnMut(&Wanted) -> Result<Weight>) -> Result<Decoder> {
        let mut params = Params::default();
        for wanted in &self.wanted {
            params.push(fill(wanted)?);
        }
        Ok(Decoder {
            config: self.config,
            params,
            embed: self.embed,
            positions: self.positions,
            blocks: self.blocks,
            final_norm: self.final_norm,
            head: self.head,
            adapters: Adapters::default(),
            kernels,
        })
    }
}

/// Collects the table while a family lays out its parts.
pub(super) struct Table {
    wanted: Vec<Wanted>,
    /// Left out by some files.
    base_prefix: &'static str,
}

impl Table {
    /// An empty table; files may leave `base_prefix` out of every name.
    pub(super) fn new(base_prefix: &'static str) -> Self {
        Self { wanted: Vec::new(), base_prefix }
    }

    /// A tensor of this name and shape.
    pub(super) fn tensor(&mut self, name: String, shape: &[usize], orientation: Orientation) -> ParamId {
        let alias = name.strip_prefix(self.base_prefix).map(str::to_owned);
        self.wanted.push(Wanted { name, alias, shape: shape.to_vec(), orientation });
        ParamId((self.wanted.len() - 1) as u32)
    }

    /// A tensor that some files call `alias`.
    pub(super) fn renamed(&mut self, name: &str, alias: &str, shape: &[usize]) -> ParamId {
        let id = self.tensor(name.to_owned(), shape, Orientation::OutIn);
        if let Some(wanted) = self.wanted.last_mut() {
            wanted.alias = Some(alias.to_owned());
        }
        id
    }

    /// `prefix.weight` (rows, width), an embedding table.
    pub(super) fn embedding(&mut self, prefix: &str, rows: usize, width: usize) -> ParamId {
        self.tensor(format!("{prefix}.weight"), &[rows, width], Orientation::OutIn)
    }

    /// `prefix.weight` (out, in), and `prefix.bias` (out) if wanted.
    pub(super) fn linear(&mut self, prefix: &str, d_out: usize, d_in: usize, bias: bool) -> Linear {
        let weight = self.tensor(format!("{prefix}.weight"), &[d_out, d_in], Orientation::OutIn);
        Linear { weight, bias: bias.then(|| self.vector(format!("{prefix}.bias"), d_out)) }
    }

    /// GPT-2's Conv1D: `prefix.weight` (in, out) and `prefix.bias` (out).
    pub(super) fn conv1d(&mut self, prefix: &str, d_in: usize, d_out: usize) -> Linear {
        let weight = self.tensor(format!("{prefix}.weight"), &[d_in, d_out], Orientation::InOut);
        Linear { weight, bias: Some(self.vector(format!("{prefix}.bias"), d_out)) }
    }

    /// `prefix.weight` and `prefix.bias`, both (width).
    pub(super) fn layer_norm(&mut self, prefix: &str, width: usize) -> NormParams {
        let gain = self.vector(format!("{prefix}.weight"), width);
        NormParams { gain, bias: Some(self.vector(format!("{prefix}.bias"), width)) }
    }

    /// `prefix.weight` (width).
    pub(super) fn rms_norm(&mut self, prefix: &str, width: usize) -> NormParams {
        NormParams { gain: self.vector(format!("{prefix}.weight"), width), bias: None }
    }

    /// The output head: the input embedding, or `lm_head.weight` (vocabulary, width) of its own.
    pub(super) fn head(&mut self, config: &ModelConfig, embed: ParamId) -> Linear {
        if config.tied_embeddings {
            return Linear { weight: embed, bias: None };
        }
        self.linear("lm_head", config.vocab_size, config.d_model, false)
    }

    fn vector(&mut self, name: String, width: usize) -> ParamId {
        self.tensor(name, &[width], Orientation::OutIn)
    }

    /// The finished table.
    pub(super) fn finish(self) -> Vec<Wanted> {
        self.wanted
    }
}
