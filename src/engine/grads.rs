//! The seam between backward and what is done with gradients.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::model::{Linear, ParamId};
use crate::tensor::{Offsets, Tensor};

/// Receives what backward knows about a parameter before any gradient is formed. Sums, per-sample
/// gradients, norms, inner products, Kronecker factors and mask scores are one small impl each.
///
/// Rows belong to the sequences of `samples`. The head may be handed over in several calls with
/// different rows, but one sequence is never divided.
pub trait GradSink {
    /// `false` for frozen parameters, which then cost nothing.
    fn wants(&self, p: ParamId) -> bool {
        let _ = p;
        true
    }
    /// Whether the rows of all sequences must come in one call, because sequences meet each other.
    /// Costs N × V numbers at the head.
    fn needs_all_rows(&self) -> bool {
        false
    }
    /// Whether all it does is to add up, so that parts of a batch may be summed apart and given to [`Self::add`].
    fn only_sums(&self) -> bool {
        false
    }
    /// Adds sums of parameters that it wants, in their shapes on disk. Asked only of those that [`Self::only_sums`].
    fn add(&mut self, sums: &[(ParamId, Tensor)]) -> Result<()> {
        let _ = sums;
        Err(Error::bug("a sink that does more than summing got sums"))
    }
    /// ∂L/∂W = dyᵀ·x and ∂L/∂b = Σ dy for x (N,C), dy (N,O); `rows` are the rows present,
    /// numbered as in the batch: row 0 of x is row `rows.start` of the batch.
    fn linear(&mut self, l: &Linear, x: &Tensor, dy: &Tensor, rows: Range<usize>, samples: &Offsets) -> Result<()>;
    /// Each row's contribution (N,C) to a vector parameter (norm gain or bias).
    fn vector(&mut self, p: ParamId, per_row: &Tensor, samples: &Offsets) -> Result<()>;
    /// dy (N,C), to be scattered to the rows `ids` of an embedding table.
    fn embedding(&mut self, p: ParamId, ids: &[u32], dy: &Tensor, samples: &Offsets) -> Result<()>;
}
