//! Zero-out, to first order: how much the loss would rise without a hidden unit, from one backward pass.
//!
//! score = −Σ over texts and positions of a·∂L/∂a, the first term of the loss without the unit minus the loss with it.

use super::scale::Scale;
use super::scored;
use crate::engine::GradSink;
use crate::engine::loss::loss_gradient;
use crate::engine::model::{Keep, Linear};
use crate::engine::{Offsets, ParamId, Tensor};
use crate::error::Result;
use crate::methods::unlearn::job::{Job, batches, finite, token_mean};
use crate::methods::unlearn::scores::{Kind, Scored};
use crate::methods::unlearn::technique::{How, Localize, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "zero-taylor",
    title: "Zero-out (Taylor)",
    about: "removes hidden units without which the loss on the texts to forget would rise most, to first order",
    formula: "score = −Σ a·∂NLL/∂a ≈ NLL without the unit − NLL",
    source: "first-order form of zero-out, Chang et al. 2024, arXiv:2311.09060",
    paper: "",
    knobs: &[("ratio", 0.01), ("batch", 64.0)],
    retain: Need::No,
    answers: Need::No,
    how: How::Localize(&Taylor),
};

struct Taylor;

impl Localize for Taylor {
    fn kind(&self) -> Kind {
        Kind::Neuron
    }

    fn scores(&self, job: &mut Job<'_, '_>) -> Result<Vec<Scored>> {
        let (n, size) = (job.sets.forget.len(), job.knobs.count("batch")?);
        let config = &job.model.config;
        let mut scale = Scale::new(vec![vec![1.0; config.d_ff]; config.n_layer]);
        for (i, items) in batches(&job.sets.forget, size).enumerate() {
            job.tick(i * size, n)?;
            let batch = token_mean(&items.iter().collect::<Vec<_>>());
            finite(loss_gradient(&job.model, &batch, &mut Frozen, &mut scale, Keep::All)?.total)?;
        }
        let passes = n.div_ceil(size.max(1)).max(1) as f64;
        Ok(scored(scale.gradients.into_iter().map(|g| g.into_iter().map(|x| -x / passes).collect()).collect()))
    }
}

/// A sink for those who want gradients of activations alone.
pub(super) struct Frozen;

impl GradSink for Frozen {
    fn wants(&self, _: ParamId) -> bool {
        false
    }

    fn linear(&mut self, _: &Linear, _: &Tensor, _: &Tensor, _: std::ops::Range<usize>, _: &Offsets) -> Result<()> {
        Ok(())
    }

    fn vector(&mut self, _: ParamId, _: &Tensor, _: &Offsets) -> Result<()> {
        Ok(())
    }

    fn embedding(&mut self, _: ParamId, _: &[u32], _: &Tensor, _: &Offsets) -> Result<()> {
        Ok(())
    }
}
