//! Walking through pairs, what the color means, its legend.

use egui::{Align, Layout, Ui, vec2};

use crate::app::command::Action;
use crate::app::context::ViewCx;
use crate::app::state::ColorBy;
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, TIGHT};
use crate::app::widgets::{fitted, icon_button, legend_ui, segmented, soft};

/// Draws the first line of the view.
pub(super) fn toolbar_ui(cx: &ViewCx<'_>, largest: f64, ui: &mut Ui) {
    ui.allocate_ui_with_layout(vec2(ui.available_width(), 36.0), Layout::left_to_right(Align::Center), |ui| {
        ui.heading("Compare");
        ui.add_space(GAP);
        walk_ui(cx, ui);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let look = cx.state.settings.compare;
            ui.spacing_mut().item_spacing.x = TIGHT;
            if icon_button(ui, Icon::Edit, "Text fields", look.editors).clicked() {
                cx.act(Action::ToggleEditors);
            }
            toggle_ui(cx, ui, "1.2", "Numbers under tokens", look.numbers, Action::ToggleNumbers);
            toggle_ui(cx, ui, "␣", "Signs for white space", look.whitespace, Action::ToggleWhitespace);
            ui.add_space(GAP);
            let choices = [
                (ColorBy::Loss, "Loss", "−ln p of each token given those before it"),
                (ColorBy::Rank, "Rank", "How many tokens the model holds more likely"),
                (ColorBy::Gradient, "Gradient", "Share of each token in the gradient alignment"),
                (ColorBy::Off, "Off", "Only differences between the texts"),
            ];
            fitted(ui, "color", |ui| {
                if let Some(chosen) = segmented(ui, "Color by", look.color, &choices) {
                    cx.act(match chosen {
                        ColorBy::Loss => Action::ColorByLoss,
                        ColorBy::Rank => Action::ColorByRank,
                        ColorBy::Gradient => Action::ColorByGradient,
                        ColorBy::Off => Action::ColorOff,
                    });
                }
            });
            legend_ui(look.color, largest, ui);
        });
    });
}

fn toggle_ui(cx: &ViewCx<'_>, ui: &mut Ui, sign: &str, name: &str, is_on: bool, action: Action) {
    let t = cx.tokens;
    let (fill, ink) = if is_on { (t.accent_soft, t.accent) } else { (egui::Color32::TRANSPARENT, t.text_soft) };
    let text = egui::RichText::new(sign).monospace().size(11.0).color(ink);
    let widget = egui::Button::new(text).fill(fill).stroke(egui::Stroke::NONE).min_size(vec2(28.0, 28.0));
    let response = ui.add(widget);
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, is_on, name));
    if response.on_hover_text(name).clicked() {
        cx.act(action);
    }
}

fn walk_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let Some(n) = cx.state.sheet().map(|s| s.pairs.len()).filter(|n| *n > 0) else { return };
    ui.spacing_mut().item_spacing.x = 2.0;
    if icon_button(ui, Icon::Left, "Previous pair", false).clicked() {
        cx.act(Action::PreviousPair);
    }
    let at = cx.state.compare.pair.map_or_else(|| "own text".to_owned(), |p| format!("{} of {n}", p + 1));
    ui.label(soft(ui, at));
    if icon_button(ui, Icon::Right, "Next pair", false).clicked() {
        cx.act(Action::NextPair);
    }
}
