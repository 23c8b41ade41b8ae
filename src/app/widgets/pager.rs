//! Moves through the pages of a long table.

use egui::{Key, Role, TextEdit, Ui, WidgetInfo};

use super::basics::{button, caption};
use crate::app::parts::{PAGE_ROWS, n_pages};

/// Says which of `n_rows` rows are shown and moves `page`. Returns the row that was typed to be seen.
/// Tables of one page have nothing to move.
pub fn pager_ui(page: &mut usize, n_rows: usize, ui: &mut Ui) -> Option<usize> {
    let pages = n_pages(n_rows);
    *page = (*page).min(pages - 1);
    if pages == 1 {
        return None;
    }
    let id = ui.scope_id().with("go to row");
    let mut typed: String = ui.data(|d| d.get_temp(id)).unwrap_or_default();
    let mut wanted = None;
    ui.horizontal(|ui| {
        let (first, last) = (*page * PAGE_ROWS + 1, ((*page + 1) * PAGE_ROWS).min(n_rows));
        ui.add_enabled_ui(*page > 0, |ui| {
            if button(ui, None, "First").on_hover_text("The first rows").clicked() {
                *page = 0;
            }
            if button(ui, None, "Previous").clicked() {
                *page = page.saturating_sub(1);
            }
        });
        ui.label(caption(ui, format!("Rows {first} to {last} of {n_rows}")));
        ui.add_enabled_ui(*page + 1 < pages, |ui| {
            if button(ui, None, "Next").clicked() {
                *page = (*page + 1).min(pages - 1);
            }
            if button(ui, None, "Last").on_hover_text("The last rows").clicked() {
                *page = pages - 1;
            }
        });
        let edit = TextEdit::singleline(&mut typed).hint_text("Go to row").desired_width(96.0);
        let field = ui.add(edit.margin(egui::Margin::symmetric(8, 6)));
        field.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Go to row"));
        if field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter)) {
            let row = typed.trim().parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|r| *r < n_rows);
            wanted = row;
            if let Some(row) = row {
                *page = row / PAGE_ROWS;
            }
        }
        if field.has_focus() && typed.trim().parse::<usize>().is_ok_and(|n| n == 0 || n > n_rows) {
            ui.label(caption(ui, format!("from 1 to {n_rows}")));
        }
    });
    ui.data_mut(|d| d.insert_temp(id, typed));
    wanted
}
