//! The settings of the technique as sliders, what is measured, presets, the card, and what the run will need.

use std::collections::BTreeMap;

use egui::{ComboBox, DragValue, Label, RichText, Role, Slider, TextEdit, Ui, WidgetInfo, vec2};
use serde_json::{Number, Value, json};

use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::draft::{DraftCommand, field};
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, TIGHT, size};
use crate::app::views::ViewId;
use crate::app::widgets::{
    badge, caption, card, card_title, divider, estimate_ui, icon_button, link, mono, segmented, soft, title,
};
use crate::methods::schema::{Field, FieldKind, Problem, range_text};
use crate::methods::unlearn::technique::{Group, How, Need, Technique};
use crate::methods::{self, presets};

const LABEL: f32 = 92.0;

/// Transient state: values while they are dragged or typed, by field.
#[derive(Default)]
pub(super) struct Knobs {
    moving: BTreeMap<String, f64>,
    /// Ratios as they are typed.
    ratios: Option<String>,
    is_card_open: bool,
}

impl Knobs {
    /// Draws the column.
    pub(super) fn knobs_ui(
        &mut self,
        cx: &ViewCx<'_>,
        technique: &'static Technique,
        problems: &[Problem],
        ui: &mut Ui,
    ) {
        self.card_ui(cx, technique, ui);
        ui.add_space(GAP);
        preset_ui(cx, ui);
        ui.add_space(TIGHT);
        let fields = cx.state.draft.method().map(methods::Method::fields).unwrap_or_default();
        let is_paper = cx.state.draft.config().get("compat").is_some_and(|c| c == "paper");
        let unused = match &technique.how {
            How::Localize(rule) => rule.unused(is_paper),
            _ => &[],
        };
        for (name, usual) in technique.knobs.iter().filter(|(name, _)| !unused.contains(name)) {
            if let Some(item) = fields.iter().find(|f| f.path == *name) {
                self.knob_ui(cx, item, *usual, ui);
            }
        }
        if technique.knobs.is_empty() {
            ui.label(soft(ui, "This technique has no settings."));
        }
        self.more_ui(cx, technique, &fields, ui);
        ui.add_space(PAD);
        card(ui, |ui| {
            ui.set_width(ui.available_width());
            if problems.is_empty() {
                return estimate_ui(cx, ui);
            }
            card_title(ui, "To do before it can run", |_| {});
            for problem in problems {
                ui.horizontal_top(|ui| {
                    Icon::Warn.show(ui, 14.0, cx.tokens.warn);
                    let hint = problem.hint.as_ref().map_or_else(String::new, |hint| format!("\n→ {hint}"));
                    ui.add(Label::new(soft(ui, format!("{}{hint}", problem.message))).wrap());
                });
            }
        });
        ui.add_space(PAD);
    }

    fn card_ui(&mut self, cx: &ViewCx<'_>, technique: &Technique, ui: &mut Ui) {
        ui.horizontal(|ui| {
            ui.label(title(technique.title));
            badge(ui, Group::of(technique).title(), cx.tokens.text_soft, cx.tokens.hover);
        });
        ui.add(Label::new(soft(ui, capital(technique.about))).wrap());
        let needs = match technique.retain {
            Need::Yes => "Needs texts to retain.",
            Need::Optional => "Looks at texts to retain where they are given.",
            Need::No => "Does not look at texts to retain; they are only measured.",
        };
        ui.add(Label::new(caption(ui, needs)).wrap());
        let text = if self.is_card_open { "Hide the card" } else { "Formula and source" };
        if link(ui, text).clicked() {
            self.is_card_open = !self.is_card_open;
        }
        if self.is_card_open {
            ui.add(Label::new(mono(technique.formula).size(size::SMALL)).wrap().selectable(true));
            ui.add(Label::new(soft(ui, technique.source)).wrap().selectable(true));
            if !technique.paper.is_empty() {
                ui.add(Label::new(caption(ui, format!("Paper mode: {}.", technique.paper))).wrap());
            }
        }
        divider(ui);
    }

