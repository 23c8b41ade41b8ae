//! Format, size and fonts of what is exported, and how it will look.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;

use egui::{ComboBox, DragValue, Role, Ui, WidgetInfo, vec2};

use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::desk::{DeskCommand, Preview};
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, TIGHT};
use crate::app::widgets::{accent_button, button, caption, card, card_title, trouble_ui};
use crate::figures::{ExportSpec, FontFamily, Format, LegendPosition, Venue};
use crate::runs::Page;

/// The form of the export; a change is applied to the desk. `into_run` is where the file would go inside the run.
pub(super) fn card_ui(cx: &ViewCx<'_>, page: &Page, into_run: Option<PathBuf>, ui: &mut Ui) {
    card(ui, |ui| {
        ui.set_width(ui.available_width());
        card_title(ui, "Export", |_| {});
        ui.spacing_mut().item_spacing.y = TIGHT;
        let mut spec = cx.state.desk.page.spec.clone();
        form_ui(&mut spec, ui);
        let mut with_page = cx.state.desk.with_page;
        let beside = check_ui(&mut with_page, "Page description beside it", ui);
        if beside.on_hover_text("FILE.page.json, from which `memoscope export` draws the file again").changed() {
            cx.send(Command::Desk(DeskCommand::WithPage(with_page)));
        }
        if spec != cx.state.desk.page.spec {
            cx.send(Command::Desk(DeskCommand::Spec(Box::new(spec))));
        }
        ui.add_space(GAP);
        ui.add_enabled_ui(!page.panels.is_empty(), |ui| {
            ui.horizontal(|ui| {
                if accent_button(ui, Some(Icon::Download), "Export…").clicked() {
                    cx.send(Command::ExportPage(Box::new(page.clone()), None));
                }
                if let Some(path) = into_run
                    && button(ui, Some(Icon::Folder), "Into the run")
                        .on_hover_text(crate::app::context::short_path(&path))
                        .clicked()
                {
                    cx.send(Command::ExportPage(Box::new(page.clone()), Some(path)));
                }
            });
        });
        ui.add_space(TIGHT);
        ui.label(caption(ui, "Always on a light background; run and method go into the file."));
    });
}

fn form_ui(spec: &mut ExportSpec, ui: &mut Ui) {
    choice_ui(ui, "Format", &mut spec.format, &Format::ALL, Format::title);
    let venue = Venue::ALL.into_iter().find(|v| (v.width_mm() - spec.width_mm).abs() < 1e-6);
    let mut chosen = venue;
    let options: Vec<Option<Venue>> = Venue::ALL.into_iter().map(Some).collect();
    choice_ui(ui, "Width for", &mut chosen, &options, |v| v.map_or("Own width", Venue::title));
    if let Some(venue) = chosen.filter(|v| Some(*v) != venue) {
        spec.width_mm = venue.width_mm();
    }
    choice_ui(ui, "Font", &mut spec.font, &FontFamily::ALL, FontFamily::title);
    choice_ui(ui, "Legend", &mut spec.legend, &LegendPosition::ALL, LegendPosition::title);
    egui::Grid::new("sizes").num_columns(3).spacing(vec2(GAP, TIGHT)).min_row_height(16.0).show(ui, |ui| {
        ui.label(caption(ui, "Labels"));
        ui.label(caption(ui, "Ticks"));
        ui.label(caption(ui, "Lines"));
        ui.end_row();
        number_ui(ui, "Font size", &mut spec.font_pt, 4.0..=24.0, " pt");
        number_ui(ui, "Ticks", &mut spec.tick_pt, 4.0..=24.0, " pt");
        number_ui(ui, "Line width", &mut spec.line_pt, 0.2..=4.0, " pt");
        ui.end_row();
        ui.label(caption(ui, "Width"));
        ui.label(caption(ui, "Height"));
        ui.label(caption(ui, if spec.format == Format::Png { "Resolution" } else { "" }));
        ui.end_row();
        number_ui(ui, "Width", &mut spec.width_mm, 20.0..=400.0, " mm");
        height_ui(spec, ui);
        if spec.format == Format::Png {
            number_ui(ui, "Resolution", &mut spec.dpi, 72.0..=1200.0, " dpi");
        }
        ui.end_row();
    });
    check_ui(&mut spec.show_title, "Title inside", ui);
    check_ui(&mut spec.transparent, "Transparent background", ui);
}

/// The height: by the figure, or so many millimeters; 0 stands for the figure's own.
fn height_ui(spec: &mut ExportSpec, ui: &mut Ui) {
    const LEAST: f64 = 15.0;
    let mut height = spec.height_mm.unwrap_or(0.0);
    let own =
        |h: f64, _: std::ops::RangeInclusive<usize>| if h == 0.0 { "own".to_owned() } else { format!("{h:.1} mm") };
    let widget = DragValue::new(&mut height).range(0.0..=400.0).speed(0.5).max_decimals(1).custom_formatter(own);
    let response = ui.add(widget.custom_parser(|text| text.trim_end_matches("mm").trim().parse().ok()));
    response.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Height"));
    let response = response.on_hover_text("0 for the figure's own proportions");
    if response.changed() {
        let was = spec.height_mm.unwrap_or(0.0);
        spec.height_mm = match height {
            h if h >= LEAST => Some(h),
            // Below the least height: dragging up begins there, dragging down ends at the own height.
            h if h > was => Some(LEAST),
            _ => None,
        };
    }
}

/// A check box in a line of its own, less high than a button.
pub(super) fn check_ui(value: &mut bool, name: &str, ui: &mut Ui) -> egui::Response {
    ui.scope(|ui| {
        ui.spacing_mut().interact_size.y = 22.0;
        ui.checkbox(value, name)
    })
    .inner
}

/// The page as it will be written, drawn anew whenever it changes.
pub(super) fn preview_ui(cx: &ViewCx<'_>, page: &Page, width: f32, ui: &mut Ui) {
    let pixels = (width * ui.ctx().pixels_per_point()).round().clamp(64.0, 2400.0) as u32;
    let key = key_of(page, pixels);
    let desk = &cx.state.desk;
    let is_new = desk.preview.as_ref().is_none_or(|(shown, _)| *shown != key);
    if is_new && desk.asked.is_none() {
        cx.send(Command::Preview(key, Box::new(page.clone()), pixels));
    }
    match &desk.preview {
        Some((_, Preview::Drawn(texture))) => {
            let size = texture.size_vec2();
            ui.add_space(TIGHT);
            let image = egui::Image::new((texture.id(), size * (width / size.x))).alt_text("Preview of the file");
            let drawn = ui.add(image);
            let border = egui::Stroke::new(1.0, cx.tokens.border);
            ui.painter().rect_stroke(drawn.rect, 0.0, border, egui::StrokeKind::Inside);
        }
        Some((_, Preview::Failed(trouble))) => trouble_ui(cx, "This cannot be exported", trouble, ui),
        None => {
            ui.label(caption(ui, "Drawing…"));
        }
    }
}

/// Different for pages that look different. Format and resolution do not count: the preview is a picture anyway.
fn key_of(page: &Page, pixels: u32) -> u64 {
    let spec = ExportSpec { format: Format::Png, dpi: 300.0, ..page.spec.clone() };
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(&Page { spec, ..page.clone() }).unwrap_or_default().hash(&mut hasher);
    pixels.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn choice_ui<T: PartialEq + Copy>(
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
    let response = ui.add(DragValue::new(value).range(range).speed(0.5).max_decimals(1).suffix(unit));
    response.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, name));
}
