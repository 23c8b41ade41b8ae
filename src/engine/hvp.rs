//! Exact Hessian-vector products: one forward and one backward on value and tangent (Pearlmutter 1994).

use std::ops::Deref;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::hooks::NoTap;
use crate::loss::loss_gradient;
use crate::model::{Decoder, Keep, ParamId};
use crate::sinks::SumGrads;
use crate::tensor::{Batch, Buffer, Tensor};

/// Numbers for some parameters, in the shapes on disk; zero for the others. Cheap to clone.
pub type Direction = Vec<(ParamId, Arc<Buffer>)>;

/// A model whose passes carry the derivative along a direction; the direction is taken off when this is dropped.
pub struct Directed<'a> {
    model: &'a mut Decoder,
}

impl<'a> Directed<'a> {
    /// Puts `direction` on the parameters.
    ///
    /// # Errors
    /// `Bug` when a direction does not have as many numbers as its parameter.
    pub fn new(model: &'a mut Decoder, direction: Direction) -> Result<Self> {
        let directed = Self { model };
        for (id, numbers) in direction {
            let weight = directed.model.params.get_mut(id);
            if weight.len() != numbers.len() {
                let (name, want) = (&weight.name, weight.len());
                return Err(Error::bug(format!("direction for {name} has {} numbers, not {want}", numbers.len())));
            }
            weight.set_tangent(Some(numbers));
        }
        Ok(directed)
    }
}

impl Deref for Directed<'_> {
    type Target = Decoder;
    fn deref(&self) -> &Decoder {
        self.model
    }
}

impl Drop for Directed<'_> {
    fn drop(&mut self) {
        for weight in self.model.params.iter_mut() {
            if weight.tangent().is_some() {
                weight.set_tangent(None);
            }
        }
    }
}

/// The gradient of Σ weight·nll over `batch` (value) and H·v (tangent) for every parameter `wants` names.
pub fn hvp(
    model: &mut Decoder,
    batch: &Batch,
    direction: Direction,
    wants: &dyn Fn(ParamId) -> bool,
    keep: Keep,
) -> Result<Vec<(ParamId, Tensor)>> {
    let directed = Directed::new(model, direction)?;
    let mut sink = SumGrads::new(&directed, wants)?;
    loss_gradient(&directed, batch, &mut sink, &mut NoTap, keep)?;
    Ok(sink.into_gradients())
}