    /// A number with a slider and a field; dragging becomes one change when it ends.
    fn knob_ui(&mut self, cx: &ViewCx<'_>, item: &Field, usual: f64, ui: &mut Ui) {
        let config = cx.state.draft.config();
        let set = field(&config, &item.path).and_then(Value::as_f64);
        let is_whole = matches!(item.kind, FieldKind::Int);
        let mut value = self.moving.get(&item.path).copied().or(set).unwrap_or(usual);
        let is_modified = set.is_some_and(|set| set != usual);
        let name = item.path.replace('_', " ");
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = TIGHT;
            label_ui(cx, &name, &about(item, usual), is_modified, ui);
            ui.spacing_mut().slider_width = (ui.available_width() - 100.0).max(60.0);
            let ([low, high], is_log) = span(item, usual);
            let slider = Slider::new(&mut value, low..=high).logarithmic(is_log).smallest_positive(low.max(1e-9));
            let slider = slider.clamping(egui::SliderClamping::Never).show_value(false);
            let slider = if is_whole { slider.integer() } else { slider };
            ui.spacing_mut().interact_size.y = 20.0;
            let moved = ui.add(slider);
            moved.widget_info(|| WidgetInfo::slider(true, value, name.as_str()));
            let digits = |v: f64, _: std::ops::RangeInclusive<usize>| crate::figures::ticks::short(v);
            let range = item.min.unwrap_or(f64::MIN)..=item.max.unwrap_or(f64::MAX);
            let typed = DragValue::new(&mut value).speed(0.0).range(range).custom_formatter(digits);
            let typed = ui.add_sized(vec2(62.0, 22.0), typed.update_while_editing(false));
            typed.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, format!("{name}, number")));
            if is_whole {
                value = value.round();
            } else if moved.changed() {
                value = two_digits(value);
            }
            if moved.dragged() {
                self.moving.insert(item.path.clone(), value);
            } else if moved.drag_stopped() || moved.changed() || typed.changed() {
                self.moving.remove(&item.path);
                send_number(cx, &item.path, value, usual, is_whole);
            }
            if is_modified
                && icon_button(
                    ui,
                    Icon::Undo,
                    &format!("Reset {name} to {}", crate::figures::ticks::short(usual)),
                    false,
                )
                .clicked()
            {
                cx.send(Command::Edit(DraftCommand::Field(item.path.clone(), None)));
            }
        });
    }

    /// What is forgotten and measured, whatever the technique.
    fn more_ui(&mut self, cx: &ViewCx<'_>, technique: &Technique, fields: &[Field], ui: &mut Ui) {
        ui.add_space(GAP);
        let config = cx.state.draft.config();
        if technique.knobs.iter().any(|k| k.0 == "ratio") {
            self.ratios_ui(cx, &config, ui);
        }
        let mut names = vec!["forget_rows"];
        if matches!(technique.how, How::Objective(_)) {
            names.extend(["train", "retain_loss"]);
        }
        names.push("compat");
        for name in names {
            if let Some(item) = fields.iter().find(|f| f.path == name) {
                choice_ui(cx, item, &config, ui);
            }
        }
        for name in ["k", "l"] {
            if let Some(item) = fields.iter().find(|f| f.path == name) {
                number_ui(cx, item, &config, ui);
            }
        }
        let name = &cx.state.draft.experiment.name;
        ui.horizontal(|ui| {
            label_ui(cx, "name", "Becomes part of the run's folder", false, ui);
            let mut text = name.clone();
            let edit = TextEdit::singleline(&mut text).desired_width(ui.available_width() - 20.0);
            let edit = ui.add(edit.margin(egui::Margin::symmetric(8, 4)));
            edit.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Name of the run"));
            if edit.changed() {
                cx.send(Command::Edit(DraftCommand::Name(text)));
            }
        });
        if link(ui, "All settings, seed, device…").clicked() {
            cx.send(Command::Show(ViewId::Experiment));
        }
    }

    fn ratios_ui(&mut self, cx: &ViewCx<'_>, config: &serde_json::Map<String, Value>, ui: &mut Ui) {
        let given: Vec<f64> =
            config.get("ratios").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_f64).collect();
        ui.horizontal(|ui| {
            label_ui(cx, "and ratios", "More fractions, each measured too, such as 0.01, 0.05", !given.is_empty(), ui);
            let known = given.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
            let mut text = self.ratios.clone().unwrap_or(known);
            let edit = TextEdit::singleline(&mut text).hint_text("none").desired_width(ui.available_width() - 20.0);
            let edit = ui.add(edit.margin(egui::Margin::symmetric(8, 4)));
            edit.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "More ratios"));
            if edit.changed() {
                self.ratios = Some(text.clone());
                let parse = |part: &str| part.trim().parse().map_or_else(|_| json!(part.trim()), |x: f64| json!(x));
                let list: Vec<Value> = text.split(',').filter(|p| !p.trim().is_empty()).map(parse).collect();
                let value = (!list.is_empty()).then_some(Value::Array(list));
                cx.send(Command::Edit(DraftCommand::Field("ratios".to_owned(), value)));
            }
            if edit.lost_focus() {
                self.ratios = None;
            }
        });
    }
}

