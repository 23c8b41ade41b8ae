//! The random streams of Python's `random` module and of PyTorch's processor generator, bit for bit.
//!
//! The published data of TinyMem and the published landscapes were drawn from them; with `compat: paper` the same rows
//! and directions are made here. Everything else draws from [`crate::engine::rng`].

mod mt19937;
mod python;
mod torch;

pub use python::Python;
pub use torch::Torch;
