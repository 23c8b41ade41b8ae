//! A data set that is made from parameters: the form, its first rows, and the file it becomes.

use egui::{DragValue, Rect, Role, ScrollArea, Ui, WidgetInfo, pos2};

use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::fields::{Typed, line_ui};
use crate::app::make_form::{Kind, kind_ui, make_ui};
use crate::app::rows_ui::RowsLook;
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, PAD};
use crate::app::widgets::{accent_button, button, header, region};
use crate::data::make::Make;

const FORM: f32 = 392.0;
const LABEL: f32 = 132.0;
const FIELD: f32 = 170.0;

/// The set as it is set up.
pub(super) struct Making {
    make: Make,
    seed: u64,
    typed: Typed,
    rows: RowsLook,
}

impl Default for Making {
    fn default() -> Self {
        Self { make: Kind::TinyMem.small(), seed: 0, typed: Typed::new(), rows: RowsLook::default() }
    }
}

impl Making {
    /// Draws it; false when it is to be closed.
    pub(super) fn making_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) -> bool {
        let mut is_open = true;
        header(ui, "Data", "Make a data set", |ui| {
            let can_save = self.make.problems().is_empty();
            ui.add_enabled_ui(can_save, |ui| {
                let save = accent_button(ui, Some(Icon::Download), "Save and open…");
                if save.on_hover_text("One JSON object a line; the same parameters give the same bytes").clicked() {
                    cx.send(Command::MakeData(Box::new(self.make.clone()), self.seed, None));
                    is_open = false;
                }
            });
            if button(ui, Some(Icon::Close), "Cancel").clicked() {
                is_open = false;
            }
        });
        let room = ui.available_rect_before_wrap();
        let form = room.with_max_x(room.left() + FORM);
        region(ui, form, "form", |ui| {
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                ui.set_max_width(FORM - 12.0);
                self.form_ui(cx, ui);
            });
        });
        let rows = Rect::from_min_max(pos2(form.right() + PAD, room.top()), room.max);
        region(ui, rows, "made rows", |ui| self.rows.made_ui(cx, &self.make, self.seed, ui));
        is_open
    }

    fn form_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        ui.horizontal(|ui| {
            if let Some(other) = kind_ui(&self.make, ui) {
                self.make = other;
                self.typed.clear();
            }
        });
        ui.add_space(GAP);
        line_ui(cx, LABEL, "Seed", "Of everything random", false, &[], ui, |ui| {
            let response = ui.add(DragValue::new(&mut self.seed));
            response.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Seed of the rows"));
        });
        if let Some(changed) = make_ui(cx, &self.make, [LABEL, FIELD], &mut self.typed, ui) {
            self.make = changed;
        }
    }
}