fn label_ui(cx: &ViewCx<'_>, name: &str, about: &str, is_modified: bool, ui: &mut Ui) {
    let text = RichText::new(name).color(if is_modified { cx.tokens.text } else { cx.tokens.text_soft });
    let text = if is_modified { text.font(semibold(size::BODY)) } else { text };
    ui.allocate_ui_with_layout(vec2(LABEL, 26.0), egui::Layout::left_to_right(egui::Align::Center), |ui| {
        ui.set_min_width(LABEL);
        ui.add(Label::new(text).truncate()).on_hover_text(about);
    });
}

fn about(item: &Field, usual: f64) -> String {
    let unit = if item.unit.is_empty() { String::new() } else { format!("\nIn {}", item.unit) };
    let range = range_text(item.min, item.max);
    let range = if range.is_empty() { String::new() } else { format!("\nAllowed: {range}") };
    format!("{}{unit}{range}\nUsual for this technique: {usual}", item.about)
}

fn send_number(cx: &ViewCx<'_>, name: &str, value: f64, usual: f64, is_whole: bool) {
    let number = if is_whole { Some(Number::from(value.max(0.0) as u64)) } else { Number::from_f64(value) };
    let value = number.map(Value::Number).filter(|_| value != usual);
    cx.send(Command::Edit(DraftCommand::Field(name.to_owned(), value)));
}

/// Where a slider goes from and to, and whether its steps are factors. What lies beyond can be typed.
pub(super) fn span(item: &Field, usual: f64) -> ([f64; 2], bool) {
    match item.path.as_str() {
        "ratio" => ([1e-5, 1.0], true),
        "lr" => ([1e-7, 10.0], true),
        "loss_weight" | "momentum" => ([0.0, item.max.unwrap_or(1.0)], false),
        "epochs" => ([1.0, (4.0 * usual).max(20.0)], false),
        "batch" => ([1.0, 256.0], true),
        _ if matches!(item.kind, FieldKind::Int) => {
            let low = item.min.unwrap_or(0.0);
            ([low, (4.0 * usual).max(low + 10.0).min(item.max.unwrap_or(f64::MAX))], false)
        }
        _ if usual > 0.0 => {
            let most = item.max.unwrap_or(f64::MAX);
            ([usual / 100.0, (usual * 100.0).min(most)], true)
        }
        _ => ([item.min.unwrap_or(-1.0), item.max.unwrap_or(1.0).min(10.0)], false),
    }
}

