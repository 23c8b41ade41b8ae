//! Fields of forms: what an option takes becomes a switch, a list of choices or a text field.

use std::collections::BTreeMap;

use egui::{Checkbox, ComboBox, RichText, Role, Stroke, TextEdit, Ui, WidgetInfo, vec2};
use serde_json::Value;

use super::context::ViewCx;
use super::style::Icon;
use super::style::fonts::semibold;
use super::style::tokens::{GAP, size};
use crate::methods::schema::{Field, FieldKind, Problem, range_text};

/// What is typed into number and text fields, by path, while it has the keyboard.
pub type Typed = BTreeMap<String, String>;

/// A line of a form: label, so wide, then what is added; marked when it differs from the default, and what is wrong
/// under it.
pub fn line_ui(
    cx: &ViewCx<'_>,
    width: f32,
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
        ui.allocate_ui_with_layout(vec2(width, 30.0), egui::Layout::left_to_right(egui::Align::Center), |ui| {
            ui.set_min_width(width);
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
            ui.add_space(width + GAP);
            Icon::Warn.show(ui, 14.0, t.bad);
            let hint = problem.hint.as_ref().map_or_else(String::new, |h| format!("  → {h}"));
            ui.add(
                egui::Label::new(RichText::new(format!("{}{hint}", problem.message)).size(size::SMALL).color(t.bad))
                    .wrap(),
            );
        });
    }
}

/// What an option means, what it allows, and its default.
pub fn about(item: &Field) -> String {
    let range = range_text(item.min, item.max);
    let range = if range.is_empty() { String::new() } else { format!("\nAllowed: {range}") };
    format!("{}{range}\nDefault: {}", item.about, shown(&item.default))
}

/// The control of an option, `width` points at most; its new value when it was changed.
pub fn value_ui(
    cx: &ViewCx<'_>,
    item: &Field,
    value: &Value,
    is_wrong: bool,
    width: f32,
    typed: &mut Typed,
    ui: &mut Ui,
) -> Option<Value> {
    match &item.kind {
        FieldKind::Bool => {
            let mut on = value.as_bool().unwrap_or_default();
            let response = ui.add(Checkbox::without_text(&mut on));
            response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, on, item.path.as_str()));
            response.changed().then_some(Value::Bool(on))
        }
        FieldKind::Choice(choices) => choice_ui(item, choices, value, width, ui),
        _ => text_field_ui(cx, item, value, is_wrong, width, typed, ui),
    }
}

fn choice_ui(item: &Field, choices: &[(String, String)], value: &Value, width: f32, ui: &mut Ui) -> Option<Value> {
    let chosen = value.as_str().unwrap_or_default();
    let name = |v: &str| v.replace('_', " ");
    let mut changed = None;
    let combo = ComboBox::from_id_salt(&item.path).width(width - 16.0).selected_text(name(chosen));
    let response = combo.show_ui(ui, |ui| {
        for (choice, about) in choices {
            if ui.selectable_label(choice == chosen, name(choice)).on_hover_text(about).clicked() {
                changed = Some(Value::String(choice.clone()));
            }
        }
    });
    response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, item.path.as_str()));
    changed
}

fn text_field_ui(
    cx: &ViewCx<'_>,
    item: &Field,
    value: &Value,
    is_wrong: bool,
    width: f32,
    typed: &mut Typed,
    ui: &mut Ui,
) -> Option<Value> {
    let mut text = typed.get(&item.path).cloned().unwrap_or_else(|| shown(value));
    let wide = matches!(item.kind, FieldKind::Text | FieldKind::List(_) | FieldKind::Json);
    let edit = TextEdit::singleline(&mut text)
        .hint_text(if item.optional { "not set" } else { "" })
        .desired_width(if wide { width } else { width.min(110.0) })
        .margin(egui::Margin::symmetric(8, 6));
    let response = ui.add(edit);
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, item.path.as_str()));
    if is_wrong {
        ui.painter().rect_stroke(response.rect, 6.0, Stroke::new(1.5, cx.tokens.bad), egui::StrokeKind::Inside);
    }
    let changed = response.changed().then(|| parse(&item.kind, item.optional, &text));
    if changed.is_some() {
        typed.insert(item.path.clone(), text);
    }
    if response.lost_focus() {
        typed.remove(&item.path);
    }
    changed
}

/// A value for reading and editing.
pub fn shown(value: &Value) -> String {
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
pub fn parse(kind: &FieldKind, is_optional: bool, text: &str) -> Value {
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
