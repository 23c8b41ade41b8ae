//! Gradient difference: the loss on the texts to forget rises, that on retained texts falls.

use super::{BATCH, DECAY, EPOCHS, LR, MAX_STEPS, Objective, Texts, ascent, gamma_alpha};
use crate::engine::objective::Signal;
use crate::error::Result;
use crate::methods::unlearn::course::NATS;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "grad-diff",
    title: "Gradient difference",
    about: "raises the loss on the texts to forget and lowers that on retained texts",
    formula: "L = −γ·NLL(forget) + α·NLL(retain)",
    source: "Liu et al. 2022, arXiv:2203.12817; open-unlearning",
    paper: "the KL term covers the tokens of prompts too",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY, ("gamma", 1.0), ("alpha", 1.0)],
    retain: Need::Yes,
    answers: Need::No,
    how: How::Objective(make),
};

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    Ok(Box::new(GradDiff { weights: gamma_alpha(job)? }))
}

struct GradDiff {
    weights: [f64; 2],
}

impl Objective for GradDiff {
    fn wants_losses(&self) -> bool {
        true
    }

    fn forget<'s>(&'s self, texts: &Texts<'s>, nll: &[f64]) -> Signal<'s> {
        ascent(texts, nll)
    }

    fn unit(&self) -> &'static str {
        NATS
    }

    fn weights(&self) -> [f64; 2] {
        self.weights
    }
}
