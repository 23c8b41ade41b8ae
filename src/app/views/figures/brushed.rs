//! The rows behind a brushed bar or point.

use egui::{ScrollArea, Ui};

use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::parts::{Found, PAGE_ROWS, Pager, Viewer, Want};
use crate::app::runs::{Brush, RunCommand, RunDetails};
use crate::app::style::tokens::GAP;
use crate::app::widgets::{
    GridColumn, button, grid_ui, loading_ui, mono, one_line, pager_ui, scroll_grid_to, soft, title, trouble_ui,
};
use crate::figures::ticks::short;
use crate::methods::common::tables::counted;
use crate::methods::{Column, Table, Values};

/// Columns that name a row.
const NAMES: [&str; 3] = ["set", "row", "id"];

/// What is brushed, row by row.
pub(super) fn rows_ui(cx: &ViewCx<'_>, details: &RunDetails, brushed: &Brush, pager: &mut Pager, ui: &mut Ui) {
    ui.add_space(GAP);
    ui.horizontal(|ui| {
        ui.label(title(counted(brushed.rows.len(), "row")));
        ui.label(soft(ui, brushed.what.as_str()));
        if button(ui, None, "Close").clicked() {
            cx.send(Command::Run(RunCommand::Brush(None)));
        }
    });
    let page = pager.page(&format!("{} {}", details.id, brushed.what), brushed.table);
    if let Some(row) = pager_ui(page, brushed.rows.len(), ui) {
        scroll_grid_to("brushed", row % PAGE_ROWS, ui);
    }
    let start = *page * PAGE_ROWS;
    let rows = brushed.rows.get(start..(start + PAGE_ROWS).min(brushed.rows.len())).unwrap_or_default();
    let head = details.tables.get(brushed.table);
    // Most rows stand in the part of the table that is read with the run.
    let (table, places) = if let Some(head) = head.filter(|head| rows.iter().all(|row| *row < head.rows())) {
        (head, rows.iter().map(|row| Some(*row)).collect())
    } else {
        let file = details.table_files.get(brushed.table).map_or("", String::as_str);
        let want = Want::rows(&details.id, file, rows);
        let places = want.places(rows);
        let ask = |want| cx.send(Command::Run(RunCommand::Rows(Viewer::Brush, want)));
        match pager.part(Viewer::Brush, want, &cx.state.runs.parts, ask) {
            Found::Here(table) => (table, places),
            Found::Coming => return loading_ui("Reading rows…", ui),
            Found::Failed(trouble) => return trouble_ui(cx, "The rows cannot be read", trouble, ui),
        }
    };
    let shown = shown(table);
    let columns: Vec<GridColumn> = shown.iter().map(|c| grid(c)).collect();
    let mut cell = |row: usize, column: usize, ui: &mut Ui| {
        let (Some(column), Some(Some(index))) = (shown.get(column), places.get(row)) else { return };
        let text = cell_text(&column.values, *index);
        ui.label(mono(one_line(&text))).on_hover_text(text);
    };
    ScrollArea::horizontal().auto_shrink([false, false]).show(ui, |ui| {
        grid_ui("brushed", &columns, None, rows.len(), &|_| false, &mut cell, ui);
    });
}

/// The columns in the order in which they are looked at: what names a row, its texts, its numbers.
fn shown(table: &Table) -> Vec<&Column> {
    let mut columns: Vec<&Column> = table.columns.iter().collect();
    columns.sort_by_key(|c| match c.values {
        _ if NAMES.contains(&c.name.as_str()) => 0,
        Values::Text(_) => 1,
        _ => 2,
    });
    columns
}

fn grid(column: &Column) -> GridColumn {
    let is_name = NAMES.contains(&column.name.as_str());
    let grid = match column.values {
        Values::Text(_) => GridColumn::text(&column.name, if is_name { 96.0 } else { 340.0 }),
        _ => GridColumn::number(&column.name, if is_name { 56.0 } else { 110.0 }),
    };
    grid.about(column.about.as_str())
}

fn cell_text(values: &Values, row: usize) -> String {
    match values {
        Values::Float(v) => v.get(row).copied().flatten().map_or_else(String::new, short),
        Values::Int(v) => v.get(row).copied().flatten().map_or_else(String::new, |x| x.to_string()),
        Values::Text(v) => v.get(row).cloned().unwrap_or_default(),
        Values::Bool(v) => v.get(row).map(ToString::to_string).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stand_beside_the_names_of_their_rows() {
        let table = Table::new("t", "T")
            .column("set", "", "", Values::Text(vec!["members".into()]))
            .column("loss", "nats", "", Values::floats([1.5]))
            .column("text", "", "", Values::Text(vec!["a cat".into()]))
            .column("row", "", "", Values::ints([3]));
        let names: Vec<&str> = shown(&table).iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["set", "row", "text", "loss"]);
    }
}
