//! The Figures view.

use egui::Ui;

use super::View;
use crate::app::context::ViewCx;

/// Transient state.
#[derive(Default)]
pub struct Figures;

impl View for Figures {
    fn view_ui(&mut self, _cx: &ViewCx<'_>, ui: &mut Ui) {
        ui.heading("Figures");
    }
}
