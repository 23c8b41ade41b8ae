//! RMU: the output of a block is steered to a random direction on the texts to forget, and stays on retained ones.
//!
//! L = mean over texts of mean over tokens of mean_d (h − c·û)² + α·the same distance to the block before on retained
//! texts; û a uniform vector over its norm, drawn once.
//! Source: Li et al. 2024, arXiv:2403.03218, section 4; `locuslab/open-unlearning`.
//! Differs from the original: its division broadcasts, so that texts count by the mean of all inverse lengths; paper mode
//! does so too.

use super::{BATCH, DECAY, EPOCHS, LR, LossTap, MAX_STEPS, Objective, Texts, gamma_alpha};
use crate::engine::hooks::{Site, Tap};
use crate::engine::objective::Signal;
use crate::engine::{Real, Tensor};
use crate::error::{Error, Result};
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "rmu",
    title: "RMU",
    about: "steers the output of a block to a random direction on the texts to forget, and keeps it on retained ones",
    formula: "L = γ·mean (h_l − c·û)² on forget + α·mean (h_l − h_l,before)² on retain",
    source: "Li et al. 2024, arXiv:2403.03218, section 4; open-unlearning",
    paper: "texts of different lengths count by the mean of all inverse lengths",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY, ("layer", 7.0), ("steering", 2.0), ("gamma", 1.0), ("alpha", 1.0)],
    retain: Need::Optional,
    answers: Need::No,
    how: How::Objective(make),
};

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    let (n_layer, given) = (job.model.config.n_layer, job.config.layer);
    let layer = given.unwrap_or((job.knobs.count("layer")?).min(n_layer.saturating_sub(1)));
    if layer >= n_layer {
        return Err(Error::config(format!("layer: {} has the blocks 0 to {}", job.base.name, n_layer - 1)));
    }
    let mut stream = job.stream("steering");
    let raw: Vec<f64> = (0..job.model.config.d_model).map(|_| stream.uniform()).collect();
    let scale = job.knobs.get("steering")? / raw.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-300);
    let direction = raw.into_iter().map(|x| x * scale).collect();
    Ok(Box::new(Rmu { layer, direction, is_paper: job.config.is_paper(), weights: gamma_alpha(job)? }))
}

pub(super) struct Rmu {
    pub(super) layer: usize,
    /// c·û
    pub(super) direction: Vec<f64>,
    pub(super) is_paper: bool,
    pub(super) weights: [f64; 2],
}

impl Objective for Rmu {
    fn forget<'s>(&'s self, _: &Texts<'s>, _: &[f64]) -> Signal<'s> {
        Signal::Tap
    }

    fn tap<'s>(&'s self, texts: &Texts<'s>) -> Option<Box<dyn LossTap + 's>> {
        let to = self.direction.iter().map(|x| *x as Real).collect();
        Some(Box::new(Distance::new(self.layer, Target::Constant(to), row_shares(texts, self.is_paper))))
    }

    fn retain_block(&self) -> Option<usize> {
        Some(self.layer)
    }

    fn weights(&self) -> [f64; 2] {
        self.weights
    }
}

/// What each row counts in the mean over texts of the mean over counted tokens.
pub(super) fn row_shares(texts: &Texts<'_>, is_paper: bool) -> Vec<f64> {
    let lengths: Vec<f64> = texts.sequences().map(|rows| texts.counted(rows)).collect();
    let n = lengths.len().max(1) as f64;
    let mean_inverse = lengths.iter().map(|l| 1.0 / l).sum::<f64>() / n;
    let mut shares = vec![0.0; texts.batch.weights.len()];
    for (rows, length) in texts.sequences().zip(&lengths) {
        let share = if is_paper { mean_inverse } else { 1.0 / length } / n;
        for row in rows.filter(|r| texts.batch.weights[*r] != 0.0) {
            shares[row] = share;
        }
    }
    shares
}

/// What activations are compared with.
pub(super) enum Target {
    /// The same vector for every row.
    Constant(Vec<Real>),
    /// A vector a row.
    Rows(Vec<Real>),
}

/// Σ over rows of share·mean_d (h − target)² at the output of a block.
pub(super) struct Distance {
    layer: usize,
    target: Target,
    shares: Vec<f64>,
    gradient: Vec<Real>,
    value: f64,
    scale: f64,
}

impl Distance {
    pub(super) fn new(layer: usize, target: Target, shares: Vec<f64>) -> Self {
        Self { layer, target, shares, gradient: Vec::new(), value: 0.0, scale: 1.0 }
    }
}

impl Tap for Distance {
    fn wants(&self, layer: usize, site: Site) -> bool {
        (layer, site) == (self.layer, Site::ResidPost)
    }

    fn forward(&mut self, _: usize, _: Site, x: &mut Tensor) -> Result<()> {
        let (values, c) = (x.to_host()?, x.cols());
        self.gradient = vec![0.0; values.len()];
        self.value = 0.0;
        for (row, share) in self.shares.iter().enumerate().filter(|(_, share)| **share != 0.0) {
            let place = row * c..(row + 1) * c;
            let target = match &self.target {
                Target::Constant(to) => to.as_slice(),
                Target::Rows(rows) => &rows[place.clone()],
            };
            let own = self.gradient[place.clone()].iter_mut().zip(&values[place]).zip(target);
            for ((g, h), to) in own {
                let difference = f64::from(*h) - f64::from(*to);
                self.value += share * difference * difference / c as f64;
                *g = (self.scale * share * 2.0 * difference / c as f64) as Real;
            }
        }
        Ok(())
    }

    fn backward(&mut self, _: usize, _: Site, dx: &mut Tensor) -> Result<()> {
        let gradient = &self.gradient;
        dx.edit(|values, _| values.iter_mut().zip(gradient).for_each(|(d, g)| *d += g))
    }
}

impl LossTap for Distance {
    fn value(&self) -> f64 {
        self.value
    }

    fn scale(&mut self, factor: f64) {
        self.scale = factor;
    }
}
