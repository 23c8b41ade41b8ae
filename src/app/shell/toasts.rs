//! Short messages, and the sign that files may be dropped.

use egui::{Align, Align2, Area, Color32, Frame, Id, Layout, Margin, Order, RichText, Stroke, Ui, vec2};

use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::state::Toast;
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::size;
use crate::app::widgets::link;

/// Draws the messages above the status bar, the newest at the bottom.
pub fn toasts_ui(cx: &ViewCx<'_>, ui: &Ui) {
    if cx.state.toasts.is_empty() {
        return;
    }
    Area::new(Id::unique("toasts"))
        .order(Order::Foreground)
        .anchor(Align2::RIGHT_BOTTOM, vec2(-16.0, -40.0))
        .constrain(true)
        .show(ui.ctx(), |ui| {
            ui.with_layout(Layout::top_down(Align::Max), |ui| {
                let hidden = cx.state.toasts.len().saturating_sub(4);
                for toast in cx.state.toasts.iter().skip(hidden) {
                    toast_ui(cx, toast, ui);
                }
            });
        });
}

fn toast_ui(cx: &ViewCx<'_>, toast: &Toast, ui: &mut Ui) {
    const WIDEST: f32 = 460.0;
    let t = cx.tokens;
    let (icon, ink) = if toast.is_bad { (Icon::Warn, t.bad) } else { (Icon::Check, t.good) };
    let border = if toast.is_bad { t.bad } else { t.border };
    let frame = Frame::new().fill(t.raised).stroke(Stroke::new(1.0, border)).corner_radius(8);
    frame.shadow(ui.visuals().popup_shadow).inner_margin(Margin::symmetric(12, 8)).show(ui, |ui| {
        ui.with_layout(Layout::left_to_right(Align::Min), |ui| {
            icon.show(ui, 16.0, ink);
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                let mut lines = toast.text.lines();
                let wrapped = |text: RichText, ui: &mut Ui| {
                    let galley = egui::WidgetText::from(text).into_galley(ui, None, WIDEST, egui::TextStyle::Body);
                    ui.add(egui::Label::new(galley));
                };
                wrapped(RichText::new(lines.next().unwrap_or_default()), ui);
                if toast.is_bad {
                    for line in lines {
                        wrapped(RichText::new(line).size(size::SMALL).color(t.text_soft), ui);
                    }
                    if link(ui, "Copy details").clicked() {
                        cx.send(Command::Copy(toast.text.clone()));
                    }
                }
            });
        });
    });
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
