//! The gradient of each sequence, kept whole: S × P numbers.

use std::ops::Range;

use crate::error::Result;
use crate::grads::GradSink;
use crate::model::{Decoder, Linear, ParamId, Weight};
use crate::tensor::{Offsets, Tensor};

/// One gradient a sequence and parameter.
pub struct PerSample<'a> {
    model: &'a Decoder,
    /// By parameter, then by sequence.
    gradients: Vec<Vec<Tensor>>,
}

impl<'a> PerSample<'a> {
    /// Zero gradients of `n` sequences for the parameters `wants` names.
    ///
    /// # Errors
    /// `Device` when a card has no memory left.
    pub fn new(model: &'a Decoder, n: usize, wants: &dyn Fn(ParamId) -> bool) -> Result<Self> {
        let dual = model.is_dual();
        let zeros = |(id, w): (ParamId, &Weight)| {
            let n = if wants(id) { n } else { 0 };
            (0..n).map(|_| model.kernels.zeros(&w.shape, dual)).collect()
        };
        Ok(Self { model, gradients: model.params.iter().map(zeros).collect::<Result<_>>()? })
    }

    /// The gradients of a parameter by sequence; empty if it was not wanted.
    pub fn get(&self, p: ParamId) -> &[Tensor] {
        &self.gradients[p.0 as usize]
    }
}

/// For each sequence that has rows among `rows`: its index and its rows counted from `rows.start`.
pub(super) fn within(samples: &Offsets, rows: &Range<usize>) -> Vec<(usize, Range<usize>)> {
    let inside = |r: &Range<usize>| r.start >= rows.start && r.end <= rows.end && !r.is_empty();
    let shift = |r: Range<usize>| r.start - rows.start..r.end - rows.start;
    samples.iter().enumerate().filter(|(_, r)| inside(r)).map(|(i, r)| (i, shift(r))).collect()
}

impl GradSink for PerSample<'_> {
    fn wants(&self, p: ParamId) -> bool {
        !self.get(p).is_empty()
    }

    fn linear(&mut self, l: &Linear, x: &Tensor, dy: &Tensor, rows: Range<usize>, samples: &Offsets) -> Result<()> {
        for (i, own) in within(samples, &rows) {
            if let Some(dw) = self.gradients[l.weight.0 as usize].get_mut(i) {
                self.model.kernels.outer_acc(dw, x, dy, own.clone(), self.model.params.get(l.weight))?;
            }
            if let Some(db) = l.bias.and_then(|b| self.gradients[b.0 as usize].get_mut(i)) {
                self.model.kernels.column_sum_acc(db, dy, own)?;
            }
        }
        Ok(())
    }

    fn vector(&mut self, p: ParamId, per_row: &Tensor, samples: &Offsets) -> Result<()> {
        for (d, rows) in self.gradients[p.0 as usize].iter_mut().zip(samples.iter()) {
            self.model.kernels.column_sum_acc(d, per_row, rows)?;
        }
        Ok(())
    }

    fn embedding(&mut self, p: ParamId, ids: &[u32], dy: &Tensor, samples: &Offsets) -> Result<()> {
        for (d, rows) in self.gradients[p.0 as usize].iter_mut().zip(samples.iter()) {
            self.model.kernels.embed_backward_acc(d, ids, dy, rows)?;
        }
        Ok(())
    }
}
