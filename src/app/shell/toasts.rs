//! Short messages, and the sign that files may be dropped.

use egui::{Align2, Area, Color32, Frame, Id, Margin, Order, Stroke, Ui, vec2};

use crate::app::context::ViewCx;
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::size;

/// Draws the messages above the status bar.
pub fn toasts_ui(cx: &ViewCx<'_>, ui: &Ui) {
    let t = cx.tokens;
    for (i, toast) in cx.state.toasts.iter().rev().take(4).enumerate() {
        let offset = vec2(-16.0, -40.0 - 44.0 * i as f32);
        Area::new(Id::unique(("toast", i)))
            .order(Order::Foreground)
            .interactable(false)
            .anchor(Align2::RIGHT_BOTTOM, offset)
            .show(ui.ctx(), |ui| {
                let border = if toast.is_bad { t.bad } else { t.border };
                let shadow = ui.visuals().popup_shadow;
                Frame::new()
                    .fill(t.raised)
                    .stroke(Stroke::new(1.0, border))
                    .corner_radius(8)
                    .shadow(shadow)
                    .inner_margin(Margin::symmetric(12, 8))
                    .show(ui, |ui| {
                        ui.horizontal(|ui| {
                            let (icon, ink) = if toast.is_bad { (Icon::Warn, t.bad) } else { (Icon::Check, t.good) };
                            icon.show(ui, 16.0, ink);
                            ui.add(egui::Label::new(&toast.text).wrap_mode(egui::TextWrapMode::Extend));
                        });
                    });
            });
    }
}

/// Draws the sign that what hangs over the window may be dropped.
pub fn drop_ui(cx: &ViewCx<'_>, ui: &Ui) {
    if !cx.state.is_dropping {
        return;
    }
    let t = cx.tokens;
    let painter = ui.ctx().layer_painter(egui::LayerId::new(Order::Foreground, Id::unique("drop")));
    let rect = ui.ctx().content_rect();
    let veil: Color32 = t.canvas.gamma_multiply(0.85);
    painter.rect_filled(rect, 0.0, veil);
    painter.rect_stroke(rect.shrink(16.0), 12.0, Stroke::new(2.0, t.accent), egui::StrokeKind::Inside);
    let text = "Drop a model folder, a data file or an experiment";
    painter.text(rect.center(), Align2::CENTER_CENTER, text, semibold(size::HEADING), t.accent);
}
