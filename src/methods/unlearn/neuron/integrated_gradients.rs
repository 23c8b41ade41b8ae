//! Integrated Gradients: what each hidden unit adds to the probability of the true next token while reciting.
//!
//! For each text, layer and position t from k − 1, or the end of its prompt, to T − 2: F(a) = p(x_{t+1} | x_{≤t}) as a
//! function of the layer's activations at t alone; IGᵢ = aᵢ·(1/S) Σⱼ ∂F/∂aᵢ at sⱼ·a, sⱼ = j/(S−1), both ends included.
//! Score: mean over positions, then over texts, with its sign.
//! Source: Sundararajan et al. 2017, arXiv:1703.01365; Dai et al. 2022, arXiv:2104.08696;
//! `msakarvadia/memorization`, `neuron/integrated_gradients.py`.
//! Differs from the original: it has S = 20 and k = 50 whatever is asked for; paper mode has too.
//! Cost: layers × positions × S forward and backward passes of a prefix for each text; meant for small models.

use std::ops::Range;

use super::scored;
use super::zero_taylor::Frozen;
use crate::engine::hooks::{Site, Tap};
use crate::engine::objective::{Signal, objective_gradient};
use crate::engine::{Batch, Decoder, Real, Tensor};
use crate::error::Result;
use crate::methods::unlearn::cost::{Passes, Size};
use crate::methods::unlearn::job::{Job, recited_from};
use crate::methods::unlearn::scores::{Kind, Scored};
use crate::methods::unlearn::technique::{How, Knobs, Localize, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "integrated-gradients",
    title: "Integrated Gradients",
    about: "removes hidden units that add most to the probability of the next token of the texts to forget",
    formula: "IG_i = a_i·(1/S) Σ_j ∂p(x_{t+1})/∂a_i at s_j·a, s_j = j/(S−1); mean over positions and texts",
    source: "Sundararajan et al. 2017, arXiv:1703.01365; Dai et al. 2022, arXiv:2104.08696",
    paper: "S = 20 and k = 50 whatever is asked for",
    knobs: &[("ratio", 0.01), ("ig_steps", 20.0)],
    retain: Need::No,
    answers: Need::No,
    how: How::Localize(&IntegratedGradients),
};

struct IntegratedGradients;

/// The published numbers of steps S and given tokens k.
const PAPER: (usize, usize) = (20, 50);

impl Localize for IntegratedGradients {
    fn kind(&self) -> Kind {
        Kind::Neuron
    }

    fn unused(&self, is_paper: bool) -> &'static [&'static str] {
        if is_paper { &["ig_steps"] } else { &[] }
    }

    fn passes(&self, knobs: &Knobs, size: &Size) -> Result<Passes> {
        let (steps, k) = if size.is_paper { PAPER } else { (knobs.count("ig_steps")?, size.k as usize) };
        let (n, k) = (size.forget.mean(), k as u64);
        let from = if n > k { k.max(1) - 1 } else { 0 };
        // prefixes of from + 1 to n − 1 tokens
        let prefixes = (n * n.saturating_sub(1)).saturating_sub(from * (from + 1)) / 2;
        let points = size.forget.n.saturating_mul(size.n_layer).saturating_mul(steps as u64);
        Ok(Passes::both(points.saturating_mul(prefixes)))
    }

    fn scores(&self, job: &mut Job<'_, '_>) -> Result<Vec<Scored>> {
        let (n_layer, d_ff, n) = (job.model.config.n_layer, job.model.config.d_ff, job.sets.forget.len());
        let (steps, k) = if job.config.is_paper() { PAPER } else { (job.knobs.count("ig_steps")?, job.config.k) };
        let mut scores = vec![vec![0.0; d_ff]; n_layer];
        for (i, item) in job.sets.forget.iter().enumerate() {
            let ids = &item.text.ids;
            let from = recited_from(item, k, ids.len());
            let positions = from..ids.len() - 1;
            let share = 1.0 / (positions.len().max(1) * n) as f64;
            for (layer, scores) in scores.iter_mut().enumerate() {
                for t in positions.clone() {
                    let done = (i * n_layer + layer) * positions.len() + t - from;
                    job.cx.progress(&job.stage.clone(), done, n * n_layer * positions.len())?;
                    let found = attribute(&job.model, &ids[..t + 2], layer, steps)?;
                    scores.iter_mut().zip(found).for_each(|(s, x)| *s += share * x);
                }
            }
        }
        Ok(scored(scores))
    }
}

