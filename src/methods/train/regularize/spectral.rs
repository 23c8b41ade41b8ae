//! Spectral norm regularization: the largest singular value of every weight matrix costs.
//!
//! One step of power iteration per update and matrix: v = Wᵀu/‖Wᵀu‖, u = Wv/‖Wv‖, σ = uᵀWv with ∂σ/∂W = u·vᵀ.
//! The loss grows by λ/2·Σσ² (gradient λσ·u·vᵀ), or by λ/2·Σσ (gradient λ/2·u·vᵀ).
//! Source: Yoshida and Miyato 2017, arXiv:1705.10941; TinyMem: `utils/spectral_reg.py`, linear in σ, and the
//! projection behind attention cut along its outputs although the heads lie along its inputs.

use crate::engine::model::{Orientation, ProjectionParams};
use crate::engine::rng::Stream;
use crate::engine::{Decoder, ParamId, Real, Result, Tensor};
use crate::methods::train::options::{Regularize, SpectralForm, SpectralSplit};

const TINY: f64 = 1e-12;

/// A part of a matrix: some of its inputs by some of its outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    id: ParamId,
    /// First input and number of inputs.
    inputs: [usize; 2],
    /// First output and number of outputs.
    outputs: [usize; 2],
}

/// The penalty, with the vectors of its power iterations.
#[derive(Clone, Debug)]
pub(crate) struct Spectral {
    lambda: f64,
    form: SpectralForm,
    parts: Vec<Part>,
    /// One vector over the inputs of each part; kept between steps.
    vectors: Vec<Vec<f64>>,
}

impl Spectral {
    /// For a model; none when the factor is 0.
    pub(crate) fn new(options: &Regularize, model: &Decoder, seed: u64) -> Option<Self> {
        (options.spectral > 0.0).then(|| {
            let parts = parts(model, options.spectral_split);
            let stream = Stream::new(seed, "spectral norm");
            let vector = |(i, part): (usize, &Part)| {
                let mut own = stream.item(i as u64);
                (0..part.inputs[1]).map(|_| own.normal()).collect()
            };
            let vectors = parts.iter().enumerate().map(vector).collect();
            Self { lambda: options.spectral, form: options.spectral_form, parts, vectors }
        })
    }

    /// Adds the gradient of the penalty to those of the step; gives the penalty.
    pub(crate) fn add(&mut self, model: &Decoder, gradients: &mut [(ParamId, Tensor)]) -> Result<f64> {
        let mut penalty = 0.0;
        for (part, u) in self.parts.iter().zip(&mut self.vectors) {
            // What is frozen has no gradient, and a penalty on it moves nothing.
            let Some((_, gradient)) = gradients.iter_mut().find(|(id, _)| *id == part.id) else { continue };
            let weight = model.params.get(part.id);
            let matrix = Matrix::of(part, &weight.values(), weight.orientation, &weight.shape);
            let (sigma, v) = matrix.iterate(u);
            let rate = match self.form {
                SpectralForm::Linear => {
                    penalty += 0.5 * self.lambda * sigma;
                    0.5 * self.lambda
                }
                SpectralForm::Squared => {
                    penalty += 0.5 * self.lambda * sigma * sigma;
                    self.lambda * sigma
                }
            };
            let place = |i: usize, o: usize| place(part, i, o, weight.orientation, &weight.shape);
            let outer = u.iter().enumerate().flat_map(|(i, u)| v.iter().enumerate().map(move |(o, v)| (i, o, u * v)));
            gradient.edit(|values, _| {
                for (i, o, product) in outer {
                    if let Some(x) = values.get_mut(place(i, o)) {
                        *x += (rate * product) as Real;
                    }
                }
            })?;
        }
        Ok(penalty)
    }

    /// The vectors of the power iterations, for a run that goes on.
    pub(crate) fn vectors(&self) -> &[Vec<f64>] {
        &self.vectors
    }

    /// Goes on where another run was.
    pub(crate) fn restore(&mut self, vectors: Vec<Vec<f64>>) {
        let fits = vectors.len() == self.vectors.len()
            && vectors.iter().zip(&self.vectors).all(|(new, old)| new.len() == old.len());
        if fits {
            self.vectors = vectors;
        }
    }
}

/// Where the number of input `i` and output `o` of a part lies in its weight.
fn place(part: &Part, i: usize, o: usize, orientation: Orientation, shape: &[usize]) -> usize {
    let (i, o, width) = (part.inputs[0] + i, part.outputs[0] + o, shape.last().copied().unwrap_or(1));
    match orientation {
        Orientation::InOut => i * width + o,
        Orientation::OutIn => o * width + i,
    }
}

