//! The list of pairs: search it, click, or walk with the arrow keys.

use egui::{Align2, FontId, Key, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2};

use crate::app::command::{Action, Command};
use crate::app::context::ViewCx;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, size};
use crate::app::widgets::{caption, search_ui};
use crate::app::worker::DataSheet;
use crate::methods::common::tables::counted;

const ROW: f32 = 46.0;

/// Search text and what it found.
#[derive(Default)]
pub(super) struct PairList {
    search: String,
    found: Option<Found>,
    followed: Option<usize>,
}

struct Found {
    key: (usize, String),
    pairs: Vec<usize>,
    searched: usize,
}

impl PairList {
    /// Draws search field and list.
    pub(super) fn show_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let Some(sheet) = cx.state.sheet() else { return };
        ui.spacing_mut().item_spacing.y = GAP;
        data_ui(cx, ui);
        search_ui(&mut self.search, "pairs", ui.available_width(), ui);
        let n = self.find(sheet, ui);
        let what =
            if self.search.is_empty() { counted(n, "pair") } else { format!("{n} of {} pairs", sheet.pairs.len()) };
        ui.label(caption(ui, what));
        self.keys(cx, ui);
        let chosen = cx.state.compare.pair;
        let row_of = |pair: usize| match &self.found {
            Some(found) => found.pairs.binary_search(&pair).ok(),
            None => Some(pair),
        };
        let mut area = ScrollArea::vertical().id_salt("list").auto_shrink([false, false]);
        if chosen != self.followed
            && let Some(row) = chosen.and_then(row_of)
        {
            let middle = (row as f32 * ROW - ui.available_height() / 2.0 + ROW / 2.0).max(0.0);
            area = area.vertical_scroll_offset(middle);
        }
        self.followed = chosen;
        ui.spacing_mut().item_spacing.y = 0.0;
        area.show_rows(ui, ROW, n, |ui, range| {
            for row in range {
                let pair = match &self.found {
                    Some(found) => found.pairs.get(row).copied(),
                    None => Some(row),
                };
                if let Some(pair) = pair {
                    row_ui(cx, sheet, pair, chosen == Some(pair), ui);
                }
            }
        });
    }

    /// Arrow keys, when no text field has the keyboard.
    fn keys(&self, cx: &ViewCx<'_>, ui: &Ui) {
        if ui.ctx().text_edit_focused() {
            return;
        }
        let step = ui.input(|i| isize::from(i.key_pressed(Key::ArrowDown)) - isize::from(i.key_pressed(Key::ArrowUp)));
        if step == 0 || ui.input(|i| i.modifiers.any()) {
            return;
        }
        let Some(found) = &self.found else {
            return cx.act(if step > 0 { Action::NextPair } else { Action::PreviousPair });
        };
        let at = cx.state.compare.pair.map_or(0, |p| found.pairs.partition_point(|f| *f < p));
        if let Some(pair) = found.pairs.get(at.saturating_add_signed(step).min(found.pairs.len().saturating_sub(1))) {
            cx.send(Command::ChoosePair(*pair));
        }
    }

    /// Number of rows. A search goes through a few thousand pairs a frame.
    fn find(&mut self, sheet: &std::sync::Arc<DataSheet>, ui: &Ui) -> usize {
        const A_FRAME: usize = 4000;
        let word = self.search.trim().to_lowercase();
        if word.is_empty() {
            self.found = None;
            return sheet.pairs.len();
        }
        let key = (std::sync::Arc::as_ptr(sheet) as usize, word.clone());
        let found = match &mut self.found {
            Some(found) if found.key == key => found,
            place => place.insert(Found { key, pairs: Vec::new(), searched: 0 }),
        };
        let end = (found.searched + A_FRAME).min(sheet.pairs.len());
        for pair in found.searched..end {
            let texts = sheet.texts(pair).unwrap_or_default();
            if texts.iter().any(|t| t.to_lowercase().contains(&word)) {
                found.pairs.push(pair);
            }
        }
        found.searched = end;
        if end < sheet.pairs.len() {
            ui.ctx().request_repaint();
        }
        found.pairs.len()
    }
}

fn data_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let chosen = cx.state.data_index;
    let name = |i: usize| {
        let entry = cx.state.data.get(i);
        entry.and_then(|d| d.path.file_stem()).map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let combo = egui::ComboBox::from_id_salt("data").width(ui.available_width()).truncate();
    let response = combo.selected_text(chosen.map(name).unwrap_or_default()).show_ui(ui, |ui| {
        for i in 0..cx.state.data.len() {
            if ui.selectable_label(chosen == Some(i), name(i)).clicked() {
                cx.send(Command::ChooseData(i));
            }
        }
    });
    response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Data"));
}

fn row_ui(cx: &ViewCx<'_>, sheet: &DataSheet, pair: usize, is_on: bool, ui: &mut Ui) {
    let t = cx.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let texts = sheet.texts(pair).unwrap_or_default();
    let first = |text: &str, n: usize| {
        text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(n).collect::<String>()
    };
    let head = first(texts[0].get(..600.min(texts[0].len())).unwrap_or(texts[0]), 60);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_on, format!("Pair {}: {head}", pair + 1)));
    if is_on || response.hovered() {
        ui.painter().rect_filled(rect, 6.0, if is_on { t.accent_soft } else { t.hover });
    }
    let painter = ui.painter().with_clip_rect(rect.shrink2(vec2(6.0, 0.0)).intersect(ui.clip_rect()));
    let ink = if is_on { t.accent } else { t.text };
    let number = painter.text(
        rect.left_top() + vec2(10.0, 8.0),
        Align2::LEFT_TOP,
        (pair + 1).to_string(),
        semibold(size::SMALL),
        if is_on { t.accent } else { t.text_faint },
    );
    let left = number.right().max(rect.left() + 34.0) + 6.0;
    line_ui(&painter, egui::pos2(left, rect.top() + 6.0), rect.right() - 8.0, &head, size::BODY, ink);
    let below = if texts[1].is_empty() {
        "no paraphrase".to_owned()
    } else {
        first(texts[1].get(..600.min(texts[1].len())).unwrap_or(texts[1]), 60)
    };
    line_ui(&painter, egui::pos2(left, rect.top() + 24.0), rect.right() - 8.0, &below, size::SMALL, t.text_faint);
    if response.clicked() {
        cx.send(Command::ChoosePair(pair));
    }
}

/// One line that ends with an ellipsis where the room ends.
fn line_ui(painter: &egui::Painter, at: egui::Pos2, right: f32, text: &str, points: f32, ink: egui::Color32) {
    let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), FontId::proportional(points), ink);
    job.wrap = egui::text::TextWrapping::truncate_at_width(right - at.x);
    painter.galley(at, painter.layout_job(job), ink);
}
