//! The loss around a model: along lines, over planes, and its curvature.

pub mod curvature;
mod kept;
mod lanczos;
mod operator;
mod power;
mod sets;
pub mod surface;
mod symmetric;

#[cfg(test)]
mod toys;
