//! Rows of a data set on screen: groups to choose from, marks where a row differs from its clean twin.

use std::sync::Arc;

use egui::{Label, ScrollArea, Ui};

use super::command::Command;
use super::context::ViewCx;
use super::preview::{MadeRows, PreviewRow, RowGroup, RowsPreview};
use super::state::Slot;
use super::style::tokens::GAP;
use super::widgets::marked_job;
use super::widgets::{GridColumn, badge, caption, grid_ui, loading_ui, mono, region, soft, trouble_ui};
use crate::data::make::Make;
use crate::methods::common::tables::counted;

/// Transient state of a list of rows.
#[derive(Default)]
pub struct RowsLook {
    group: Option<usize>,
    chosen: Option<usize>,
    /// Rows of the group, for the preview at this address.
    rows: Vec<usize>,
    key: Option<(usize, Option<usize>)>,
    /// The preview of a file, for the data set at this address.
    file: Option<(usize, Arc<RowsPreview>)>,
    /// What was shown last: it stays while the next one is made.
    last: Option<Arc<RowsPreview>>,
}

impl RowsLook {
    /// Draws rows that are made from parameters, once they are there.
    pub fn made_ui(&mut self, cx: &ViewCx<'_>, make: &Make, seed: u64, ui: &mut Ui) {
        if let Some(wrong) = make.problems().first() {
            ui.label(soft(ui, format!("No rows yet: {} {}.", wrong.field, wrong.message)));
            return;
        }
        let key = MadeRows::key(make, seed);
        match cx.state.made.get(&key) {
            Some(Slot::Ready(rows)) => self.last = Some(Arc::clone(rows)),
            Some(Slot::Failed(_, trouble)) => return trouble_ui(cx, "The rows cannot be made", trouble, ui),
            Some(_) => {}
            None => cx.send(Command::PreviewRows(Box::new(make.clone()), seed)),
        }
        match self.last.clone() {
            Some(rows) => self.rows_ui(cx, &rows, ui),
            None => loading_ui("Making rows…", ui),
        }
    }

    /// Draws the rows of an open file.
    pub fn file_ui(&mut self, cx: &ViewCx<'_>, set: &Arc<crate::data::Dataset>, ui: &mut Ui) {
        let key = Arc::as_ptr(set).addr();
        let rows = match &self.file {
            Some((known, rows)) if *known == key => Arc::clone(rows),
            _ => Arc::new(RowsPreview::of_dataset(set)),
        };
        self.file = Some((key, Arc::clone(&rows)));
        self.rows_ui(cx, &rows, ui);
    }

