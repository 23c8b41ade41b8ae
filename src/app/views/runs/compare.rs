//! Two to four runs side by side: what was set differently, their numbers, and the same samples.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{ComboBox, Grid, RichText, Role, ScrollArea, Ui, WidgetInfo, vec2};

use super::details::{number, scroll};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::live::Live;
use crate::app::runs::{RunCommand, RunDetails, RunEntry};
use crate::app::shared::SharedRows;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, size};
use crate::app::widgets::{
    GridColumn, Piece, caption, diff_words, grid_ui, mono, region, segmented, soft, swatch_ui, title, words_job,
};
use crate::methods::common::tables::counted;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    #[default]
    Overview,
    Samples,
    Charts,
}

/// Transient state.
#[derive(Default)]
pub(super) struct Compare {
    tab: Tab,
    table: String,
    text: String,
    only_differing: bool,
    row: usize,
    asked: Option<(Vec<String>, String)>,
    found: Vec<usize>,
    found_key: Option<(usize, String, bool)>,
    /// The texts of the chosen sample against the first one.
    pieces: Vec<Vec<Piece>>,
    pieces_key: Option<(usize, usize, String)>,
}

impl Compare {
    /// Draws the chosen runs.
    pub(super) fn compare_ui(&mut self, cx: &ViewCx<'_>, live: &mut Live, ui: &mut Ui) {
        let runs: Vec<&Arc<RunEntry>> = cx.state.runs.chosen.iter().filter_map(|id| cx.state.runs.find(id)).collect();
        ui.horizontal(|ui| {
            ui.label(title(format!("{} runs side by side", runs.len())));
            let choices = [
                (Tab::Overview, "Overview", "What was set differently, and the numbers"),
                (Tab::Samples, "Samples", "The same rows in every run"),
                (Tab::Charts, "Charts", "Numbers over time"),
            ];
            if let Some(tab) = segmented(ui, "Compare", self.tab, &choices) {
                self.tab = tab;
            }
        });
        ui.add_space(GAP);
        match self.tab {
            Tab::Overview => scroll(ui, |ui| overview_ui(cx, &runs, ui)),
            Tab::Samples => self.samples_ui(cx, &runs, ui),
            Tab::Charts => scroll(ui, |ui| live.live_ui(cx, &runs, ui)),
        }
    }

    fn samples_ui(&mut self, cx: &ViewCx<'_>, runs: &[&Arc<RunEntry>], ui: &mut Ui) {
        let details: Vec<&Arc<RunDetails>> = runs.iter().filter_map(|r| cx.state.runs.details.get(&r.id)).collect();
        if details.len() < runs.len() {
            ui.label(soft(ui, "Reading…"));
            return;
        }
        let tables = SharedRows::tables_of(&details);
        let Some(first) = tables.first() else {
            ui.label(soft(ui, "These runs have no table in common whose rows have names."));
            return;
        };
        if !tables.contains(&self.table) {
            self.table.clone_from(first);
        }
        self.ask(cx, &details);
        let ids: Vec<&String> = runs.iter().map(|r| &r.id).collect();
        let shared = cx.state.runs.shared.as_ref();
        let is_it = |s: &&Arc<SharedRows>| s.table == self.table && s.runs.iter().eq(ids.iter().copied());
        let Some(shared) = shared.filter(is_it).cloned() else {
            ui.label(soft(ui, "Matching rows…"));
            return;
        };
        self.choices_ui(&tables, &shared, ui);
        self.update(&shared);
        let room = ui.available_rect_before_wrap();
        let left = room.with_max_x(room.left() + room.width() * 0.42);
        region(ui, left, "shared rows", |ui| self.rows_ui(&shared, runs, ui));
        region(ui, room.with_min_x(left.right() + PAD), "texts", |ui| self.texts_ui(cx, runs, &shared, ui));
    }

