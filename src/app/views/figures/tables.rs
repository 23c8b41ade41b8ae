//! Tables of a run, and of runs side by side, for a paper: CSV, Markdown, LaTeX, copied or saved.

use egui::{ScrollArea, Ui, vec2};

use super::item_ui;
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::parts::{Found, PAGE_ROWS, Pager, Viewer};
use crate::app::runs::{RunCommand, RunDetails, RunEntry};
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, TIGHT};
use crate::app::widgets::{
    GridColumn, accent_button, button, caption, card, card_title, grid_ui, loading_ui, mono, one_line, pager_ui,
    scroll_grid_to, segmented, title, trouble_ui,
};
use crate::figures::{Cell, Direction, TableColumn, TableFormat, TableView, export_table};
use crate::methods::common::tables::counted;
use crate::runs::cli::table_view;

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// The headline numbers of the run.
    Numbers,
    /// The headline numbers of the chosen runs, a row each.
    Runs,
    /// A table of the run.
    Own(usize),
}

/// What a made table was made of: run, table, state of the runs, page.
type Made = (String, Which, u64, usize);

/// Transient state.
pub(super) struct Tables {
    chosen: Option<(String, Which)>,
    /// The chosen table, made when it is first shown or the runs change.
    made: Option<(Made, TableView)>,
    pager: Pager,
    format: TableFormat,
}

impl Default for Tables {
    fn default() -> Self {
        Self { chosen: None, made: None, pager: Pager::default(), format: TableFormat::Latex }
    }
}

impl Tables {
    /// Whether a table of this run is shown instead of a figure.
    pub(super) fn is_shown(&self, details: &RunDetails) -> bool {
        self.chosen.as_ref().is_some_and(|(run, _)| *run == details.id)
    }

    /// Back to figures.
    pub(super) fn hide(&mut self) {
        self.chosen = None;
    }

    /// The tables of the run.
    pub(super) fn list_ui(&mut self, cx: &ViewCx<'_>, details: &RunDetails, ui: &mut Ui) {
        let mut all = vec![(Which::Numbers, "Headline numbers".to_owned())];
        if cx.state.runs.chosen.len() > 1 {
            all.push((Which::Runs, format!("{} runs side by side", cx.state.runs.chosen.len())));
        }
        all.extend(details.tables.iter().enumerate().map(|(i, t)| (Which::Own(i), t.title.clone())));
        for (which, name) in all {
            let is_on = self.is_shown(details) && self.chosen.as_ref().is_some_and(|c| c.1 == which);
            if item_ui(&name, is_on, ui) {
                self.chosen = Some((details.id.clone(), which));
            }
        }
    }

    /// The shown table, if it has more rows than are shown at once.
    fn long(&self, details: &RunDetails) -> Option<usize> {
        match self.chosen {
            Some((_, Which::Own(index))) => details.is_part(index).then_some(index),
            _ => None,
        }
    }

    fn view(&mut self, cx: &ViewCx<'_>, details: &RunDetails) -> Option<&mut TableView> {
        let which = self.chosen.as_ref()?.1;
        let page = if let Which::Own(index) = which { *self.pager.page(&details.id, index) } else { 0 };
        let key = (details.id.clone(), which, cx.state.runs.serial, page);
        if self.made.as_ref().is_none_or(|(made, _)| *made != key) {
            self.made = None;
            let ask = |want| cx.send(Command::Run(RunCommand::Rows(Viewer::Figures, want)));
            let made = match which {
                Which::Numbers => numbers(details),
                Which::Runs => side_by_side(cx),
                Which::Own(_) => match self.pager.find(Viewer::Figures, details, &cx.state.runs.parts, ask) {
                    Found::Here(table) => table_view(table),
                    Found::Coming | Found::Failed(_) => return None,
                },
            };
            self.made = Some((key, made));
        }
        self.made.as_mut().map(|(_, view)| view)
    }

