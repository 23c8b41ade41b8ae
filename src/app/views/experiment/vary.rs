//! The sweep editor: fields that take several values, seeds, and how many runs that makes.

use egui::{RichText, Role, TextEdit, Ui, WidgetInfo};
use serde_json::Value;

use super::form::{FIELD, LABEL, line_ui};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::draft::DraftCommand;
use crate::app::fields::{Typed, parse, shown};
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::size;
use crate::app::widgets::{caption, icon_button, segmented, soft};
use crate::methods::common::tables::counted;
use crate::methods::schema::{Field, FieldKind, Problem};
use crate::runs::slurm::{Settings, check_option};
use crate::runs::sweep::{SEED, labels};

/// Further options of `sbatch`.
const OTHERS: &str = "sbatch options";

/// What Slurm is told: name of the option, what it means, and an example.
const SLURM: [(&str, &str, &str); 4] = [
    ("partition", "Group of nodes", "gpu"),
    ("time", "Longest time of a run", "2:00:00"),
    ("mem", "Memory of a run", "16G"),
    (OTHERS, "Further options of sbatch, with spaces between", "--account=lab --gres=gpu:1"),
];

/// Marks a field as varied, beginning with its present value; a switch begins with both.
pub(super) fn vary_button(cx: &ViewCx<'_>, item: &Field, path: &str, value: &Value, ui: &mut Ui) {
    // All of them stand below each other, whatever the fields are.
    const PLACE: f32 = LABEL + FIELD + 88.0;
    let target = ui.min_rect().left() + PLACE;
    ui.add_space((target - ui.cursor().left()).max(0.0));
    let name = format!("Vary {}", item.path);
    if icon_button(ui, Icon::Split, &name, false).on_hover_text("A run for each of several values").clicked() {
        let values = match item.kind {
            FieldKind::Bool => vec![Value::Bool(false), Value::Bool(true)],
            _ => vec![value.clone()],
        };
        cx.send(Command::Edit(DraftCommand::Vary(path.to_owned(), Some(values))));
    }
}

/// The values of a varied field.
pub(super) fn varied_ui(
    cx: &ViewCx<'_>,
    item: &Field,
    path: &str,
    values: &[Value],
    wrong: &[&Problem],
    typed: &mut Typed,
    ui: &mut Ui,
) {
    let about = format!("{}\nA run for each value; write commas between them.", item.about);
    line_ui(cx, &item.path.replace('_', " "), &about, true, wrong, ui, |ui| {
        let key = format!("vary {path}");
        let is_nested = matches!(item.kind, FieldKind::List(_) | FieldKind::Json);
        let plain = || if is_nested { Value::from(values).to_string() } else { joined(values) };
        let mut text = typed.get(&key).cloned().unwrap_or_else(plain);
        let edit = TextEdit::singleline(&mut text).hint_text("16, 32, 64").desired_width(FIELD);
        let response = ui.add(edit.margin(egui::Margin::symmetric(8, 6)));
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, format!("Values of {}", item.path)));
        if response.changed() {
            typed.insert(key.clone(), text.clone());
            let values = listed(&item.kind, &text);
            cx.send(Command::Edit(DraftCommand::Vary(path.to_owned(), Some(values))));
        }
        if response.lost_focus() {
            typed.remove(&key);
        }
        ui.label(caption(ui, format!("× {}", values.len()))).on_hover_text("Values of this field");
        if icon_button(ui, Icon::Close, &format!("Do not vary {}", item.path), false).clicked() {
            typed.remove(&key);
            cx.send(Command::Edit(DraftCommand::Vary(path.to_owned(), None)));
        }
    });
}

/// How many seeds everything is repeated with.
pub(super) fn seeds_ui(cx: &ViewCx<'_>, typed: &mut Typed, ui: &mut Ui) {
    let first = cx.state.draft.experiment.seed;
    let n = cx.state.draft.varied(SEED).map_or(1, Vec::len);
    let about = "Repeat everything with so many seeds, from the one above on";
    line_ui(cx, "repeats", about, n > 1, &[], ui, |ui| {
        let mut text = typed.get("repeats").cloned().unwrap_or_else(|| n.to_string());
        let edit = TextEdit::singleline(&mut text).desired_width(110.0).margin(egui::Margin::symmetric(8, 6));
        let response = ui.add(edit);
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "repeats"));
        if response.changed() {
            typed.insert("repeats".to_owned(), text.clone());
            if let Ok(n) = text.trim().parse::<u64>() {
                // More than a sweep may have is refused by its check, with numbers.
                let seeds = (0..n.min(100_000)).map(|i| Value::from(first.wrapping_add(i))).collect();
                cx.send(Command::Edit(DraftCommand::Vary(SEED.to_owned(), (n > 1).then_some(seeds))));
            }
        }
        if response.lost_focus() {
            typed.remove("repeats");
        }
        if n > 1 {
            ui.label(caption(ui, format!("seeds {first} to {}", first.wrapping_add(n as u64 - 1))));
        }
    });
}

/// What is varied, also by fields that the form does not have, and how many runs that makes.
pub(super) fn axes_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let sweep = &cx.state.draft.experiment.sweep;
    if sweep.is_empty() {
        return;
    }
    ui.label(RichText::new(product(cx)).font(semibold(size::BODY)));
    let keys: Vec<&String> = sweep.keys().collect();
    for ((path, values), label) in sweep.iter().zip(labels(&keys)) {
        ui.horizontal(|ui| {
            if icon_button(ui, Icon::Close, &format!("Vary {label} no more"), false).clicked() {
                cx.send(Command::Edit(DraftCommand::Vary(path.clone(), None)));
            }
            let values = values.as_array().map_or_else(|| values.to_string(), |values| joined(values));
            let text = format!("{label}: {values}");
            ui.add(egui::Label::new(soft(ui, text)).truncate()).on_hover_text(path);
        });
    }
    ui.separator();
}

