//! Text, buttons, cards: the alphabet of the interface.

use egui::{
    Align, Button, Color32, CornerRadius, Frame, InnerResponse, Layout, Margin, Rect, Response, RichText, Role, Sense,
    Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, vec2,
};

use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{CONTROL, GAP, PAD, RADIUS, RADIUS_CARD, TIGHT, size};
use crate::app::style::{Icon, tokens};

/// Title of a card or group.
pub fn title(text: impl Into<String>) -> RichText {
    RichText::new(text).font(semibold(size::TITLE))
}

/// Secondary text.
pub fn soft(ui: &Ui, text: impl Into<String>) -> RichText {
    RichText::new(text).color(tokens(ui).text_soft)
}

/// Small secondary text.
pub fn caption(ui: &Ui, text: impl Into<String>) -> RichText {
    RichText::new(text).size(size::SMALL).color(tokens(ui).text_faint)
}

/// Ids, paths, numbers in columns.
pub fn mono(text: impl Into<String>) -> RichText {
    RichText::new(text).monospace()
}

/// A button with an optional icon.
pub fn button(ui: &mut Ui, icon: Option<Icon>, text: &str) -> Response {
    let t = tokens(ui);
    filled(ui, icon, text, [t.surface, t.hover, t.pressed], t.text, Stroke::new(1.0, t.border))
}

/// The one button that matters most in its place.
pub fn accent_button(ui: &mut Ui, icon: Option<Icon>, text: &str) -> Response {
    let t = tokens(ui);
    filled(ui, icon, text, [t.accent, t.accent_hover, t.accent_hover], t.on_accent, Stroke::NONE)
}

fn filled(ui: &mut Ui, icon: Option<Icon>, text: &str, fills: [Color32; 3], ink: Color32, stroke: Stroke) -> Response {
    const ICON: f32 = 16.0;
    let enabled = ui.is_enabled();
    let galley = ui.painter().layout_no_wrap(text.to_owned(), egui::FontId::proportional(size::BODY), ink);
    let icon_room = if icon.is_some() { ICON + 6.0 } else { 0.0 };
    let width = galley.size().x + icon_room + 24.0;
    let (rect, response) = ui.allocate_exact_size(vec2(width, CONTROL), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, text));
    if ui.is_rect_visible(rect) {
        let [rest, hover, pressed] = fills;
        let fill = match (response.is_pointer_button_down_on(), response.hovered()) {
            (true, _) => pressed,
            (_, true) => hover,
            _ => rest,
        };
        ui.painter().rect(rect, CornerRadius::same(RADIUS), fill, stroke, StrokeKind::Inside);
        focus_ring(ui, rect, &response);
        let mut x = rect.left() + 12.0;
        if let Some(icon) = icon {
            let at = Rect::from_min_size(egui::pos2(x, rect.center().y - ICON / 2.0), vec2(ICON, ICON));
            icon.paint(ui, at, ink);
            x += icon_room;
        }
        let y = rect.center().y - galley.size().y / 2.0;
        ui.painter().galley(egui::pos2(x, y), galley, ink);
    }
    response
}

/// Shows where the keyboard is.
fn focus_ring(ui: &Ui, rect: Rect, response: &Response) {
    if response.has_focus() {
        let stroke = Stroke::new(2.0, tokens(ui).accent);
        ui.painter().rect_stroke(rect.expand(2.0), CornerRadius::same(RADIUS + 2), stroke, StrokeKind::Outside);
    }
}

/// A square button with an icon; `name` is its tooltip and accessible name.
pub fn icon_button(ui: &mut Ui, icon: Icon, name: &str, is_on: bool) -> Response {
    let t = tokens(ui);
    let enabled = ui.is_enabled();
    let (rect, response) = ui.allocate_exact_size(vec2(CONTROL, CONTROL), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, enabled, is_on, name));
    let (fill, ink) = match (is_on, response.hovered()) {
        (true, _) => (t.accent_soft, t.accent),
        (false, true) => (t.hover, t.text),
        (false, false) => (Color32::TRANSPARENT, t.text_soft),
    };
    ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), fill);
    focus_ring(ui, rect, &response);
    icon.paint(ui, rect.shrink(6.0), ink);
    response.on_hover_text(name)
}

/// Text that acts when clicked.
pub fn link(ui: &mut Ui, text: &str) -> Response {
    let t = tokens(ui);
    ui.add(Button::new(RichText::new(text).color(t.accent)).frame(false))
}

