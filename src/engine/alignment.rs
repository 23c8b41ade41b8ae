//! Inner products of output-head gradients from forward passes alone (the Gram identity).
//!
//! With aₜ = weightₜ·(softmax zₜ − one-hot) and hₜ what the head reads, the head's gradient is Σ aₜhₜᵀ, so
//! ⟨G₁, G₂⟩ = Σ over s, t of (a_s·a'_t)(h_s·h'_t), and with a head bias (h_s·h'_t + 1).
//! No V × C matrix exists. The terms of the sum say which pair of tokens contributes how much.

use crate::error::Result;
use crate::hooks::NoTap;
use crate::model::{Decoder, Keep, Orientation, Weight};
use crate::tensor::{Batch, Offsets};

/// Terms of the inner products of all pairs of sequences of a batch.
pub struct HeadGram {
    offsets: Offsets,
    /// (N, N): (a_s·a_t)(h_s·h_t).
    terms: Vec<f64>,
}

/// Runs the batch forward and pairs its rows. For gradients of each sequence's own mean loss
/// use [`Batch::example_mean`].
pub fn head_gram(model: &Decoder, batch: &Batch) -> Result<HeadGram> {
    let hidden = model.forward(batch, &mut NoTap, Keep::Nothing)?.hidden;
    let n = hidden.rows();
    let (weight, bias) = (model.params.get(model.head.weight), model.head.bias.map(|b| model.params.get(b)));
    let kernels = &*model.kernels;
    let mut s = kernels.stale(&[n, n], false)?;
    kernels.head_gram(&mut s, &hidden, weight, bias, &batch.targets, &batch.weights)?;
    let other = Weight::owned("hidden", &[n, hidden.cols()], Orientation::OutIn, hidden.to_host()?.into_owned())?;
    let mut m = kernels.stale(&[n, n], false)?;
    kernels.linear(&mut m, &hidden, &other, None)?;
    let one = if bias.is_some() { 1.0 } else { 0.0 };
    #[cfg_attr(feature = "f64", expect(clippy::useless_conversion, reason = "f64 is its own wider type"))]
    let (s, m) = (s.to_host()?, m.to_host()?);
    let terms = s.iter().zip(m.iter()).map(|(a, h)| f64::from(*a) * (f64::from(*h) + one)).collect();
    Ok(HeadGram { offsets: batch.offsets.clone(), terms })
}

impl HeadGram {
    /// ⟨Gᵢ, Gⱼ⟩
    pub fn inner(&self, i: usize, j: usize) -> f64 {
        self.contributions(i, j).iter().sum()
    }

    /// ‖Gᵢ‖
    pub fn norm(&self, i: usize) -> f64 {
        self.inner(i, i).max(0.0).sqrt()
    }

    /// cos(Gᵢ, Gⱼ); `None` when one of them is zero.
    pub fn cosine(&self, i: usize, j: usize) -> Option<f64> {
        let norms = self.norm(i) * self.norm(j);
        (norms > 0.0).then(|| self.inner(i, j) / norms)
    }

    /// What each row of sequence i contributes to ⟨Gᵢ, Gⱼ⟩; they add up to it.
    pub fn contributions(&self, i: usize, j: usize) -> Vec<f64> {
        let n = self.offsets.total();
        let of_row = |s: usize| self.terms[s * n..(s + 1) * n][self.offsets.range(j)].iter().sum();
        self.offsets.range(i).map(of_row).collect()
    }
}
