//! The Figures view: any figure of a run, the texts behind its marks, its tables, pages of figures, and their export.

mod brushed;
mod export;
mod page;
mod tables;

use std::sync::Arc;

use egui::{ComboBox, RichText, Role, ScrollArea, Ui, WidgetInfo, vec2};

use super::{View, ViewId};
use crate::app::command::{Action, Command};
use crate::app::context::ViewCx;
use crate::app::desk::DeskCommand;
use crate::app::plot::{Hit, plot_ui};
use crate::app::runs::{Brush, RunCommand, RunDetails, RunState};
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, PAD, TIGHT};
use crate::app::widgets::{
    accent_button, button, caption, empty_ui, fitted, header, icon_button, region, segmented, soft, title,
};
use crate::app::zoom::zoom_ui;
use crate::figures::ticks::short;
use crate::figures::{Figure, Mark, Scale};
use crate::runs::{Page, Panel};

const SIDE: f32 = 280.0;
const LIST: f32 = 210.0;

/// Transient state.
#[derive(Default)]
pub(super) struct Figures {
    /// Scales that replace those of the figure of this id.
    scales: Option<([Scale; 2], String)>,
    tables: tables::Tables,
    brushed: crate::app::parts::Pager,
}

impl View for Figures {
    fn view_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let shown = cx.state.runs.figure.as_ref();
        let details = shown.and_then(|(run, _)| cx.state.runs.details.get(run));
        let figure = shown.and_then(|(_, file)| details?.figures.iter().find(|(f, _)| f == file));
        let is_composing = cx.state.desk.is_composing;
        self.header_ui(cx, details, figure.map(|f| &*f.1), ui);
        // Whoever comes here first sees the newest result.
        let newest = cx.state.runs.entries.iter().find(|r| r.state == RunState::Done);
        if let Some(run) = newest.filter(|_| shown.is_none() && cx.state.runs.chosen.is_empty()) {
            cx.send(Command::Run(RunCommand::Choose(vec![run.id.clone()])));
        }
        let room = ui.available_rect_before_wrap();
        if details.is_none() && (!is_composing || cx.state.desk.page.panels.is_empty()) {
            return no_figure_ui(cx, ui);
        }
        let middle = egui::Rect::from_min_max(
            egui::pos2(room.left() + LIST + PAD, room.top()),
            egui::pos2(room.right() - SIDE - PAD, room.bottom()),
        );
        let side = room.with_min_x(room.right() - SIDE);
        if let Some(details) = details {
            let file = shown.map(|s| s.1.as_str()).unwrap_or_default();
            region(ui, room.with_max_x(room.left() + LIST), "list", |ui| self.list_ui(cx, details, file, ui));
        }
        if is_composing {
            region(ui, middle, "page", |ui| page::page_ui(cx, ui));
            return region(ui, side, "export", |ui| page::export_ui(cx, ui));
        }
        let Some(details) = details else { return };
        if self.tables.is_shown(details) {
            region(ui, middle, "table", |ui| self.tables.table_ui(cx, details, ui));
            return region(ui, side, "export", |ui| self.tables.export_ui(cx, details, ui));
        }
        let Some((file, figure)) = figure else { return };
        region(ui, middle, "figure", |ui| self.figure_ui(cx, details, (file, figure), ui));
        region(ui, side, "export", |ui| self.export_ui(cx, details, file, figure, ui));
    }
}

impl Figures {
    fn header_ui(&mut self, cx: &ViewCx<'_>, details: Option<&Arc<RunDetails>>, figure: Option<&Figure>, ui: &mut Ui) {
        let desk = &cx.state.desk;
        let run = details.map(|d| cx.state.runs.find(&d.id).map_or_else(|| d.id.clone(), |r| r.name.clone()));
        header(ui, "Figures", &run.unwrap_or_default(), |ui| {
            let composed = format!("Page ({})", desk.page.panels.len());
            let choices =
                [(false, "One", "One figure or table at a time"), (true, &*composed, "Several figures in one file")];
            fitted(ui, "show", |ui| {
                if let Some(is_on) = segmented(ui, "Show", desk.is_composing, &choices) {
                    cx.send(Command::Desk(DeskCommand::Compose(is_on)));
                }
            });
            if desk.is_composing {
                let [can_undo, can_redo] = desk.history();
                ui.add_enabled_ui(can_redo, |ui| {
                    if icon_button(ui, Icon::Redo, "Redo", false).clicked() {
                        cx.act(Action::Redo);
                    }
                });
                ui.add_enabled_ui(can_undo, |ui| {
                    if icon_button(ui, Icon::Undo, "Undo", false).clicked() {
                        cx.act(Action::Undo);
                    }
                });
                if button(ui, Some(Icon::Folder), "Open page…").clicked() {
                    cx.act(Action::OpenPage);
                }
            } else if let Some(figure) = figure {
                self.scales_ui(figure, ui);
                if let Some(details) = details.filter(|d| !self.tables.is_shown(d)) {
                    zoom_ui(&plot_id(details, figure), self.scales(figure), ui);
                }
            }
        });
    }

