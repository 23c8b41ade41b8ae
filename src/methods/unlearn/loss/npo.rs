//! NPO: negative preference optimization, a bounded form of gradient ascent.
//!
//! −(2/β) ln σ(−β(s − s_before)), s = Σ ln p over the counted tokens of a text; β → 0 is gradient ascent.
//! Source: Zhang et al. 2024, arXiv:2404.05868, eq. 3; `locuslab/open-unlearning`.

use super::{BATCH, DECAY, EPOCHS, LR, MAX_STEPS, Objective, Texts, Wanted, gamma_alpha, rows};
use crate::engine::objective::Signal;
use crate::error::Result;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "npo",
    title: "NPO",
    about: "makes the texts to forget less likely than before, the more slowly the less likely they are",
    formula: "L = −(2/β)·mean ln σ(−β(s − s_before)) + retain, s = Σ ln p of a text",
    source: "Zhang et al. 2024, arXiv:2404.05868, eq. 3",
    paper: "the KL term covers the tokens of prompts too",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY, ("beta", 0.1), ("gamma", 1.0), ("alpha", 1.0)],
    retain: Need::Optional,
    answers: Need::No,
    how: How::Objective(make),
};

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    Ok(Box::new(Npo { beta: job.knobs.get("beta")?, weights: gamma_alpha(job)? }))
}

pub(super) struct Npo {
    pub(super) beta: f64,
    pub(super) weights: [f64; 2],
}

impl Objective for Npo {
    fn reference(&self) -> Wanted {
        Wanted::Sums
    }

    fn wants_losses(&self) -> bool {
        true
    }

    fn forget<'s>(&'s self, texts: &Texts<'s>, nll: &[f64]) -> Signal<'s> {
        let n = texts.sums.len().max(1) as f64;
        let (mut value, mut factors) = (0.0, Vec::new());
        for (rows, before) in texts.sequences().zip(texts.sums) {
            let [loss, slope] = of_text(-nll[rows].iter().sum::<f64>() - before, self.beta);
            value += loss / n;
            // s = −Σ nll
            factors.push(-slope / n);
        }
        Signal::Weights { weights: texts.spread(&factors), value }
    }

    fn weights(&self) -> [f64; 2] {
        self.weights
    }
}

/// −(2/β) ln σ(−βd) and its derivative 2σ(βd); for β = 0 their limit without the constant: d and 1.
pub(super) fn of_text(d: f64, beta: f64) -> [f64; 2] {
    if beta == 0.0 {
        return [d, 1.0];
    }
    [-2.0 / beta * rows::log_sigmoid(-beta * d), 2.0 * rows::sigmoid(beta * d)]
}
