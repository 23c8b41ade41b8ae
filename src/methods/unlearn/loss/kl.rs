//! KL: gradient ascent on the texts to forget, and predictions on retained texts stay those of the model before.

use super::{BATCH, DECAY, EPOCHS, LR, MAX_STEPS, Objective, Texts, ascent, gamma_alpha};
use crate::engine::objective::Signal;
use crate::error::Result;
use crate::methods::unlearn::course::NATS;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "kl",
    title: "KL minimization",
    about: "raises the loss on the texts to forget and keeps the predictions on retained texts",
    formula: "L = −γ·NLL(forget) + α·KL(before ‖ now) on retain",
    source: "Maini et al. 2024 (TOFU), arXiv:2401.06121; open-unlearning",
    paper: "the KL term covers the tokens of prompts too",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY, ("gamma", 1.0), ("alpha", 1.0)],
    retain: Need::Yes,
    answers: Need::No,
    how: How::Objective(make),
};

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    Ok(Box::new(Kl { weights: gamma_alpha(job)? }))
}

struct Kl {
    weights: [f64; 2],
}

impl Objective for Kl {
    fn wants_losses(&self) -> bool {
        true
    }

    fn forget<'s>(&'s self, texts: &Texts<'s>, nll: &[f64]) -> Signal<'s> {
        ascent(texts, nll)
    }

    fn retains_predictions(&self) -> bool {
        true
    }

    fn unit(&self) -> &'static str {
        NATS
    }

    fn weights(&self) -> [f64; 2] {
        self.weights
    }
}
