//! Random mapping: what the model holds of a token to forget turns towards a random vector of that token.
//!
//! L = mean over the layers + 1 hidden states of mean over tokens of 1 − |cos(h, e_token)|, e ~ N(0, 1) fixed. The hidden
//! states are the embedding, the output of every block but the last, and what the head reads.
//! Source: `LLM360/Analysis360`, `analysis/unlearning`.

use super::{BATCH, DECAY, EPOCHS, LR, LossTap, MAX_STEPS, Objective, Texts, gamma_alpha};
use crate::engine::hooks::{Site, Tap};
use crate::engine::objective::Signal;
use crate::engine::rng::Stream;
use crate::engine::{Real, Tensor};
use crate::error::Result;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "random-mapping",
    title: "Random mapping",
    about: "turns the hidden states of the texts to forget towards random vectors of their tokens",
    formula: "L = mean over hidden states and tokens of 1 − |cos(h, e_token)| + retain, e ~ N(0, 1) fixed",
    source: "LLM360/Analysis360, analysis/unlearning",
    paper: "",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY, ("gamma", 1.0), ("alpha", 1.0)],
    retain: Need::Optional,
    answers: Need::No,
    how: How::Objective(make),
};

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    let n_layer = job.model.config.n_layer;
    Ok(Box::new(RandomMapping { n_layer, stream: job.stream("random mapping"), weights: gamma_alpha(job)? }))
}

pub(super) struct RandomMapping {
    pub(super) n_layer: usize,
    pub(super) stream: Stream,
    pub(super) weights: [f64; 2],
}

impl Objective for RandomMapping {
    fn forget<'s>(&'s self, _: &Texts<'s>, _: &[f64]) -> Signal<'s> {
        Signal::Tap
    }

    fn tap<'s>(&'s self, texts: &Texts<'s>) -> Option<Box<dyn LossTap + 's>> {
        let tokens = texts.batch.tokens.clone();
        Some(Box::new(Cosines { objective: self, tokens, gradients: Vec::new(), value: 0.0, scale: 1.0 }))
    }

    fn weights(&self) -> [f64; 2] {
        self.weights
    }
}

impl RandomMapping {
    /// The fixed random vector of a token.
    pub(super) fn vector(&self, token: u32, width: usize) -> Vec<f64> {
        let mut own = self.stream.item(u64::from(token));
        (0..width).map(|_| own.normal()).collect()
    }
}

struct Cosines<'s> {
    objective: &'s RandomMapping,
    tokens: Vec<u32>,
    /// By hidden state, in the order of the forward pass.
    gradients: Vec<Vec<Real>>,
    value: f64,
    scale: f64,
}

impl Tap for Cosines<'_> {
    fn wants(&self, layer: usize, site: Site) -> bool {
        match site {
            Site::Embed | Site::FinalNorm => true,
            Site::ResidPost => layer + 1 < self.objective.n_layer,
            _ => false,
        }
    }

    fn forward(&mut self, _: usize, site: Site, x: &mut Tensor) -> Result<()> {
        if site == Site::Embed {
            self.gradients.clear();
            self.value = 0.0;
        }
        let (values, c) = (x.to_host()?, x.cols());
        let share = 1.0 / ((self.objective.n_layer + 1) * self.tokens.len().max(1)) as f64;
        let mut gradient = vec![0.0; values.len()];
        for ((h, g), token) in values.chunks_exact(c).zip(gradient.chunks_exact_mut(c)).zip(&self.tokens) {
            let e = self.objective.vector(*token, c);
            let h: Vec<f64> = h.iter().map(|x| f64::from(*x)).collect();
            let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-8);
            let (n, m) = (norm(&h), norm(&e));
            let cos = h.iter().zip(&e).map(|(a, b)| a * b).sum::<f64>() / (n * m);
            self.value += share * (1.0 - cos.abs());
            for ((g, h), e) in g.iter_mut().zip(&h).zip(&e) {
                let slope = cos.signum() * (e / (n * m) - cos * h / (n * n));
                *g = (-self.scale * share * slope) as Real;
            }
        }
        self.gradients.push(gradient);
        Ok(())
    }

    fn backward(&mut self, _: usize, _: Site, dx: &mut Tensor) -> Result<()> {
        // The way back meets the hidden states in reverse.
        let gradient = self.gradients.pop().unwrap_or_default();
        dx.edit(|values, _| values.iter_mut().zip(&gradient).for_each(|(d, g)| *d += g))
    }
}

impl LossTap for Cosines<'_> {
    fn value(&self) -> f64 {
        self.value
    }

    fn scale(&mut self, factor: f64) {
        self.scale = factor;
    }
}