    /// The table itself.
    pub(super) fn table_ui(&mut self, cx: &ViewCx<'_>, details: &RunDetails, ui: &mut Ui) {
        let long = self.long(details);
        if let Some(index) = long {
            ui.label(title(details.tables.get(index).map_or("", |t| t.title.as_str())));
            if let Some(row) = pager_ui(self.pager.page(&details.id, index), details.n_rows(index), ui) {
                scroll_grid_to("table", row % PAGE_ROWS, ui);
            }
        }
        let Some(view) = self.view(cx, details) else {
            let failed = cx.state.runs.parts.get(&Viewer::Figures).and_then(|p| p.table.as_ref().err());
            return match failed {
                Some(trouble) => trouble_ui(cx, "The rows cannot be read", trouble, ui),
                None => loading_ui("Reading rows…", ui),
            };
        };
        if long.is_none() {
            ui.label(title(&view.title));
            ui.label(caption(ui, counted(view.rows.len(), "row")));
        }
        let columns: Vec<GridColumn> = view.columns.iter().enumerate().map(|(i, c)| column(view, i, c)).collect();
        ScrollArea::horizontal().auto_shrink([false, false]).show(ui, |ui| {
            let mut cell = |row: usize, column: usize, ui: &mut Ui| {
                let Some(cell) = view.rows.get(row).and_then(|r| r.get(column)) else { return };
                let text = shown(cell);
                ui.add(egui::Label::new(mono(one_line(&text))).truncate()).on_hover_text(text);
            };
            grid_ui("table", &columns, None, view.rows.len(), &|_| false, &mut cell, ui);
        });
    }

    /// Format, what is best, copy and save.
    pub(super) fn export_ui(&mut self, cx: &ViewCx<'_>, details: &RunDetails, ui: &mut Ui) {
        let mut format = self.format;
        let long = self.long(details).and_then(|index| details.table_files.get(index));
        let Some(view) = self.view(cx, details) else { return };
        card(ui, |ui| {
            ui.set_width(ui.available_width());
            card_title(ui, "Export", |_| {});
            let choices = [
                (TableFormat::Latex, "LaTeX", "A table for the packages booktabs and siunitx, the best in bold"),
                (TableFormat::Markdown, "Markdown", "A pipe table, the best in bold"),
                (TableFormat::Csv, "CSV", "Every number with all its digits"),
            ];
            ui.horizontal(|ui| {
                if let Some(chosen) = segmented(ui, "Table format", format, &choices) {
                    format = chosen;
                }
            });
            ui.add_space(GAP);
            if format != TableFormat::Csv {
                directions_ui(view, ui);
            }
            ui.horizontal(|ui| {
                let copy = accent_button(ui, Some(Icon::Copy), "Copy").clicked();
                let save = button(ui, Some(Icon::Download), "Save as…").clicked();
                match long.filter(|_| save && format == TableFormat::Csv) {
                    Some(file) => {
                        cx.send(Command::Run(RunCommand::SaveTable(details.id.clone(), file.clone(), None)));
                    }
                    None if copy || save => send(cx, view, format, copy),
                    None => {}
                }
            });
            if long.is_some() {
                let about = "A CSV file gets every row; the clipboard, Markdown and LaTeX get the rows shown here.";
                ui.add(egui::Label::new(caption(ui, about)).wrap());
            }
        });
        self.format = format;
    }
}

fn send(cx: &ViewCx<'_>, view: &TableView, format: TableFormat, to_clipboard: bool) {
    let extension = match format {
        TableFormat::Csv => "csv",
        TableFormat::Markdown => "md",
        TableFormat::Latex => "tex",
    };
    match export_table(view, format) {
        Ok(text) if to_clipboard => cx.send(Command::Copy(text)),
        Ok(text) => {
            let name: String = view.title.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
            cx.send(Command::Save(format!("{}.{extension}", name.to_lowercase()), text));
        }
        Err(error) => cx.send(Command::Toast(error.to_string())),
    }
}

