//! The fields: inputs, run settings, and the configuration of the method.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use egui::{Checkbox, ComboBox, RichText, Role, Stroke, TextEdit, Ui, WidgetInfo, vec2};
use serde_json::Value;

use super::vary;
use crate::app::command::Command;
use crate::app::context::{ViewCx, short_path};
use crate::app::draft::{DraftCommand, field};
use crate::app::paths::full;
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, TIGHT, size};
use crate::app::widgets::{caption, icon_button, segmented, soft, title};
use crate::engine::Precision;
use crate::methods::schema::{Field, FieldKind, Problem, range_text};
use crate::methods::{Input, InputKind};

pub(super) const LABEL: f32 = 190.0;
pub(super) const FIELD: f32 = 240.0;

pub(super) type Typed = BTreeMap<String, String>;

/// Draws the whole form.
pub(super) fn form_ui(cx: &ViewCx<'_>, problems: &[Problem], typed: &mut Typed, ui: &mut Ui) {
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
        slot_ui(cx, input, problems, typed, ui);
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
    let t = cx.tokens;
    let response = ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = GAP;
        ui.allocate_ui_with_layout(vec2(LABEL, 30.0), egui::Layout::left_to_right(egui::Align::Center), |ui| {
            ui.set_min_width(LABEL);
            let text = RichText::new(label).color(if is_modified { t.text } else { t.text_soft });
            let text = if is_modified { text.font(semibold(size::BODY)) } else { text };
            ui.add_space(10.0);
            ui.add(egui::Label::new(text).truncate()).on_hover_text(about);
        });
        add(ui);
    });
    if is_modified {
        let bar = response.response.rect.with_max_x(response.response.rect.left() + 3.0).shrink2(vec2(0.0, 4.0));
        ui.painter().rect_filled(bar, 1.5, t.accent);
    }
    for problem in wrong {
        ui.horizontal(|ui| {
            ui.add_space(LABEL + GAP);
            Icon::Warn.show(ui, 14.0, t.bad);
            let hint = problem.hint.as_ref().map_or_else(String::new, |h| format!("  → {h}"));
            ui.add(
                egui::Label::new(RichText::new(format!("{}{hint}", problem.message)).size(size::SMALL).color(t.bad))
                    .wrap(),
            );
        });
    }
}

fn wrong<'a>(problems: &'a [Problem], path: &str) -> Vec<&'a Problem> {
    problems.iter().filter(|p| p.path == path || p.path.starts_with(&format!("{path}."))).collect()
}

fn slot_ui(cx: &ViewCx<'_>, input: &Input, problems: &[Problem], typed: &mut Typed, ui: &mut Ui) {
    let given = cx.state.draft.inputs(input);
    let known: Vec<PathBuf> = match input.kind {
        InputKind::Model => {
            let open = cx.state.model.ready().map(|c| c.path.clone());
            open.into_iter().chain(cx.state.settings.recent_models.clone()).collect()
        }
        InputKind::Data => {
            cx.state.data.iter().map(|d| d.path.clone()).chain(cx.state.settings.recent_data.clone()).collect()
        }
    };
    let label = if input.required { input.name.to_owned() } else { format!("{} (optional)", input.name) };
    let set = |paths: Vec<PathBuf>| cx.send(Command::Edit(DraftCommand::Input(input.name.to_owned(), paths)));
    let wrong = wrong(problems, &format!("steps.0.inputs.{}", input.name));
    line_ui(cx, &label, input.about, !given.is_empty(), &wrong, ui, |ui| {
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = TIGHT;
            for (i, path) in given.iter().enumerate() {
                ui.horizontal(|ui| {
                    let icon = if input.kind == InputKind::Model { Icon::Model } else { Icon::Data };
                    icon.show(ui, 16.0, cx.tokens.text_soft);
                    let name = path
                        .file_name()
                        .map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
                    ui.scope(|ui| {
                        ui.set_max_width(FIELD - 20.0);
                        ui.add(egui::Label::new(name).truncate()).on_hover_text(short_path(path));
                    });
                    if icon_button(ui, Icon::Close, &format!("Remove from {}", input.name), false).clicked() {
                        set(given.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, p)| p.clone()).collect());
                    }
                });
            }
            if given.is_empty() || input.many {
                choose_ui(input, &given, &known, typed, &set, ui);
            }
        });
    });
}