    fn scales(&self, figure: &Figure) -> [Scale; 2] {
        match &self.scales {
            Some((scales, id)) if *id == figure.id => *scales,
            _ => [figure.x.scale, figure.y.scale],
        }
    }

    /// Choices of both scales, from right to left.
    fn scales_ui(&mut self, figure: &Figure, ui: &mut Ui) {
        let mut scales = self.scales(figure);
        let shown_before = scales;
        let [x, y] = &mut scales;
        for (name, scale) in [("y", y), ("x", x)] {
            let before = *scale;
            let shown = ComboBox::from_id_salt(name).width(92.0).selected_text(format!("{name} {}", title_of(*scale)));
            let response = shown.show_ui(ui, |ui| {
                for choice in [Scale::Linear, Scale::Log, Scale::Symlog] {
                    ui.selectable_value(scale, choice, title_of(choice)).on_hover_text(about(choice));
                }
            });
            let label = format!("Scale of {name}: {}", title_of(before));
            response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, label.as_str()));
        }
        if scales != shown_before {
            self.scales = Some((scales, figure.id.clone()));
        }
    }

    fn figure_ui(&mut self, cx: &ViewCx<'_>, details: &RunDetails, (file, figure): (&str, &Arc<Figure>), ui: &mut Ui) {
        ui.label(title(&figure.title));
        ui.add_space(TIGHT);
        let brushed = cx.state.runs.brushed.as_ref().filter(|b| b.run == details.id);
        let room = ui.available_height() - 56.0;
        let height = if brushed.is_some() { room * 0.52 } else { room };
        let id = plot_id(details, figure);
        if let Some(hit) = plot_ui(figure, &id, height.max(160.0), Some(self.scales(figure)), ui) {
            cx.send(Command::Run(RunCommand::Brush(brush(details, file, figure, hit))));
        }
        ui.add(egui::Label::new(caption(ui, figure.caption.as_str())).wrap().selectable(true));
        if let Some(brushed) = brushed {
            brushed::rows_ui(cx, details, brushed, &mut self.brushed, ui);
        }
    }

    fn export_ui(&self, cx: &ViewCx<'_>, details: &RunDetails, file: &str, figure: &Figure, ui: &mut Ui) {
        let Some(run) = cx.state.runs.find(&details.id) else { return };
        let [x, y] = self.scales(figure).map(Some);
        let panel = Panel { run: run.path.clone(), figure: stem(file).to_owned(), x, y, relief: None };
        let page =
            Page { panels: vec![panel.clone()], columns: 1, spec: cx.state.desk.page.spec.clone(), ..Page::default() };
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            let name = format!("{}.{}", panel.figure, page.spec.format.extension());
            export::card_ui(cx, &page, Some(run.path.join("exports").join(name)), ui);
            ui.horizontal(|ui| {
                if button(ui, Some(Icon::Plus), "Add to the page").clicked() {
                    cx.send(Command::Desk(DeskCommand::Add(panel)));
                    cx.send(Command::Toast(format!("“{}” is on the page", figure.title)));
                }
                let all = button(ui, Some(Icon::Download), "Export all");
                let about = "Every figure as chosen above, every table as CSV, and the run as one document (HTML), into the run's folder";
                if all.on_hover_text(about).clicked() {
                    cx.send(Command::ExportAll(details.id.clone()));
                }
            });
            export::preview_ui(cx, &page, ui.available_width(), ui);
            ui.add_space(GAP);
            for notice in crate::figures::notices(figure) {
                ui.add(egui::Label::new(soft(ui, notice)).wrap());
            }
        });
    }

    /// Figures and tables of the run.
    fn list_ui(&mut self, cx: &ViewCx<'_>, details: &RunDetails, file: &str, ui: &mut Ui) {
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            let is_composing = cx.state.desk.is_composing;
            ui.label(caption(ui, if is_composing { "Click to put on the page" } else { "Figures" }));
            for (name, figure) in &details.figures {
                let is_on = name == file && !is_composing && !self.tables.is_shown(details);
                if item_ui(&figure.title, is_on, ui) {
                    let run = cx.state.runs.find(&details.id);
                    if let Some(run) = run.filter(|_| is_composing) {
                        let figure = stem(name).to_owned();
                        let panel = Panel { run: run.path.clone(), figure, ..Panel::default() };
                        cx.send(Command::Desk(DeskCommand::Add(panel)));
                    } else {
                        self.tables.hide();
                        cx.send(Command::Run(RunCommand::ShowFigure(details.id.clone(), name.clone())));
                    }
                }
            }
            if !is_composing {
                ui.add_space(GAP);
                ui.label(caption(ui, "Tables"));
                self.tables.list_ui(cx, details, ui);
            }
        });
    }
}

