//! Models of every family against transformers, and folders in and out.

pub(crate) mod build;
mod folders;
mod formula;
mod golden;
mod large;
mod spelling;
mod stories;
