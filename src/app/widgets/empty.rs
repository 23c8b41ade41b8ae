//! What a view shows when it has nothing, waits, or failed.

use egui::{Align, Layout, RichText, Ui, vec2};

use super::basics::{button, caption, link, soft};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, TIGHT, size};
use crate::app::style::{Icon, tokens};
use crate::app::worker::Trouble;

/// Nothing here yet: what the view is for, and the way to fill it.
pub fn empty_ui(icon: Icon, title: &str, about: &str, ui: &mut Ui, actions: impl FnOnce(&mut Ui)) {
    let room = ui.available_size();
    ui.allocate_ui_with_layout(room, Layout::top_down(Align::Center), |ui| {
        ui.add_space((room.y * 0.5 - 110.0).max(GAP));
        icon.show(ui, 40.0, tokens(ui).text_faint);
        ui.add_space(GAP);
        ui.label(RichText::new(title).font(semibold(size::HEADING)));
        ui.add_space(TIGHT);
        ui.scope(|ui| {
            ui.set_max_width(460.0);
            ui.label(soft(ui, about));
        });
        ui.add_space(PAD);
        let id = ui.scope_id().with(("actions", title));
        let width = ui.data(|d| d.get_temp::<f32>(id)).unwrap_or(240.0);
        ui.allocate_ui_with_layout(vec2(width, 32.0), Layout::left_to_right(Align::Center), |ui| {
            actions(ui);
            let used = ui.min_rect().width();
            if (used - width).abs() > 0.5 {
                ui.data_mut(|d| d.insert_temp(id, used));
                ui.ctx().request_repaint();
            }
        });
    });
}

/// On its way.
pub fn loading_ui(what: &str, ui: &mut Ui) {
    let room = ui.available_size();
    ui.allocate_ui_with_layout(room, Layout::top_down(Align::Center), |ui| {
        ui.add_space((room.y * 0.5 - 40.0).max(GAP));
        ui.add(egui::Spinner::new().size(24.0).color(tokens(ui).accent));
        ui.add_space(GAP);
        ui.label(soft(ui, what));
    });
}

/// What went wrong, what to do, and everything for the clipboard.
pub fn trouble_ui(cx: &ViewCx<'_>, title: &str, trouble: &Trouble, ui: &mut Ui) {
    let t = cx.tokens;
    egui::Frame::new().fill(t.bad_soft).corner_radius(8).inner_margin(egui::Margin::same(12)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            Icon::Warn.show(ui, 18.0, t.bad);
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = TIGHT;
                ui.label(RichText::new(title).font(semibold(size::BODY)).color(t.bad));
                ui.add(egui::Label::new(RichText::new(&trouble.message).color(t.text)).wrap().selectable(true));
                if let Some(hint) = &trouble.hint {
                    ui.add(egui::Label::new(soft(ui, format!("→ {hint}"))).wrap());
                }
                if let Some(path) = &trouble.path {
                    ui.add(egui::Label::new(caption(ui, path.display().to_string())).truncate());
                }
                if link(ui, "Copy details").clicked() {
                    cx.send(Command::Copy(trouble.details()));
                }
            });
        });
    });
}

/// A button used by several empty states.
pub fn open_button(ui: &mut Ui, text: &str) -> bool {
    button(ui, Some(Icon::Folder), text).clicked()
}
