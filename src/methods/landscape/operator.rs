//! Matrices that are known by their products with vectors: Hessian, Gauss-Newton and Fisher of a loss.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sets::{Mean, TextSet, batches};
use crate::engine::curvature::{fisher_product, gnvp};
use crate::engine::hvp::{Direction, hvp};
use crate::engine::loss::loss_gradient;
use crate::engine::model::Keep;
use crate::engine::sinks::SumGrads;
use crate::engine::{Batch, Decoder, NoTap, ParamId, Real, Tensor};
use crate::error::Result;

/// Numbers of logits that a Gauss-Newton product holds at a time: 128 MiB.
const LOGITS_AT_ONCE: usize = 1 << 25;

/// Told how much of a product is done; fails when the user wants to stop.
pub(super) type Tick<'a> = dyn FnMut(usize, usize) -> Result<()> + 'a;

/// A symmetric matrix.
pub(super) trait Operator {
    /// Rows.
    fn len(&self) -> usize;
    /// The product with `v`.
    fn product(&mut self, v: &[Real], tick: &mut Tick<'_>) -> Result<Vec<Real>>;
}

/// Which matrix stands for curvature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Matrix {
    /// All second derivatives of the loss, exactly.
    #[default]
    Hessian,
    /// The Hessian without the curvature of the logits; never negative. For this loss it is the Fisher matrix of the
    /// model's own predictions.
    GaussNewton,
    /// The mean of g·gᵀ over the gradients g of single texts.
    EmpiricalFisher,
}

/// Some parameters of a model laid end to end.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    parts: Vec<(ParamId, usize)>,
    len: usize,
}

impl Layout {
    /// Of the parameters `wants` names.
    pub(super) fn new(model: &Decoder, wants: impl Fn(ParamId) -> bool) -> Self {
        let parts: Vec<_> = model.params.iter().filter(|(id, _)| wants(*id)).map(|(id, w)| (id, w.len())).collect();
        let len = parts.iter().map(|p| p.1).sum();
        Self { parts, len }
    }

    /// Numbers of a vector.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn wants(&self, p: ParamId) -> bool {
        self.parts.iter().any(|(id, _)| *id == p)
    }

    /// A vector by parameter.
    pub(super) fn divided<'a>(&'a self, v: &'a [Real]) -> impl Iterator<Item = (ParamId, &'a [Real])> {
        let mut at = 0;
        self.parts.iter().map(move |(id, n)| {
            at += n;
            (*id, v.get(at - n..at).unwrap_or_default())
        })
    }

    fn direction(&self, v: &[Real]) -> Direction {
        self.divided(v).map(|(id, part)| (id, Arc::new(part.to_vec().into()))).collect()
    }
}

/// The curvature of the loss of a text set at a model.
pub(super) struct LossCurvature<'a> {
    model: Decoder,
    batches: Vec<Batch>,
    n_texts: usize,
    layout: &'a Layout,
    matrix: Matrix,
}

impl<'a> LossCurvature<'a> {
    /// Over the parameters of `layout`; `rows` tokens go through the model together.
    pub(super) fn new(
        model: &Decoder,
        set: &TextSet,
        mean: Mean,
        layout: &'a Layout,
        (matrix, rows): (Matrix, usize),
    ) -> Self {
        // Gauss-Newton products hold the logits of a batch
        let most = LOGITS_AT_ONCE / model.config.vocab_size.max(1);
        let rows = if matrix == Matrix::GaussNewton { rows.min(most) } else { rows };
        let batches = match matrix {
            // gradients of single texts: each batch has the loss of each of its texts
            Matrix::EmpiricalFisher => batches(set, Mean::Texts, rows),
            _ => batches(set, mean, rows),
        };
        Self { model: model.shared(), batches, n_texts: set.texts.len(), layout, matrix }
    }

    /// The gradient of the loss.
    pub(super) fn gradient(&self, tick: &mut Tick<'_>) -> Result<Vec<Real>> {
        let wants = |p: ParamId| self.layout.wants(p);
        let mut sum = vec![0.0; self.layout.len()];
        for (i, batch) in self.batches.iter().enumerate() {
            let mut sink = SumGrads::new(&self.model, &wants)?;
            loss_gradient(&self.model, batch, &mut sink, &mut NoTap, Keep::All)?;
            accumulate(&mut sum, &sink.into_gradients(), false)?;
            tick(i + 1, self.batches.len())?;
        }
        Ok(sum.into_iter().map(|x| x as Real).collect())
    }
}

impl Operator for LossCurvature<'_> {
    fn len(&self) -> usize {
        self.layout.len()
    }

    fn product(&mut self, v: &[Real], tick: &mut Tick<'_>) -> Result<Vec<Real>> {
        let layout = self.layout;
        let wants = |p: ParamId| layout.wants(p);
        let mut sum = vec![0.0; layout.len()];
        for (i, batch) in self.batches.iter().enumerate() {
            let (direction, keep) = (layout.direction(v), Keep::All);
            let part = match self.matrix {
                Matrix::Hessian => hvp(&mut self.model, batch, direction, &wants, keep)?,
                Matrix::GaussNewton => gnvp(&mut self.model, batch, direction, &wants, keep)?,
                Matrix::EmpiricalFisher => fisher_product(&self.model, batch, direction, &wants, keep)?,
            };
            accumulate(&mut sum, &part, self.matrix == Matrix::Hessian)?;
            tick(i + 1, self.batches.len())?;
        }
        // gᵢ is the gradient of text i over n: Σ gᵢ·gᵢᵀ is the mean over n
        let factor = if self.matrix == Matrix::EmpiricalFisher { self.n_texts as f64 } else { 1.0 };
        Ok(sum.into_iter().map(|x| (x * factor) as Real).collect())
    }
}

/// Adds gradients, or their tangents, laid end to end.
fn accumulate(sum: &mut [f64], parts: &[(ParamId, Tensor)], tangents: bool) -> Result<()> {
    let mut at = 0;
    for (_, part) in parts {
        let numbers = if tangents { part.tangent_to_host()? } else { Some(part.to_host()?) };
        let here = sum.get_mut(at..at + part.len()).unwrap_or_default();
        here.iter_mut().zip(numbers.as_deref().unwrap_or_default()).for_each(|(s, x)| *s += f64::from(*x));
        at += part.len();
    }
    Ok(())
}
