//! Minimum posterior: −ln(1 − p) of the true token; tokens with ln p below −15 add nothing.

use super::{BATCH, DECAY, EPOCHS, LR, MAX_STEPS, Objective, Texts, gamma_alpha, mean_of, rows};
use crate::engine::objective::Signal;
use crate::error::Result;
use crate::methods::unlearn::course::NATS;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "min-posterior",
    title: "Minimum posterior",
    about: "makes the true token of the texts to forget unlikely, and stops where it is",
    formula: "L = −mean ln(1 − p), terms with ln p < −15 left out + retain",
    source: "LLM360/Analysis360, analysis/unlearning",
    paper: "",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY, ("gamma", 1.0), ("alpha", 1.0)],
    retain: Need::Optional,
    answers: Need::No,
    how: How::Objective(make),
};

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    Ok(Box::new(MinPosterior { weights: gamma_alpha(job)? }))
}

pub(super) struct MinPosterior {
    pub(super) weights: [f64; 2],
}

impl Objective for MinPosterior {
    fn forget<'s>(&'s self, texts: &Texts<'s>, _: &[f64]) -> Signal<'s> {
        let (n, batch) = (texts.n_rows(), texts.batch);
        let loss = move |row: usize, z: &mut [f64], _: &[f64]| {
            mean_of(z, n, |z| rows::posterior(z, batch.targets[row] as usize))
        };
        Signal::Rows { loss: Box::new(loss), against: None }
    }

    fn unit(&self) -> &'static str {
        NATS
    }

    fn weights(&self) -> [f64; 2] {
        self.weights
    }
}
