//! UNDIAL: self-distillation from logits in which the true token is lowered by β.
//!
//! Differs from the original: its mean runs over prompts too, whose label −100 lowers the token V − 100; paper mode does
//! so too.

use super::{BATCH, DECAY, EPOCHS, LR, MAX_STEPS, Objective, Texts, Wanted, gamma_alpha, mean_of, rows};
use crate::engine::objective::Signal;
use crate::error::Result;
use crate::methods::unlearn::course::NATS;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "undial",
    title: "UNDIAL",
    about: "learns the predictions of before with the true token made less likely",
    formula: "L = mean CE(p, softmax(z_before − β·one-hot)) + retain",
    source: "Dong et al. 2025, arXiv:2402.10052; open-unlearning",
    paper: "the tokens of prompts count, with token V − 100 in the place of the true one",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY, ("beta", 10.0), ("gamma", 1.0), ("alpha", 0.0)],
    retain: Need::Optional,
    answers: Need::No,
    how: How::Objective(make),
};

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    Ok(Box::new(Undial { beta: job.knobs.get("beta")?, is_paper: job.config.is_paper(), weights: gamma_alpha(job)? }))
}

pub(super) struct Undial {
    pub(super) beta: f64,
    pub(super) is_paper: bool,
    pub(super) weights: [f64; 2],
}

impl Objective for Undial {
    fn reference(&self) -> Wanted {
        Wanted::Logits
    }

    fn counts_prompts(&self) -> bool {
        self.is_paper
    }

    fn forget<'s>(&'s self, texts: &Texts<'s>, _: &[f64]) -> Signal<'s> {
        let (n, batch) = (texts.n_rows(), texts.batch);
        let loss = move |row: usize, z: &mut [f64], before: &[f64]| {
            // Rows of a prompt carry no weight of their own but 1/2: see `train::batch_of`.
            let is_prompt = batch.weights[row] != 1.0;
            let target = if is_prompt { z.len().saturating_sub(100) } else { batch.targets[row] as usize };
            mean_of(z, n, |z| rows::undial(z, before, target, self.beta))
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
