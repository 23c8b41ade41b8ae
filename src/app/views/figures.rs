//! The Figures view: any figure of a run, the texts behind its marks, and its export.

use std::sync::Arc;

use egui::{ComboBox, DragValue, RichText, Role, ScrollArea, Ui, WidgetInfo, vec2};

use super::{View, ViewId};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::plot::{Hit, plot_ui};
use crate::app::runs::{Brush, RunCommand, RunDetails};
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, PAD, TIGHT};
use crate::app::widgets::{
    GridColumn, accent_button, button, caption, card, card_title, empty_ui, grid_ui, header, mono, region, soft, title,
};
use crate::figures::{ExportSpec, Figure, FontFamily, Format, Mark, Provenance, Scale, Venue};
use crate::methods::Values;

const SIDE: f32 = 280.0;

/// Transient state.
pub(super) struct Figures {
    spec: ExportSpec,
    logs: Option<([bool; 2], String)>,
}

impl Default for Figures {
    fn default() -> Self {
        Self { spec: ExportSpec { format: Format::Pdf, ..ExportSpec::default() }, logs: None }
    }
}

impl View for Figures {
    fn view_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let shown = cx.state.runs.figure.as_ref();
        let details = shown.and_then(|(run, _)| cx.state.runs.details.get(run));
        let figure = shown.and_then(|(_, file)| details?.figures.iter().find(|(f, _)| f == file));
        let (Some(details), Some((file, figure))) = (details, figure) else {
            header(ui, "Figures", "", |_| {});
            let about = "Every run leaves its charts here: curves, histograms, ROC. Click a bar or a point to see the texts \
                         behind it; export at the width of a venue with the fonts of a paper.";
            return empty_ui(Icon::Figures, "No figure is chosen", about, ui, |ui| {
                if accent_button(ui, Some(Icon::Runs), "Go to runs").clicked() {
                    cx.send(Command::Show(ViewId::Runs));
                }
            });
        };
        let run = cx.state.runs.find(&details.id).map_or_else(|| details.id.clone(), |r| r.name.clone());
        header(ui, "Figures", &run, |ui| self.scales_ui(figure, ui));
        let room = ui.available_rect_before_wrap();
        region(ui, room.with_max_x(room.left() + 190.0), "list", |ui| list_ui(cx, details, file, ui));
        let middle = egui::Rect::from_min_max(
            egui::pos2(room.left() + 190.0 + PAD, room.top()),
            egui::pos2(room.right() - SIDE - PAD, room.bottom()),
        );
        region(ui, middle, "figure", |ui| self.figure_ui(cx, details, (file, figure), ui));
        region(ui, room.with_min_x(room.right() - SIDE), "export", |ui| {
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| self.export_ui(cx, details, figure, ui));
        });
    }
}

impl Figures {
    fn scales(&self, figure: &Figure) -> [bool; 2] {
        match &self.logs {
            Some((logs, id)) if *id == figure.id => *logs,
            _ => [figure.x.scale == Scale::Log, figure.y.scale == Scale::Log],
        }
    }

    fn scales_ui(&mut self, figure: &Figure, ui: &mut Ui) {
        let mut logs = self.scales(figure);
        let before = logs;
        let [x, y] = &mut logs;
        ui.checkbox(y, "Log y");
        ui.checkbox(x, "Log x");
        if logs != before {
            self.logs = Some((logs, figure.id.clone()));
        }
    }

    fn figure_ui(&self, cx: &ViewCx<'_>, details: &RunDetails, (file, figure): (&str, &Arc<Figure>), ui: &mut Ui) {
        ui.label(title(&figure.title));
        ui.add_space(TIGHT);
        let brushed = cx.state.runs.brushed.as_ref().filter(|b| b.run == details.id);
        let room = ui.available_height() - 56.0;
        let height = if brushed.is_some() { room * 0.52 } else { room };
        let id = format!("figure {} {}", details.id, figure.id);
        if let Some(hit) = plot_ui(figure, &id, height.max(160.0), Some(self.scales(figure)), ui) {
            cx.send(Command::Run(RunCommand::Brush(brush(details, file, figure, hit))));
        }
        ui.add(egui::Label::new(caption(ui, figure.caption.as_str())).wrap().selectable(true));
        if let Some(brushed) = brushed {
            rows_ui(cx, details, brushed, ui);
        }
    }

