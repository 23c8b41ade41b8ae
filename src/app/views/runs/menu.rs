//! Menus of the table of runs: which columns, in which order, grouped by what.

use std::sync::Arc;

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{ComboBox, PopupCloseBehavior, Role, ScrollArea, TextEdit, Ui, WidgetInfo};

use super::columns::{self, Column};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::names::RunNames;
use crate::app::runs::RunCommand;
use crate::app::style::tokens::PAD;
use crate::app::table::TableLook;
use crate::app::widgets::{button, caption, search_ui};

/// Columns listed at once; more are found by typing.
const LISTED: usize = 60;

/// Transient state.
#[derive(Default)]
pub(super) struct Menus {
    search: String,
    set: String,
    all: Vec<Column>,
    groups: Vec<Column>,
    usual: Vec<Column>,
    names: Arc<RunNames>,
}

impl Menus {
    fn update(&mut self, names: &Arc<RunNames>) {
        if Arc::ptr_eq(&self.names, names) {
            return;
        }
        self.all = columns::all(names);
        self.usual = columns::usual(names);
        let differing = names.settings.iter().filter(|(_, differs)| *differs);
        self.groups = [Column::Sweep, Column::Method, Column::Model, Column::State, Column::Tags, Column::Device]
            .into_iter()
            .chain(differing.map(|(name, _)| Column::Config(name.clone())))
            .collect();
        self.names = Arc::clone(names);
    }

    /// Draws both menus; the first is at the right end.
    pub(super) fn menus_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        self.update(&cx.state.runs.names);
        let before = &cx.state.settings.table;
        let mut look = before.clone();
        self.columns_ui(&mut look, ui);
        self.group_ui(&mut look, ui);
        if look != *before {
            cx.send(Command::Run(RunCommand::Look(Box::new(look))));
        }
    }

    fn group_ui(&self, look: &mut TableLook, ui: &mut Ui) {
        let title = look.group.as_deref().map_or_else(|| "No groups".to_owned(), |k| Column::of(k).title());
        let combo = ComboBox::from_id_salt("group").width(120.0).truncate().selected_text(title);
        let shown = combo.show_ui(ui, |ui| {
            ui.selectable_value(&mut look.group, None, "No groups");
            for column in &self.groups {
                ui.selectable_value(&mut look.group, Some(column.key()), column.title()).on_hover_text(column.key());
            }
        });
        shown.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Group by"));
        shown.response.on_hover_text("Runs with the same value together, with mean and deviation of their numbers");
    }

    fn columns_ui(&mut self, look: &mut TableLook, ui: &mut Ui) {
        let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        let (response, _) = MenuButton::new("Columns ▾").config(config).ui(ui, |ui| {
            ui.set_min_width(360.0);
            if look.columns.is_empty() {
                look.columns = self.usual.iter().map(Column::key).collect();
            }
            let shown = look.columns.clone();
            ui.label(caption(ui, "Shown"));
            ScrollArea::vertical().id_salt("shown").max_height(240.0).show(ui, |ui| {
                for key in &shown {
                    shown_ui(look, key, ui);
                }
            });
            ui.separator();
            search_ui(&mut self.search, "columns", 340.0, ui);
            let word = self.search.to_lowercase();
            let is_found = |c: &&Column| !shown.contains(&c.key()) && c.key().to_lowercase().contains(&word);
            ScrollArea::vertical().id_salt("others").max_height(180.0).show(ui, |ui| {
                for column in self.all.iter().filter(is_found).take(LISTED) {
                    let mut is_shown = false;
                    if ui.checkbox(&mut is_shown, column.title()).on_hover_text(column.key()).changed() {
                        look.toggle(&column.key());
                    }
                }
            });
            ui.separator();
            self.sets_ui(look, ui);
        });
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Columns"));
    }

    fn sets_ui(&mut self, look: &mut TableLook, ui: &mut Ui) {
        ui.horizontal(|ui| {
            let edit = ui.add(TextEdit::singleline(&mut self.set).hint_text("Name of a set").desired_width(170.0));
            edit.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Name of a set"));
            if button(ui, None, "Save set").clicked() && !self.set.trim().is_empty() {
                look.sets.insert(self.set.trim().to_owned(), look.columns.clone());
                self.set.clear();
            }
            if button(ui, None, "Usual").on_hover_text("The columns of the beginning").clicked() {
                look.columns = self.usual.iter().map(Column::key).collect();
                look.pinned.clear();
            }
        });
        for (name, columns) in look.sets.clone() {
            ui.horizontal(|ui| {
                if button(ui, None, &name).on_hover_text("Show these columns").clicked() {
                    look.columns.clone_from(&columns);
                }
                if ui.small_button("×").on_hover_text("Forget this set").clicked() {
                    look.sets.remove(&name);
                }
            });
        }
    }
}

/// A shown column: hide, pin, move.
fn shown_ui(look: &mut TableLook, key: &str, ui: &mut Ui) {
    let title = Column::of(key).title();
    ui.horizontal(|ui| {
        let mut is_shown = true;
        if ui.checkbox(&mut is_shown, title.as_str()).on_hover_text(key).changed() {
            look.toggle(key);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            // The bar of the list floats over its right end.
            ui.add_space(PAD);
            let mut small = |sign: &str, about: String| {
                let response = ui.small_button(sign);
                response.widget_info(|| WidgetInfo::labeled(Role::Button, true, about.as_str()));
                response.on_hover_text(about).clicked()
            };
            if small("▾", format!("Move {title} to the right")) {
                look.shift(key, 1);
            }
            if small("▴", format!("Move {title} to the left")) {
                look.shift(key, -1);
            }
            let is_pinned = look.pinned.contains(key);
            let about = if is_pinned { format!("Let {title} move") } else { format!("Keep {title} at the left") };
            if small(if is_pinned { "● pinned" } else { "pin" }, about) {
                look.pin(key);
            }
        });
    });
}
