//! The Runs view.

use egui::Ui;

use super::View;
use crate::app::context::ViewCx;

/// Transient state.
#[derive(Default)]
pub struct Runs;

impl View for Runs {
    fn view_ui(&mut self, _cx: &ViewCx<'_>, ui: &mut Ui) {
        ui.heading("Runs");
    }
}
