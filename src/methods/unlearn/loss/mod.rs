//! Techniques that train the model with a loss on the texts to forget, and mostly one on texts to retain.
//!
//! L = γ·L_forget + α·L_retain. The texts to forget are passed in shuffled order, and each is paired with a retained text
//! drawn by chance. AdamW; the learning rate falls linearly after a first epoch of warm-up where there are more.
//! What the model said before is computed once for the texts that need it, and the copy of the model that said it goes.
//! Source: `locuslab/open-unlearning`, `src/trainer`; `LLM360/Analysis360`, `analysis/unlearning`, whose schedule-free
//! optimizer is AdamW here.

mod ce_u;
mod dpo;
mod grad_ascent;
mod grad_diff;
mod idk_dpo;
mod kl;
mod max_entropy;
mod min_posterior;
mod npo;
mod pdu;
mod random_mapping;
mod rmu;
mod sat_imp;
mod sim_npo;
mod task_vector;
mod undial;
mod wga;

#[cfg(test)]
mod checks;
mod reference;
mod rows;
pub mod train;

use super::job::Job;
use super::sets::Item;
use super::technique::Technique;
use crate::engine::hooks::Tap;
use crate::engine::objective::Signal;
use crate::engine::{Batch, Real};
use crate::error::Result;

/// Sorted by id.
pub(super) const TECHNIQUES: &[&Technique] = &[
    &ce_u::TECHNIQUE,
    &dpo::TECHNIQUE,
    &grad_ascent::TECHNIQUE,
    &grad_diff::TECHNIQUE,
    &idk_dpo::TECHNIQUE,
    &kl::TECHNIQUE,
    &max_entropy::TECHNIQUE,
    &min_posterior::TECHNIQUE,
    &npo::TECHNIQUE,
    &pdu::TECHNIQUE,
    &random_mapping::TECHNIQUE,
    &rmu::TECHNIQUE,
    &sat_imp::TECHNIQUE,
    &sim_npo::TECHNIQUE,
    &task_vector::TECHNIQUE,
    &undial::TECHNIQUE,
    &wga::TECHNIQUE,
];

/// Settings that all of them share: those of TOFU in open-unlearning, except the batch of a small machine.
pub(super) const EPOCHS: (&str, f64) = ("epochs", 10.0);
pub(super) const MAX_STEPS: (&str, f64) = ("max_steps", 0.0);
pub(super) const BATCH: (&str, f64) = ("batch", 32.0);
pub(super) const LR: (&str, f64) = ("lr", 1e-5);
pub(super) const DECAY: (&str, f64) = ("weight_decay", 0.01);

/// What the model before says about a text, as far as an objective asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing.
    Nothing,
    /// Σ ln p over the counted tokens.
    Sums,
    /// What the head reads, to form logits from.
    Logits,
    /// The output of a block.
    Block(usize),
}

/// A text that goes through the model: ids, and the first token that counts.
#[derive(Clone, Debug)]
pub struct Sequence<'a> {
    /// Token ids.
    pub ids: std::borrow::Cow<'a, [u32]>,
    /// Index of the first token that counts.
    pub labelled: usize,
}

/// The texts of a step.
pub struct Texts<'a> {
    /// Rows that count have the weight 1.
    pub batch: &'a Batch,
    /// By sequence: Σ ln p of the model before, where it was asked for.
    pub sums: &'a [f64],
}

impl Texts<'_> {
    /// Number of rows that count.
    pub fn n_rows(&self) -> f64 {
        self.batch.weights.iter().filter(|w| **w != 0.0).count().max(1) as f64
    }

    /// For each sequence its rows.
    pub fn sequences(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        self.batch.offsets.iter()
    }

    /// Counted rows of a sequence.
    pub fn counted(&self, rows: std::ops::Range<usize>) -> f64 {
        self.batch.weights[rows].iter().filter(|w| **w != 0.0).count().max(1) as f64
    }

    /// Weights of all rows from one number a sequence.
    pub fn spread(&self, by_sequence: &[f64]) -> Vec<Real> {
        let mut weights = self.batch.weights.clone();
        for (rows, factor) in self.batch.offsets.iter().zip(by_sequence) {
            weights[rows].iter_mut().for_each(|w| *w *= *factor as Real);
        }
        weights
    }
}

/// A loss on texts to forget.
pub trait Objective {
    /// What it asks of the model before, about the texts to forget.
    fn reference(&self) -> Wanted {
        Wanted::Nothing
    }
    /// What goes through the model for a text to forget.
    fn sequences<'i>(&self, item: &'i Item, draw: u64) -> Vec<Sequence<'i>> {
        let _ = draw;
        vec![own(item)]
    }
    /// Whether every prediction counts, those of the prompt too.
    fn counts_prompts(&self) -> bool {
        false
    }
    /// Whether [`Self::forget`] looks at the losses of the rows.
    fn wants_losses(&self) -> bool {
        false
    }
    /// What goes back, given −ln p(target) of each row.
    fn forget<'s>(&'s self, texts: &Texts<'s>, nll: &[f64]) -> Signal<'s>;
    /// A tap on the way through the texts to forget: for losses of activations.
    fn tap<'s>(&'s self, texts: &Texts<'s>) -> Option<Box<dyn LossTap + 's>> {
        let _ = texts;
        None
    }
    /// The block whose output is kept as it was for retained texts, instead of a loss of their logits.
    fn retain_block(&self) -> Option<usize> {
        None
    }
    /// Whether retained texts keep their predictions (KL) whatever `retain_loss` says.
    fn retains_predictions(&self) -> bool {
        false
    }
    /// Unit of the loss on texts to forget; empty for sums, distances and weighted losses.
    fn unit(&self) -> &'static str {
        ""
    }
    /// γ and α of this step.
    fn weights(&self) -> [f64; 2];
    /// Called after each step of `epoch` with the loss on retained texts.
    fn after_step(&mut self, epoch: usize, retain_loss: Option<f64>) {
        let _ = (epoch, retain_loss);
    }
    /// A number that changes during training, to be shown: name and value.
    fn dual(&self) -> Option<(&'static str, f64)> {
        None
    }
}

/// A tap that knows its loss after the forward pass.
pub trait LossTap: Tap {
    /// The loss.
    fn value(&self) -> f64;
    /// Multiplies the gradient, not the loss.
    fn scale(&mut self, factor: f64);
}

/// The text to forget itself.
pub(super) fn own(item: &Item) -> Sequence<'_> {
    Sequence { ids: std::borrow::Cow::Borrowed(&item.text.ids), labelled: item.labelled }
}

/// γ and α as given.
pub(super) fn gamma_alpha(job: &Job<'_, '_>) -> Result<[f64; 2]> {
    Ok([job.knobs.get("gamma")?, job.knobs.get("alpha")?])
}

/// The signal of −Σ over counted rows of nll / their number: gradient ascent.
pub(super) fn ascent<'s>(texts: &Texts<'s>, nll: &[f64]) -> Signal<'s> {
    let n = texts.n_rows();
    let weights = texts.batch.weights.iter().map(|w| -w / n as Real).collect();
    Signal::Weights { weights, value: -nll.iter().sum::<f64>() / n }
}

/// The share of one of `n` rows in the mean of a row's loss: divides gradient and value.
pub(super) fn mean_of(z: &mut [f64], n: f64, loss: impl FnOnce(&mut [f64]) -> f64) -> f64 {
    let value = loss(z);
    for g in z.iter_mut() {
        *g /= n;
    }
    value / n
}