/// A number of a slider, without digits that nobody set.
pub(super) fn two_digits(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

fn preset_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let draft = &cx.state.draft;
    let name = draft.preset.map_or("Usual settings", |p| p.title);
    let shown =
        if draft.is_modified() && draft.preset.is_some() { format!("{name}, modified") } else { name.to_owned() };
    ui.horizontal(|ui| {
        label_ui(cx, "preset", "Settings that a paper used", draft.preset.is_some(), ui);
        let combo = ComboBox::from_id_salt("unlearn preset").width(ui.available_width() - 8.0).truncate();
        let response = combo.selected_text(shown).show_ui(ui, |ui| {
            if ui.selectable_label(draft.preset.is_none(), "Usual settings").clicked() {
                cx.send(Command::Edit(DraftCommand::Preset(None)));
            }
            for preset in presets(super::METHOD) {
                let is_on = draft.preset.is_some_and(|p| p.id == preset.id);
                if ui.selectable_label(is_on, preset.title).on_hover_text(preset.source).clicked() {
                    cx.send(Command::Edit(DraftCommand::Preset(Some(preset))));
                }
            }
        });
        response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Preset"));
    });
    if let Some(preset) = draft.preset {
        ui.add(Label::new(caption(ui, preset.source)).wrap());
    }
}

/// A few words, one of them on.
fn choice_ui(cx: &ViewCx<'_>, item: &Field, config: &serde_json::Map<String, Value>, ui: &mut Ui) {
    let FieldKind::Choice(choices) = &item.kind else { return };
    let value = field(config, &item.path).unwrap_or(&item.default);
    let chosen = value.as_str().unwrap_or_default();
    let is_modified = *value != item.default;
    ui.horizontal(|ui| {
        label_ui(cx, &item.path.replace('_', " "), &item.about, is_modified, ui);
        let titles: Vec<(usize, String)> = choices.iter().map(|c| c.0.replace('_', " ")).enumerate().collect();
        let listed: Vec<(usize, &str, &str)> =
            titles.iter().zip(choices).map(|((i, title), c)| (*i, title.as_str(), c.1.as_str())).collect();
        let at = choices.iter().position(|c| c.0 == chosen).unwrap_or_default();
        ui.spacing_mut().button_padding.x = 6.0;
        if let Some((name, _)) = segmented(ui, &item.path, at, &listed).and_then(|i| choices.get(i)) {
            let value = (item.default != json!(name)).then(|| json!(name));
            cx.send(Command::Edit(DraftCommand::Field(item.path.clone(), value)));
        }
    });
}

/// A whole number to type.
fn number_ui(cx: &ViewCx<'_>, item: &Field, config: &serde_json::Map<String, Value>, ui: &mut Ui) {
    let value = field(config, &item.path).unwrap_or(&item.default);
    let mut number = value.as_u64().unwrap_or_default();
    let usual = item.default.as_u64().unwrap_or_default();
    ui.horizontal(|ui| {
        label_ui(cx, &item.path, &about(item, usual as f64), number != usual, ui);
        let low = item.min.unwrap_or(0.0) as u64;
        let drag = DragValue::new(&mut number).range(low..=65_536).speed(0.0).update_while_editing(false);
        let response = ui.add(drag);
        response.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, item.path.as_str()));
        ui.label(caption(ui, item.unit.as_str()));
        if response.changed() {
            let value = (number != usual).then(|| json!(number));
            cx.send(Command::Edit(DraftCommand::Field(item.path.clone(), value)));
        }
    });
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::find;
    use crate::methods::unlearn::technique::techniques;

    /// What is usual lies on the slider, which stays within what is allowed.
    #[test]
    fn every_setting_has_a_sensible_slider() {
        let fields = find("unlearn").unwrap().fields();
        for technique in techniques() {
            for (name, usual) in technique.knobs {
                let item = fields.iter().find(|f| f.path == *name).unwrap();
                let ([low, high], is_log) = span(item, *usual);
                assert!(low < high, "{name} of {}", technique.id);
                assert!(low <= *usual && *usual <= high || *usual == 0.0, "{name} of {}: {usual}", technique.id);
                assert!(!is_log || low > 0.0, "{name} of {}", technique.id);
                assert!(
                    low >= item.min.unwrap_or(low) && high <= item.max.unwrap_or(high),
                    "{name} of {}",
                    technique.id
                );
            }
        }
        assert_eq!(two_digits(0.012_345), 0.012);
    }
}
