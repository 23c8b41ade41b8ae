//! SimNPO: as NPO, but of the mean loss of a text and without the model before.
//!
//! −(2/β) ln σ(β(n̄ − δ)), n̄ = mean −ln p over the counted tokens; β → 0 is gradient ascent.
//! Source: Fan et al. 2024, arXiv:2410.07163, eq. 4; `locuslab/open-unlearning`.

use super::npo::of_text;
use super::{BATCH, DECAY, EPOCHS, LR, MAX_STEPS, Objective, Texts, gamma_alpha};
use crate::engine::objective::Signal;
use crate::error::Result;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "sim-npo",
    title: "SimNPO",
    about: "raises the mean loss of each text to forget, the more slowly the larger it is",
    formula: "L = −(2/β)·mean ln σ(β(n̄ − δ)) + retain, n̄ = mean −ln p of a text",
    source: "Fan et al. 2024, arXiv:2410.07163, eq. 4",
    paper: "the KL term covers the tokens of prompts too",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY, ("beta", 4.5), ("delta", 0.0), ("gamma", 0.125), ("alpha", 1.0)],
    retain: Need::Optional,
    answers: Need::No,
    how: How::Objective(make),
};

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    let (beta, delta) = (job.knobs.get("beta")?, job.knobs.get("delta")?);
    Ok(Box::new(SimNpo { beta, delta, weights: gamma_alpha(job)? }))
}

pub(super) struct SimNpo {
    pub(super) beta: f64,
    pub(super) delta: f64,
    pub(super) weights: [f64; 2],
}

impl Objective for SimNpo {
    fn wants_losses(&self) -> bool {
        true
    }

    fn forget<'s>(&'s self, texts: &Texts<'s>, nll: &[f64]) -> Signal<'s> {
        let n = texts.batch.offsets.len().max(1) as f64;
        let (mut value, mut factors) = (0.0, Vec::new());
        for rows in texts.sequences() {
            let length = texts.counted(rows.clone());
            let [loss, slope] = of_text(self.delta - nll[rows].iter().sum::<f64>() / length, self.beta);
            value += loss / n;
            factors.push(-slope / (length * n));
        }
        Signal::Weights { weights: texts.spread(&factors), value }
    }

    fn weights(&self) -> [f64; 2] {
        self.weights
    }
}
