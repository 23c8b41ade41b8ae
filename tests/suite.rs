//! The one integration test binary.

mod data;
mod generate;
mod figures;
mod tidy;
