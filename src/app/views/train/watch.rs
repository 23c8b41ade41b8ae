//! A training at work or finished: curves, what the model says, and the models it has kept.

use std::sync::Arc;

use egui::{Rect, RichText, ScrollArea, Ui, pos2};

use super::checkpoints::Checkpoints;
use super::said::SaidNow;
use crate::app::context::ViewCx;
use crate::app::live::{Arrange, Live};
use crate::app::numbers::duration;
use crate::app::runs::{RunEntry, RunState};
use crate::app::shell::count;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{PAD, size};
use crate::app::widgets::{badge, caption, card, region, trouble_ui};

/// Width of the column at the right, points.
const SIDE: f32 = 340.0;
/// Height of the title above the checkpoints, and of one of them.
const HEAD: f32 = 36.0;
const ROW: f32 = 36.0;

/// Transient state.
pub(super) struct Watch {
    live: Live,
    said: SaidNow,
    checkpoints: Checkpoints,
}

impl Default for Watch {
    fn default() -> Self {
        let live = Live::arranged(Arrange::Kinds(super::METHOD));
        Self { live, said: SaidNow::default(), checkpoints: Checkpoints::default() }
    }
}

impl Watch {
    pub(super) fn watch_ui(&mut self, cx: &ViewCx<'_>, run: &Arc<RunEntry>, ui: &mut Ui) {
        if let Some(trouble) = &run.trouble {
            trouble_ui(cx, "The training has failed", trouble, ui);
        }
        let room = ui.available_rect_before_wrap();
        let side = room.with_min_x(room.right() - SIDE);
        let charts = Rect::from_min_max(room.min, pos2(side.left() - PAD, room.bottom()));
        region(ui, charts, "charts", |ui| {
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                ui.set_max_width(ui.available_width() - 12.0);
                self.live.live_ui(cx, &[run], ui);
            });
        });
        let log = cx.state.runs.logs.get(&run.id);
        let below = (HEAD + ROW * Checkpoints::count(cx, run) as f32).min(side.height() * 0.38);
        let kept = side.with_min_y(side.bottom() - below);
        let side = side.with_max_y(kept.top() - PAD);
        region(ui, side, "side", |ui| {
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                ui.set_max_width(SIDE - 12.0);
                card(ui, |ui| {
                    ui.set_width(ui.available_width());
                    progress_ui(cx, run, ui);
                });
                ui.add_space(PAD);
                self.said.said_ui(cx, log, ui);
            });
        });
        // Models are in sight whatever the model says.
        region(ui, kept, "kept", |ui| {
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                ui.set_max_width(SIDE - 12.0);
                self.checkpoints.checkpoints_ui(cx, run, log, ui);
            });
        });
    }
}

/// Where it stands.
fn progress_ui(cx: &ViewCx<'_>, run: &RunEntry, ui: &mut Ui) {
    let t = cx.tokens;
    let (ink, fill) = match run.state {
        RunState::Done => (t.good, t.good_soft),
        RunState::Failed => (t.bad, t.bad_soft),
        RunState::Running | RunState::Queued => (t.accent, t.accent_soft),
        RunState::Cancelled | RunState::Interrupted => (t.warn, t.warn_soft),
    };
    let state = if run.state == RunState::Cancelled { "Stopped" } else { run.state.title() };
    ui.horizontal(|ui| {
        badge(ui, state, ink, fill);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let time = match (run.state, run.eta, run.seconds) {
                (RunState::Running, Some(eta), _) => format!("{} to go", duration(eta)),
                (_, _, Some(seconds)) => duration(seconds),
                _ => String::new(),
            };
            ui.label(caption(ui, time));
        });
    });
    let share = match (run.state, run.progress) {
        (RunState::Done, _) => Some(1.0),
        (_, Some([done, all])) if all > 0 => Some(done as f32 / all as f32),
        _ => None,
    };
    if let Some(share) = share {
        ui.add(egui::ProgressBar::new(share).desired_height(6.0).fill(ink));
        let rate = run.rate.filter(|_| run.state == RunState::Running);
        let rate = rate.map_or_else(String::new, |r| format!(", {} tokens a second", count(r as usize)));
        let text = RichText::new(format!("{:.0} %{rate}", 100.0 * share)).font(semibold(size::BODY));
        ui.label(text);
    }
}
