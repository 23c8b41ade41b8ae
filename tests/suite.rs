//! The one integration test binary.

mod cli;
mod data;
mod figures;
mod generate;
mod malformed;
mod models;
mod runs;
mod tidy;
