//! CE-U: cross-entropy with the predictions of the model itself, from which the true token is taken.
//!
//! The first `skip` counted tokens of a text are passed over.

use super::{BATCH, DECAY, EPOCHS, LR, MAX_STEPS, Objective, Texts, mean_of, rows};
use crate::engine::objective::Signal;
use crate::error::Result;
use crate::methods::unlearn::course::NATS;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "ce-u",
    title: "CE-U",
    about: "learns the predictions of now without the true token",
    formula: "L = mean CE(p, q), q = softmax of the logits without the true token, constant",
    source: "Yang 2025, arXiv:2503.01224; open-unlearning",
    paper: "",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY, ("skip", 1.0)],
    retain: Need::No,
    answers: Need::No,
    how: How::Objective(make),
};

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    Ok(Box::new(CeU { skip: job.knobs.count("skip")? }))
}

pub(super) struct CeU {
    pub(super) skip: usize,
}

impl Objective for CeU {
    fn forget<'s>(&'s self, texts: &Texts<'s>, _: &[f64]) -> Signal<'s> {
        let batch = texts.batch;
        let mut counts = vec![false; batch.weights.len()];
        for rows in texts.sequences() {
            let counted = rows.filter(|r| batch.weights[*r] != 0.0).skip(self.skip);
            counted.for_each(|r| counts[r] = true);
        }
        let n = counts.iter().filter(|c| **c).count().max(1) as f64;
        let loss = move |row: usize, z: &mut [f64], _: &[f64]| {
            if !counts[row] {
                z.fill(0.0);
                return 0.0;
            }
            mean_of(z, n, |z| rows::ce_u(z, batch.targets[row] as usize))
        };
        Signal::Rows { loss: Box::new(loss), against: None }
    }

    fn unit(&self) -> &'static str {
        NATS
    }

    fn weights(&self) -> [f64; 2] {
        [1.0, 0.0]
    }
}
