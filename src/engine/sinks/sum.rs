//! The gradient of a batch: the sum over its rows.

use std::ops::Range;

use crate::error::Result;
use crate::grads::GradSink;
use crate::model::{Decoder, Linear, ParamId, Weight};
use crate::tensor::{Offsets, Tensor};

/// Sums gradients in the shapes on disk; with a directed model, H·v in the tangents.
pub struct SumGrads<'a> {
    model: &'a Decoder,
    gradients: Vec<Option<Tensor>>,
}

impl<'a> SumGrads<'a> {
    /// Zero gradients for the parameters `wants` names.
    ///
    /// # Errors
    /// `Device` when a card has no memory left.
    pub fn new(model: &'a Decoder, wants: &dyn Fn(ParamId) -> bool) -> Result<Self> {
        let dual = model.is_dual();
        let zeros = |(id, w): (ParamId, &Weight)| wants(id).then(|| model.kernels.zeros(&w.shape, dual)).transpose();
        Ok(Self { model, gradients: model.params.iter().map(zeros).collect::<Result<_>>()? })
    }

    /// Goes on with `earlier` gradients, as [`Self::into_gradients`] gives them; parameters that `wants` names and that
    /// have none begin with zeros.
    ///
    /// # Errors
    /// `Device` when a card has no memory left.
    pub fn onto(model: &'a Decoder, earlier: Vec<(ParamId, Tensor)>, wants: &dyn Fn(ParamId) -> bool) -> Result<Self> {
        let known: Vec<ParamId> = earlier.iter().map(|(id, _)| *id).collect();
        let mut sums = Self::new(model, &|id| wants(id) && !known.contains(&id))?;
        for (id, gradient) in earlier {
            if let Some(slot) = sums.gradients.get_mut(id.0 as usize) {
                *slot = Some(gradient);
            }
        }
        Ok(sums)
    }

    /// The gradient of a parameter, if it was wanted.
    pub fn get(&self, p: ParamId) -> Option<&Tensor> {
        self.gradients[p.0 as usize].as_ref()
    }

    /// All gradients.
    pub fn into_gradients(self) -> Vec<(ParamId, Tensor)> {
        let numbered = self.gradients.into_iter().enumerate();
        numbered.filter_map(|(i, g)| Some((ParamId(i as u32), g?))).collect()
    }

    fn slot(&mut self, p: ParamId) -> Option<&mut Tensor> {
        self.gradients[p.0 as usize].as_mut()
    }
}

impl GradSink for SumGrads<'_> {
    fn wants(&self, p: ParamId) -> bool {
        self.get(p).is_some()
    }

    fn only_sums(&self) -> bool {
        true
    }

    fn add(&mut self, sums: &[(ParamId, Tensor)]) -> Result<()> {
        let model = self.model;
        sums.iter().try_for_each(|(p, sum)| self.slot(*p).map_or(Ok(()), |d| model.kernels.add(d, sum)))
    }

    fn linear(&mut self, l: &Linear, x: &Tensor, dy: &Tensor, rows: Range<usize>, _samples: &Offsets) -> Result<()> {
        let model = self.model;
        if let Some(dw) = self.slot(l.weight) {
            model.kernels.outer_acc(dw, x, dy, 0..rows.len(), model.params.get(l.weight))?;
        }
        match l.bias.and_then(|b| self.slot(b)) {
            Some(db) => model.kernels.column_sum_acc(db, dy, 0..rows.len()),
            None => Ok(()),
        }
    }

    fn vector(&mut self, p: ParamId, per_row: &Tensor, _samples: &Offsets) -> Result<()> {
        let model = self.model;
        self.slot(p).map_or(Ok(()), |d| model.kernels.column_sum_acc(d, per_row, 0..per_row.rows()))
    }

    fn embedding(&mut self, p: ParamId, ids: &[u32], dy: &Tensor, _samples: &Offsets) -> Result<()> {
        let model = self.model;
        self.slot(p).map_or(Ok(()), |d| model.kernels.embed_backward_acc(d, ids, dy, 0..dy.rows()))
    }
}
