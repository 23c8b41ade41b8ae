//! The rows behind a brushed bar or point.

use egui::{ScrollArea, Ui};

use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::runs::{Brush, RunCommand, RunDetails};
use crate::app::style::tokens::GAP;
use crate::app::widgets::{GridColumn, button, caption, grid_ui, mono, soft, title};
use crate::figures::ticks::short;
use crate::methods::common::tables::counted;
use crate::methods::{Column, Table, Values};

/// Columns that name a row.
const NAMES: [&str; 3] = ["set", "row", "id"];

/// What is brushed, row by row.
pub(super) fn rows_ui(cx: &ViewCx<'_>, details: &RunDetails, brushed: &Brush, ui: &mut Ui) {
    ui.add_space(GAP);
    ui.horizontal(|ui| {
        ui.label(title(counted(brushed.rows.len(), "row")));
        ui.label(soft(ui, brushed.what.as_str()));
        if button(ui, None, "Close").clicked() {
            cx.send(Command::Run(RunCommand::Brush(None)));
        }
    });
    let Some(table) = details.tables.get(brushed.table) else { return };
    if let Some(remark) = details.only_beginning(brushed.table) {
        ui.label(caption(ui, format!("{remark} Rows beyond them stay empty here.")));
    }
    let shown = shown(table);
    let columns: Vec<GridColumn> = shown.iter().map(|c| grid(c)).collect();
    let mut cell = |row: usize, column: usize, ui: &mut Ui| {
        let (Some(column), Some(index)) = (shown.get(column), brushed.rows.get(row)) else { return };
        let text = cell_text(&column.values, *index);
        ui.label(mono(&text)).on_hover_text(text);
    };
    ScrollArea::horizontal().auto_shrink([false, false]).show(ui, |ui| {
        grid_ui("brushed", &columns, None, brushed.rows.len(), &|_| false, &mut cell, ui);
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
