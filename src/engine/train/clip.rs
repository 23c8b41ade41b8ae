//! The norm of a gradient, and a bound on it.
//!
//! Source: `torch.nn.utils.clip_grad_norm_`: the factor is max / (norm + 1e-6), at most 1.

use crate::error::Result;
use crate::kernels::Kernels;
use crate::model::ParamId;
use crate::tensor::Tensor;

/// √(Σ g²) over all gradients, in a fixed order.
///
/// # Errors
/// `Device` when the card fails.
pub fn global_norm(kernels: &dyn Kernels, gradients: &[(ParamId, Tensor)]) -> Result<f64> {
    let squares = gradients.iter().map(|(_, g)| kernels.dot(g, g)).collect::<Result<Vec<f64>>>()?;
    Ok(squares.iter().sum::<f64>().sqrt())
}

/// Scales all gradients so that their norm is at most `max_norm`. Gives the norm before; one that is not a number
/// or infinite is for the caller to stop at.
///
/// # Errors
/// `Device` when the card fails.
pub fn clip(kernels: &dyn Kernels, gradients: &mut [(ParamId, Tensor)], max_norm: f64) -> Result<f64> {
    let norm = global_norm(kernels, gradients)?;
    let factor = max_norm / (norm + 1e-6);
    if factor < 1.0 {
        for (_, gradient) in gradients {
            kernels.scale(gradient, factor)?;
        }
    }
    Ok(norm)
}
