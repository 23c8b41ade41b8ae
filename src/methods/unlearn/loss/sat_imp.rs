//! SatImp: gradient ascent, each token weighted by p^β₁(1−p)^β₂, taken as constant.
//!
//! The published code has the weights of forgetting and retaining in two contradictory orders; those of its text are
//! the defaults: 1 and 0.1.

use super::{BATCH, DECAY, EPOCHS, LR, MAX_STEPS, Objective, Texts, gamma_alpha};
use crate::engine::Real;
use crate::engine::objective::Signal;
use crate::error::Result;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "sat-imp",
    title: "SatImp",
    about: "raises the loss of tokens of the texts to forget, weighted by saturation and importance",
    formula: "L = −mean p^β₁(1−p)^β₂·(−ln p) with p constant + retain",
    source: "Yang et al. 2025, arXiv:2505.11953; open-unlearning",
    paper: "the KL term covers the tokens of prompts too",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY, ("beta", 5.0), ("beta2", 1.0), ("gamma", 1.0), ("alpha", 0.1)],
    retain: Need::Optional,
    answers: Need::No,
    how: How::Objective(make),
};

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    let betas = [job.knobs.get("beta")?, job.knobs.get("beta2")?];
    Ok(Box::new(Weighted { betas, weights: gamma_alpha(job)? }))
}

pub(super) struct Weighted {
    pub(super) betas: [f64; 2],
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
            p.powf(self.betas[0]) * (1.0 - p).max(0.0).powf(self.betas[1])
        };
        let weights = texts.batch.weights.iter().zip(nll).map(|(w, l)| -w * (factor(l) / n) as Real).collect();
        Signal::Weights { weights, value: -nll.iter().map(|l| factor(l) * l).sum::<f64>() / n }
    }

    fn weights(&self) -> [f64; 2] {
        self.weights
    }
}
