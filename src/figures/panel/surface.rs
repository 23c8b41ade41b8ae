//! A panel whose figure is a surface in space: it has no axes around it, and its color bar only where there is room.

use super::{Bar, Canvas, Mark, Panel, Rect, Relief, relief};

impl Panel<'_> {
    /// How the figure is drawn as a surface in space, if it is one.
    pub(super) fn relief(&self) -> Option<&Relief> {
        self.figure.series.iter().find_map(|s| match &s.mark {
            Mark::Surface { relief, .. } => Some(relief),
            _ => None,
        })
    }

    /// The color bar of a surface; a narrow panel has none, for the marks of the heights say the same.
    pub(super) fn bar_beside(&self, width: f64) -> Option<&Bar> {
        const LEAST: f64 = 26.0;
        self.bar.as_ref().filter(|_| width >= LEAST * self.style.tick)
    }

    pub(super) fn draw_surface(&self, canvas: &mut Canvas<'_>, relief: &Relief, outer: Rect, rect: Rect) {
        if !relief::draw(canvas, self.figure, relief, rect, &self.style) {
            self.draw_empty(canvas, rect);
        }
        self.draw_heading(canvas, outer);
        if let Some(bar) = self.bar_beside(outer.w) {
            // shorter than the drawing, which has no frame to fill
            let room = rect.h * 0.14;
            bar.draw(canvas, Rect { y: rect.y + room, h: rect.h - 2.0 * room, ..rect }, &self.style);
        }
        self.draw_legend(canvas, outer, rect);
    }
}
