//! A table that draws only the rows on screen: sortable, resizable, selectable.

use egui::{Align, Button, Layout, RichText, Sense, Ui};
use egui_extras::{Column, TableBuilder, TableRow};

use crate::app::style::fonts::semibold;
use crate::app::style::tokens;
use crate::app::style::tokens::{ROW, size};

/// A column of a grid.
#[derive(Clone, Debug)]
pub struct GridColumn {
    /// Head.
    pub title: String,
    /// Tooltip of the head.
    pub about: String,
    /// Width in points; 0 takes what is left.
    pub width: f32,
    /// Numbers stand at the right.
    pub is_number: bool,
}

impl GridColumn {
    /// A text column.
    pub fn text(title: impl Into<String>, width: f32) -> Self {
        Self { title: title.into(), about: String::new(), width, is_number: false }
    }

    /// A number column.
    pub fn number(title: impl Into<String>, width: f32) -> Self {
        Self { is_number: true, ..Self::text(title, width) }
    }

    /// With a tooltip.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }
}

/// Order of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GridSort {
    /// Column.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
}

/// What was done with a grid.
#[derive(Clone, Copy, Debug, Default)]
pub struct GridEvents {
    /// Row that was clicked.
    pub clicked: Option<usize>,
    /// Row that was clicked twice.
    pub opened: Option<usize>,
}

/// Draws a grid. `cell` draws one cell of a row; `chosen` says which rows are highlighted.
/// A click on a head changes `sort`, when it is given.
pub fn grid_ui(
    id: &str,
    columns: &[GridColumn],
    sort: Option<&mut Option<GridSort>>,
    n_rows: usize,
    chosen: &dyn Fn(usize) -> bool,
    cell: &mut dyn FnMut(usize, usize, &mut Ui),
    ui: &mut Ui,
) -> GridEvents {
    let mut events = GridEvents::default();
    let mut sort = sort;
    ui.spacing_mut().item_spacing.y = 0.0;
    // Handles between columns show under the pointer only.
    ui.visuals_mut().widgets.noninteractive.bg_stroke = egui::Stroke::NONE;
    let layout = Layout::left_to_right(Align::Center);
    let mut table = TableBuilder::new(ui).id_salt(id).striped(false).sense(Sense::click()).cell_layout(layout);
    table = table.auto_shrink([false, false]).min_scrolled_height(0.0);
    for column in columns {
        table = table.column(if column.width > 0.0 {
            Column::initial(column.width).at_least(36.0).resizable(true).clip(true)
        } else {
            Column::remainder().at_least(120.0).clip(true)
        });
    }
    table
        .header(ROW, |mut header| {
            for (index, column) in columns.iter().enumerate() {
                header.col(|ui| head_ui(index, column, sort.as_deref_mut(), ui));
            }
        })
        .body(|body| {
            body.rows(ROW, n_rows, |mut row| row_ui(&mut row, columns, chosen, cell, &mut events));
        });
    events
}

fn row_ui(
    row: &mut TableRow<'_, '_>,
    columns: &[GridColumn],
    chosen: &dyn Fn(usize) -> bool,
    cell: &mut dyn FnMut(usize, usize, &mut Ui),
    events: &mut GridEvents,
) {
    let index = row.index();
    row.set_selected(chosen(index));
    for (c, column) in columns.iter().enumerate() {
        row.col(|ui| {
            let layout = if column.is_number {
                Layout::right_to_left(Align::Center)
            } else {
                Layout::left_to_right(Align::Center)
            };
            ui.with_layout(layout, |ui| {
                ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Truncate);
                cell(index, c, ui);
            });
        });
    }
    let response = row.response();
    if response.clicked() {
        events.clicked = Some(index);
    }
    if response.double_clicked() {
        events.opened = Some(index);
    }
}

fn head_ui(index: usize, column: &GridColumn, sort: Option<&mut Option<GridSort>>, ui: &mut Ui) {
    let t = tokens(ui);
    let layout =
        if column.is_number { Layout::right_to_left(Align::Center) } else { Layout::left_to_right(Align::Center) };
    ui.with_layout(layout, |ui| {
        let Some(sort) = sort else {
            let label = ui.label(RichText::new(&column.title).size(size::SMALL).color(t.text_faint));
            if !column.about.is_empty() {
                label.on_hover_text(&column.about);
            }
            return;
        };
        let mark = match sort {
            Some(s) if s.column == index => {
                if s.descending {
                    " ▾"
                } else {
                    " ▴"
                }
            }
            _ => "",
        };
        let ink = if mark.is_empty() { t.text_faint } else { t.text };
        let text = RichText::new(format!("{}{mark}", column.title)).font(semibold(size::SMALL)).color(ink);
        let mut response = ui.add(Button::new(text).frame(false).truncate());
        if !column.about.is_empty() {
            response = response.on_hover_text(&column.about);
        }
        if response.clicked() {
            *sort = match *sort {
                Some(s) if s.column == index && s.descending => Some(GridSort { column: index, descending: false }),
                Some(s) if s.column == index => None,
                _ => Some(GridSort { column: index, descending: true }),
            };
        }
    });
}
