//! The Start view: open things.

use std::path::PathBuf;

use egui::{Align, Layout, RichText, Role, ScrollArea, Sense, TextEdit, Ui, WidgetInfo, vec2};

use super::{View, ViewId};
use crate::app::command::{Action, Command};
use crate::app::context::{ViewCx, short_path};
use crate::app::paths::full;
use crate::app::state::Slot;
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, TIGHT, size};
use crate::app::widgets::{
    accent_button, button, caption, card, columns_ui, icon_button, link, soft, title, trouble_ui,
};

/// Transient state.
#[derive(Default)]
pub(super) struct Start {
    model: String,
    data: String,
}

impl View for Start {
    fn view_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            let width = ui.available_width().min(1040.0);
            let margin = ((ui.available_width() - width) / 2.0).max(0.0);
            ui.horizontal(|ui| {
                ui.add_space(margin);
                ui.vertical(|ui| {
                    ui.set_width(width);
                    ui.add_space(2.0 * PAD);
                    ui.label(RichText::new("What does this model remember?").font(semibold(size::DISPLAY)));
                    ui.add_space(TIGHT);
                    let about = "Open a language model and some texts. Compare an original with its paraphrases token by token, \
                                 measure memorization, and keep every number with its method.";
                    ui.scope(|ui| {
                        ui.set_max_width(680.0);
                        ui.label(soft(ui, about).size(size::TITLE));
                    });
                    ui.add_space(1.5 * PAD);
                    self.cards_ui(cx, ui);
                    ui.add_space(PAD);
                    troubles_ui(cx, ui);
                    recents_ui(cx, ui);
                });
            });
        });
    }
}

impl Start {
    fn cards_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let has_model = cx.state.model.ready().is_some();
        let has_data = cx.state.sheet().is_some();
        columns_ui(3, ui, |columns| {
            let [model, data, next] = columns else { return };
            step_ui(
                cx,
                model,
                "1",
                "Open a model",
                "A folder with config.json and safetensors, or a hub id.",
                has_model,
                |ui| {
                    if accent_or_plain(ui, !has_model, Icon::Folder, "Model folder…") {
                        cx.act(Action::OpenModelFolder);
                    }
                    if let Some(path) = path_ui(&mut self.model, "Path or hub id", ui) {
                        cx.send(Command::Open(path));
                    }
                },
            );
            step_ui(
                cx,
                data,
                "2",
                "Open texts",
                "JSONL, JSON, CSV, TXT or Parquet; or type them in Compare.",
                has_data,
                |ui| {
                    if accent_or_plain(ui, has_model && !has_data, Icon::File, "Data file…") {
                        cx.act(Action::OpenDataFile);
                    }
                    if let Some(path) = path_ui(&mut self.data, "Path or hub id of data", ui) {
                        cx.send(Command::OpenData(full(&path)));
                    }
                    ui.label(caption(ui, "Files and folders can be dropped anywhere."));
                },
            );
            step_ui(cx, next, "3", "Look and measure", "Side by side first; then a whole set as a run.", false, |ui| {
                if accent_or_plain(ui, has_model && has_data, Icon::Compare, "Compare texts") {
                    cx.send(Command::Show(ViewId::Compare));
                }
                ui.horizontal(|ui| {
                    ui.label(caption(ui, "New here?"));
                    if link(ui, "Open the sample").clicked() {
                        cx.act(Action::OpenSample);
                    }
                });
                if link(ui, "Run the demo study").on_hover_text(Action::RunDemo.about()).clicked() {
                    cx.act(Action::RunDemo);
                }
            });
        });
    }
}

/// A field for a path. Returns what was entered.
fn path_ui(text: &mut String, name: &str, ui: &mut Ui) -> Option<PathBuf> {
    let edit = TextEdit::singleline(text)
        .hint_text("or paste a path or owner/name")
        .desired_width(f32::INFINITY)
        .margin(egui::Margin::symmetric(10, 6));
    let response = ui.add(edit);
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, name));
    let is_entered = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
    let path = text.trim().trim_matches(['"', '\'']).trim_start_matches("file://");
    let path = (is_entered && !path.is_empty()).then(|| PathBuf::from(path));
    if path.is_some() {
        text.clear();
    }
    path
}

fn accent_or_plain(ui: &mut Ui, is_next: bool, icon: Icon, text: &str) -> bool {
    if is_next { accent_button(ui, Some(icon), text).clicked() } else { button(ui, Some(icon), text).clicked() }
}

