//! Hard Concrete: random gates of the hidden units that are trained to close unless reciting needs them.
//!
//! u ~ U(0, 1), s = σ((ln u − ln(1−u) + log α)/β), z = clip(s·(r−l)+l, 0, 1) with l = −0.1, r = 1.1, β = 2/3, one draw a
//! layer and step; loss NLL(a ⊙ z) + λ·mean σ(log α − β ln(−l/r)); score = σ(log α).
//! Source: Louizos et al. 2018, arXiv:1712.01312; Chang et al. 2024, arXiv:2311.09060;
//! `msakarvadia/memorization`, `neuron/hard_concrete.py`.
//! Differs from the original: it clears gradients once an epoch but steps at every batch, with λ = 1000; paper mode does
//! so too. Correct: gradients of one batch, λ such that the sparsity term begins as large as the loss.

use super::scale::{Adam, Scale};
use super::scored;
use super::zero_taylor::Frozen;
use crate::engine::Real;
use crate::engine::loss::loss_gradient;
use crate::engine::model::Keep;
use crate::engine::rng::Stream;
use crate::error::Result;
use crate::methods::unlearn::job::{Job, batches, finite, token_mean};
use crate::methods::unlearn::scores::{Kind, Scored};
use crate::methods::unlearn::technique::{How, Localize, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "hard-concrete",
    title: "Hard Concrete",
    about: "removes hidden units whose trained gate stays open because the texts to forget need them",
    formula: "min_α NLL(a ⊙ z) + λ·mean σ(log α + 1.5986), z = clip(1.2 s − 0.1, 0, 1); score = σ(log α)",
    source: "Louizos et al. 2018, arXiv:1712.01312; Chang et al. 2024, arXiv:2311.09060",
    paper: "gradients are cleared once an epoch, λ = 1000",
    knobs: &[("ratio", 0.01), ("epochs", 20.0), ("batch", 64.0), ("lr", 0.1), ("sparsity_weight", 0.0)],
    retain: Need::No,
    answers: Need::No,
    how: How::Localize(&HardConcrete),
};

struct HardConcrete;

const LOW: f64 = -0.1;
const HIGH: f64 = 1.1;
const BETA: f64 = 2.0 / 3.0;

impl Localize for HardConcrete {
    fn kind(&self) -> Kind {
        Kind::Neuron
    }

    fn unused(&self, is_paper: bool) -> &'static [&'static str] {
        if is_paper { &["sparsity_weight"] } else { &[] }
    }

    fn scores(&self, job: &mut Job<'_, '_>) -> Result<Vec<Scored>> {
        let (n_layer, d_ff) = (job.model.config.n_layer, job.model.config.d_ff);
        let (epochs, size, is_paper) = (job.knobs.count("epochs")?, job.knobs.count("batch")?, job.config.is_paper());
        let mut lambda = if is_paper { 1000.0 } else { job.knobs.get("sparsity_weight")? };
        let (mut init, draws) = (job.stream("hard concrete init"), job.stream("hard concrete"));
        let mut log_alpha: Vec<f64> = (0..n_layer * d_ff).map(|_| 0.01 * init.normal()).collect();
        let mut adam = Adam::new(log_alpha.len(), job.knobs.get("lr")?);
        let (steps, mut step) = (epochs * job.sets.forget.len().div_ceil(size), 0);
        let mut gradient = vec![0.0; log_alpha.len()];
        for _ in 0..epochs {
            gradient.fill(0.0);
            for items in batches(&job.sets.forget, size) {
                job.tick(step, steps)?;
                if !is_paper {
                    gradient.fill(0.0);
                }
                let noise = noise(&draws.item(step as u64), log_alpha.len());
                let gates: Vec<Gate> = log_alpha.iter().zip(&noise).map(|(a, u)| gate(*a, *u)).collect();
                let mut scale =
                    Scale::new(gates.chunks(d_ff).map(|g| g.iter().map(|g| g.z as Real).collect()).collect());
                let batch = token_mean(&items.iter().collect::<Vec<_>>());
                let loss = finite(loss_gradient(&job.model, &batch, &mut Frozen, &mut scale, Keep::All)?.total)?;
                let open = log_alpha.iter().map(|a| openness(*a)).sum::<f64>() / log_alpha.len() as f64;
                if lambda == 0.0 {
                    lambda = loss / open.max(1e-9);
                }
                let share = lambda / log_alpha.len() as f64;
                let own = scale.gradients.iter().flatten().zip(&gates).zip(&log_alpha);
                for (g, ((dz, gate), a)) in gradient.iter_mut().zip(own) {
                    let o = openness(*a);
                    *g += dz * gate.slope + share * o * (1.0 - o);
                }
                adam.step(&mut log_alpha, &gradient);
                step += 1;
                job.nll("forget loss", step, loss);
                job.point("mean openness", step, open);
            }
        }
        Ok(scored(log_alpha.chunks(d_ff.max(1)).map(|c| c.iter().map(|a| sigmoid(*a)).collect()).collect()))
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Probability that a gate is not closed: σ(log α − β ln(−l/r)).
fn openness(log_alpha: f64) -> f64 {
    sigmoid(log_alpha - BETA * (-LOW / HIGH).ln())
}

fn noise(stream: &Stream, n: usize) -> Vec<f64> {
    let mut stream = stream.clone();
    (0..n).map(|_| stream.uniform().clamp(1e-4, 1.0 - 1e-4)).collect()
}

/// A gate and its derivative with respect to log α.
struct Gate {
    z: f64,
    slope: f64,
}

fn gate(log_alpha: f64, u: f64) -> Gate {
    let s = sigmoid((u.ln() - (1.0 - u).ln() + log_alpha) / BETA);
    let wide = s * (HIGH - LOW) + LOW;
    let slope = if wide > 0.0 && wide < 1.0 { (HIGH - LOW) * s * (1.0 - s) / BETA } else { 0.0 };
    Gate { z: wide.clamp(0.0, 1.0), slope }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_of_the_gate() {
        assert!((-BETA * (-LOW / HIGH).ln() - 1.598_60).abs() < 1e-5);
        assert!((openness(0.0) - 0.8318).abs() < 1e-4);
        let n = 100_000;
        let mean = noise(&Stream::new(0, "gates"), n).into_iter().map(|u| gate(0.0, u).z).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 5e-3, "{mean}");
    }

    #[test]
    fn slopes_are_differences() {
        for (a, u) in [(0.3, 0.4), (-1.0, 0.7), (2.0, 0.999), (-3.0, 0.01)] {
            let h = 1e-6;
            let difference = (gate(a + h, u).z - gate(a - h, u).z) / (2.0 * h);
            assert!((gate(a, u).slope - difference).abs() < 1e-8, "log α = {a}, u = {u}");
        }
    }
}
