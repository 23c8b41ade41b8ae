//! What keeps a model from memorizing while it learns.

pub(super) mod dropout;
pub(super) mod spectral;
pub(super) mod truncation;
