//! Gradient ascent: the loss on the texts to forget rises. Nothing stops it: bound the steps.

use super::{BATCH, DECAY, EPOCHS, LR, MAX_STEPS, Objective, Texts, ascent};
use crate::engine::objective::Signal;
use crate::error::Result;
use crate::methods::unlearn::course::NATS;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "grad-ascent",
    title: "Gradient ascent",
    about: "raises the loss on the texts to forget; nothing stops it",
    formula: "L = −NLL(forget)",
    source: "Jang et al. 2023, arXiv:2210.01504; open-unlearning",
    paper: "",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY],
    retain: Need::No,
    answers: Need::No,
    how: How::Objective(make),
};

#[expect(clippy::unnecessary_wraps, reason = "objectives are made by functions that may refuse")]
fn make(_: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    Ok(Box::new(GradAscent))
}

struct GradAscent;

impl Objective for GradAscent {
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
        [1.0, 0.0]
    }
}
