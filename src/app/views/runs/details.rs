//! One run in full, or several side by side.

use std::sync::Arc;

use egui::{Grid, RichText, Role, ScrollArea, TextEdit, Ui, WidgetInfo, vec2};

use super::compare::Compare;
use super::pairs::pairs_ui;
use super::sample::Sample;
use super::sweep::SweepView;
use super::table::{actions_ui, state_colors};
use super::tail::LogTail;
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::live::Live;
use crate::app::numbers::rounded;
use crate::app::parts::{Found, PAGE_ROWS, Pager, Viewer};
use crate::app::plot::plot_ui;
use crate::app::runs::{NoteChange, RunCommand, RunDetails, RunEntry};
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, TIGHT, size};
use crate::app::widgets::{
    GridColumn, badge, button, caption, grid_ui, icon_button, loading_ui, mono, one_line, pager_ui, region,
    scroll_grid_to, segmented, soft, title, trouble_ui,
};
use crate::methods::{Table, Values};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    #[default]
    Numbers,
    Figures,
    Tables,
    Charts,
    Pairs,
    Log,
    Settings,
    Notes,
}

/// Transient state.
#[derive(Default)]
pub(super) struct Details {
    tab: Tab,
    table: usize,
    pager: Pager,
    sample: Sample,
    /// The row that was clicked, or typed to be seen: run, table, row.
    row: Option<(String, usize, usize)>,
    note: Option<Draft>,
    live: Live,
    compare: Compare,
    sweep: SweepView,
    tail: LogTail,
}

/// Notes of a run as they are typed.
struct Draft {
    id: String,
    title: String,
    tags: String,
    text: String,
}