    fn export_ui(&mut self, cx: &ViewCx<'_>, details: &RunDetails, figure: &Arc<Figure>, ui: &mut Ui) {
        card(ui, |ui| {
            ui.set_width(ui.available_width());
            card_title(ui, "Export", |_| {});
            let spec = &mut self.spec;
            choice_ui(ui, "Format", &mut spec.format, &Format::ALL, Format::title);
            let venue = Venue::ALL.into_iter().find(|v| (v.width_mm() - spec.width_mm).abs() < 1e-6);
            let mut chosen = venue;
            let options: Vec<Option<Venue>> = Venue::ALL.into_iter().map(Some).collect();
            choice_ui(ui, "Width for", &mut chosen, &options, |v| v.map_or("Own width", Venue::title));
            if let Some(venue) = chosen.filter(|v| Some(*v) != venue) {
                spec.width_mm = venue.width_mm();
            }
            number_ui(ui, "Width", &mut spec.width_mm, 20.0..=400.0, " mm");
            choice_ui(ui, "Font", &mut spec.font, &FontFamily::ALL, FontFamily::title);
            number_ui(ui, "Font size", &mut spec.font_pt, 4.0..=24.0, " pt");
            number_ui(ui, "Line width", &mut spec.line_pt, 0.2..=4.0, " pt");
            if spec.format == Format::Png {
                number_ui(ui, "Resolution", &mut spec.dpi, 72.0..=1200.0, " dpi");
            }
            ui.checkbox(&mut spec.show_title, "Title inside");
            ui.checkbox(&mut spec.transparent, "Transparent background");
            ui.add_space(GAP);
            if accent_button(ui, Some(Icon::Download), "Export…").clicked() {
                cx.send(self.command(cx, details, figure, None));
            }
            ui.add_space(TIGHT);
            ui.label(caption(ui, "Always on a light background; run and method go into the file."));
        });
        if button(ui, Some(Icon::Figures), "Preview").on_hover_text("The page as it will be, in print size").clicked() {
            let Command::Run(RunCommand::Export(spec, figure, _)) = self.command(cx, details, figure, None) else {
                return;
            };
            cx.send(Command::Run(RunCommand::Preview(spec, figure)));
        }
        if let Some(texture) = &cx.state.runs.preview {
            let size = texture.size_vec2();
            let width = ui.available_width().min(size.x);
            ui.add(egui::Image::new((texture.id(), size * (width / size.x))));
        }
        ui.add_space(PAD);
        for notice in crate::figures::notices(figure) {
            ui.add(egui::Label::new(soft(ui, notice)).wrap());
        }
        let beside = cx.state.runs.find(&details.id).map(|r| r.path.clone());
        if let Some(folder) = beside
            && button(ui, Some(Icon::Folder), "Save into the run's folder").clicked()
        {
            let path = folder.join("figures").join(format!("{}.{}", figure.id, self.spec.format.extension()));
            cx.send(self.command(cx, details, figure, Some(path)));
        }
    }

    fn command(
        &self,
        cx: &ViewCx<'_>,
        details: &RunDetails,
        figure: &Arc<Figure>,
        path: Option<std::path::PathBuf>,
    ) -> Command {
        let run = cx.state.runs.find(&details.id);
        let method = run.map(|r| r.methods.join(", ")).unwrap_or_default();
        let provenance = Provenance { run: details.id.clone(), method, ..Provenance::default() };
        let spec = ExportSpec { provenance, ..self.spec.clone() };
        let mut figure = Figure::clone(figure);
        let [x, y] = self.scales(&figure).map(|is_log| if is_log { Scale::Log } else { Scale::Linear });
        figure.x.scale = x;
        figure.y.scale = y;
        Command::Run(RunCommand::Export(Box::new(spec), Arc::new(figure), path))
    }
}

