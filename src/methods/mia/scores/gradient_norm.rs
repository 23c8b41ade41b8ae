//! Gradient norm: members are fitted, so their gradient is small: −‖∇L‖₂ over all parameters.
//!
//! MIMIR averages the p-norms of the tensors and calls a larger one more member-like; paper mode does so too.
//! Source: Duan et al. 2024, arXiv:2402.07841 (MIMIR).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::loss::loss_gradient;
use crate::engine::model::Keep;
use crate::engine::sinks::SumGrads;
use crate::engine::{Batch, Decoder, NoTap};
use crate::error::Result;

/// The norm of each tensor in paper mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TensorNorm {
    /// Sum of absolute values.
    L1,
    /// Euclidean.
    L2,
    /// Largest absolute value.
    #[default]
    Max,
}

/// Mean over the tensors of the norm of the gradient of the mean loss of `ids`.
pub(in crate::methods::mia) fn mean_of_tensors(model: &Decoder, ids: &[u32], norm: TensorNorm) -> Result<f64> {
    let batch = Batch::causal(&[ids]).example_mean();
    let mut sums = SumGrads::new(model, &|_| true)?;
    loss_gradient(model, &batch, &mut sums, &mut NoTap, Keep::All)?;
    let gradients = sums.into_gradients();
    let of = |values: &[crate::engine::Real]| {
        let sizes = values.iter().map(|v| f64::from(*v).abs());
        match norm {
            TensorNorm::L1 => sizes.sum::<f64>(),
            TensorNorm::L2 => sizes.map(|v| v * v).sum::<f64>().sqrt(),
            TensorNorm::Max => sizes.fold(0.0, f64::max),
        }
    };
    let mut sum = 0.0;
    for (_, gradient) in &gradients {
        sum += of(&gradient.to_host()?);
    }
    Ok(sum / gradients.len().max(1) as f64)
}
