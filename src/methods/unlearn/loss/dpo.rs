//! DPO: another answer becomes more likely than the true one.
//!
//! −(2/β) ln σ(β[(s_other − s_other,before) − (s − s_before)]), s = Σ ln p over the counted tokens, a sum and not a mean;
//! β → 0 raises one and lowers the other without a bound.
//! Source: Rafailov et al. 2023, arXiv:2305.18290, eq. 7; as in `locuslab/open-unlearning` (AltPO: Mekala et al. 2024,
//! arXiv:2409.13474).

use std::borrow::Cow;

use super::npo::of_text;
use super::{BATCH, DECAY, EPOCHS, LR, MAX_STEPS, Objective, Sequence, Texts, Wanted, gamma_alpha, own};
use crate::engine::objective::Signal;
use crate::error::Result;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::sets::Item;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "dpo",
    title: "DPO",
    about: "makes another answer, given as `answers`, more likely than the true one",
    formula: "L = −(2/β)·mean ln σ(β[(s_other − s_other,before) − (s − s_before)]) + retain",
    source: "Rafailov et al. 2023, arXiv:2305.18290, eq. 7; Mekala et al. 2024, arXiv:2409.13474",
    paper: "the KL term covers the tokens of prompts too",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY, ("beta", 0.1), ("gamma", 1.0), ("alpha", 1.0)],
    retain: Need::Optional,
    answers: Need::Yes,
    how: How::Objective(make),
};

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    Ok(Box::new(Dpo { beta: job.knobs.get("beta")?, weights: gamma_alpha(job)? }))
}

pub(super) struct Dpo {
    pub(super) beta: f64,
    pub(super) weights: [f64; 2],
}

impl Objective for Dpo {
    fn reference(&self) -> Wanted {
        Wanted::Sums
    }

    /// The other answer, then the true one.
    fn sequences<'i>(&self, item: &'i Item, draw: u64) -> Vec<Sequence<'i>> {
        let n = item.answers.len().max(1) as u64;
        let answer = item.answers.get((draw % n) as usize);
        let other = answer.map(|a| Sequence { ids: Cow::Borrowed(a.ids.as_slice()), labelled: a.labelled });
        other.into_iter().chain([own(item)]).collect()
    }

    fn wants_losses(&self) -> bool {
        true
    }

    fn forget<'s>(&'s self, texts: &Texts<'s>, nll: &[f64]) -> Signal<'s> {
        preferences(self.beta, texts, nll)
    }

    fn weights(&self) -> [f64; 2] {
        self.weights
    }
}

/// The signal for sequences in pairs: what is preferred, then what is not.
pub(super) fn preferences<'s>(beta: f64, texts: &Texts<'s>, nll: &[f64]) -> Signal<'s> {
    let gains: Vec<f64> =
        texts.sequences().zip(texts.sums).map(|(rows, before)| -nll[rows].iter().sum::<f64>() - before).collect();
    let n = (gains.len() / 2).max(1) as f64;
    let (mut value, mut factors) = (0.0, Vec::new());
    for pair in gains.chunks_exact(2) {
        let [loss, slope] = of_text(pair[1] - pair[0], beta);
        value += loss / n;
        factors.extend([slope / n, -slope / n]);
    }
    Signal::Weights { weights: texts.spread(&factors), value }
}
