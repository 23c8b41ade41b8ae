//! Figures as data: what to draw, not how. The window and the exporter draw the same value.

mod figure;

pub use figure::{Axis, Band, Figure, Mark, Scale, Series};