/// Open and recent items, or a typed path or hub id.
fn choose_ui(
    input: &Input,
    given: &[PathBuf],
    known: &[PathBuf],
    typed: &mut Typed,
    set: &dyn Fn(Vec<PathBuf>),
    ui: &mut Ui,
) {
    let with = |path: PathBuf| given.iter().cloned().chain([path]).collect::<Vec<_>>();
    ui.horizontal(|ui| {
        let key = format!("slot {}", input.name);
        let text = typed.entry(key).or_default();
        let edit = TextEdit::singleline(text)
            .hint_text("Path or owner/name")
            .desired_width(FIELD - 36.0)
            .margin(egui::Margin::symmetric(8, 6));
        let response = ui.add(edit);
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, format!("Path for {}", input.name)));
        if response.lost_focus() && !text.trim().is_empty() {
            set(with(full(Path::new(text.trim()))));
            text.clear();
        }
        let mut fresh: Vec<&PathBuf> = known.iter().filter(|p| !given.contains(p)).collect();
        fresh.dedup();
        let menu = ui.menu_button("▾", |ui| {
            for path in &fresh {
                let name =
                    path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
                if ui.button(name).on_hover_text(short_path(path)).clicked() {
                    set(with((*path).clone()));
                    ui.close();
                }
            }
            if fresh.is_empty() {
                ui.label("Nothing is open yet");
            }
        });
        menu.response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Open items for {}", input.name)));
    });
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
    let range = range_text(item.min, item.max);
    let range = if range.is_empty() { String::new() } else { format!("\nAllowed: {range}") };
    let about = format!("{}{range}\nDefault: {}", item.about, shown(&item.default));
    let set = |value: Option<Value>| cx.send(Command::Edit(DraftCommand::Field(item.path.clone(), value)));
    line_ui(cx, &label, &about, is_modified, &wrong, ui, |ui| {
        match &item.kind {
            FieldKind::Bool => {
                let mut on = value.as_bool().unwrap_or_default();
                let response = ui.add(Checkbox::without_text(&mut on));
                response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, on, item.path.as_str()));
                if response.changed() {
                    set((Value::Bool(on) != item.default).then_some(Value::Bool(on)));
                }
            }
            FieldKind::Choice(choices) => choice_ui(item, choices, value, &set, ui),
            kind => text_field_ui(cx, item, kind, value, !wrong.is_empty(), typed, &set, ui),
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

fn choice_ui(item: &Field, choices: &[(String, String)], value: &Value, set: &dyn Fn(Option<Value>), ui: &mut Ui) {
    let chosen = value.as_str().unwrap_or_default();
    let name = |v: &str| v.replace('_', " ");
    let combo = ComboBox::from_id_salt(&item.path).width(FIELD - 16.0).selected_text(name(chosen));
    let response = combo.show_ui(ui, |ui| {
        for (choice, about) in choices {
            if ui.selectable_label(choice == chosen, name(choice)).on_hover_text(about).clicked() {
                let value = Value::String(choice.clone());
                set((value != item.default).then_some(value));
            }
        }
    });
    response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, item.path.as_str()));
}

fn text_field_ui(
    cx: &ViewCx<'_>,
    item: &Field,
    kind: &FieldKind,
    value: &Value,
    is_wrong: bool,
    typed: &mut Typed,
    set: &dyn Fn(Option<Value>),
    ui: &mut Ui,
) {
    let mut text = typed.get(&item.path).cloned().unwrap_or_else(|| shown(value));
    let wide = matches!(kind, FieldKind::Text | FieldKind::List(_) | FieldKind::Json);
    let edit = TextEdit::singleline(&mut text)
        .hint_text(if item.optional { "not set" } else { "" })
        .desired_width(if wide { FIELD } else { 110.0 })
        .margin(egui::Margin::symmetric(8, 6));
    let response = ui.add(edit);
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, item.path.as_str()));
    if is_wrong {
        ui.painter().rect_stroke(response.rect, 6.0, Stroke::new(1.5, cx.tokens.bad), egui::StrokeKind::Inside);
    }
    if response.changed() {
        typed.insert(item.path.clone(), text.clone());
        let value = parse(kind, item.optional, &text);
        set((value != item.default).then_some(value));
    }
    if response.lost_focus() {
        typed.remove(&item.path);
    }
}

/// A value for reading and editing.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|v| !v.is_object() && !v.is_array()) => {
            items.iter().map(shown).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// What was typed, as a value; what cannot be read stays text, and validation says why it is wrong.
pub(super) fn parse(kind: &FieldKind, is_optional: bool, text: &str) -> Value {
    let trimmed = text.trim();
    if trimmed.is_empty() && is_optional {
        return Value::Null;
    }
    match kind {
        FieldKind::Int | FieldKind::Float | FieldKind::Json => {
            serde_json::from_str(trimmed).unwrap_or_else(|_| Value::String(text.to_owned()))
        }
        FieldKind::List(inner) if !trimmed.starts_with('[') => {
            trimmed.split(',').filter(|t| !t.trim().is_empty()).map(|t| parse(inner, false, t.trim())).collect()
        }
        FieldKind::List(_) => serde_json::from_str(trimmed).unwrap_or_else(|_| Value::String(text.to_owned())),
        FieldKind::Bool | FieldKind::Text | FieldKind::Choice(_) => Value::String(text.to_owned()),
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn typed_text_becomes_the_value_it_looks_like() {
        assert_eq!(parse(&FieldKind::Int, false, " 32 "), json!(32));
        assert_eq!(parse(&FieldKind::Float, false, "1e-3"), json!(1e-3));
        assert_eq!(parse(&FieldKind::Int, false, "3x"), json!("3x"));
        assert_eq!(parse(&FieldKind::Int, true, ""), Value::Null);
        assert_eq!(parse(&FieldKind::List(Box::new(FieldKind::Float)), false, "0.1, 0.2"), json!([0.1, 0.2]));
        assert_eq!(parse(&FieldKind::Text, false, "32"), json!("32"));
    }
}
