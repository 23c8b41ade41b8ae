//! Shapes are checked once, where an operation begins; loops inside trust them.

use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// An error of ours unless `holds`.
pub(super) fn that(holds: bool, message: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::bug(message())) }
}

/// All tensors have the shape of the first.
pub(super) fn same(what: &str, first: &Tensor, others: &[&Tensor]) -> Result<()> {
    that(others.iter().all(|t| t.shape() == first.shape()), || {
        let shapes: Vec<_> = others.iter().map(|t| t.shape()).collect();
        format!("{what}: shapes {:?} and {shapes:?} differ", first.shape())
    })
}
