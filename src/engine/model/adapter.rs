//! Low-rank additions to linear maps: y = x·Wᵀ + b + scale·(dropout(x)·Aᵀ)·Bᵀ, forward and backward.
//!
//! A is (rank, in); B is (out, rank) and lies as a matrix of `out` inputs and `rank` outputs, so that x·Aᵀ·Bᵀ and its
//! gradients are the operations of any other linear map. W's own gradient is formed only if the sink wants it.
//! Source: Hu et al. 2022, arXiv:2106.09685.

use std::collections::BTreeMap;

use super::block_backward::Backward;
use super::{Decoder, Linear, ParamId};
use crate::error::Result;
use crate::rng::{Mask, Stream};
use crate::tensor::Tensor;

/// A low-rank addition to one linear map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adapter {
    /// A (rank, in).
    pub a: ParamId,
    /// B (out, rank).
    pub b: ParamId,
    /// Factor on B·A.
    pub scale: f64,
    /// Share of its inputs that are 0 while training.
    pub dropout: f64,
}

/// The adapters of a model.
#[derive(Clone, Debug, Default)]
pub struct Adapters {
    by_weight: BTreeMap<ParamId, Adapter>,
    noise: Option<Stream>,
}

impl Adapters {
    /// The adapter of a matrix.
    pub fn get(&self, weight: ParamId) -> Option<&Adapter> {
        self.by_weight.get(&weight)
    }

    /// Matrices and their adapters.
    pub fn iter(&self) -> impl Iterator<Item = (ParamId, &Adapter)> {
        self.by_weight.iter().map(|(weight, adapter)| (*weight, adapter))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_weight.is_empty()
    }

    /// Whether a parameter is an A or a B.
    pub fn holds(&self, id: ParamId) -> bool {
        self.by_weight.values().any(|adapter| adapter.a == id || adapter.b == id)
    }

    /// Which inputs drop out: a stream of its own for each step (and micro-batch) of training, none to evaluate.
    pub fn set_noise(&mut self, noise: Option<Stream>) {
        self.noise = noise;
    }

    pub(crate) fn insert(&mut self, weight: ParamId, adapter: Adapter) {
        self.by_weight.insert(weight, adapter);
    }

    /// The mask of an adapter's input, if something drops out.
    fn mask(&self, adapter: &Adapter) -> Option<Mask> {
        let noise = self.noise.as_ref().filter(|_| adapter.dropout > 0.0)?;
        Some(noise.item(u64::from(adapter.a.0)).mask())
    }
}

impl Decoder {
    /// y += scale·(dropout(x)·Aᵀ)·Bᵀ
    pub(super) fn adapt(&self, y: &mut Tensor, x: &Tensor, adapter: &Adapter) -> Result<()> {
        let narrow = match self.dropped(x, adapter)? {
            Some(x) => self.narrow(&x, adapter)?,
            None => self.narrow(x, adapter)?,
        };
        self.kernels.linear_backward_acc(y, &narrow, self.params.get(adapter.b))
    }

    /// Hands the gradients of A and B to the sink and adds the adapter's share to dx.
    pub(super) fn adapter_backward(
        &self,
        dx: &mut Tensor,
        x: &Tensor,
        dy: &Tensor,
        adapter: &Adapter,
        b: &mut Backward<'_>,
    ) -> Result<()> {
        let dropped = self.dropped(x, adapter)?;
        let x = dropped.as_ref().unwrap_or(x);
        let rows = 0..x.rows();
        if b.sink.wants(adapter.b) {
            let narrow = self.narrow(x, adapter)?;
            b.sink.linear(&Linear { weight: adapter.b, bias: None }, dy, &narrow, rows.clone(), b.offsets)?;
        }
        let mut dnarrow = self.apply(dy, Linear { weight: adapter.b, bias: None })?;
        self.kernels.scale(&mut dnarrow, adapter.scale)?;
        if b.sink.wants(adapter.a) {
            b.sink.linear(&Linear { weight: adapter.a, bias: None }, x, &dnarrow, rows, b.offsets)?;
        }
        let a = self.params.get(adapter.a);
        let Some(mask) = self.adapters.mask(adapter) else {
            return self.kernels.linear_backward_acc(dx, &dnarrow, a);
        };
        let mut share = self.kernels.zeros(dx.shape(), dx.is_dual())?;
        self.kernels.linear_backward_acc(&mut share, &dnarrow, a)?;
        self.kernels.dropout(&mut share, adapter.dropout, mask)?;
        self.kernels.add(dx, &share)
    }

    /// scale·x·Aᵀ, (N, rank)
    fn narrow(&self, x: &Tensor, adapter: &Adapter) -> Result<Tensor> {
        let mut narrow = self.apply(x, Linear { weight: adapter.a, bias: None })?;
        self.kernels.scale(&mut narrow, adapter.scale)?;
        Ok(narrow)
    }

    /// The adapter's input where some of it drops out.
    fn dropped(&self, x: &Tensor, adapter: &Adapter) -> Result<Option<Tensor>> {
        let Some(mask) = self.adapters.mask(adapter) else { return Ok(None) };
        let mut x = x.copied()?;
        self.kernels.dropout(&mut x, adapter.dropout, mask)?;
        Ok(Some(x))
    }
}
