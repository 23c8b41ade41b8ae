//! The rail at the left: one sign a view.

use egui::{Align2, Color32, FontId, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::app::command::{Action, Command};
use crate::app::context::ViewCx;
use crate::app::state::Appearance;
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, TIGHT};
use crate::app::views::ViewId;

/// Width of the rail, points.
const WIDTH: f32 = 76.0;
const ITEM: f32 = 54.0;
/// Below this height an item has no room for its name; the tooltip has it.
const NAMED: f32 = 42.0;

/// Draws the rail.
pub fn rail_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let t = cx.tokens;
    let frame = egui::Frame::new().fill(t.canvas).inner_margin(egui::Margin::symmetric(6, 8));
    egui::Panel::left("rail").exact_size(WIDTH).resizable(false).frame(frame).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = TIGHT / 2.0;
        const THEME: f32 = 44.0;
        let n = ViewId::ALL.len() as f32;
        let height = ((ui.available_height() - THEME) / n - TIGHT / 2.0).clamp(18.0, ITEM);
        for view in ViewId::ALL {
            item_ui(cx, view, height, ui);
        }
        ui.with_layout(egui::Layout::bottom_up(egui::Align::Center), |ui| theme_ui(cx, ui));
    });
}

fn item_ui(cx: &ViewCx<'_>, view: ViewId, height: f32, ui: &mut Ui) {
    let t = cx.tokens;
    let is_on = cx.state.shown.contains(&view);
    let (rect, response) = ui.allocate_exact_size(vec2(WIDTH - 12.0, height), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_on, view.title()));
    let (fill, ink) = match (is_on, response.hovered()) {
        (true, _) => (t.accent_soft, t.accent),
        (false, true) => (t.hover, t.text),
        (false, false) => (Color32::TRANSPARENT, t.text_soft),
    };
    ui.painter().rect_filled(rect, 8.0, fill);
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 8.0, Stroke::new(2.0, t.accent), egui::StrokeKind::Inside);
    }
    let is_named = height >= NAMED;
    let middle = if is_named { rect.top() + height * 0.5 - 7.0 } else { rect.center().y };
    view.icon().paint(
        ui,
        Rect::from_center_size(pos2(rect.center().x, middle), egui::Vec2::splat((height - 4.0).min(20.0))),
        ink,
    );
    let font = if is_on { semibold(10.5) } else { FontId::proportional(10.5) };
    if is_named {
        let at = pos2(rect.center().x, middle + 12.0);
        ui.painter().text(at, Align2::CENTER_TOP, view.title(), font, ink);
    }
    if view == ViewId::Runs {
        let n = cx.state.runs.entries.iter().filter(|r| r.state.is_active()).count();
        if n > 0 {
            let at = pos2(rect.right() - 14.0, rect.top() + 11.0);
            ui.painter().circle_filled(at, 8.0, t.accent);
            ui.painter().text(at, Align2::CENTER_CENTER, n.to_string(), semibold(10.0), t.on_accent);
        }
    }
    if response.clicked() {
        cx.send(Command::Show(view));
    }
    response.context_menu(|ui| {
        if ui.button("Show beside").clicked() {
            cx.send(Command::Beside(view));
        }
        if ui.button("Reset layout").clicked() {
            cx.act(Action::ResetLayout);
        }
    });
    if let Some(keys) = Action::of_view(view).keys(ui.ctx()) {
        let about = Action::of_view(view).about();
        response.on_hover_text(format!("{about}  ({keys})"));
    }
}

fn theme_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let (icon, name, next) = match cx.state.settings.appearance {
        Appearance::Light => (Icon::Light, "Theme: light", Appearance::Dark),
        Appearance::Dark => (Icon::Dark, "Theme: dark", Appearance::System),
        Appearance::System => (Icon::System, "Theme: as the system", Appearance::Light),
    };
    if crate::app::widgets::icon_button(ui, icon, name, false).clicked() {
        cx.send(Command::SetAppearance(next));
    }
    ui.add_space(GAP);
}
