//! Training: fresh models, optimizers, clipping and learning-rate schedules.
//!
//! A step is: a [`SumGrads`](crate::sinks::SumGrads) gathers the gradient of a batch, [`clip()`] bounds it,
//! [`Optimizer::step`] moves the parameters. What is not given to the sink's `wants` is frozen and costs nothing.

#[cfg(test)]
mod checks;
mod clip;
pub mod init;
mod lora;
mod optimizer;
mod peft;
mod schedule;
mod state;

pub use clip::{clip, global_norm};
pub use lora::{Lora, detach, merge, merge_into};
pub use optimizer::{Optimizer, Rule};
pub use peft::{load_adapter, save_adapter};
pub use schedule::Schedule;
