//! A search field.

use egui::{Key, Response, Role, TextEdit, Ui, WidgetInfo};

use crate::app::style::{Icon, tokens};

/// A field with a lens; Escape empties it. `name` is what is searched, such as `pairs`.
pub fn search_ui(text: &mut String, name: &str, width: f32, ui: &mut Ui) -> Response {
    let hint = format!("Search {name}");
    let edit = TextEdit::singleline(text).hint_text(hint.as_str()).desired_width(width).margin(egui::Margin {
        left: 28,
        right: 8,
        top: 6,
        bottom: 5,
    });
    let response = ui.add(edit);
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, hint.as_str()));
    let lens = egui::Rect::from_center_size(
        egui::pos2(response.rect.left() + 15.0, response.rect.center().y),
        egui::vec2(15.0, 15.0),
    );
    Icon::Search.paint(ui, lens, tokens(ui).text_faint);
    if response.has_focus() && ui.input(|i| i.key_pressed(Key::Escape)) {
        text.clear();
    }
    response
}
