//! The one integration test binary.
#![cfg(test)]

mod cli;
mod cuda;
mod data;
mod figures;
mod generate;
#[cfg(feature = "gui")]
mod gui;
mod hub;
mod malformed;
mod methods;
mod models;
mod runs;
mod sweep;
mod tidy;
mod train;