impl Details {
    /// Draws the chosen run, or the comparison of several.
    pub(super) fn details_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        if let Some(sweep) = cx.state.runs.chosen_sweep() {
            return self.sweep.sweep_ui(cx, sweep, &mut self.compare, &mut self.live, ui);
        }
        if cx.state.runs.chosen.len() > 1 {
            return self.compare.compare_ui(cx, &mut self.live, ui);
        }
        let Some(run) = cx.state.runs.current() else { return };
        ui.horizontal(|ui| {
            // Names of runs of a sweep are long, and tabs and actions need their room.
            const REST: f32 = 960.0;
            let width = (ui.available_width() - REST).max(150.0);
            ui.scope(|ui| {
                ui.set_max_width(width);
                ui.add(egui::Label::new(title(&run.name)).truncate()).on_hover_text(&run.id);
            });
            let (ink, fill) = state_colors(run.state, cx.tokens);
            badge(ui, run.state.title(), ink, fill);
            if let Some(point) = &run.sweep {
                let whole = icon_button(ui, Icon::Split, "Whole sweep", false);
                if whole.on_hover_text(point.title()).clicked() {
                    let runs = cx.state.runs.of_sweep(&point.id).iter().map(|run| run.id.clone()).collect();
                    cx.send(Command::Run(RunCommand::Choose(runs)));
                }
            }
            let choices = [
                (Tab::Numbers, "Numbers", "Headline numbers with intervals"),
                (Tab::Figures, "Figures", "Charts"),
                (Tab::Tables, "Tables", "Row by row"),
                (Tab::Charts, "Charts", "Numbers over time, also while it works"),
                (Tab::Pairs, "Before/after", "The same measurement before and after training or editing"),
                (Tab::Log, "Log", "What it said"),
                (Tab::Settings, "Settings", "Everything that was set"),
                (Tab::Notes, "Notes", "Your own words"),
            ];
            if let Some(tab) = segmented(ui, "Show", self.tab, &choices) {
                self.tab = tab;
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| actions_ui(cx, run, ui));
        });
        ui.add_space(GAP);
        if let Some(trouble) = &run.trouble {
            trouble_ui(cx, "The run has failed", trouble, ui);
        }
        match self.tab {
            Tab::Charts => return scroll(ui, |ui| self.live.live_ui(cx, &[run], ui)),
            Tab::Pairs => return pairs_ui(cx, run, ui),
            Tab::Log => return self.tail.tail_ui(cx, cx.state.runs.logs.get(&run.id), ui),
            _ => {}
        }
        let Some(details) = cx.state.runs.current_details() else {
            ui.label(soft(ui, "Reading…"));
            return;
        };
        for trouble in &details.troubles {
            trouble_ui(cx, "A result cannot be read", trouble, ui);
        }
        match self.tab {
            Tab::Numbers => scroll(ui, |ui| numbers_ui(cx, details, ui)),
            Tab::Figures => scroll(ui, |ui| figures_ui(cx, details, ui)),
            Tab::Tables => self.tables_ui(cx, details, ui),
            Tab::Charts | Tab::Pairs | Tab::Log => {}
            Tab::Settings => scroll(ui, |ui| settings_ui(run, ui)),
            Tab::Notes => self.notes_ui(cx, run, ui),
        }
    }

    fn tables_ui(&mut self, cx: &ViewCx<'_>, details: &RunDetails, ui: &mut Ui) {
        if details.tables.is_empty() {
            ui.label(soft(ui, "No tables yet."));
            return;
        }
        self.table = self.table.min(details.tables.len() - 1);
        ui.horizontal_wrapped(|ui| {
            for (i, table) in details.tables.iter().enumerate() {
                if ui.selectable_label(self.table == i, &table.title).clicked() {
                    self.table = i;
                }
            }
        });
        let page = self.pager.page(&details.id, self.table);
        if let Some(row) = pager_ui(page, details.n_rows(self.table), ui) {
            self.row = Some((details.id.clone(), self.table, row));
            let id = details.tables.get(self.table).map_or("", |t| t.id.as_str());
            scroll_grid_to(id, row % PAGE_ROWS, ui);
        }
        let first = *page * PAGE_ROWS;
        let ask = |want| cx.send(Command::Run(RunCommand::Rows(Viewer::Details, want)));
        let marked = self.row.as_ref().filter(|(run, table, _)| *run == details.id && *table == self.table);
        let marked = marked.and_then(|(.., row)| row.checked_sub(first));
        match self.pager.find(Viewer::Details, details, &cx.state.runs.parts, ask) {
            Found::Here(table) => {
                let room = ui.available_rect_before_wrap();
                let has_sample = Sample::fits(table);
                let upper = if has_sample { room.with_max_y(room.top() + room.height() * 0.5) } else { room };
                if let Some(row) = region(ui, upper, "rows", |ui| table_ui(table, marked, ui)) {
                    self.row = Some((details.id.clone(), self.table, first + row));
                }
                if has_sample {
                    let lower = room.with_min_y(upper.bottom() + GAP);
                    let row = marked.filter(|row| *row < table.rows()).unwrap_or(0);
                    region(ui, lower, "sample", |ui| self.sample.sample_ui(cx, table, row, ui));
                }
            }
            Found::Coming => loading_ui("Reading rows…", ui),
            Found::Failed(trouble) => trouble_ui(cx, "The rows cannot be read", trouble, ui),
        }
    }

    fn notes_ui(&mut self, cx: &ViewCx<'_>, run: &RunEntry, ui: &mut Ui) {
        let draft = match &mut self.note {
            Some(draft) if draft.id == run.id => draft,
            other => other.insert(Draft {
                id: run.id.clone(),
                title: run.name.clone(),
                tags: run.tags.join(", "),
                text: run.note.clone(),
            }),
        };
        let send = |change: NoteChange| cx.send(Command::Run(RunCommand::Note(run.id.clone(), change)));
        ui.label(caption(ui, "Name"));
        if line_ui(&mut draft.title, "Name", "Another name than the experiment's", ui) && draft.title != run.name {
            send(NoteChange::Title(draft.title.trim().to_owned()));
        }
        ui.label(caption(ui, "Tags"));
        if line_ui(&mut draft.tags, "Tags", "Words with commas between, such as paper, seed study", ui) {
            let tags = draft.tags.split(',').map(str::trim).filter(|t| !t.is_empty());
            let tags: Vec<String> = tags.map(str::to_owned).collect();
            if tags != run.tags {
                send(NoteChange::Tags(tags));
            }
        }
        ui.label(caption(ui, "Note"));
        let text = &mut draft.text;
        let edit =
            TextEdit::multiline(text).hint_text("What you saw, what to try next").desired_rows(6).desired_width(620.0);
        let response = ui.add(edit.margin(egui::Margin::same(10)));
        response.widget_info(|| WidgetInfo::labeled(Role::MultilineTextInput, true, "Note"));
        if response.lost_focus() && *text != run.note {
            send(NoteChange::Text(text.clone()));
        }
    }
}

/// A field of one line. Returns whether it was left.
fn line_ui(text: &mut String, name: &str, hint: &str, ui: &mut Ui) -> bool {
    let edit = TextEdit::singleline(text).hint_text(hint).desired_width(620.0);
    let response = ui.add(edit.margin(egui::Margin::symmetric(10, 6)));
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, name));
    response.lost_focus()
}

/// A part that moves up and down.
pub(super) fn scroll(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, add);
}

