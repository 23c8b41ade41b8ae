//! The models that a training has kept: each opens in Compare.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{Ui, vec2};

use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::curves::RunLog;
use crate::app::runs::{Checkpoint, RunCommand, RunEntry, RunState};
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, ROW};
use crate::app::views::ViewId;
use crate::app::widgets::{badge, button, caption, card_title, link, soft};
use crate::app::worker::Side;

/// Transient state.
#[derive(Default)]
pub(super) struct Checkpoints {
    /// For which run in which state they were asked, and when.
    asked: Option<(String, RunState, Instant)>,
}

impl Checkpoints {
    /// How many lines they take, one where there are none.
    pub(super) fn count(cx: &ViewCx<'_>, run: &RunEntry) -> usize {
        cx.state.runs.checkpoints.get(&run.id).map_or(1, |kept| kept.len().max(1))
    }

    pub(super) fn checkpoints_ui(&mut self, cx: &ViewCx<'_>, run: &RunEntry, log: Option<&Arc<RunLog>>, ui: &mut Ui) {
        self.ask(cx, run);
        let kept = cx.state.runs.checkpoints.get(&run.id).map_or(&[][..], Vec::as_slice);
        card_title(ui, "Checkpoints", |ui| {
            ui.label(caption(ui, kept.len().to_string()));
        });
        if kept.is_empty() {
            let text = if run.state.is_active() { "The first one is on its way." } else { "None was kept." };
            ui.label(soft(ui, text));
        }
        for checkpoint in kept.iter().rev() {
            row_ui(cx, checkpoint, log, ui);
        }
    }

    /// The folder is looked at when the run changes its state, and every two seconds while it works.
    fn ask(&mut self, cx: &ViewCx<'_>, run: &RunEntry) {
        const AGAIN: Duration = Duration::from_secs(2);
        let is_known = self.asked.as_ref().is_some_and(|(id, state, at)| {
            *id == run.id && *state == run.state && (!run.state.is_active() || at.elapsed() < AGAIN)
        });
        if !is_known {
            self.asked = Some((run.id.clone(), run.state, Instant::now()));
            cx.send(Command::Run(RunCommand::Checkpoints(run.id.clone())));
        }
    }
}

fn row_ui(cx: &ViewCx<'_>, checkpoint: &Checkpoint, log: Option<&Arc<RunLog>>, ui: &mut Ui) {
    let name = checkpoint.steps.map_or_else(|| "Finished model".to_owned(), |steps| format!("Step {steps}"));
    let is_open = cx.state.model.ready().is_some_and(|card| card.path == checkpoint.path);
    ui.horizontal(|ui| {
        ui.set_min_size(vec2(ui.available_width(), ROW));
        ui.spacing_mut().item_spacing.x = GAP;
        Icon::Model.show(ui, 16.0, cx.tokens.text_soft);
        ui.label(&name).on_hover_text(checkpoint.path.display().to_string());
        if is_open {
            badge(ui, "open", cx.tokens.accent, cx.tokens.accent_soft);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let compare = button(ui, Some(Icon::Compare), "Compare");
            compare.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("{name} in Compare")));
            if compare.on_hover_text("Open it, and see token by token what it knows").clicked() {
                open(cx, checkpoint, log);
                cx.send(Command::Show(ViewId::Compare));
            }
            if !is_open && link(ui, "Open").on_hover_text("Make it the open model").clicked() {
                cx.send(Command::OpenModel(checkpoint.path.clone()));
            }
        });
    });
}

/// Opens a model; Compare gets a training row and what was said of it, where nothing is typed there.
fn open(cx: &ViewCx<'_>, checkpoint: &Checkpoint, log: Option<&Arc<RunLog>>) {
    cx.send(Command::OpenModel(checkpoint.path.clone()));
    let is_empty = cx.state.compare.texts.iter().all(|text| text.trim().is_empty());
    let samples = log.map_or(&[][..], |log| &log.samples);
    let same = |steps: u64| samples.iter().find(|said| said.at >= steps);
    let said = checkpoint.steps.and_then(same).or_else(|| samples.last());
    if let (true, Some(said)) = (is_empty, said) {
        let truth = said.truth.as_deref().unwrap_or_default();
        cx.send(Command::SetText(Side::Original, format!("{}{truth}", said.prompt)));
        cx.send(Command::SetText(Side::Paraphrase, format!("{}{}", said.prompt, said.text)));
    }
}
