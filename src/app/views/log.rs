//! The Log view.

use egui::Ui;

use super::View;
use crate::app::context::ViewCx;

/// Transient state.
#[derive(Default)]
pub struct Log;

impl View for Log {
    fn view_ui(&mut self, _cx: &ViewCx<'_>, ui: &mut Ui) {
        ui.heading("Log");
    }
}
