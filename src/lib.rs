//! Memoscope: measure, localize, visualize, remove and re-measure what a language model has memorized.
//!
//! Layers, lowest first; a module uses only modules before it:
//! [`error`], [`rng`] · [`engine`] · [`data`] · [`figures`] · [`methods`] · [`runs`] · `app`.

#[cfg(feature = "gui")]
pub mod app;
pub mod data;
pub mod figures;
pub mod methods;
pub mod runs;

pub use memoscope_engine as engine;
pub use memoscope_engine::{error, rng};