/// A few choices in a row, one of them on. Returns the clicked one.
pub fn segmented<T: PartialEq + Copy>(ui: &mut Ui, name: &str, chosen: T, choices: &[(T, &str, &str)]) -> Option<T> {
    let t = tokens(ui);
    let mut clicked = None;
    Frame::new()
        .fill(t.sunken)
        .stroke(Stroke::new(1.0, t.border))
        .corner_radius(RADIUS)
        .inner_margin(Margin::same(2))
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            ui.spacing_mut().interact_size.y = CONTROL - 6.0;
            ui.spacing_mut().button_padding = vec2(10.0, 2.0);
            for (value, text, about) in choices {
                let is_on = *value == chosen;
                let ink = if is_on { t.text } else { t.text_soft };
                let fill = if is_on { t.surface } else { Color32::TRANSPARENT };
                let stroke = if is_on { Stroke::new(1.0, t.border_strong) } else { Stroke::NONE };
                let widget =
                    Button::new(RichText::new(*text).color(ink)).fill(fill).stroke(stroke).corner_radius(RADIUS - 2);
                let response = ui.add(widget);
                response
                    .widget_info(|| WidgetInfo::selected(Role::RadioButton, true, is_on, format!("{name}: {text}")));
                if response.on_hover_text(*about).clicked() {
                    clicked = Some(*value);
                }
            }
        });
    clicked
}

/// A bordered surface.
pub fn card<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> InnerResponse<R> {
    let t = tokens(ui);
    Frame::new()
        .fill(t.surface)
        .stroke(Stroke::new(1.0, t.border))
        .corner_radius(RADIUS_CARD)
        .inner_margin(Margin::same(PAD as i8))
        .show(ui, add)
}

/// Title line of a card with things at its right end.
pub fn card_title(ui: &mut Ui, text: &str, right: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.label(title(text));
        ui.with_layout(Layout::right_to_left(Align::Center), right);
    });
    ui.add_space(TIGHT);
}

/// First line of a view: name, remark, and actions at the right end.
pub fn header(ui: &mut Ui, name: &str, remark: &str, right: impl FnOnce(&mut Ui)) {
    ui.allocate_ui_with_layout(vec2(ui.available_width(), 36.0), Layout::left_to_right(Align::Center), |ui| {
        ui.heading(name);
        if !remark.is_empty() {
            ui.add_space(TIGHT);
            ui.label(soft(ui, remark));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), right);
    });
    ui.add_space(GAP);
}

/// Things from left to right that stand at the right end of a line: as wide as they were in the last frame.
pub fn fitted<R>(ui: &mut Ui, salt: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    let id = ui.scope_id().with(("fitted", salt));
    let width = ui.data(|d| d.get_temp::<f32>(id)).unwrap_or(200.0);
    let layout = Layout::left_to_right(Align::Center);
    let InnerResponse { inner, response } = ui.allocate_ui_with_layout(vec2(width, 32.0), layout, add);
    let used = response.rect.width();
    if (used - width).abs() > 0.5 {
        ui.data_mut(|d| d.insert_temp(id, used));
        ui.ctx().request_repaint();
    }
    inner
}

/// A small colored word, such as a state.
pub fn badge(ui: &mut Ui, text: &str, ink: Color32, fill: Color32) -> Response {
    let galley = ui.painter().layout_no_wrap(text.to_owned(), egui::FontId::proportional(size::SMALL), ink);
    let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(14.0, 6.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    ui.painter().rect_filled(rect, CornerRadius::same(10), fill);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, ink);
    response
}

/// A hairline across.
pub fn divider(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 1.0), Sense::hover());
    ui.painter().hline(rect.x_range(), rect.center().y, Stroke::new(1.0, tokens(ui).border));
}

/// A child of exactly this rectangle, clipped to it.
pub fn region<R>(ui: &mut Ui, rect: Rect, salt: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    let layout = Layout::top_down(Align::Min);
    let mut child = ui.new_child(UiBuilder::new().id_salt(salt).max_rect(rect).layout(layout));
    child.set_clip_rect(rect.intersect(ui.clip_rect()));
    add(&mut child)
}

/// Columns of equal width whose text is not stretched; as tall as the tallest.
pub fn columns_ui<R>(n: usize, ui: &mut Ui, add: impl FnOnce(&mut [Ui]) -> R) -> R {
    let room = ui.available_rect_before_wrap();
    let width = (room.width() - PAD * (n.max(1) - 1) as f32) / n.max(1) as f32;
    let mut columns: Vec<Ui> = (0..n)
        .map(|i| {
            let left = room.left() + i as f32 * (width + PAD);
            let rect = Rect::from_min_size(egui::pos2(left, room.top()), vec2(width, room.height()));
            let layout = Layout::top_down(Align::Min);
            let mut column = ui.new_child(UiBuilder::new().id_salt(i).max_rect(rect).layout(layout));
            column.set_width(width);
            column
        })
        .collect();
    let result = add(&mut columns);
    let height = columns.iter().map(|c| c.min_rect().height()).fold(0.0, f32::max);
    ui.allocate_rect(Rect::from_min_size(room.min, vec2(room.width(), height)), Sense::hover());
    result
}
