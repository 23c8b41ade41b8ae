//! The two text fields.

use egui::{Role, ScrollArea, TextEdit, Ui, WidgetInfo, pos2, vec2};

use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::style::tokens::{TIGHT, size};
use crate::app::widgets::{caption, region};
use crate::app::worker::Side;

const HEIGHT: f32 = 100.0;

/// Draws both fields; a change is sent at once and measured when the typing pauses.
pub(super) fn editors_ui(cx: &ViewCx<'_>, width: f32, gutter: f32, ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), egui::Sense::hover());
    for side in Side::BOTH {
        let left = rect.left() + side.index() as f32 * (width + gutter);
        let column = egui::Rect::from_min_size(pos2(left, rect.top()), vec2(width, HEIGHT));
        region(ui, column, side.title(), |ui| editor_ui(cx, side, ui));
    }
}

fn editor_ui(cx: &ViewCx<'_>, side: Side, ui: &mut Ui) {
    ui.spacing_mut().item_spacing.y = TIGHT;
    let label = ui.label(caption(ui, side.title()));
    let Some(mut text) = cx.state.compare.texts.get(side.index()).cloned() else { return };
    let hint = match side {
        Side::Original => "Type or paste the original text",
        Side::Paraphrase => "Type or paste a paraphrase",
    };
    let frame = egui::Frame::new()
        .fill(cx.tokens.sunken)
        .inner_margin(egui::Margin::symmetric(10, 6))
        .corner_radius(6)
        .stroke(egui::Stroke::new(1.0, cx.tokens.border));
    frame.show(ui, |ui| {
        ScrollArea::vertical().id_salt(side).max_height(HEIGHT - 36.0).auto_shrink([false, false]).show(ui, |ui| {
            let edit = TextEdit::multiline(&mut text)
                .hint_text(hint)
                .font(egui::FontId::proportional(size::BODY + 0.5))
                .frame(egui::Frame::NONE)
                .desired_width(f32::INFINITY)
                .desired_rows(3);
            let response = ui.add(edit).labelled_by(label.id);
            response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, side.title()));
            if response.changed() {
                cx.send(Command::SetText(side, text));
            }
        });
    });
}
