//! Wanda: weights times the norm of what they read, on the texts to forget: a control with activations.
//!
//! score of the weight from input i = |w|·‖xᵢ‖₂, xᵢ over all tokens of the texts to forget.
//! Source: Sun et al. 2024, arXiv:2306.11695, eq. 1, which keeps the largest; here they are removed.

use std::ops::Range;

use crate::engine::grads::GradSink;
use crate::engine::model::{Linear, Orientation};
use crate::engine::{Decoder, Offsets, ParamId, Tensor};
use crate::error::Result;
use crate::methods::unlearn::job::{Job, batches, token_mean};
use crate::methods::unlearn::mlp;
use crate::methods::unlearn::scores::{Kind, Scored};
use crate::methods::unlearn::technique::{How, Localize, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "wanda",
    title: "Wanda",
    about: "removes large weights with large inputs on the texts to forget: a control with activations",
    formula: "score = |w|·‖x_i‖₂, in each feed-forward matrix",
    source: "Sun et al. 2024, arXiv:2306.11695, eq. 1",
    paper: "",
    knobs: &[("ratio", 0.01), ("batch", 64.0)],
    retain: Need::No,
    answers: Need::No,
    how: How::Localize(&Wanda),
};

struct Wanda;

impl Localize for Wanda {
    fn kind(&self) -> Kind {
        Kind::Weight
    }

    fn scores(&self, job: &mut Job<'_, '_>) -> Result<Vec<Scored>> {
        let (n, batch) = (job.sets.forget.len(), job.knobs.count("batch")?);
        let mut squares = Squares::new(&job.model);
        for (i, items) in batches(&job.sets.forget, batch).enumerate() {
            job.tick(i * batch, n)?;
            job.into_sink(&token_mean(&items.iter().collect::<Vec<_>>()), &mut squares)?;
        }
        let scored = |id: &ParamId| {
            let w = job.model.params.get(*id);
            let (sizes, d_out) = (&squares.sums[id.0 as usize], w.d_out());
            let input = |flat: usize| match w.orientation {
                Orientation::OutIn => flat % sizes.len().max(1),
                Orientation::InOut => flat / d_out.max(1),
            };
            let score = |(flat, x): (usize, &f32)| (f64::from(x.abs()) * sizes[input(flat)].sqrt()) as f32;
            Scored {
                name: w.name.clone(),
                shape: w.shape.clone(),
                values: w.values().iter().enumerate().map(score).collect(),
            }
        };
        Ok(mlp::matrices(&job.model).iter().map(scored).collect())
    }
}

/// Σ xᵢ² of what the wanted matrices read, by parameter.
struct Squares {
    sums: Vec<Vec<f64>>,
}

impl Squares {
    fn new(model: &Decoder) -> Self {
        let wanted = mlp::matrices(model);
        let zeros = |id| if wanted.contains(&id) { vec![0.0; model.params.get(id).d_in()] } else { Vec::new() };
        Self { sums: model.params.iter().map(|(id, _)| zeros(id)).collect() }
    }
}

impl GradSink for Squares {
    fn wants(&self, p: ParamId) -> bool {
        !self.sums[p.0 as usize].is_empty()
    }

    fn linear(&mut self, l: &Linear, x: &Tensor, _: &Tensor, _: Range<usize>, _: &Offsets) -> Result<()> {
        let sums = &mut self.sums[l.weight.0 as usize];
        if sums.is_empty() {
            return Ok(());
        }
        for row in x.to_host()?.chunks_exact(sums.len()) {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x).powi(2));
        }
        Ok(())
    }

    fn vector(&mut self, _: ParamId, _: &Tensor, _: &Offsets) -> Result<()> {
        Ok(())
    }

    fn embedding(&mut self, _: ParamId, _: &[u32], _: &Tensor, _: &Offsets) -> Result<()> {
        Ok(())
    }
}