/// Which values of each column of numbers are best: a click goes from neither to the larger to the smaller ones.
fn directions_ui(view: &mut TableView, ui: &mut Ui) {
    ui.label(caption(ui, "Bold is the best of a column: click to choose"));
    let is_number: Vec<bool> = (0..view.columns.len()).map(|i| has_numbers(view, i)).collect();
    ScrollArea::vertical().id_salt("directions").max_height(220.0).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = TIGHT;
        for (column, _) in view.columns.iter_mut().zip(is_number).filter(|(_, is)| *is) {
            let (sign, next, words) = match column.direction {
                Direction::Neutral => ("–", Direction::Higher, "none"),
                Direction::Higher => ("↑", Direction::Lower, "the largest"),
                Direction::Lower => ("↓", Direction::Neutral, "the smallest"),
            };
            let text = format!("{sign}  {}", column.name);
            let widget = egui::Button::new(text).frame(false).truncate().min_size(vec2(ui.available_width(), 22.0));
            let response = ui.add(widget);
            response.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Best of {}: {words}", column.name))
            });
            if response.clicked() {
                column.direction = next;
            }
        }
    });
    ui.add_space(GAP);
}

fn has_numbers(view: &TableView, column: usize) -> bool {
    view.rows.iter().any(|row| matches!(row.get(column), Some(Cell::Number { .. } | Cell::Int(_))))
}

fn column(view: &TableView, index: usize, column: &TableColumn) -> GridColumn {
    let name = if column.unit.is_empty() { column.name.clone() } else { format!("{} ({})", column.name, column.unit) };
    if has_numbers(view, index) { GridColumn::number(name, 110.0) } else { GridColumn::text(name, 220.0) }
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Int(value) => value.to_string(),
        Cell::Number { value, .. } => format!("{value:.4}"),
        Cell::Missing => "–".to_owned(),
    }
}

fn named(name: &str, unit: &str) -> TableColumn {
    TableColumn { name: name.to_owned(), unit: unit.to_owned(), ..TableColumn::default() }
}

fn number(value: Option<f64>) -> Cell {
    value.map_or(Cell::Missing, Cell::number)
}

/// Headline numbers with intervals.
fn numbers(details: &RunDetails) -> TableView {
    let columns = [("Measure", ""), ("Value", ""), ("Unit", ""), ("95 % from", ""), ("to", ""), ("n", "")];
    let rows = details.steps.iter().flat_map(|step| &step.scalars).map(|s| {
        vec![
            Cell::Text(s.label.clone()),
            number(s.value),
            Cell::Text(s.unit.clone()),
            number(s.interval.map(|i| i[0])),
            number(s.interval.map(|i| i[1])),
            Cell::Int(s.n as i64),
        ]
    });
    TableView {
        title: "Headline numbers".to_owned(),
        columns: columns.iter().map(|(name, unit)| named(name, unit)).collect(),
        rows: rows.collect(),
    }
}

/// The chosen runs in rows, their headline numbers in columns.
fn side_by_side(cx: &ViewCx<'_>) -> TableView {
    let runs: Vec<&RunEntry> =
        cx.state.runs.chosen.iter().filter_map(|id| cx.state.runs.find(id)).map(AsRef::as_ref).collect();
    let mut ids: Vec<&String> = Vec::new();
    for id in runs.iter().flat_map(|r| &r.order) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let row = |run: &&RunEntry| {
        let head = [Cell::Text(run.name.clone()), Cell::Text(run.model.clone())];
        head.into_iter().chain(ids.iter().map(|id| number(run.scalars.get(*id).copied()))).collect()
    };
    TableView {
        title: "Runs side by side".to_owned(),
        columns: [named("Run", ""), named("Model", "")].into_iter().chain(ids.iter().map(|id| named(id, ""))).collect(),
        rows: runs.iter().map(row).collect(),
    }
}
