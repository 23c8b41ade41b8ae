//! Before and after: the models that belong together, and what was measured alike on several of them.

use egui::{Grid, RichText, Ui, vec2};

use super::details::{number, scroll};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::runs::{RunCommand, RunEntry};
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, TIGHT, size};
use crate::app::widgets::{button, caption, empty_ui, mono, soft, title};
use crate::methods::common::tables::counted;
use crate::methods::{Scalar, find};
use crate::runs::lineage::{Comparison, Lineage, Measured, Node};

const EMPTY: &str = "No model was made of the one that this run measured. `train` and `unlearn` make models; measure \
                     what they made with the same method, settings and data, and both stand here side by side.";

/// Draws the relatives of a run's models and their common measurements.
pub(super) fn pairs_ui(cx: &ViewCx<'_>, run: &RunEntry, ui: &mut Ui) {
    let lineage = &cx.state.runs.lineage;
    let family = lineage.family(&run.id);
    if family.len() < 2 {
        return empty_ui(Icon::Split, "Nothing to compare yet", EMPTY, ui, |_| {});
    }
    scroll(ui, |ui| {
        let (shown, left_out) = lineage.looked_at(&family);
        for node in &shown {
            if let Some(model) = lineage.nodes.get(*node) {
                model_ui(cx, run, model, lineage.depth(*node), ui);
            }
        }
        if left_out > 0 {
            ui.label(caption(ui, format!("and {} that nothing was measured on", counted(left_out, "model"))));
        }
        ui.add_space(PAD);
        let comparisons = lineage.comparisons(&family);
        if comparisons.is_empty() {
            let about = "Nothing was measured alike on two of these models yet: same method, settings and data.";
            ui.label(soft(ui, about));
        }
        for comparison in &comparisons {
            comparison_ui(cx, lineage, comparison, ui);
            ui.add_space(PAD);
        }
    });
}

/// A model, below the one it was made of.
fn model_ui(cx: &ViewCx<'_>, run: &RunEntry, model: &Node, depth: usize, ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.add_space(2.0 * PAD * depth as f32);
        let icon = if depth == 0 { Icon::Model } else { Icon::Right };
        icon.show(ui, 14.0, cx.tokens.text_faint);
        let name = RichText::new(&model.name).font(semibold(size::BODY));
        ui.label(name).on_hover_text(model.path.display().to_string());
        let (Some(how), Some(by)) = (&model.how, &model.made_by) else { return };
        let how = find(how).map_or_else(|_| how.clone(), |method| method.card().title.to_owned());
        if *by == run.id {
            ui.label(caption(ui, format!("{how}, in this run")));
            return about_ui(model, ui);
        }
        let by_name = cx.state.runs.find(by).map_or(by.as_str(), |entry| entry.name.as_str());
        ui.label(caption(ui, how));
        if ui.link(by_name).on_hover_text("Look at the run that made it").clicked() {
            cx.send(Command::Run(RunCommand::Choose(vec![by.clone()])));
        }
        about_ui(model, ui);
    });
}

fn about_ui(model: &Node, ui: &mut Ui) {
    if !model.about.is_empty() {
        ui.label(caption(ui, format!("· {}", model.about)));
    }
}

fn comparison_ui(cx: &ViewCx<'_>, lineage: &Lineage, comparison: &Comparison, ui: &mut Ui) {
    ui.horizontal(|ui| {
        let method = find(&comparison.method).map_or(comparison.method.as_str(), |method| method.card().title);
        ui.label(title(method));
        let mut runs: Vec<String> = comparison.measured.iter().map(|one| one.run.clone()).collect();
        runs.dedup();
        // More do not fit beside each other.
        if (2..=4).contains(&runs.len()) && button(ui, Some(Icon::Compare), "Runs side by side").clicked() {
            cx.send(Command::Run(RunCommand::Choose(runs)));
        }
    });
    ui.add_space(TIGHT);
    let Some(first) = comparison.measured.first() else { return };
    egui::ScrollArea::horizontal().id_salt(&comparison.key).show(ui, |ui| {
        let grid = Grid::new(&comparison.key).num_columns(comparison.measured.len() + 1).spacing(vec2(2.0 * PAD, 5.0));
        grid.show(ui, |ui| {
            ui.label("");
            for one in &comparison.measured {
                head_ui(cx, lineage, one, ui);
            }
            ui.end_row();
            for scalar in &first.scalars {
                scalar_ui(lineage, comparison, scalar, ui);
                ui.end_row();
            }
        });
    });
    ui.add_space(GAP);
}

fn head_ui(cx: &ViewCx<'_>, lineage: &Lineage, one: &Measured, ui: &mut Ui) {
    let name = lineage.nodes.get(one.model).map_or("", |model| model.name.as_str());
    let run = cx.state.runs.find(&one.run).map_or(one.run.as_str(), |entry| entry.name.as_str());
    let label = ui.label(RichText::new(name).font(semibold(size::BODY)));
    label.on_hover_text(format!("Measured in {run}, step {}", one.step));
}

/// A number on every model, with the change from the model before.
fn scalar_ui(lineage: &Lineage, comparison: &Comparison, scalar: &Scalar, ui: &mut Ui) {
    let value = |one: &Measured| one.scalars.iter().find(|s| s.id == scalar.id).and_then(|s| s.value);
    let label =
        if scalar.unit.is_empty() { scalar.label.clone() } else { format!("{} ({})", scalar.label, scalar.unit) };
    ui.label(soft(ui, label)).on_hover_text(&scalar.id);
    for (at, one) in comparison.measured.iter().enumerate() {
        ui.horizontal(|ui| {
            let now = value(one);
            ui.label(mono(now.map_or_else(|| "–".to_owned(), number)));
            let before = comparison.before(lineage, at).and_then(value);
            if let Some(by) = now.zip(before).map(|(now, before)| now - before) {
                let sign = match by {
                    0.0 => "±",
                    by if by < 0.0 => "−",
                    _ => "+",
                };
                ui.label(caption(ui, format!("{sign}{}", number(by.abs()))));
            }
        });
    }
}
