//! The decoder: configuration, parameters, forward and backward.

mod acts;
mod adapter;
pub(crate) mod block;
mod block_backward;
#[cfg(test)]
mod checks;
mod config;
mod decoder;
mod frozen;
mod params;

pub(crate) use params::little_endian;

pub use acts::{Acts, Keep};
pub use adapter::{Adapter, Adapters};
pub use config::{Activation, Family, Mlp, ModelConfig, Norm, Position, Residual};
pub use decoder::{BlockParams, Decoder, MlpParams, NormParams, ProjectionParams};
pub use params::{Linear, Orientation, ParamId, Params, Store, StoredType, Weight};