fn title_of(scale: Scale) -> &'static str {
    match scale {
        Scale::Linear => "linear",
        Scale::Log => "log",
        Scale::Symlog => "symlog",
    }
}

fn about(scale: Scale) -> &'static str {
    match scale {
        Scale::Linear => "Proportional",
        Scale::Log => "Powers of ten are equally far apart; positive values only",
        Scale::Symlog => "For values of both signs: proportional near zero, logarithmic beyond",
    }
}

/// What the chart of a figure goes by.
fn plot_id(details: &RunDetails, figure: &Figure) -> String {
    format!("figure {} {}", details.id, figure.id)
}

fn item_ui(text: &str, is_on: bool, ui: &mut Ui) -> bool {
    let button = egui::Button::selectable(is_on, RichText::new(text)).wrap();
    ui.add(button.min_size(vec2(ui.available_width() - 8.0, 32.0))).clicked()
}

/// The file of a figure without folder and extension: how a page names it.
fn stem(file: &str) -> &str {
    let name = file.rsplit_once('/').map_or(file, |(_, name)| name);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn no_figure_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let about = "Every run leaves its charts here: curves, histograms, ROC. Click a bar or a point to see the texts \
                 behind it; export at the width of a venue with the fonts of a paper.";
    empty_ui(Icon::Figures, "No figure is chosen", about, ui, |ui| {
        if accent_button(ui, Some(Icon::Runs), "Go to runs").clicked() {
            cx.send(Command::Show(ViewId::Runs));
        }
        if button(ui, Some(Icon::Folder), "Open page…").clicked() {
            cx.act(Action::OpenPage);
        }
    });
}

/// Rows behind a clicked mark.
fn brush(details: &RunDetails, file: &str, figure: &Figure, hit: Hit) -> Option<Brush> {
    let series = figure.series.get(hit.series)?;
    let rows = series.rows.of(hit.point);
    let table = details.table_of(file, &series.rows.table).filter(|_| !rows.is_empty())?;
    let what = match &series.mark {
        Mark::Histogram { edges, .. } => {
            let (low, high) = (edges.get(hit.point)?, edges.get(hit.point + 1)?);
            format!("{} from {} to {}", figure.x.label, short(*low), short(*high))
        }
        Mark::Line { points, .. } | Mark::Step { points, .. } | Mark::Scatter { points } => {
            let [x, y] = points.get(hit.point)?;
            format!("{} {}, {} {}", figure.x.label, short(*x), figure.y.label, short(*y))
        }
        Mark::Bars { .. } => figure.x.categories.get(hit.point)?.clone(),
        Mark::Heatmap { .. } | Mark::Contour(_) | Mark::Surface { .. } | Mark::Reference { .. } => return None,
    };
    let what = if series.name.is_empty() { what } else { format!("{}: {what}", series.name) };
    Some(Brush { run: details.id.clone(), what, table, rows: rows.to_vec() })
}
