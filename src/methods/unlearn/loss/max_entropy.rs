//! Maximum entropy: predictions on the texts to forget become uniform.

use super::{BATCH, DECAY, EPOCHS, LR, MAX_STEPS, Objective, Texts, gamma_alpha, mean_of, rows};
use crate::engine::objective::Signal;
use crate::error::Result;
use crate::methods::unlearn::course::NATS;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "max-entropy",
    title: "Maximum entropy",
    about: "makes the predictions on the texts to forget uniform",
    formula: "L = mean Σ p ln p + retain",
    source: "LLM360/Analysis360, analysis/unlearning",
    paper: "every token counts, those of prompts too",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY, ("gamma", 1.0), ("alpha", 1.0)],
    retain: Need::Optional,
    answers: Need::No,
    how: How::Objective(make),
};

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    Ok(Box::new(MaxEntropy { is_paper: job.config.is_paper(), weights: gamma_alpha(job)? }))
}

pub(super) struct MaxEntropy {
    pub(super) is_paper: bool,
    pub(super) weights: [f64; 2],
}

impl Objective for MaxEntropy {
    fn counts_prompts(&self) -> bool {
        self.is_paper
    }

    fn forget<'s>(&'s self, texts: &Texts<'s>, _: &[f64]) -> Signal<'s> {
        let n = texts.n_rows();
        let loss = move |_: usize, z: &mut [f64], _: &[f64]| mean_of(z, n, rows::negative_entropy);
        Signal::Rows { loss: Box::new(loss), against: None }
    }

    fn unit(&self) -> &'static str {
        NATS
    }

    fn weights(&self) -> [f64; 2] {
        self.weights
    }
}
