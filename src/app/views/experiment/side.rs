//! What the experiment will need, what is wrong with it, and the method card.

use egui::Ui;

use super::vary;
use crate::app::command::Action;
use crate::app::context::ViewCx;
use crate::app::state::Slot;
use crate::app::style::Icon;
use crate::app::style::tokens::{PAD, TIGHT, size};
use crate::app::widgets::{button, caption, card, card_title, estimate_ui, mono, soft};
use crate::methods::schema::Problem;

/// Draws the column at the right.
pub(super) fn side_ui(cx: &ViewCx<'_>, problems: &[Problem], ui: &mut Ui) {
    card(ui, |ui| {
        ui.set_width(ui.available_width());
        vary::axes_ui(cx, ui);
        if problems.is_empty() {
            estimate_ui(cx, ui);
            let about = "Five runs in the queue, from the seed below on; everything random differs between them";
            let can_run = !matches!(cx.state.draft.estimate, Slot::Failed(..));
            let is_sweep = !cx.state.draft.experiment.sweep.is_empty();
            if can_run && !is_sweep && button(ui, None, "Repeat with 5 seeds").on_hover_text(about).clicked() {
                cx.act(Action::RunSeeds);
            }
        } else {
            card_title(ui, "To do before it can run", |_| {});
            for problem in problems {
                ui.horizontal_top(|ui| {
                    Icon::Warn.show(ui, 14.0, cx.tokens.warn);
                    ui.add(egui::Label::new(soft(ui, problem.message.as_str())).wrap());
                });
            }
        }
    });
    ui.add_space(PAD);
    let Some(method) = cx.state.draft.method() else { return };
    let about = method.card();
    card(ui, |ui| {
        ui.set_width(ui.available_width());
        card_title(ui, "Method card", |ui| {
            ui.label(caption(ui, format!("version {}", about.version)));
        });
        for (name, text) in [("Formula", about.formula), ("Conventions", about.conventions), ("Source", about.source)] {
            if !text.is_empty() {
                ui.label(caption(ui, name));
                let text = if name == "Formula" { mono(text).size(size::SMALL) } else { soft(ui, text) };
                ui.add(egui::Label::new(text).wrap().selectable(true));
                ui.add_space(TIGHT);
            }
        }
    });
}
