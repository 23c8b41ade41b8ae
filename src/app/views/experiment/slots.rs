//! The inputs of a method: models, files, and rows that are made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use egui::{CollapsingHeader, Role, TextEdit, Ui, WidgetInfo, vec2};

use super::form::{FIELD, LABEL, line_ui, wrong};
use crate::app::command::Command;
use crate::app::context::{ViewCx, short_path};
use crate::app::draft::DraftCommand;
use crate::app::fields::Typed;
use crate::app::make_form::{Kind, kind_ui, make_ui};
use crate::app::paths::full;
use crate::app::rows_ui::RowsLook;
use crate::app::style::Icon;
use crate::app::style::tokens::TIGHT;
use crate::app::widgets::{icon_button, region, soft};
use crate::data::make::Make;
use crate::methods::schema::Problem;
use crate::methods::{Input, InputKind};

/// One input: what it takes now, and what it could take.
pub(super) fn slot_ui(
    cx: &ViewCx<'_>,
    input: &Input,
    problems: &[Problem],
    (typed, rows): (&mut Typed, &mut BTreeMap<String, RowsLook>),
    ui: &mut Ui,
) {
    if let (InputKind::Data, Some(make)) = (input.kind, cx.state.draft.made(input)) {
        return made_ui(cx, input, make, (typed, rows.entry(input.name.to_owned()).or_default()), ui);
    }
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
                choose_ui(cx, input, (&given, &known), typed, &set, ui);
            }
        });
    });
}

/// Open and recent items, or a typed path or hub id.
fn choose_ui(
    cx: &ViewCx<'_>,
    input: &Input,
    (given, known): (&[PathBuf], &[PathBuf]),
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
            if input.kind == InputKind::Data && given.is_empty() {
                ui.separator();
                for kind in Kind::ALL {
                    if ui.button(format!("Make: {}", kind.title())).on_hover_text(kind.about()).clicked() {
                        make(cx, input, Some(kind.small()));
                        ui.close();
                    }
                }
            }
        });
        menu.response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Open items for {}", input.name)));
    });
}

fn make(cx: &ViewCx<'_>, input: &Input, set: Option<Make>) {
    cx.send(Command::Edit(DraftCommand::Make(input.name.to_owned(), set.map(Box::new))));
}

/// Rows that are made: which, from what parameters, and the first of them.
fn made_ui(cx: &ViewCx<'_>, input: &Input, set: &Make, (typed, rows): (&mut Typed, &mut RowsLook), ui: &mut Ui) {
    line_ui(cx, input.name, input.about, true, &[], ui, |ui| {
        Icon::Plus.show(ui, 16.0, cx.tokens.text_soft);
        if Kind::of(set).is_none() {
            ui.label(soft(ui, "made as the experiment file says"));
        } else if let Some(other) = kind_ui(set, ui) {
            typed.clear();
            make(cx, input, Some(other));
        }
        if icon_button(ui, Icon::Close, &format!("Make nothing for {}", input.name), false).clicked() {
            make(cx, input, None);
        }
    });
    ui.indent(("made", input.name), |ui| {
        if let Some(changed) = make_ui(cx, set, [LABEL - 18.0, FIELD], typed, ui) {
            make(cx, input, Some(changed));
        }
        CollapsingHeader::new("Its rows").id_salt(("rows of", input.name)).show(ui, |ui| {
            const HEIGHT: f32 = 340.0;
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), egui::Sense::hover());
            region(ui, rect, input.name, |ui| rows.made_ui(cx, set, cx.state.draft.experiment.seed, ui));
        });
    });
}
