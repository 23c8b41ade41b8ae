//! Hidden units times factors, and the gradient of the loss with respect to the factors.

use crate::engine::hooks::{Site, Tap};
use crate::engine::{Real, Tensor};
use crate::error::Result;

/// ã = a ⊙ z in every layer on the way forward; ∂L/∂z = Σ over rows of ∂L/∂ã ⊙ a on the way back.
pub(super) struct Scale {
    /// z by layer.
    factors: Vec<Vec<Real>>,
    /// ∂L/∂z by layer; adds up over batches.
    pub(super) gradients: Vec<Vec<f64>>,
    seen: Vec<Option<Tensor>>,
}

impl Scale {
    /// These factors.
    pub(super) fn new(factors: Vec<Vec<Real>>) -> Self {
        let gradients = factors.iter().map(|f| vec![0.0; f.len()]).collect();
        let seen = factors.iter().map(|_| None).collect();
        Self { factors, gradients, seen }
    }

    fn scale(&self, layer: usize, x: &mut Tensor) -> Result<()> {
        let factors = &self.factors[layer];
        x.edit(|values, _| {
            values
                .chunks_exact_mut(factors.len().max(1))
                .flat_map(|r| r.iter_mut().zip(factors))
                .for_each(|(x, z)| *x *= z);
        })
    }
}

impl Tap for Scale {
    fn wants(&self, _: usize, site: Site) -> bool {
        site == Site::MlpPost
    }

    fn forward(&mut self, layer: usize, _: Site, x: &mut Tensor) -> Result<()> {
        self.seen[layer] = Some(x.copied()?);
        self.scale(layer, x)
    }

    fn backward(&mut self, layer: usize, _: Site, dx: &mut Tensor) -> Result<()> {
        if let Some(x) = self.seen[layer].take() {
            let (dx, x, sums) = (dx.to_host()?, x.to_host()?, &mut self.gradients[layer]);
            let width = sums.len().max(1);
            for (dx, x) in dx.chunks_exact(width).zip(x.chunks_exact(width)) {
                sums.iter_mut().zip(dx.iter().zip(x)).for_each(|(sum, (d, x))| *sum += f64::from(*d) * f64::from(*x));
            }
        }
        self.scale(layer, dx)
    }
}

/// Adam (Kingma and Ba 2015) without decay, as in torch, on one vector of numbers.
pub(super) struct Adam {
    lr: f64,
    steps: i32,
    m: Vec<f64>,
    v: Vec<f64>,
}

impl Adam {
    /// For `n` numbers.
    pub(super) fn new(n: usize, lr: f64) -> Self {
        Self { lr, steps: 0, m: vec![0.0; n], v: vec![0.0; n] }
    }

    /// One step: β 0.9 and 0.999, ε 1e-8.
    pub(super) fn step(&mut self, x: &mut [f64], gradient: &[f64]) {
        self.steps += 1;
        let (c1, c2) = (1.0 - 0.9_f64.powi(self.steps), 1.0 - 0.999_f64.powi(self.steps));
        for (((x, g), m), v) in x.iter_mut().zip(gradient).zip(&mut self.m).zip(&mut self.v) {
            *m = 0.9 * *m + 0.1 * g;
            *v = 0.999 * *v + 0.001 * g * g;
            *x -= self.lr * (*m / c1) / ((*v / c2).sqrt() + 1e-8);
        }
    }
}
