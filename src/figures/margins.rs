//! Room around the axes of a panel.

use super::canvas::Rect;

/// Room around the axes in points.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Margins {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Margins {
    /// The larger of each.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            left: self.left.max(other.left),
            right: self.right.max(other.right),
            top: self.top.max(other.top),
            bottom: self.bottom.max(other.bottom),
        }
    }

    pub(super) fn inside(self, outer: Rect) -> Rect {
        Rect {
            x: outer.x + self.left,
            y: outer.y + self.top,
            w: (outer.w - self.left - self.right).max(8.0),
            h: (outer.h - self.top - self.bottom).max(8.0),
        }
    }
}
