//! Slimming: factors of the hidden units that are pushed to 0 unless reciting needs them.
//!
//! ã = a ⊙ clip(c, 0, 1), c = 1 at first; loss NLL(forget) + λ·mean |c| over all units, Adam; score = clip(c, 0, 1).
//! Source: Liu et al. 2017, arXiv:1708.06519; Chang et al. 2024, arXiv:2311.09060;
//! `msakarvadia/memorization`, `neuron/slimming.py`.
//! Differs from the original: it clears gradients once an epoch but steps at every batch, and its λ = 1000 moves every
//! factor alike, so that ties decide; paper mode does so too. Correct: gradients of one batch, λ such that the sparsity
//! term begins as large as the loss, learning rate 0.01, end when the mean factor is below 0.1.

use super::scale::{Adam, Scale};
use super::scored;
use super::zero_taylor::Frozen;
use crate::engine::Real;
use crate::engine::loss::loss_gradient;
use crate::engine::model::Keep;
use crate::error::Result;
use crate::methods::unlearn::job::{Job, batches, finite, token_mean};
use crate::methods::unlearn::scores::{Kind, Scored};
use crate::methods::unlearn::technique::{How, Localize, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "slimming",
    title: "Slimming",
    about: "removes hidden units whose trained factor stays large because the texts to forget need them",
    formula: "min_c NLL(a ⊙ clip(c, 0, 1)) + λ·mean|c|; score = clip(c, 0, 1)",
    source: "Liu et al. 2017, arXiv:1708.06519; Chang et al. 2024, arXiv:2311.09060",
    paper: "gradients are cleared once an epoch, lr 0.1, λ = 1000: ties decide",
    knobs: &[("ratio", 0.01), ("epochs", 20.0), ("batch", 64.0), ("lr", 0.01), ("sparsity_weight", 0.0)],
    retain: Need::No,
    answers: Need::No,
    how: How::Localize(&Slimming),
};

struct Slimming;

/// The published learning rate and weight of sparsity.
const PAPER: [f64; 2] = [0.1, 1000.0];
/// Mean factor at which the correct mode ends.
const END: f64 = 0.1;

impl Localize for Slimming {
    fn kind(&self) -> Kind {
        Kind::Neuron
    }

    fn unused(&self, is_paper: bool) -> &'static [&'static str] {
        if is_paper { &["lr", "sparsity_weight"] } else { &[] }
    }

    fn scores(&self, job: &mut Job<'_, '_>) -> Result<Vec<Scored>> {
        let (n_layer, d_ff) = (job.model.config.n_layer, job.model.config.d_ff);
        let (epochs, size, is_paper) = (job.knobs.count("epochs")?, job.knobs.count("batch")?, job.config.is_paper());
        let [lr, mut lambda] = if is_paper { PAPER } else { [job.knobs.get("lr")?, job.knobs.get("sparsity_weight")?] };
        let mut c = vec![1.0; n_layer * d_ff];
        let mut adam = Adam::new(c.len(), lr);
        let (steps, mut step) = (epochs * job.sets.forget.len().div_ceil(size), 0);
        let mut gradient = vec![0.0; c.len()];
        'epochs: for _ in 0..epochs {
            gradient.fill(0.0);
            for items in batches(&job.sets.forget, size) {
                job.tick(step, steps)?;
                if !is_paper {
                    gradient.fill(0.0);
                }
                let mut scale = Scale::new(factors(&c, d_ff));
                let batch = token_mean(&items.iter().collect::<Vec<_>>());
                let loss = finite(loss_gradient(&job.model, &batch, &mut Frozen, &mut scale, Keep::All)?.total)?;
                if lambda == 0.0 {
                    lambda = loss;
                }
                let share = lambda / c.len() as f64;
                add_gradient(&mut gradient, &c, scale.gradients.iter().flatten(), share);
                adam.step(&mut c, &gradient);
                step += 1;
                let mean = c.iter().map(|c| c.abs()).sum::<f64>() / c.len() as f64;
                job.nll("forget loss", step, loss);
                job.point("mean factor", step, mean);
                if !is_paper && mean < END {
                    break 'epochs;
                }
            }
        }
        Ok(scored(c.chunks(d_ff.max(1)).map(|c| c.iter().map(|c| c.clamp(0.0, 1.0)).collect()).collect()))
    }
}

/// Adds the gradient of a batch: that of the loss where c is not clipped now, and `share` times the sign of c.
fn add_gradient<'g>(sum: &mut [f64], c: &[f64], of_factors: impl Iterator<Item = &'g f64>, share: f64) {
    for ((sum, c), g) in sum.iter_mut().zip(c).zip(of_factors) {
        let own = if (0.0..=1.0).contains(c) { *g } else { 0.0 };
        *sum += own + if *c == 0.0 { 0.0 } else { share * c.signum() };
    }
}

fn factors(c: &[f64], d_ff: usize) -> Vec<Vec<Real>> {
    c.chunks(d_ff.max(1)).map(|c| c.iter().map(|c| c.clamp(0.0, 1.0) as Real).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two batches without clearing, as torch adds them up: c leaves [0, 1] between them, and what the first batch added
    /// while it was inside stays.
    #[test]
    fn what_was_added_before_c_was_clipped_stays() {
        let mut sum = vec![0.0; 2];
        add_gradient(&mut sum, &[1.0, 0.5], [3.0, -2.0].iter(), 0.25);
        assert_eq!(sum, [3.25, -1.75]);
        add_gradient(&mut sum, &[-0.1, 1.5], [7.0, 7.0].iter(), 0.25);
        assert_eq!(sum, [3.0, -1.5]);
        add_gradient(&mut sum, &[0.0, 0.0], [1.0, 1.0].iter(), 0.25);
        assert_eq!(sum, [4.0, -0.5], "the sign of 0 is 0, and 0 is inside");
    }
}
