//! Surfaces in space: where they are looked at from, and their drawing as vectors.
//!
//! The window draws the same surface with its own pipeline; both take positions from [`Projector`], the box from
//! [`frame()`] and colors from [`Field::color`], so that an exported file is the picture of the window.

mod camera;
mod draw;
mod facets;
mod field;
mod frame;
mod layout;
mod trail;

use serde::{Deserialize, Serialize};

pub use camera::{Camera, HEIGHT, Projected, Projector};
pub(super) use draw::draw;
pub use facets::shade;
pub use field::Field;
pub use frame::{Frame, FrameLine, FrameText, frame};
pub use layout::{Fit, Place};
pub use trail::{Station, Trail, TrailPiece, trails};

/// How a surface is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Relief {
    /// Where it is looked at from.
    pub camera: Camera,
    /// Whether heights are drawn by their logarithm; values at or below zero are then holes.
    pub log: bool,
    /// Heights at floor and ceiling; fitted to the values when absent. What is higher or lower is cut to it. Surfaces
    /// with the same range have the same colors.
    pub range: Option<[f64; 2]>,
    /// Number of contour lines on the surface and on the floor.
    pub contours: usize,
}

impl Default for Relief {
    fn default() -> Self {
        Self { camera: Camera::default(), log: false, range: None, contours: 10 }
    }
}
