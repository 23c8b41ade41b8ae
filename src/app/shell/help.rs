//! All keyboard shortcuts at a glance, and what this program is.

use egui::{Frame, Id, Key, Margin, Modal, RichText, Role, ScrollArea, Ui, WidgetInfo, vec2};

use super::status::cards_text;

use crate::app::command::{Action, Command};
use crate::app::context::ViewCx;
use crate::app::glossary::{self, Entry};
use crate::app::keys::{self, KeyChange};
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, TIGHT, size};
use crate::app::widgets::{button, caption, mono, search_ui, soft, title};

/// Draws the list of shortcuts, each of which can be changed. Returns whether it is to be closed.
pub fn help_ui(cx: &ViewCx<'_>, ui: &Ui) -> bool {
    if let Some(action) = keys::waiting(ui.ctx())
        && let Some(pressed) = keys::pressed(ui.ctx())
    {
        keys::wait_for(ui.ctx(), None);
        if pressed.logical_key != Key::Escape {
            cx.send(Command::Keys(action, KeyChange::Set(pressed)));
        }
    }
    let is_closed = dialog("help", "Keyboard shortcuts", 860.0, ui, |ui| {
        ui.label(soft(ui, "Click keys to choose others; Escape leaves them as they are."));
        ui.add_space(GAP);
        let listed: Vec<Action> = Action::ALL.iter().copied().filter(|a| a.is_listed()).collect();
        let half = listed.len().div_ceil(2);
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 2.0 * PAD;
            for (i, part) in listed.chunks(half.max(1)).enumerate() {
                let grid = egui::Grid::new(("keys", i)).num_columns(2).spacing([PAD, 2.0]).min_row_height(24.0);
                grid.show(ui, |ui| {
                    for action in part {
                        keys_ui(cx, *action, ui);
                        ui.label(soft(ui, action.title())).on_hover_text(action.about());
                        ui.end_row();
                    }
                });
            }
        });
    });
    if is_closed {
        keys::wait_for(ui.ctx(), None);
    }
    is_closed
}

/// The keys of an action, as a button that waits for others; changed ones have a way back.
fn keys_ui(cx: &ViewCx<'_>, action: Action, ui: &mut Ui) {
    let is_waiting = keys::waiting(ui.ctx()) == Some(action);
    let is_changed = cx.state.settings.keys.is_changed(action);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = TIGHT;
        let shown = action.keys(ui.ctx()).unwrap_or_else(|| "–".to_owned());
        let text = if is_waiting { "Press keys…".to_owned() } else { shown };
        let ink = if is_changed || is_waiting { cx.tokens.accent } else { cx.tokens.text };
        let field = egui::Button::new(mono(text).color(ink)).min_size(vec2(118.0, 22.0));
        let response = ui.add(field);
        let asks = if is_waiting { "Press the new" } else { "Change the" };
        let name = format!("{asks} keys of {}", action.title());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name.as_str()));
        if response.clicked() {
            keys::wait_for(ui.ctx(), if is_waiting { None } else { Some(action) });
        }
        if is_changed {
            let reset = ui.add(egui::Button::new("×").small());
            let name = format!("Give {} its own keys back", action.title());
            reset.widget_info(|| WidgetInfo::labeled(Role::Button, true, name.as_str()));
            if reset.on_hover_text(name).clicked() {
                cx.send(Command::Keys(action, KeyChange::Reset));
            }
        }
    });
}

/// The list of words, and what is searched in it.
#[derive(Default)]
pub struct Glossary {
    entries: Vec<Entry>,
    search: String,
    found: Option<(String, Vec<usize>)>,
}

impl Glossary {
    /// Draws the words with formulas and sources. Returns whether it is to be closed.
    pub fn glossary_ui(&mut self, ui: &Ui) -> bool {
        if self.entries.is_empty() {
            self.entries = glossary::entries();
        }
        if self.found.as_ref().is_none_or(|(text, _)| *text != self.search) {
            self.found = Some((self.search.clone(), glossary::find(&self.entries, &self.search)));
        }
        dialog("glossary", "Glossary", 720.0, ui, |ui| {
            search_ui(&mut self.search, "words", ui.available_width() - 44.0, ui);
            ui.add_space(GAP);
            ui.spacing_mut().item_spacing.y = TIGHT;
            let found = self.found.as_ref().map(|f| f.1.as_slice()).unwrap_or_default();
            if found.is_empty() {
                ui.label(soft(ui, "No word matches."));
            }
            for entry in found.iter().filter_map(|i| self.entries.get(*i)) {
                entry_ui(entry, ui);
            }
        })
    }
}

fn entry_ui(entry: &Entry, ui: &mut Ui) {
    ui.label(RichText::new(&entry.word).font(semibold(size::BODY)));
    ui.add(egui::Label::new(entry.meaning.as_str()).wrap().selectable(true));
    if !entry.formula.is_empty() {
        ui.add(egui::Label::new(mono(entry.formula.as_str())).wrap().selectable(true));
    }
    if !entry.source.is_empty() {
        ui.add(egui::Label::new(caption(ui, entry.source.as_str())).wrap().selectable(true));
    }
    ui.add_space(GAP);
}

/// Draws version, license and promises. Returns whether it is to be closed.
pub fn about_ui(cx: &ViewCx<'_>, ui: &Ui) -> bool {
    dialog("about", "Memoscope", 520.0, ui, |ui| {
        let version = format!("Version {}", env!("CARGO_PKG_VERSION"));
        ui.label(soft(ui, &*version));
        let about = "A laboratory for one question: what has this language model memorized, where in its weights does \
                     that live, and what happens when it is removed?";
        ui.add(egui::Label::new(about).wrap());
        ui.add_space(GAP);
        ui.label(title("What it does not do"));
        for promise in [
            "No telemetry: nothing about you, your models or your data leaves this machine.",
            "No network unless asked: only a hub id that you type is looked up, and what is in the cache needs none.",
            "No code of a model is run: models are data, and pickle files are refused.",
        ] {
            ui.add(egui::Label::new(soft(ui, promise)).wrap());
        }
        ui.add_space(GAP);
        let machine = &cx.state.machine;
        let facts = format!(
            "{version}\n{} {}, {} threads\nGraphics: {}",
            std::env::consts::OS,
            std::env::consts::ARCH,
            machine.n_threads,
            if machine.adapter.is_empty() { "unknown" } else { &machine.adapter }
        );
        ui.label(soft(ui, facts.split_once('\n').map_or("", |f| f.1)).size(size::SMALL));
        if let Some(cards) = &machine.cards {
            ui.label(soft(ui, cards_text(cards)).size(size::SMALL));
        }
        ui.label(soft(ui, "MIT or Apache-2.0, at your option").size(size::SMALL));
        ui.add_space(GAP);
        if button(ui, None, "Copy details").clicked() {
            cx.send(Command::Copy(facts));
        }
    })
}

fn dialog(id: &str, name: &str, width: f32, ui: &Ui, add: impl FnOnce(&mut Ui)) -> bool {
    let room = ui.ctx().content_rect().size();
    let frame = Frame::popup(&ui.ctx().global_style()).inner_margin(Margin::same(20));
    let modal = Modal::new(Id::unique(id)).frame(frame).show(ui.ctx(), |ui| {
        ui.set_width(width.min(room.x - 80.0));
        ui.label(RichText::new(name).font(semibold(size::HEADING)));
        ui.add_space(GAP);
        let most = room.y - 140.0;
        ScrollArea::both().max_height(most).min_scrolled_height(most).auto_shrink([false, true]).show(ui, add);
    });
    modal.should_close()
}
