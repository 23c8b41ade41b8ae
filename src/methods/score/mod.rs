//! What the model reproduces and how likely it finds a text.

pub mod memorization;
pub mod perplexity;
