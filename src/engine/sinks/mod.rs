//! What can be made of gradients as they arise.

mod dot;
mod gram;
mod per_sample;
mod sum;

pub use dot::DotWith;
pub use gram::{Gram, Pairs};
pub use per_sample::PerSample;
pub use sum::SumGrads;