/// A part as numbers, inputs by outputs.
struct Matrix {
    values: Vec<f64>,
    outputs: usize,
}

impl Matrix {
    fn of(part: &Part, weight: &[Real], orientation: Orientation, shape: &[usize]) -> Self {
        let outputs = part.outputs[1];
        let number = |n: usize| {
            let at = place(part, n / outputs, n % outputs, orientation, shape);
            weight.get(at).map_or(0.0, |x| f64::from(*x))
        };
        Self { values: (0..part.inputs[1] * outputs).map(number).collect(), outputs }
    }

    /// One step of power iteration from `u`, which becomes the next one; gives σ and v.
    fn iterate(&self, u: &mut [f64]) -> (f64, Vec<f64>) {
        let mut v = vec![0.0; self.outputs];
        for (row, u) in self.values.chunks_exact(self.outputs).zip(u.iter()) {
            v.iter_mut().zip(row).for_each(|(v, w)| *v += w * u);
        }
        normalize(&mut v);
        let product = |row: &[f64]| row.iter().zip(&v).map(|(w, v)| w * v).sum::<f64>();
        let wv: Vec<f64> = self.values.chunks_exact(self.outputs).map(product).collect();
        u.copy_from_slice(&wv);
        normalize(u);
        let sigma = u.iter().zip(&wv).map(|(u, w)| u * w).sum();
        (sigma, v)
    }
}

fn normalize(x: &mut [f64]) {
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt().max(TINY);
    for x in x {
        *x /= norm;
    }
}

/// Every matrix of every block; projections of attention head by head.
fn parts(model: &Decoder, split: SpectralSplit) -> Vec<Part> {
    let mut parts = Vec::new();
    let whole = |id: ParamId| {
        let weight = model.params.get(id);
        Part { id, inputs: [0, weight.d_in()], outputs: [0, weight.d_out()] }
    };
    let d_head = model.config.d_head;
    let by_output = |id: ParamId| {
        let part = whole(id);
        (0..part.outputs[1] / d_head).map(move |head| Part { outputs: [head * d_head, d_head], ..part })
    };
    let by_input = |id: ParamId| {
        let part = whole(id);
        (0..part.inputs[1] / d_head).map(move |head| Part { inputs: [head * d_head, d_head], ..part })
    };
    for block in &model.blocks {
        match block.projection {
            ProjectionParams::Fused { qkv, .. } => parts.extend(by_output(qkv.weight)),
            ProjectionParams::Separate { q, k, v } => {
                parts.extend([q, k, v].into_iter().flat_map(|l| by_output(l.weight)));
            }
        }
        match split {
            SpectralSplit::Input => parts.extend(by_input(block.attn_out.weight)),
            SpectralSplit::Output => parts.extend(by_output(block.attn_out.weight)),
        }
        let mlp = [block.mlp.gate, Some(block.mlp.up), Some(block.mlp.down)];
        parts.extend(mlp.into_iter().flatten().map(|l| whole(l.weight)));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Matrix {
        Matrix { values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], outputs: 2 }
    }

    /// The matrix of tinymem 9.2, computed there with the original's code.
    #[test]
    fn one_step_of_power_iteration() {
        let mut u = vec![1.0; 3];
        let (sigma, v) = example().iterate(&mut u);
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-7);
        assert!(close(&v, &[0.6, 0.8]), "{v:?}");
        assert!(close(&u, &[0.231_029_2, 0.525_066_4, 0.819_103_6]), "{u:?}");
        assert!((sigma - 9.522_604).abs() < 1e-6, "{sigma}");
        for _ in 0..200 {
            example().iterate(&mut u);
        }
        assert!((example().iterate(&mut u).0 - 9.525_519).abs() < 1e-6, "the largest singular value");
    }

    #[test]
    fn the_gradient_of_sigma_is_the_outer_product_of_its_vectors() {
        let mut u = vec![1.0; 3];
        let (sigma, v) = example().iterate(&mut u);
        let form = |matrix: &Matrix| {
            let rows = matrix.values.chunks_exact(2).zip(&u);
            rows.map(|(row, u)| u * (row[0] * v[0] + row[1] * v[1])).sum::<f64>()
        };
        assert!((form(&example()) - sigma).abs() < 1e-12);
        for at in 0..6 {
            let mut moved = example();
            moved.values[at] += 1e-4;
            let slope = (form(&moved) - sigma) / 1e-4;
            assert!((slope - u[at / 2] * v[at % 2]).abs() < 1e-8, "number {at}");
        }
    }
}
