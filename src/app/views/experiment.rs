//! The Experiment view.

use egui::Ui;

use super::View;
use crate::app::context::ViewCx;

/// Transient state.
#[derive(Default)]
pub struct Experiment;

impl View for Experiment {
    fn view_ui(&mut self, _cx: &ViewCx<'_>, ui: &mut Ui) {
        ui.heading("Experiment");
    }
}
