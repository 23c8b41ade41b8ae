//! Transformer forward and backward by hand.
//!
//! Knows tensors, models and checkpoint files; no text, no methods, no window.

#![cfg_attr(feature = "f64", expect(trivial_numeric_casts, reason = "the number type may be f64 already"))]

pub mod alignment;
pub mod buffer;
pub mod cache;
mod check;
pub mod cpu;
pub mod cuda;
pub mod curvature;
pub mod error;
pub mod families;
pub mod fisher;
pub mod generate;
pub mod grads;
mod head_parts;
pub mod hooks;
pub mod hvp;
pub mod kernels;
pub mod loss;
pub mod masks;
pub mod memory;
pub mod model;
mod narrow;
pub mod objective;
pub mod precision;
pub mod relief;
pub mod rng;
pub mod score;
pub mod select;
pub mod sinks;
pub mod taps;
pub mod tensor;
#[cfg(test)]
mod testing;
pub mod train;
pub mod vectors;
pub mod walk;
pub mod weights;

pub use error::{Error, Result};
pub use grads::GradSink;
pub use hooks::{NoTap, Site, Tap};
pub use kernels::{Kernels, TokenScore, Want};
pub use model::{Decoder, Linear, ModelConfig, ParamId, Params, Weight};
pub use precision::{Place, Precision};
pub use tensor::{Batch, Device, Offsets, Real, Tensor};
