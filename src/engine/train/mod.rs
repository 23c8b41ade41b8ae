//! Training: fresh models, optimizers, clipping and learning-rate schedules.
//!
//! A step is: a [`SumGrads`](crate::sinks::SumGrads) gathers the gradient of a batch, [`clip`] bounds it,
//! [`Optimizer::step`] moves the parameters. What is not given to the sink's `wants` is frozen and costs nothing.

mod clip;
pub mod init;
mod optimizer;
mod schedule;
mod state;

pub use clip::{clip, global_norm};
pub use optimizer::{Optimizer, Rule};
pub use schedule::Schedule;
