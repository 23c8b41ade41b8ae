//! PDU: primal and dual unlearning, with a bound ε on the loss of retained texts.
//!
//! The dual variable μ begins at α and moves after `skip` epochs; it is a live curve of the run.

use super::{BATCH, DECAY, EPOCHS, LR, MAX_STEPS, Objective, Texts, mean_of, rows};
use crate::engine::objective::Signal;
use crate::error::Result;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "pdu",
    title: "PDU",
    about: "flattens the logits on the texts to forget while the loss on retained texts stays below a bound",
    formula: "L = γ·mean (max z − mean z)² + μ(L_retain − ε); μ ← max(0, μ + η(L_retain − ε)) after each step",
    source: "Entesari et al. 2025, arXiv:2506.05314; open-unlearning",
    paper: "",
    knobs: &[
        EPOCHS,
        MAX_STEPS,
        BATCH,
        LR,
        DECAY,
        ("epsilon", 0.5),
        ("dual_lr", 1.0),
        ("skip", 5.0),
        ("gamma", 1.0),
        ("alpha", 50.0),
    ],
    retain: Need::Yes,
    answers: Need::No,
    how: How::Objective(make),
};

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    let knob = |name| job.knobs.get(name);
    let warm_up = job.knobs.count("skip")?;
    let (gamma, dual, epsilon, dual_lr) = (knob("gamma")?, knob("alpha")?, knob("epsilon")?, knob("dual_lr")?);
    Ok(Box::new(Pdu { gamma, dual, epsilon, dual_lr, warm_up }))
}

pub(super) struct Pdu {
    pub(super) gamma: f64,
    pub(super) dual: f64,
    pub(super) epsilon: f64,
    pub(super) dual_lr: f64,
    pub(super) warm_up: usize,
}

impl Objective for Pdu {
    fn forget<'s>(&'s self, texts: &Texts<'s>, _: &[f64]) -> Signal<'s> {
        let n = texts.n_rows();
        let loss = move |_: usize, z: &mut [f64], _: &[f64]| mean_of(z, n, rows::spread);
        Signal::Rows { loss: Box::new(loss), against: None }
    }

    fn weights(&self) -> [f64; 2] {
        [self.gamma, self.dual]
    }

    fn after_step(&mut self, epoch: usize, retain_loss: Option<f64>) {
        if let Some(loss) = retain_loss.filter(|_| epoch >= self.warm_up) {
            self.dual = (self.dual + self.dual_lr * (loss - self.epsilon)).max(0.0);
        }
    }

    fn dual(&self) -> Option<(&'static str, f64)> {
        Some(("dual variable", self.dual))
    }
}
