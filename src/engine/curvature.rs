//! Products of a vector with matrices that stand for curvature: Gauss-Newton and empirical Fisher.
//!
//! With the logits z(θ) and the loss ℓ(z): H = Jᵀ·ℓ''·J + Σ ℓ'·∇²z. The first term is the Gauss-Newton matrix, which
//! for cross-entropy is the Fisher matrix of the model's own predictions; it is never indefinite.
//! Source: Schraudolph 2002, "Fast curvature matrix-vector products for second-order gradient descent".

use crate::GradSink as _;
use crate::error::{Error, Result};
use crate::hooks::NoTap;
use crate::hvp::{Directed, Direction};
use crate::loss::loss_gradient;
use crate::model::{Decoder, Keep, ParamId};
use crate::sinks::{DotWith, SumGrads};
use crate::tensor::{Batch, Real, Tensor};

/// Jᵀ·H·J·v for every parameter `wants` names, with J = ∂logits/∂θ and H = the second derivative of Σ weight·nll by the
/// logits: a pass on value and tangent up to the logits, and a plain way back.
///
/// Forms the logits of the whole batch (N, V): give it few rows at a time and add.
pub fn gnvp(
    model: &mut Decoder,
    batch: &Batch,
    direction: Direction,
    wants: &dyn Fn(ParamId) -> bool,
    keep: Keep,
) -> Result<Vec<(ParamId, Tensor)>> {
    let dlogits = {
        let directed = Directed::new(model, direction)?;
        let acts = directed.forward(batch, &mut NoTap, Keep::Nothing)?;
        let (weight, bias) = (directed.params.get(directed.head.weight), directed.head.bias);
        let mut logits = directed.kernels.stale(&[acts.hidden.rows(), weight.d_out()], true)?;
        directed.kernels.linear(&mut logits, &acts.hidden, weight, bias.map(|b| directed.params.get(b)))?;
        directed.kernels.cross_entropy(&mut logits, &batch.targets, &batch.weights)?;
        logits.into_tangent().ok_or_else(|| Error::bug("a directed pass carried no tangent"))?
    };
    let model = &*model;
    let kernels = &*model.kernels;
    let mut sink = SumGrads::new(model, wants)?;
    let mut acts = model.forward(batch, &mut NoTap, keep)?;
    let head = model.params.get(model.head.weight);
    if sink.wants(model.head.weight) || model.head.bias.is_some_and(|b| sink.wants(b)) {
        sink.linear(&model.head, &acts.hidden, &dlogits, 0..acts.hidden.rows(), &batch.offsets)?;
    }
    let mut dhidden = kernels.zeros(acts.hidden.shape(), false)?;
    kernels.linear_backward_acc(&mut dhidden, &dlogits, head)?;
    acts.hidden = Tensor::zeros(&[0, 0], false);
    model.backward(batch, acts, dhidden, &mut sink, &mut NoTap)?;
    Ok(sink.into_gradients())
}