fn numbers_ui(cx: &ViewCx<'_>, details: &RunDetails, ui: &mut Ui) {
    if details.steps.is_empty() {
        ui.label(soft(ui, "The numbers appear here when the run is done."));
        return;
    }
    if !details.is_complete {
        badge(ui, "partial", cx.tokens.warn, cx.tokens.warn_soft).on_hover_text("Not all steps are there");
    }
    for (i, step) in details.steps.iter().enumerate() {
        let text = |key: &str| step.card.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        ui.horizontal(|ui| {
            ui.label(RichText::new(text("title")).font(semibold(size::BODY)));
            let about = format!("{}\n\n{}\n\n{}", text("formula"), text("conventions"), text("source"));
            Icon::Info.show(ui, 15.0, cx.tokens.text_faint).on_hover_text(about);
        });
        Grid::new(("numbers", i)).num_columns(5).spacing(vec2(PAD, 5.0)).show(ui, |ui| {
            for scalar in &step.scalars {
                ui.label(soft(ui, scalar.label.as_str())).on_hover_text(&scalar.id);
                let value = scalar.value.map_or_else(|| "undefined".to_owned(), number);
                ui.label(mono(value).font(semibold(size::BODY)));
                ui.label(caption(ui, scalar.unit.as_str()));
                let interval = scalar.interval.map(|[a, b]| format!("95 %: {} to {}", number(a), number(b)));
                ui.label(caption(ui, interval.unwrap_or_default()));
                ui.label(caption(ui, format!("n = {}", scalar.n))).on_hover_text(&scalar.note);
                ui.end_row();
            }
        });
        ui.add_space(TIGHT);
        for note in &step.notes {
            ui.add(egui::Label::new(caption(ui, note.as_str())).wrap());
        }
        ui.add_space(PAD);
    }
}

fn figures_ui(cx: &ViewCx<'_>, details: &RunDetails, ui: &mut Ui) {
    if details.figures.is_empty() {
        ui.label(soft(ui, "No figures yet."));
        return;
    }
    let n = ((ui.available_width() / 420.0) as usize).clamp(1, 3);
    for (row, figures) in details.figures.chunks(n).enumerate() {
        ui.push_id(row, |ui| {
            crate::app::widgets::columns_ui(n, ui, |columns| {
                for (column, (file, figure)) in columns.iter_mut().zip(figures) {
                    figure_ui(cx, &details.id, file, figure, column);
                }
            });
        });
    }
}

fn figure_ui(cx: &ViewCx<'_>, run: &str, file: &str, figure: &Arc<crate::figures::Figure>, ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(&figure.title).font(semibold(size::BODY)));
        if button(ui, Some(Icon::Figures), "Open").clicked() {
            cx.send(Command::Run(RunCommand::ShowFigure(run.to_owned(), file.to_owned())));
        }
    });
    plot_ui(figure, &format!("{run}/{file}"), 240.0, None, ui);
    ui.add_space(PAD);
}

fn settings_ui(run: &RunEntry, ui: &mut Ui) {
    Grid::new("settings").num_columns(2).spacing(vec2(PAD, TIGHT)).show(ui, |ui| {
        for (name, value) in &run.config {
            ui.label(soft(ui, name.as_str()));
            ui.add(egui::Label::new(mono(value)).selectable(true));
            ui.end_row();
        }
    });
}

/// A table of a run; only the rows on screen are drawn. Returns the row that was clicked.
fn table_ui(table: &Table, marked: Option<usize>, ui: &mut Ui) -> Option<usize> {
    let n_rows = table.columns.first().map_or(0, |c| len(&c.values));
    let columns: Vec<GridColumn> = table
        .columns
        .iter()
        .map(|c| {
            let head = if c.unit.is_empty() { c.name.clone() } else { format!("{} ({})", c.name, c.unit) };
            let column = match &c.values {
                Values::Text(texts) => {
                    let width = text_width(&head, texts);
                    GridColumn::text(head, width)
                }
                _ => GridColumn::number(head, 120.0),
            };
            column.about(c.about.as_str())
        })
        .collect();
    let drawn = ScrollArea::horizontal().auto_shrink([false, false]).show(ui, |ui| {
        grid_ui(
            &table.id,
            &columns,
            None,
            n_rows,
            &|row| Some(row) == marked,
            &mut |row, column, ui| {
                let Some(column) = table.columns.get(column) else { return };
                let text = cell_text(&column.values, row);
                ui.label(mono(one_line(&text))).on_hover_text(text);
            },
            ui,
        )
    });
    drawn.inner.clicked
}

/// Room for the longest of the first texts and for the head, within limits: a column without texts is narrow.
fn text_width(head: &str, texts: &[String]) -> f32 {
    const LOOKED_AT: usize = 100;
    let longest = texts.iter().take(LOOKED_AT).map(|t| t.chars().count()).max().unwrap_or(0);
    let needed = longest.max(head.chars().count()) as f32 * 8.0 + 16.0;
    needed.clamp(56.0, 360.0)
}

fn len(values: &Values) -> usize {
    match values {
        Values::Float(v) => v.len(),
        Values::Int(v) => v.len(),
        Values::Text(v) => v.len(),
        Values::Bool(v) => v.len(),
    }
}

fn cell_text(values: &Values, row: usize) -> String {
    match values {
        Values::Float(v) => v.get(row).copied().flatten().map_or_else(String::new, number),
        Values::Int(v) => v.get(row).copied().flatten().map_or_else(String::new, |i| i.to_string()),
        Values::Text(v) => v.get(row).cloned().unwrap_or_default(),
        Values::Bool(v) => v.get(row).map_or_else(String::new, |b| if *b { "yes" } else { "no" }.to_owned()),
    }
}

/// Four significant digits.
pub(super) fn number(value: f64) -> String {
    crate::figures::ticks::short(rounded(value))
}
