//! Where a chart was looked at before: back, forward, and all of it.

use egui::{Context, Id, Ui};
use egui_plot::{PlotBounds, PlotUi};

use super::style::Icon;
use super::widgets::{button, icon_button};
use crate::figures::Scale;

/// What the next frame is to show.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    Bounds(PlotBounds),
    Everything,
}

/// Bounds that were shown, of one chart with these scales.
#[derive(Clone, Debug, Default)]
pub(super) struct Zoom {
    scales: [Scale; 2],
    back: Vec<PlotBounds>,
    now: Option<PlotBounds>,
    forward: Vec<PlotBounds>,
    wanted: Option<Wanted>,
    /// Whether a button brought the bounds that come next.
    is_step: bool,
}

impl Zoom {
    /// The history of the chart `id`; other scales begin another one.
    pub(super) fn of(ctx: &Context, id: &str, scales: [Scale; 2]) -> Self {
        let known: Option<Self> = ctx.data(|d| d.get_temp(key(id)));
        known.filter(|k| k.scales == scales).unwrap_or_else(|| Self { scales, ..Self::default() })
    }

    /// Keeps the history for the next frame.
    pub(super) fn keep(self, ctx: &Context, id: &str) {
        ctx.data_mut(|d| d.insert_temp(key(id), self));
    }

    /// Shows what a button asked for.
    pub(super) fn apply(&mut self, plot: &mut PlotUi<'_>) {
        match self.wanted.take() {
            Some(Wanted::Bounds(bounds)) => plot.set_plot_bounds(bounds),
            Some(Wanted::Everything) => plot.set_auto_bounds(true),
            None => {}
        }
    }

    /// Takes note of what is shown; while a button of the pointer is down it still moves.
    pub(super) fn see(&mut self, bounds: PlotBounds, is_moving: bool) {
        const KEPT: usize = 100;
        let Some(now) = self.now else {
            self.now = Some(bounds);
            return;
        };
        if is_moving || is_close(&now, &bounds) {
            return;
        }
        if !std::mem::take(&mut self.is_step) {
            self.back.push(now);
            self.forward.clear();
            if self.back.len() > KEPT {
                self.back.remove(0);
            }
        }
        self.now = Some(bounds);
    }

    fn step(&mut self, is_back: bool) {
        let (from, to) =
            if is_back { (&mut self.back, &mut self.forward) } else { (&mut self.forward, &mut self.back) };
        if let Some(bounds) = from.pop() {
            to.extend(self.now);
            self.wanted = Some(Wanted::Bounds(bounds));
            self.is_step = true;
        }
    }
}

fn key(id: &str) -> Id {
    Id::unique(("zoom", id))
}

/// Whether two views are the same to the eye.
fn is_close(a: &PlotBounds, b: &PlotBounds) -> bool {
    (0..2).all(|axis| {
        let size = (a.max()[axis] - a.min()[axis]).abs().max(f64::MIN_POSITIVE);
        let near = |x: f64, y: f64| (x - y).abs() <= 1e-6 * size;
        near(a.min()[axis], b.min()[axis]) && near(a.max()[axis], b.max()[axis])
    })
}

/// Buttons for the chart `id`, from right to left.
pub(super) fn zoom_ui(id: &str, scales: [Scale; 2], ui: &mut Ui) {
    const ABOUT: &str =
        "Drag moves the chart, dragging with the right button zooms into a box, a double click shows all";
    let mut zoom = Zoom::of(ui.ctx(), id, scales);
    let reset = button(ui, None, "Reset zoom").on_hover_text(ABOUT);
    if reset.clicked() {
        zoom.wanted = Some(Wanted::Everything);
    }
    for (icon, name, is_back) in [(Icon::Right, "Zoom forward", false), (Icon::Left, "Zoom back", true)] {
        let can = !(if is_back { &zoom.back } else { &zoom.forward }).is_empty();
        ui.add_enabled_ui(can, |ui| {
            if icon_button(ui, icon, name, false).clicked() {
                zoom.step(is_back);
            }
        });
    }
    zoom.keep(ui.ctx(), id);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(high: f64) -> PlotBounds {
        PlotBounds::from_min_max([0.0, 0.0], [high, high])
    }

    #[test]
    fn steps_lead_back_and_forward_and_a_new_one_cuts_the_future() {
        let mut zoom = Zoom::default();
        zoom.see(bounds(8.0), false);
        zoom.see(bounds(6.0), true);
        assert!(zoom.back.is_empty(), "while it moves nothing is kept");
        zoom.see(bounds(4.0), false);
        zoom.see(bounds(2.0), false);
        assert_eq!(zoom.back, [bounds(8.0), bounds(4.0)]);
        zoom.step(true);
        assert_eq!(zoom.wanted.take(), Some(Wanted::Bounds(bounds(4.0))));
        zoom.see(bounds(4.0), false);
        assert_eq!((zoom.back.len(), zoom.forward.as_slice()), (1, &[bounds(2.0)][..]));
        zoom.step(false);
        zoom.see(bounds(2.0), false);
        assert_eq!((zoom.back.len(), zoom.forward.len()), (2, 0));
        zoom.step(true);
        zoom.see(bounds(4.0), false);
        zoom.see(bounds(1.0), false);
        assert!(zoom.forward.is_empty(), "a new view has no future");
    }
}