/// Σᵢ gᵢ·⟨gᵢ, v⟩ for every parameter `wants` names, with gᵢ the gradient of Σ weight·nll over sequence i: two plain
/// passes, and no gradient of a single sequence is formed.
pub fn fisher_product(
    model: &Decoder,
    batch: &Batch,
    direction: Direction,
    wants: &dyn Fn(ParamId) -> bool,
    keep: Keep,
) -> Result<Vec<(ParamId, Tensor)>> {
    let mut dots = DotWith::new(model, batch.offsets.len(), direction)?;
    loss_gradient(model, batch, &mut dots, &mut NoTap, keep)?;
    let mut scaled = batch.clone();
    for (rows, dot) in batch.offsets.iter().zip(dots.into_dots()) {
        scaled.weights[rows].iter_mut().for_each(|w| *w *= dot as Real);
    }
    let mut sink = SumGrads::new(model, wants)?;
    loss_gradient(model, &scaled, &mut sink, &mut NoTap, keep)?;
    Ok(sink.into_gradients())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::rng::Stream;
    use crate::testing::{decoder, sequences, shapes};

    fn random(model: &Decoder, seed: u64) -> Direction {
        let mut stream = Stream::new(seed, "test direction");
        let mut numbers = |n: usize| (0..n).map(|_| stream.normal() as Real).collect::<Vec<Real>>();
        model.params.iter().map(|(id, w)| (id, Arc::new(numbers(w.len()).into()))).collect()
    }

    fn dot(a: &[(ParamId, Tensor)], b: &Direction) -> f64 {
        let pairs = a.iter().zip(b).flat_map(|((_, a), (_, b))| a.value().iter().zip(b.iter()));
        pairs.map(|(a, b)| *a as f64 * *b as f64).sum()
    }

    /// ⟨u, G·v⟩ from the tangents of the logits alone: Σ rows weight·(p·(u̇ − ⟨p,u̇⟩))·v̇.
    fn by_logits(model: &mut Decoder, batch: &Batch, u: Direction, v: Direction) -> f64 {
        let mut tangents = [u, v].map(|d| {
            let directed = Directed::new(model, d).unwrap();
            let z = crate::loss::logits(&directed, batch, &mut NoTap).unwrap();
            (z.value().to_vec(), z.tangent().unwrap().to_vec())
        });
        let n = model.config.vocab_size;
        let (first, second) = tangents.split_at_mut(1);
        let ((z, u), (_, v)) = (&first[0], &second[0]);
        let mut sum = 0.0;
        for (row, weight) in batch.weights.iter().enumerate() {
            let at = row * n..(row + 1) * n;
            let top = z[at.clone()].iter().fold(f64::MIN, |m, x| m.max(*x as f64));
            let e: Vec<f64> = z[at.clone()].iter().map(|x| (*x as f64 - top).exp()).collect();
            let total: f64 = e.iter().sum();
            let mean: f64 = e.iter().zip(&u[at.clone()]).map(|(e, u)| e / total * *u as f64).sum();
            let row = e.iter().zip(&u[at.clone()]).zip(&v[at]);
            sum += *weight as f64 * row.map(|((e, u), v)| e / total * (*u as f64 - mean) * *v as f64).sum::<f64>();
        }
        sum
    }

    #[test]
    fn gauss_newton_is_the_product_by_logits() {
        for (name, config) in shapes() {
            let mut model = decoder(&config, 5);
            let batch = Batch::causal(&sequences(&[7, 4], config.vocab_size, 2)).token_mean();
            let (u, v) = (random(&model, 1), random(&model, 2));
            for keep in [Keep::All, Keep::Residuals] {
                let product = gnvp(&mut model, &batch, v.clone(), &|_| true, keep).unwrap();
                let (found, wanted) = (dot(&product, &u), by_logits(&mut model, &batch, u.clone(), v.clone()));
                assert!((found - wanted).abs() < 1e-4 * wanted.abs().max(1.0), "{name}: {found} is not {wanted}");
                assert!(dot(&product, &v) >= 0.0, "{name}: never indefinite");
            }
        }
    }

    #[test]
    fn the_fisher_product_is_that_of_single_gradients() {
        for (name, config) in shapes() {
            let model = decoder(&config, 5);
            let texts = sequences(&[7, 4, 5], config.vocab_size, 2);
            let batch = Batch::causal(&texts).example_mean();
            let (u, v) = (random(&model, 1), random(&model, 2));
            let wanted: f64 = texts
                .iter()
                .map(|text| {
                    let own = Batch::causal(std::slice::from_ref(text)).example_mean();
                    let mut sink = SumGrads::new(&model, &|_| true).unwrap();
                    loss_gradient(&model, &own, &mut sink, &mut NoTap, Keep::All).unwrap();
                    let g = sink.into_gradients();
                    dot(&g, &u) * dot(&g, &v)
                })
                .sum();
            let product = fisher_product(&model, &batch, v, &|_| true, Keep::All).unwrap();
            let found = dot(&product, &u);
            assert!((found - wanted).abs() < 1e-4 * wanted.abs().max(1.0), "{name}: {found} is not {wanted}");
        }
    }
}