/// IG of the last token of `ids` with respect to the activations of `layer` where it is predicted.
fn attribute(model: &Decoder, ids: &[u32], layer: usize, steps: usize) -> Result<Vec<f64>> {
    let Some((target, prefix)) = ids.split_last() else { return Ok(Vec::new()) };
    let mut batch = Batch::causal(&vec![prefix; steps]);
    batch.weights.fill(0.0);
    let last: Vec<usize> = batch.offsets.iter().map(|r: Range<usize>| r.end - 1).collect();
    for row in &last {
        batch.targets[*row] = *target;
        batch.weights[*row] = 1.0;
    }
    let scales = (0..steps).map(|j| (j as f64 / (steps - 1).max(1) as f64) as Real).collect();
    let mut path = Path { layer, last, scales, activation: Vec::new(), sum: Vec::new() };
    objective_gradient(model, &batch, &mut Frozen, &mut path, true, &mut |nll| {
        // ∂p = −p·∂(−ln p)
        let weights = nll.iter().zip(&batch.weights).map(|(l, w)| -(-l).exp() as Real * w).collect();
        Ok(Signal::Weights { weights, value: 0.0 })
    })?;
    Ok(path.activation.iter().zip(&path.sum).map(|(a, g)| a * g / steps as f64).collect())
}

/// Scales the activations of the last rows, and sums their gradients.
struct Path {
    layer: usize,
    last: Vec<usize>,
    scales: Vec<Real>,
    activation: Vec<f64>,
    sum: Vec<f64>,
}

impl Tap for Path {
    fn wants(&self, layer: usize, site: Site) -> bool {
        (layer, site) == (self.layer, Site::MlpPost)
    }

    fn forward(&mut self, _: usize, _: Site, x: &mut Tensor) -> Result<()> {
        let c = x.cols();
        let (last, scales, activation) = (&self.last, &self.scales, &mut self.activation);
        x.edit(|values, _| {
            for (row, scale) in last.iter().zip(scales) {
                let own = &mut values[row * c..(row + 1) * c];
                if activation.is_empty() {
                    activation.extend(own.iter().map(|x| f64::from(*x)));
                }
                for x in own.iter_mut() {
                    *x *= scale;
                }
            }
        })
    }

    fn backward(&mut self, _: usize, _: Site, dx: &mut Tensor) -> Result<()> {
        let (values, c) = (dx.to_host()?, dx.cols());
        self.sum = vec![0.0; c];
        for row in &self.last {
            self.sum.iter_mut().zip(&values[row * c..(row + 1) * c]).for_each(|(s, d)| *s += f64::from(*d));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::score::score_tapped;
    use crate::engine::taps::{Edit, EditTap};
    use crate::engine::{NoTap, Want};
    use crate::methods::unlearn::testing::tiny;

    /// Σ IG goes to F(a) − F(0) as the steps get finer, with an error of the order of one step.
    #[test]
    fn attributions_are_complete() {
        for family in ["gpt2", "gpt_neox"] {
            let model = tiny(family, 5);
            let ids = [3, 1, 4, 1, 5, 9];
            let mut batch = Batch::causal(&[&ids[..]]);
            batch.weights.fill(0.0);
            batch.weights[4] = 1.0;
            let p =
                |tap: &mut dyn Tap| score_tapped(&model, &batch, Want::default(), tap).unwrap()[0][0].log_prob.exp();
            let zeros = Edit::Patch(vec![(4, vec![0.0; model.config.d_ff])]);
            let wanted = p(&mut NoTap) - p(&mut EditTap { layer: 0, site: Site::MlpPost, edit: zeros });
            let error = |steps| (attribute(&model, &ids, 0, steps).unwrap().iter().sum::<f64>() - wanted).abs();
            assert!(wanted.abs() > 1e-4, "the layer matters: {wanted}");
            assert!(error(201) < 0.02 * wanted.abs(), "{family}: {} of {wanted}", error(201));
        }
    }
}