    /// The rows are matched beside, once for every choice of runs and table.
    fn ask(&mut self, cx: &ViewCx<'_>, details: &[&Arc<RunDetails>]) {
        let wanted = (details.iter().map(|d| d.id.clone()).collect::<Vec<_>>(), self.table.clone());
        if self.asked.as_ref() != Some(&wanted) {
            let runs = details.iter().map(|d| Arc::clone(d)).collect();
            cx.send(Command::Run(RunCommand::Share(runs, self.table.clone())));
            self.asked = Some(wanted);
            self.row = 0;
        }
    }

    fn choices_ui(&mut self, tables: &[String], shared: &SharedRows, ui: &mut Ui) {
        let texts = shared.texts();
        if !texts.contains(&self.text.as_str()) {
            self.text = texts.first().map(|t| (*t).to_owned()).unwrap_or_default();
        }
        ui.horizontal(|ui| {
            let names: Vec<&str> = tables.iter().map(String::as_str).collect();
            choice_ui(ui, "Table", &mut self.table, &names);
            if !texts.is_empty() {
                choice_ui(ui, "Text", &mut self.text, &texts);
                ui.checkbox(&mut self.only_differing, "Only where texts differ");
            }
            ui.label(caption(ui, counted(shared.keys.len(), "shared row")));
        });
    }

    fn update(&mut self, shared: &Arc<SharedRows>) {
        let place = Arc::as_ptr(shared).addr();
        let key = (place, self.text.clone(), self.only_differing);
        if self.found_key.as_ref() != Some(&key) {
            let differs = |row: &usize| {
                let first = shared.text(*row, 0, &self.text);
                (1..shared.runs.len()).any(|run| shared.text(*row, run, &self.text) != first)
            };
            self.found = (0..shared.keys.len()).filter(|row| !self.only_differing || differs(row)).collect();
            self.found_key = Some(key);
            self.row = self.row.min(self.found.len().saturating_sub(1));
        }
        let Some(row) = self.found.get(self.row).copied() else {
            self.pieces.clear();
            self.pieces_key = None;
            return;
        };
        let key = (place, row, self.text.clone());
        if self.pieces_key.as_ref() != Some(&key) {
            let text = |run: usize| shared.text(row, run, &self.text).unwrap_or_default();
            self.pieces = (0..shared.runs.len()).map(|run| diff_words(text(0), text(run))).collect();
            self.pieces_key = Some(key);
        }
    }

    fn rows_ui(&mut self, shared: &SharedRows, runs: &[&Arc<RunEntry>], ui: &mut Ui) {
        let column = shared.numbers().first().map(|n| (*n).to_owned());
        let mut columns = vec![GridColumn::text("Row", 110.0)];
        if let Some(column) = &column {
            let head = |r: &&Arc<RunEntry>| GridColumn::number(&r.name, 100.0).about(format!("{column}, {}", r.id));
            columns.extend(runs.iter().map(head));
        }
        if self.found.is_empty() {
            ui.label(soft(ui, "No row differs."));
        }
        let (found, chosen) = (&self.found, self.row);
        let mut cell = |line: usize, place: usize, ui: &mut Ui| {
            let Some(row) = found.get(line).copied() else { return };
            match place.checked_sub(1) {
                None => {
                    ui.label(mono(shared.keys.get(row).cloned().unwrap_or_default()));
                }
                Some(run) => {
                    let value = column.as_ref().and_then(|c| shared.number(row, run, c));
                    ui.label(mono(value.map(number).unwrap_or_default()));
                }
            }
        };
        let events = grid_ui("shared rows", &columns, None, found.len(), &|line| line == chosen, &mut cell, ui);
        if let Some(row) = events.clicked {
            self.row = row;
        }
    }

