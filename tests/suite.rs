//! The one integration test binary.

mod data;
mod figures;
mod generate;
mod tidy;
