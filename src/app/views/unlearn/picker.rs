//! The techniques by what they work on.

use egui::{Align2, FontId, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2};
use serde_json::json;

use super::setup::technique;
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::draft::DraftCommand;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, size};
use crate::app::widgets::{caption, search_ui, soft};
use crate::methods::unlearn::live::can_move;
use crate::methods::unlearn::technique::{Group, Technique, techniques};

const ROW: f32 = 26.0;

/// Transient state.
#[derive(Default)]
pub(super) struct Picker {
    search: String,
}

impl Picker {
    /// Draws search field and list.
    pub(super) fn picker_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        search_ui(&mut self.search, "techniques", ui.available_width() - 36.0, ui);
        let word = self.search.trim().to_lowercase();
        let finds = |t: &Technique| {
            word.is_empty() || [t.id, t.title, t.about, t.source].iter().any(|s| s.to_lowercase().contains(&word))
        };
        let chosen = technique(cx).map(|t| t.id);
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            let mut n = 0;
            for group in Group::ALL {
                let own: Vec<&Technique> = techniques().filter(|t| Group::of(t) == group && finds(t)).collect();
                if own.is_empty() {
                    continue;
                }
                ui.add_space(GAP);
                ui.label(caption(ui, group.title().to_uppercase()));
                for technique in own {
                    n += 1;
                    row_ui(cx, technique, chosen == Some(technique.id), ui);
                }
            }
            if n == 0 {
                ui.label(soft(ui, "No technique has this word."));
            }
        });
    }
}

fn row_ui(cx: &ViewCx<'_>, technique: &Technique, is_on: bool, ui: &mut Ui) {
    let t = cx.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width() - 8.0, ROW), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, is_on, technique.title));
    if is_on || response.hovered() {
        ui.painter().rect_filled(rect, 6.0, if is_on { t.accent_soft } else { t.hover });
    }
    let (font, ink) = if is_on { (semibold(size::BODY), t.accent) } else { (FontId::proportional(size::BODY), t.text) };
    ui.painter().text(rect.left_center() + vec2(10.0, 0.0), Align2::LEFT_CENTER, technique.title, font, ink);
    if can_move(technique) {
        let at = rect.right_center() - vec2(8.0, 0.0);
        ui.painter().text(at, Align2::RIGHT_CENTER, "live", FontId::proportional(10.5), t.text_faint);
    }
    let clicked = response.clicked();
    response.on_hover_ui(|ui| {
        ui.set_max_width(320.0);
        ui.label(technique.about);
        if can_move(technique) {
            ui.label(caption(ui, "Scores are computed once; the ratio moves live."));
        }
    });
    if clicked && !is_on {
        take(cx, technique);
    }
}

/// Takes a technique with its own values; what does not belong to techniques stays.
fn take(cx: &ViewCx<'_>, technique: &Technique) {
    let all: Vec<&str> = techniques().flat_map(|t| t.knobs.iter().map(|k| k.0)).collect();
    for name in cx.state.draft.config().keys() {
        // What is usual for one technique is not for another.
        let is_own = all.contains(&name.as_str());
        let is_of_losses = ["train", "retain_loss", "lora_rank", "rounding"].contains(&name.as_str())
            && Group::of(technique) != Group::Losses;
        let is_ratios = name == "ratios" && technique.knobs.iter().all(|k| k.0 != "ratio");
        if is_own || is_of_losses || is_ratios {
            cx.send(Command::Edit(DraftCommand::Field(name.clone(), None)));
        }
    }
    cx.send(Command::Edit(DraftCommand::Field("technique".to_owned(), Some(json!(technique.id)))));
}