    fn texts_ui(&self, cx: &ViewCx<'_>, runs: &[&Arc<RunEntry>], shared: &SharedRows, ui: &mut Ui) {
        if self.pieces.is_empty() {
            return;
        }
        if let Some(key) = self.found.get(self.row).and_then(|row| shared.keys.get(*row)) {
            ui.label(caption(ui, format!("{}, row {key}; against the first run", self.text)));
        }
        ScrollArea::vertical().id_salt("texts").auto_shrink([false, false]).show(ui, |ui| {
            for (place, (run, pieces)) in runs.iter().zip(&self.pieces).enumerate() {
                ui.horizontal(|ui| {
                    swatch_ui(cx, run, ui);
                    ui.label(RichText::new(&run.name).font(semibold(size::BODY)));
                    if place > 0 && pieces.iter().all(Piece::is_same) {
                        ui.label(caption(ui, "the same"));
                    }
                });
                ui.add(egui::Label::new(words_job(pieces, cx.tokens, ui.available_width())).selectable(true));
                ui.add_space(GAP);
            }
        });
    }
}

fn choice_ui(ui: &mut Ui, name: &str, value: &mut String, all: &[&str]) {
    ui.label(caption(ui, name));
    let combo = ComboBox::from_id_salt(name).width(150.0).truncate().selected_text(value.as_str());
    let shown = combo.show_ui(ui, |ui| {
        for option in all {
            ui.selectable_value(value, (*option).to_owned(), *option);
        }
    });
    shown.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, name));
}

/// What was set differently, and the numbers with their difference to the first run.
fn overview_ui(cx: &ViewCx<'_>, runs: &[&Arc<RunEntry>], ui: &mut Ui) {
    // Every run gets the same room, or a path beside a short name would be cut though there is space.
    const NAMES: f32 = 260.0;
    let room = (ui.available_width() - NAMES) / runs.len().max(1) as f32 - 2.0 * PAD;
    let grid = Grid::new("side by side").num_columns(runs.len() + 1).spacing(vec2(2.0 * PAD, 5.0));
    grid.min_col_width(room.clamp(60.0, 320.0)).show(ui, |ui| {
        ui.label("");
        for run in runs {
            ui.horizontal(|ui| {
                swatch_ui(cx, run, ui);
                ui.label(RichText::new(&run.name).font(semibold(size::BODY))).on_hover_text(&run.id);
            });
        }
        ui.end_row();
        let settings: BTreeSet<&String> = runs.iter().flat_map(|r| r.config.keys()).collect();
        let n_settings = settings.len();
        let mut n_same = 0;
        for name in settings {
            let values: Vec<_> = runs.iter().map(|r| r.config.get(name)).collect();
            if values.windows(2).all(|w| w[0] == w[1]) {
                n_same += 1;
                continue;
            }
            ui.label(soft(ui, name.as_str()));
            for value in values {
                let value = value.map_or("–", String::as_str);
                ui.add(egui::Label::new(mono(value)).truncate()).on_hover_text(value);
            }
            ui.end_row();
        }
        ui.label(caption(ui, format!("{n_same} of {n_settings} settings are the same")));
        ui.end_row();
        let mut seen = BTreeSet::new();
        for name in runs.iter().flat_map(|r| &r.order).filter(|name| seen.insert(name.as_str())) {
            numbers_row_ui(runs, name, ui);
        }
    });
}

fn numbers_row_ui(runs: &[&Arc<RunEntry>], name: &str, ui: &mut Ui) {
    ui.label(soft(ui, name));
    let first = runs.first().and_then(|r| r.scalars.get(name)).copied();
    for (i, run) in runs.iter().enumerate() {
        let value = run.scalars.get(name).copied();
        ui.horizontal(|ui| {
            ui.label(mono(value.map_or_else(|| "–".to_owned(), number)));
            if let Some(by) = value.zip(first).map(|(v, f)| v - f).filter(|_| i > 0) {
                let sign = if by < 0.0 { "−" } else { "+" };
                ui.label(caption(ui, format!("{sign}{}", number(by.abs()))));
            }
        });
    }
    ui.end_row();
}
