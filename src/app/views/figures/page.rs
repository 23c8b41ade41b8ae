//! The page: panels (a), (b), (c), … in a grid, as they will be written.

use egui::{DragValue, Role, ScrollArea, Ui, WidgetInfo, vec2};

use super::export;
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::desk::DeskCommand;
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, TIGHT};
use crate::app::widgets::{caption, empty_ui, icon_button, soft, title};

/// Panels and picture.
pub(super) fn page_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let page = &cx.state.desk.page;
    if page.panels.is_empty() {
        let about = "Click figures at the left to put them side by side as (a), (b), (c). What the panels have in common \
                     gets one legend. Figures of other runs: choose the run in Runs, and come back.";
        return empty_ui(Icon::Figures, "An empty page", about, ui, |_| {});
    }
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.label(title("Panels"));
            ui.add_space(GAP);
            ui.label(caption(ui, "in a row"));
            let mut columns = page.columns;
            let response = ui.add(DragValue::new(&mut columns).range(1..=6).speed(0.05));
            response.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Panels in a row"));
            if columns != page.columns {
                cx.send(Command::Desk(DeskCommand::Columns(columns)));
            }
        });
        for index in 0..page.panels.len() {
            panel_ui(cx, index, ui);
        }
        ui.add_space(GAP);
        // As large as it fits, but no larger than on paper at twice its size.
        const POINTS_PER_MM: f32 = 2.0 * 96.0 / 25.4;
        let width = ui.available_width().min(page.spec.width_mm as f32 * POINTS_PER_MM);
        export::preview_ui(cx, page, width, ui);
    });
}

fn panel_ui(cx: &ViewCx<'_>, index: usize, ui: &mut Ui) {
    let panels = &cx.state.desk.page.panels;
    let Some(panel) = panels.get(index) else { return };
    let known = cx.state.runs.details.values().find(|d| {
        let path = cx.state.runs.find(&d.id).map(|r| &r.path);
        path == Some(&panel.run)
    });
    let figure = known.and_then(|d| d.figures.iter().find(|(file, _)| super::stem(file) == panel.figure));
    let name = figure.map_or_else(|| panel.figure.clone(), |(_, f)| f.title.clone());
    let run = panel.run.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let letter = crate::figures::panel_tag(index);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = TIGHT;
        for (icon, what, by, can) in
            [(Icon::Left, "earlier", -1, index > 0), (Icon::Right, "later", 1, index + 1 < panels.len())]
        {
            ui.add_enabled_ui(can, |ui| {
                if icon_button(ui, icon, &format!("Move panel {letter} {what}"), false).clicked() {
                    cx.send(Command::Desk(DeskCommand::Move(index, by)));
                }
            });
        }
        if icon_button(ui, Icon::Close, &format!("Remove panel {letter}"), false).clicked() {
            cx.send(Command::Desk(DeskCommand::Remove(index)));
        }
        ui.label(soft(ui, letter.clone()));
        ui.add(egui::Label::new(name).truncate());
        ui.allocate_ui(vec2(ui.available_width(), 18.0), |ui| {
            ui.add(egui::Label::new(caption(ui, run)).truncate());
        });
    });
}

/// The export of the page.
pub(super) fn export_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        export::card_ui(cx, &cx.state.desk.page, None, ui);
    });
}
