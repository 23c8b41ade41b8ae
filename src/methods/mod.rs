//! What can be measured. One file a method, registered in [`registry()`]; no window, no run folders.
//!
//! A method declares its card, its configuration and its inputs; it reads models and data from a
//! [`Context`], reports progress through it, and returns a [`Report`]. The form in the window, the
//! command-line verb, validation, the README table and the golden test follow from the registry.

pub mod common;
pub mod compare;
mod context;
pub mod gradient;
pub mod landscape;
pub mod mia;
mod presets;
pub mod qa;
mod registry;
mod report;
pub mod schema;
pub mod score;
pub mod train;
pub mod unlearn;

pub use context::{Context, Host, LoadedModel, Sample};
pub use presets::{Preset, presets};
pub use registry::{
    Amount, Card, Compat, Input, InputKind, Method, Typed, Work, any_amount, any_row, find, no_check, registry,
};
pub use report::{Column, Made, Report, Scalar, Table, Values};
