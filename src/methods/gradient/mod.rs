//! What gradients say about texts.

pub mod alignment;
