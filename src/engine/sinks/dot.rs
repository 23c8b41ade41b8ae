//! ⟨gᵢ, v⟩ for every sequence i and one direction v, without forming any gradient.

use std::ops::Range;

use super::per_sample::within;
use crate::error::Result;
use crate::grads::GradSink;
use crate::model::{Decoder, Linear, Orientation, ParamId, Weight};
use crate::tensor::{Offsets, Tensor};

/// Inner products of per-sequence gradients with a direction: for a matrix, Σ over rows of dy·(V x).
pub struct DotWith<'a> {
    model: &'a Decoder,
    direction: Vec<Option<Weight>>,
    dots: Vec<f64>,
}

impl<'a> DotWith<'a> {
    /// For `n` sequences and the given numbers of some parameters, in the shapes on disk.
    pub fn new(model: &'a Decoder, n: usize, direction: crate::hvp::Direction) -> Result<Self> {
        let mut own: Vec<Option<Weight>> = model.params.iter().map(|_| None).collect();
        for (id, numbers) in direction {
            let w = model.params.get(id);
            own[id.0 as usize] = Some(Weight::owned(&w.name, &w.shape, w.orientation, numbers.to_vec())?);
        }
        Ok(Self { model, direction: own, dots: vec![0.0; n] })
    }

    /// ⟨gᵢ, v⟩ by sequence.
    pub fn into_dots(self) -> Vec<f64> {
        self.dots
    }

    /// Adds Σ over the rows of each sequence of a·b.
    fn add_row_dots(&mut self, a: &Tensor, b: &Tensor, rows: &Range<usize>, samples: &Offsets) -> Result<()> {
        for (i, own) in within(samples, rows) {
            self.dots[i] += self.model.kernels.dot_rows(a, b, own)?;
        }
        Ok(())
    }
}

impl GradSink for DotWith<'_> {
    fn wants(&self, p: ParamId) -> bool {
        self.direction[p.0 as usize].is_some()
    }

    fn linear(&mut self, l: &Linear, x: &Tensor, dy: &Tensor, rows: Range<usize>, samples: &Offsets) -> Result<()> {
        let model = self.model;
        if let Some(v) = &self.direction[l.weight.0 as usize] {
            let mut y = model.kernels.stale(dy.shape(), false)?;
            model.kernels.linear(&mut y, x, v, None)?;
            self.add_row_dots(&y, dy, &rows, samples)?;
        }
        match l.bias {
            Some(b) if self.wants(b) => self.vector_rows(b, dy, &rows, samples),
            _ => Ok(()),
        }
    }

    fn vector(&mut self, p: ParamId, per_row: &Tensor, samples: &Offsets) -> Result<()> {
        self.vector_rows(p, per_row, &(0..per_row.rows()), samples)
    }

    fn embedding(&mut self, p: ParamId, ids: &[u32], dy: &Tensor, samples: &Offsets) -> Result<()> {
        if let Some(v) = &self.direction[p.0 as usize] {
            let mut y = self.model.kernels.zeros(dy.shape(), false)?;
            self.model.kernels.embed_acc(&mut y, v, ids)?;
            self.add_row_dots(&y, dy, &(0..dy.rows()), samples)?;
        }
        Ok(())
    }
}

impl DotWith<'_> {
    fn vector_rows(&mut self, p: ParamId, per_row: &Tensor, rows: &Range<usize>, samples: &Offsets) -> Result<()> {
        let Some(v) = &self.direction[p.0 as usize] else { return Ok(()) };
        // A vector repeated on every row is the product of a column of ones with it.
        let one = Weight::owned("", &[1, v.len()], Orientation::InOut, v.values().into_owned())?;
        let kernels = &*self.model.kernels;
        let ones = kernels.upload(&[per_row.rows(), 1], vec![1.0; per_row.rows()], None)?;
        let mut repeated = kernels.stale(per_row.shape(), false)?;
        kernels.linear(&mut repeated, &ones, &one, None)?;
        self.add_row_dots(&repeated, per_row, rows, samples)
    }
}
