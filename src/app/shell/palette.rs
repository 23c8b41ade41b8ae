//! The command palette: every action and view by name.

use egui::{Align, Id, Key, Layout, Modal, RichText, Role, ScrollArea, Sense, TextEdit, Ui, WidgetInfo, vec2};

use crate::app::command::{Action, Command};
use crate::app::context::ViewCx;
use crate::app::style::tokens::{GAP, size};
use crate::app::widgets::caption;

/// Open or not, and what was typed.
#[derive(Default)]
pub struct Palette {
    open: bool,
    text: String,
    chosen: usize,
}

impl Palette {
    /// Opens it, or closes it.
    pub fn toggle(&mut self) {
        self.open = !self.open;
        self.text.clear();
        self.chosen = 0;
    }

    /// Closes it. Returns whether it was open.
    pub fn close(&mut self) -> bool {
        std::mem::take(&mut self.open)
    }

    /// Draws it, if open.
    pub fn show_ui(&mut self, cx: &ViewCx<'_>, ui: &Ui) {
        if !self.open {
            return;
        }
        let area = Modal::default_area(Id::unique("palette")).anchor(egui::Align2::CENTER_TOP, vec2(0.0, 80.0));
        let modal = Modal::new(Id::unique("palette")).area(area).show(ui.ctx(), |ui| {
            ui.set_width(560.0);
            self.content_ui(cx, ui)
        });
        if modal.inner || modal.should_close() {
            self.open = false;
        }
    }

    fn content_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) -> bool {
        let found = matching(&self.text);
        let (down, up, enter) = ui.input_mut(|i| {
            let none = egui::Modifiers::NONE;
            (i.consume_key(none, Key::ArrowDown), i.consume_key(none, Key::ArrowUp), i.key_pressed(Key::Enter))
        });
        let moved = down || up;
        self.chosen = (self.chosen + usize::from(down)).saturating_sub(usize::from(up));
        self.chosen = self.chosen.min(found.len().saturating_sub(1));
        let edit = TextEdit::singleline(&mut self.text)
            .hint_text("Type a command, or paste a path")
            .desired_width(f32::INFINITY)
            .margin(egui::Margin::symmetric(12, 9));
        let response = ui.add(edit);
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Command"));
        response.request_focus();
        if response.changed() {
            self.chosen = 0;
        }
        ui.add_space(GAP);
        let mut done = false;
        if found.is_empty() {
            let path = std::path::PathBuf::from(self.text.trim());
            ui.label(caption(ui, format!("No such command. Enter opens “{}”.", path.display())));
            if enter {
                cx.send(Command::Open(path));
                done = true;
            }
            return done;
        }
        ScrollArea::vertical().max_height(380.0).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for (i, action) in found.iter().enumerate() {
                if item_ui(cx, *action, [i == self.chosen, moved], ui) || (enter && i == self.chosen) {
                    cx.act(*action);
                    done = true;
                }
            }
        });
        done
    }
}

fn item_ui(cx: &ViewCx<'_>, action: Action, [is_on, follow]: [bool; 2], ui: &mut Ui) -> bool {
    let t = cx.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 34.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_on, action.title()));
    if is_on || response.hovered() {
        ui.painter().rect_filled(rect, 6.0, if is_on { t.accent_soft } else { t.hover });
    }
    if is_on && follow {
        response.scroll_to_me(None);
    }
    let mut line = ui.new_child(
        egui::UiBuilder::new().max_rect(rect.shrink2(vec2(12.0, 0.0))).layout(Layout::left_to_right(Align::Center)),
    );
    line.label(RichText::new(action.title()).color(if is_on { t.accent } else { t.text }));
    line.label(RichText::new(action.about()).size(size::SMALL).color(t.text_faint));
    line.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if let Some(keys) = action.keys(ui.ctx()) {
            ui.label(RichText::new(keys).size(size::SMALL).color(t.text_soft));
        }
    });
    response.clicked()
}

/// Actions whose name has all the letters of `text` in order, those with the word itself first.
fn matching(text: &str) -> Vec<Action> {
    let text = text.trim().to_lowercase();
    let mut found: Vec<(bool, Action)> = Action::ALL
        .iter()
        .filter(|a| a.is_listed() && **a != Action::Palette)
        .filter_map(|a| {
            let name = format!("{} {}", a.title(), a.about()).to_lowercase();
            let mut letters = name.chars();
            let in_order = text.chars().all(|c| letters.any(|l| l == c));
            in_order.then(|| (!a.title().to_lowercase().contains(&text), *a))
        })
        .collect();
    found.sort_by_key(|(is_far, _)| *is_far);
    found.into_iter().map(|(_, a)| a).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_by_parts_of_their_name() {
        assert_eq!(matching("rank").first(), Some(&Action::ColorByRank));
        assert!(matching("opmod").contains(&Action::OpenModelFolder));
        assert!(matching("/models/x").is_empty());
        assert!(matching("").len() > 20);
    }
}