fn list_ui(cx: &ViewCx<'_>, details: &RunDetails, file: &str, ui: &mut Ui) {
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        for (name, figure) in &details.figures {
            let text = RichText::new(&figure.title);
            let button =
                egui::Button::selectable(name == file, text).wrap().min_size(vec2(ui.available_width() - 8.0, 32.0));
            if ui.add(button).clicked() {
                cx.send(Command::Run(RunCommand::ShowFigure(details.id.clone(), name.clone())));
            }
        }
    });
}

fn choice_ui<T: PartialEq + Copy>(
    ui: &mut Ui,
    name: &str,
    value: &mut T,
    all: &[T],
    title: impl Fn(T) -> &'static str,
) {
    ui.label(caption(ui, name));
    let combo = ComboBox::from_id_salt(name).width(ui.available_width()).truncate().selected_text(title(*value));
    let response = combo.show_ui(ui, |ui| {
        for option in all {
            ui.selectable_value(value, *option, title(*option));
        }
    });
    response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, name));
}

fn number_ui(ui: &mut Ui, name: &str, value: &mut f64, range: std::ops::RangeInclusive<f64>, unit: &str) {
    ui.horizontal(|ui| {
        ui.allocate_ui(vec2(88.0, 28.0), |ui| {
            ui.set_min_width(88.0);
            ui.label(caption(ui, name));
        });
        let response = ui.add(DragValue::new(value).range(range).speed(0.5).max_decimals(1).suffix(unit));
        response.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, name));
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
            format!("{} from {low:.3} to {high:.3}", figure.x.label)
        }
        Mark::Line { points, .. } | Mark::Step { points, .. } | Mark::Scatter { points } => {
            let [x, y] = points.get(hit.point)?;
            format!("{} {x:.3}, {} {y:.3}", figure.x.label, figure.y.label)
        }
        Mark::Bars { .. } => figure.x.categories.get(hit.point)?.clone(),
        Mark::Heatmap { .. } | Mark::Reference { .. } => return None,
    };
    let what = if series.name.is_empty() { what } else { format!("{}: {what}", series.name) };
    Some(Brush { run: details.id.clone(), what, table, rows: rows.to_vec() })
}

/// What is brushed, row by row.
fn rows_ui(cx: &ViewCx<'_>, details: &RunDetails, brushed: &Brush, ui: &mut Ui) {
    ui.add_space(GAP);
    ui.horizontal(|ui| {
        ui.label(title(format!("{} rows", brushed.rows.len())));
        ui.label(soft(ui, brushed.what.as_str()));
        if button(ui, None, "Close").clicked() {
            cx.send(Command::Run(RunCommand::Brush(None)));
        }
    });
    let Some(table) = details.tables.get(brushed.table) else { return };
    let columns: Vec<GridColumn> = table
        .columns
        .iter()
        .map(|c| {
            if matches!(c.values, Values::Text(_)) {
                GridColumn::text(&c.name, 240.0)
            } else {
                GridColumn::number(&c.name, 100.0)
            }
        })
        .collect();
    ScrollArea::horizontal().auto_shrink([false, false]).show(ui, |ui| {
        grid_ui(
            "brushed",
            &columns,
            None,
            brushed.rows.len(),
            &|_| false,
            &mut |row, column, ui| {
                let (Some(column), Some(index)) = (table.columns.get(column), brushed.rows.get(row)) else { return };
                let text = match &column.values {
                    Values::Float(v) => {
                        v.get(*index).copied().flatten().map_or_else(String::new, |x| format!("{x:.4}"))
                    }
                    Values::Int(v) => v.get(*index).copied().flatten().map_or_else(String::new, |x| x.to_string()),
                    Values::Text(v) => v.get(*index).cloned().unwrap_or_default(),
                    Values::Bool(v) => v.get(*index).map(ToString::to_string).unwrap_or_default(),
                };
                ui.label(mono(&text)).on_hover_text(text);
            },
            ui,
        );
    });
}