/// Where the runs of a sweep are worked on: in the queue here, or as a job array of Slurm.
pub(super) fn executor_ui(cx: &ViewCx<'_>, typed: &mut Typed, ui: &mut Ui) {
    let draft = &cx.state.draft;
    if draft.experiment.sweep.is_empty() {
        return;
    }
    let set = |settings| cx.send(Command::Edit(DraftCommand::Slurm(settings)));
    let choices = [
        (false, "This machine", "One after the other, in the queue of the window"),
        (true, "Slurm", "A job array; the folder of runs must be seen by all nodes"),
    ];
    line_ui(cx, "executor", "Where the runs are worked on", draft.slurm.is_some(), &[], ui, |ui| {
        match segmented(ui, "executor", draft.slurm.is_some(), &choices) {
            Some(true) if draft.slurm.is_none() => set(Some(Settings::default())),
            Some(false) => set(None),
            _ => {}
        }
    });
    let Some(settings) = draft.slurm.clone() else { return };
    for (name, about, hint) in SLURM {
        let option = |text: &&String| name == OTHERS || text.starts_with(&format!("--{name}="));
        let is_other = |text: &&String| SLURM.iter().all(|(n, ..)| !text.starts_with(&format!("--{n}=")));
        let known: Vec<&String> = match name {
            OTHERS => settings.options.iter().filter(is_other).collect(),
            _ => settings.options.iter().filter(option).collect(),
        };
        let value =
            known.iter().map(|text| text.trim_start_matches(&format!("--{name}="))).collect::<Vec<_>>().join(" ");
        let bad = known.iter().find_map(|text| check_option(text).err());
        let problem = bad.map(|error| Problem { path: name.to_owned(), ..Problem::from(error) });
        let wrong: Vec<&Problem> = problem.iter().collect();
        line_ui(cx, name, about, !value.is_empty(), &wrong, ui, |ui| {
            let key = format!("slurm {name}");
            let mut text = typed.get(&key).cloned().unwrap_or(value);
            let edit = TextEdit::singleline(&mut text).hint_text(hint).desired_width(FIELD);
            let response = ui.add(edit.margin(egui::Margin::symmetric(8, 6)));
            response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, name));
            if response.changed() {
                typed.insert(key.clone(), text.clone());
                set(Some(Settings { options: with_option(&settings.options, name, &text), ..settings.clone() }));
            }
            if response.lost_focus() {
                typed.remove(&key);
            }
        });
    }
}

/// The options of `sbatch` with what was typed for one of [`SLURM`].
fn with_option(options: &[String], name: &str, text: &str) -> Vec<String> {
    let is_of = |option: &String, name: &str| option.starts_with(&format!("--{name}="));
    let is_named = |option: &String| SLURM.iter().any(|(n, ..)| is_of(option, n));
    let mut kept: Vec<String> =
        options.iter().filter(|o| if name == OTHERS { is_named(o) } else { !is_of(o, name) }).cloned().collect();
    if name == OTHERS {
        kept.extend(text.split_whitespace().map(str::to_owned));
    } else if !text.trim().is_empty() {
        kept.push(format!("--{name}={}", text.trim()));
    }
    kept
}

/// `6 runs = 2 × 3`.
fn product(cx: &ViewCx<'_>) -> String {
    let Some(factors) = cx.state.draft.factors() else { return "Runs: not known yet".to_owned() };
    let n = factors.iter().fold(1usize, |n, factor| n.saturating_mul(*factor));
    let factors: Vec<String> = factors.iter().map(usize::to_string).collect();
    let runs = counted(n, "run");
    if factors.len() > 1 { format!("{runs} = {}", factors.join(" × ")) } else { runs }
}

fn joined(values: &[Value]) -> String {
    values.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// Typed values; what cannot be read stays text, and validation says why it is wrong.
fn listed(kind: &FieldKind, text: &str) -> Vec<Value> {
    if matches!(kind, FieldKind::List(_) | FieldKind::Json) {
        return match serde_json::from_str(text.trim()) {
            Ok(Value::Array(values)) => values,
            _ => vec![Value::String(text.to_owned())],
        };
    }
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| if *kind == FieldKind::Bool { boolean(part) } else { parse(kind, false, part) }).collect()
}

fn boolean(text: &str) -> Value {
    text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Bool)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_of_slurm_are_set_one_by_one() {
        let options = with_option(&[], "partition", "gpu");
        let options = with_option(&options, OTHERS, "--account=lab  --qos=low");
        let options = with_option(&options, "time", "2:00:00");
        assert_eq!(options, ["--partition=gpu", "--account=lab", "--qos=low", "--time=2:00:00"]);
        let options = with_option(&options, "partition", " ");
        assert_eq!(with_option(&options, OTHERS, "--nice"), ["--time=2:00:00", "--nice"]);
    }

    #[test]
    fn typed_lists_become_values() {
        assert_eq!(listed(&FieldKind::Int, "16, 32,"), [json!(16), json!(32)]);
        assert_eq!(listed(&FieldKind::Float, "1e-3, x"), [json!(1e-3), json!("x")]);
        assert_eq!(listed(&FieldKind::Bool, "true, false"), [json!(true), json!(false)]);
        assert_eq!(
            listed(&FieldKind::List(Box::new(FieldKind::Float)), "[[0.1], [0.2, 0.3]]"),
            [json!([0.1]), json!([0.2, 0.3])]
        );
        assert!(listed(&FieldKind::Int, " ").is_empty());
    }
}