fn step_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    number: &str,
    name: &str,
    about: &str,
    is_done: bool,
    add: impl FnOnce(&mut Ui),
) {
    let t = cx.tokens;
    card(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.set_min_height(178.0);
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(24.0, 24.0), Sense::hover());
            let (fill, ink) = if is_done { (t.good_soft, t.good) } else { (t.accent_soft, t.accent) };
            ui.painter().circle_filled(rect.center(), 12.0, fill);
            if is_done {
                Icon::Check.paint(ui, rect.shrink(4.0), ink);
            } else {
                ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, number, semibold(size::BODY), ink);
            }
            ui.label(title(name));
        });
        ui.add_space(TIGHT);
        ui.label(soft(ui, about));
        ui.add_space(GAP);
        add(ui);
    });
}

fn troubles_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    if let Slot::Failed(path, trouble) = &cx.state.model {
        trouble_ui(cx, &format!("{} cannot be opened", path.display()), trouble, ui);
        ui.add_space(PAD);
    }
    for entry in &cx.state.data {
        if let Slot::Failed(path, trouble) = &entry.sheet {
            trouble_ui(cx, &format!("{} cannot be opened", path.display()), trouble, ui);
            ui.add_space(PAD);
        }
    }
}

fn recents_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let settings = &cx.state.settings;
    if settings.recent_models.is_empty() && settings.recent_data.is_empty() {
        return shortcuts_ui(ui);
    }
    columns_ui(2, ui, |columns| {
        let [models, data] = columns else { return };
        list_ui(cx, models, ("Recent models", Icon::Model), &settings.recent_models);
        list_ui(cx, data, ("Recent data", Icon::Data), &settings.recent_data);
    });
}

/// Favorites first, then the newest.
fn list_ui(cx: &ViewCx<'_>, ui: &mut Ui, (name, icon): (&str, Icon), paths: &[PathBuf]) {
    ui.label(title(name));
    ui.add_space(TIGHT);
    ui.spacing_mut().item_spacing.y = 0.0;
    let favorites = &cx.state.settings.favorites;
    let (first, others): (Vec<&PathBuf>, Vec<&PathBuf>) = paths.iter().partition(|p| favorites.contains(*p));
    for path in first.into_iter().chain(others) {
        recent_ui(cx, icon, path, ui);
    }
}

fn recent_ui(cx: &ViewCx<'_>, icon: Icon, path: &PathBuf, ui: &mut Ui) {
    let t = cx.tokens;
    let is_favorite = cx.state.settings.favorites.contains(path);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 42.0), Sense::click());
    let stem = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Open {stem}")));
    if response.contains_pointer() || response.has_focus() {
        ui.painter().rect_filled(rect, 6.0, t.hover);
    }
    let sign = egui::Rect::from_center_size(rect.left_center() + vec2(20.0, 0.0), vec2(18.0, 18.0));
    icon.paint(ui, sign, t.text_faint);
    let inner = rect.with_min_x(rect.left() + 42.0).with_max_x(rect.right() - 40.0).shrink2(vec2(0.0, 4.0));
    let mut line = ui.new_child(egui::UiBuilder::new().max_rect(inner).layout(Layout::top_down(Align::Min)));
    line.style_mut().wrap_mode = Some(egui::TextWrapMode::Truncate);
    line.spacing_mut().item_spacing.y = 0.0;
    line.label(&stem);
    line.label(caption(&line, short_path(path)));
    let place = egui::Rect::from_center_size(rect.right_center() - vec2(20.0, 0.0), vec2(28.0, 28.0));
    let mut corner = ui.new_child(egui::UiBuilder::new().id_salt(path).max_rect(place));
    let what = if is_favorite { "Forget favorite" } else { "Keep as favorite" };
    if icon_button(&mut corner, Icon::Star, &format!("{what} {stem}"), is_favorite).clicked() {
        cx.send(Command::ToggleFavorite(path.clone()));
    } else if response.clicked() {
        cx.send(Command::Open(path.clone()));
    }
}

fn shortcuts_ui(ui: &mut Ui) {
    let tips = [
        (Action::Palette, "finds every command"),
        (Action::OpenModelFolder, "opens a model"),
        (Action::NextPair, "walks through the pairs"),
        (Action::Help, "lists all keys"),
    ];
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0 * PAD;
        for (action, about) in tips {
            let Some(keys) = action.keys(ui.ctx()) else { continue };
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 6.0;
                ui.label(RichText::new(keys).font(semibold(size::SMALL)));
                ui.label(caption(ui, about));
            });
        }
    });
}
