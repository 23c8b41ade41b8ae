//! The one integration test binary.

mod data;
mod figures;
mod generate;
mod malformed;
mod models;
mod tidy;
