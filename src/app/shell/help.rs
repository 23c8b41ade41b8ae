//! All keyboard shortcuts at a glance.

use egui::{Id, Modal, Ui};

use crate::app::command::Action;
use crate::app::context::ViewCx;
use crate::app::style::tokens::GAP;
use crate::app::widgets::{mono, soft, title};

/// Draws the list. Returns whether it is to be closed.
pub fn help_ui(_cx: &ViewCx<'_>, ui: &Ui) -> bool {
    let modal = Modal::new(Id::unique("help")).show(ui.ctx(), |ui| {
        ui.set_width(640.0);
        ui.label(title("Keyboard shortcuts"));
        ui.add_space(GAP);
        let with_keys: Vec<_> = Action::ALL.iter().filter_map(|a| Some((*a, a.shortcut()?))).collect();
        ui.columns(2, |columns| {
            let half = with_keys.len().div_ceil(2);
            for (column, part) in columns.iter_mut().zip(with_keys.chunks(half)) {
                egui::Grid::new(("keys", part.len())).num_columns(2).show(column, |ui| {
                    for (action, keys) in part {
                        ui.label(mono(ui.ctx().format_shortcut(keys)));
                        ui.label(soft(ui, action.title()));
                        ui.end_row();
                    }
                });
            }
        });
    });
    modal.should_close()
}
