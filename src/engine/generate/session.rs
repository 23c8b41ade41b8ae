//! A decoder with its cache, one token at a time.

use super::step_model::StepModel;
use crate::cache::KvCache;
use crate::error::Result;
use crate::kernels::{Want, gather_rows};
use crate::model::{Decoder, Weight};
use crate::tensor::Tensor;

/// A decoder that remembers what it has read.
pub(super) struct Session<'a> {
    model: &'a Decoder,
    cache: KvCache,
    /// What the head reads for each row, (rows, C).
    hidden: Tensor,
}

impl<'a> Session<'a> {
    /// Nothing is read yet.
    pub(super) fn new(model: &'a Decoder) -> Result<Self> {
        let cache = KvCache::new(model, 0, 0)?;
        Ok(Self { model, cache, hidden: model.kernels.stale(&[0, model.config.d_model], false)? })
    }

    fn head(&self) -> (&'a Weight, Option<&'a Weight>) {
        let params = &self.model.params;
        (params.get(self.model.head.weight), self.model.head.bias.map(|b| params.get(b)))
    }
}

impl StepModel for Session<'_> {
    fn vocab_size(&self) -> usize {
        self.model.config.vocab_size
    }

    fn n_ctx(&self) -> usize {
        self.model.config.n_ctx
    }

    fn prefill(&mut self, prompts: &[&[u32]], n_rows: usize, capacity: usize) -> Result<()> {
        self.cache = KvCache::new(self.model, n_rows, capacity)?;
        self.cache.restart(prompts.len())?;
        let hidden = self.model.step(&mut self.cache, prompts)?;
        let ends = prompts.iter().scan(0, |end, prompt| {
            *end += prompt.len();
            Some(*end)
        });
        let last: Vec<usize> = ends.map(|end| end - 1).collect();
        self.hidden = gather_rows(&*self.model.kernels, &hidden, &last, false)?;
        Ok(())
    }

    fn step(&mut self, tokens: &[u32]) -> Result<()> {
        let tokens: Vec<&[u32]> = tokens.chunks(1).collect();
        self.hidden = self.model.step(&mut self.cache, &tokens)?;
        Ok(())
    }

    fn reorder(&mut self, parents: &[usize]) -> Result<()> {
        self.cache.reorder(parents)
    }

    fn logits(&self) -> Result<Tensor> {
        let (weight, bias) = self.head();
        let mut logits = self.model.kernels.stale(&[self.hidden.rows(), self.vocab_size()], false)?;
        self.model.kernels.linear(&mut logits, &self.hidden, weight, bias)?;
        Ok(logits)
    }

    fn likeliest(&self, n: usize) -> Result<Vec<Vec<(u32, f64)>>> {
        let (weight, bias) = self.head();
        let want = Want { top: n, ..Want::default() };
        // The scores of some target come along; any token will do.
        let targets = vec![0; self.hidden.rows()];
        let scores = self.model.kernels.token_scores(&self.hidden, weight, bias, &targets, want)?;
        Ok(scores.into_iter().map(|s| s.top).collect())
    }
}