    fn rows_ui(&mut self, cx: &ViewCx<'_>, preview: &Arc<RowsPreview>, ui: &mut Ui) {
        self.update(preview);
        if !preview.schema.is_empty() {
            ui.add(Label::new(soft(ui, preview.schema.as_str())).wrap());
        }
        self.groups_ui(preview, ui);
        let is_altered = preview.groups.iter().any(|g| g.n_altered > 0);
        if is_altered {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = GAP;
                badge(ui, "altered", cx.tokens.warn, cx.tokens.warn_soft);
                ui.label(caption(ui, "what the model is trained on"));
                ui.label(caption(ui, "clean").strikethrough());
                ui.label(caption(ui, "what its clean twin has there"));
            });
        }
        for note in &preview.notes {
            ui.add(Label::new(caption(ui, note.as_str())).wrap());
        }
        ui.add_space(GAP);
        let room = ui.available_rect_before_wrap();
        let chosen = self.chosen.and_then(|row| preview.rows.get(row));
        let below = if chosen.is_some() { (room.height() * 0.34).clamp(60.0, 190.0) } else { 0.0 };
        region(ui, room.with_max_y(room.bottom() - below), "rows", |ui| self.grid_ui(cx, preview, ui));
        if let Some(row) = chosen {
            let lower = room.with_min_y(room.bottom() - below + GAP);
            region(ui, lower, "whole row", |ui| whole_ui(cx, preview, row, ui));
        }
    }

    fn update(&mut self, preview: &Arc<RowsPreview>) {
        let address = Arc::as_ptr(preview).addr();
        if self.group.is_some_and(|g| g >= preview.groups.len()) {
            self.group = None;
        }
        let key = (address, self.group);
        if self.key != Some(key) {
            if self.key.is_none_or(|(known, _)| known != address) {
                self.chosen = None;
            }
            let is_shown = |row: &PreviewRow| self.group.is_none_or(|g| row.group == g);
            self.rows = preview.rows.iter().enumerate().filter(|(_, r)| is_shown(r)).map(|(i, _)| i).collect();
            self.key = Some(key);
        }
    }

    fn groups_ui(&mut self, preview: &RowsPreview, ui: &mut Ui) {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = GAP;
            let n: usize = preview.groups.iter().map(|g| g.n).sum();
            let all = if preview.is_part { format!("First {n} rows") } else { counted(n, "row") };
            if ui.selectable_label(self.group.is_none(), all).clicked() {
                self.group = None;
            }
            for (i, group) in preview.groups.iter().enumerate() {
                let is_on = self.group == Some(i);
                if ui.selectable_label(is_on, group_text(group)).on_hover_text(group_about(group)).clicked() {
                    self.group = (!is_on).then_some(i);
                }
            }
        });
    }

    fn grid_ui(&mut self, cx: &ViewCx<'_>, preview: &RowsPreview, ui: &mut Ui) {
        let columns = [
            GridColumn::number("Row", 48.0),
            GridColumn::text("Group", 96.0).about("Rows of a group are reported together"),
            GridColumn::number("Copies", 56.0).about("How often the row is seen in an epoch: its duplication class"),
            GridColumn::text("Text", 0.0),
        ];
        let rows = &self.rows;
        let mut cell = |at: usize, column: usize, ui: &mut Ui| {
            let Some(row) = rows.get(at).and_then(|row| preview.rows.get(*row)) else { return };
            let Some(group) = preview.groups.get(row.group) else { return };
            match column {
                0 => ui.label(mono((row.row + 1).to_string())),
                1 => ui.label(group.title()),
                2 => ui.label(mono(format!("×{}", group.copies))),
                _ => ui.label(marked_job(&row.pieces, cx.tokens, f32::INFINITY, true)),
            };
        };
        let chosen = self.chosen;
        let is_chosen = |at: usize| chosen.is_some() && rows.get(at).copied() == chosen;
        let events = grid_ui("preview rows", &columns, None, rows.len(), &is_chosen, &mut cell, ui);
        if let Some(row) = events.clicked.and_then(|at| rows.get(at)).copied() {
            self.chosen = (self.chosen != Some(row)).then_some(row);
        }
    }
}

fn group_text(group: &RowGroup) -> String {
    // Classes of duplicates are named by their copies.
    let is_named = group.group == format!("x{}", group.copies);
    let copies = if group.copies > 1 && !is_named { format!(" ×{}", group.copies) } else { String::new() };
    format!("{}{copies} · {}", group.title(), group.n)
}

fn group_about(group: &RowGroup) -> String {
    let seen = if group.part.is_empty() || group.part == "train" {
        format!("Trained on, each {} an epoch", counted(group.copies as usize, "time"))
    } else {
        "Never trained on".to_owned()
    };
    let altered = if group.n_altered > 0 { format!("\n{} altered", group.n_altered) } else { String::new() };
    format!("{seen}{altered}")
}

fn whole_ui(cx: &ViewCx<'_>, preview: &RowsPreview, row: &PreviewRow, ui: &mut Ui) {
    let group = preview.groups.get(row.group).map(group_text).unwrap_or_default();
    let n = row.pieces.iter().filter(|p| p.is_new()).count();
    let altered = if n > 0 { format!(", altered at {}", counted(n, "place")) } else { String::new() };
    ui.label(caption(ui, format!("Row {}: {group}{altered}", row.row + 1)));
    ScrollArea::vertical().id_salt("whole row").auto_shrink([false, false]).show(ui, |ui| {
        let width = ui.available_width() - GAP;
        ui.add(Label::new(marked_job(&row.pieces, cx.tokens, width, false)).wrap().selectable(true));
    });
}
