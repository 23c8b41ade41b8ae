//! WGA: gradient ascent, each token weighted by its probability to the power β, taken as constant.

use super::{BATCH, DECAY, EPOCHS, LR, MAX_STEPS, Objective, Texts, gamma_alpha};
use crate::engine::Real;
use crate::engine::objective::Signal;
use crate::error::Result;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "wga",
    title: "WGA",
    about: "raises the loss of tokens of the texts to forget, the likely ones most",
    formula: "L = −mean p^β·(−ln p) with p constant + retain",
    source: "Wang et al. 2025, arXiv:2502.19301; open-unlearning",
    paper: "the KL term covers the tokens of prompts too",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY, ("beta", 1.0), ("gamma", 1.0), ("alpha", 1.0)],
    retain: Need::Optional,
    answers: Need::No,
    how: How::Objective(make),
};

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    Ok(Box::new(Weighted { beta: job.knobs.get("beta")?, weights: gamma_alpha(job)? }))
}

pub(super) struct Weighted {
    pub(super) beta: f64,
    pub(super) weights: [f64; 2],
}

impl Objective for Weighted {
    fn wants_losses(&self) -> bool {
        true
    }

    fn forget<'s>(&'s self, texts: &Texts<'s>, nll: &[f64]) -> Signal<'s> {
        let n = texts.n_rows();
        let factor = |nll: &f64| {
            let p = (-nll).exp();
            p.powf(self.beta)
        };
        let weights = texts.batch.weights.iter().zip(nll).map(|(w, l)| -w * (factor(l) / n) as Real).collect();
        Signal::Weights { weights, value: -nll.iter().map(|l| factor(l) * l).sum::<f64>() / n }
    }

    fn weights(&self) -> [f64; 2] {
        self.weights
    }
}
