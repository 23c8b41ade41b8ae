//! The Data view.

use egui::Ui;

use super::View;
use crate::app::context::ViewCx;

/// Transient state.
#[derive(Default)]
pub struct Data;

impl View for Data {
    fn view_ui(&mut self, _cx: &ViewCx<'_>, ui: &mut Ui) {
        ui.heading("Data");
    }
}
