//! The fields: inputs, run settings, and the configuration of the method.

use std::collections::BTreeMap;

use egui::{RichText, Role, TextEdit, Ui, WidgetInfo};
use serde_json::Value;

use super::{slots, vary};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::draft::{DraftCommand, field};
use crate::app::fields::{self, Typed, about, shown, value_ui};
use crate::app::rows_ui::RowsLook;
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{PAD, size};
use crate::app::widgets::{caption, icon_button, segmented, soft, title};
use crate::engine::Precision;
use crate::methods::schema::{Field, Problem};

pub(super) const LABEL: f32 = 190.0;
pub(super) const FIELD: f32 = 240.0;

/// A line of the form: label, then what is added; marked when it differs from the default, and what is wrong under it.
pub(super) fn line_ui(
    cx: &ViewCx<'_>,
    label: &str,
    about: &str,
    is_modified: bool,
    wrong: &[&Problem],
    ui: &mut Ui,
    add: impl FnOnce(&mut Ui),
) {
    fields::line_ui(cx, LABEL, label, about, is_modified, wrong, ui, add);
}

/// Draws the whole form.
pub(super) fn form_ui(
    cx: &ViewCx<'_>,
    problems: &[Problem],
    typed: &mut Typed,
    rows: &mut BTreeMap<String, RowsLook>,
    ui: &mut Ui,
) {
    let Some(method) = cx.state.draft.method() else {
        ui.label(soft(ui, "Choose a method at the left."));
        return;
    };
    let card = method.card();
    ui.label(RichText::new(card.title).font(semibold(size::HEADING)));
    ui.add(egui::Label::new(soft(ui, card.about)).wrap());
    ui.add_space(PAD);
    ui.label(title("Inputs"));
    for input in method.inputs() {
        slots::slot_ui(cx, input, problems, (typed, rows), ui);
    }
    ui.add_space(PAD);
    let config = cx.state.draft.config();
    super::presets::presets_ui(cx, ui);
    let base = cx.state.draft.base();
    for item in method.fields() {
        let value = field(&config, &item.path).unwrap_or(&item.default).clone();
        let base = field(&base, &item.path).unwrap_or(&item.default);
        field_ui(cx, &item, [&value, base], problems, typed, ui);
    }
    ui.add_space(PAD);
    ui.label(title("Run"));
    run_ui(cx, problems, typed, ui);
    ui.add_space(PAD);
}

pub(super) fn wrong<'a>(problems: &'a [Problem], path: &str) -> Vec<&'a Problem> {
    problems.iter().filter(|p| p.path == path || p.path.starts_with(&format!("{path}."))).collect()
}

/// One option: its value, and the one of the preset, from which a changed one differs.
fn field_ui(
    cx: &ViewCx<'_>,
    item: &Field,
    [value, base]: [&Value; 2],
    problems: &[Problem],
    typed: &mut Typed,
    ui: &mut Ui,
) {
    let is_modified = value != base;
    let wrong = wrong(problems, &format!("steps.0.config.{}", item.path));
    let path = format!("steps.0.config.{}", item.path);
    if let Some(values) = cx.state.draft.varied(&path) {
        return vary::varied_ui(cx, item, &path, values, &wrong, typed, ui);
    }
    let label = item.path.replace('_', " ");
    let about = about(item);
    let set = |value: Option<Value>| cx.send(Command::Edit(DraftCommand::Field(item.path.clone(), value)));
    line_ui(cx, &label, &about, is_modified, &wrong, ui, |ui| {
        if let Some(value) = value_ui(cx, item, value, !wrong.is_empty(), FIELD, typed, ui) {
            set((value != item.default).then_some(value));
        }
        if !item.unit.is_empty() {
            ui.label(caption(ui, item.unit.as_str()));
        }
        if is_modified
            && icon_button(ui, Icon::Undo, &format!("Reset {} to {}", item.path, shown(base)), false).clicked()
        {
            typed.remove(&item.path);
            set((*base != item.default).then(|| base.clone()));
        }
        vary::vary_button(cx, item, &path, value, ui);
    });
}

fn run_ui(cx: &ViewCx<'_>, problems: &[Problem], typed: &mut Typed, ui: &mut Ui) {
    let experiment = &cx.state.draft.experiment;
    let edit = |command: DraftCommand| cx.send(Command::Edit(command));
    plain_ui(cx, "name", "Becomes part of the run's folder", &experiment.name, problems, typed, ui, &|text| {
        edit(DraftCommand::Name(text.to_owned()));
    });
    plain_ui(
        cx,
        "seed",
        "Of everything random; the same seed gives the same bytes",
        &experiment.seed.to_string(),
        problems,
        typed,
        ui,
        &|text| {
            if let Ok(seed) = text.trim().parse() {
                edit(DraftCommand::Seed(seed));
            }
        },
    );
    vary::seeds_ui(cx, typed, ui);
    vary::executor_ui(cx, typed, ui);
    plain_ui(cx, "device", "Where to compute: cpu, cuda or cuda:N", &experiment.device, problems, typed, ui, &|text| {
        edit(DraftCommand::Device(text.trim().to_owned()));
    });
    precision_ui(cx, problems, ui);
    let threads = experiment.threads.map(|n| n.to_string()).unwrap_or_default();
    plain_ui(
        cx,
        "threads",
        "Processor threads, all when empty; results do not depend on it",
        &threads,
        problems,
        typed,
        ui,
        &|text| {
            let text = text.trim();
            if text.is_empty() || text.parse::<usize>().is_ok() {
                edit(DraftCommand::Threads(text.parse().ok()));
            }
        },
    );
}

/// The numbers of products and attention; a processor has no choice, and can only be given it back.
fn precision_ui(cx: &ViewCx<'_>, problems: &[Problem], ui: &mut Ui) {
    const ABOUT: &str = "Numbers in which a card computes products and attention; a processor computes in f32";
    let experiment = &cx.state.draft.experiment;
    let chosen = Precision::parse(&experiment.precision).ok();
    line_ui(cx, "precision", ABOUT, false, &wrong(problems, "precision"), ui, |ui| {
        let choices = Precision::ALL.map(|p| (Some(p), p.name(), p.title()));
        let has_choice = experiment.device != "cpu" || chosen != Some(Precision::F32);
        ui.add_enabled_ui(has_choice, |ui| {
            if let Some(precision) = segmented(ui, "precision", chosen, &choices).flatten() {
                cx.send(Command::Edit(DraftCommand::Precision(precision)));
            }
        });
    });
}

fn plain_ui(
    cx: &ViewCx<'_>,
    name: &str,
    about: &str,
    value: &str,
    problems: &[Problem],
    typed: &mut Typed,
    ui: &mut Ui,
    set: &dyn Fn(&str),
) {
    line_ui(cx, name, about, false, &wrong(problems, name), ui, |ui| {
        let key = format!("run {name}");
        let mut text = typed.get(&key).cloned().unwrap_or_else(|| value.to_owned());
        let width = if name == "name" { FIELD } else { 110.0 };
        let response =
            ui.add(TextEdit::singleline(&mut text).desired_width(width).margin(egui::Margin::symmetric(8, 6)));
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, name));
        if response.changed() {
            typed.insert(key.clone(), text.clone());
            set(&text);
        }
        if response.lost_focus() {
            typed.remove(&key);
        }
    });
}
