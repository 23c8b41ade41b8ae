//! The one integration test binary.
#![cfg(test)]

mod cli;
mod data;
mod figures;
mod generate;
mod hub;
mod malformed;
mod models;
mod runs;
mod tidy;
