//! The Compare view: original and paraphrase side by side, token by token.

mod editors;
mod pairs;
mod scores;
mod toolbar;

use egui::{Rect, RichText, Ui, pos2, vec2};

use super::{View, ViewId};
use crate::app::command::{Action, Command};
use crate::app::context::ViewCx;
use crate::app::state::{ColorBy, Slot};
use crate::app::style::Icon;
use crate::app::style::tokens::GAP;
use crate::app::widgets::{
    AlignedLayout, AlignedText, accent_button, button, caption, empty_ui, loading_ui, region, trouble_ui,
};

/// Width of the list of pairs.
const LIST: f32 = 240.0;
/// Space between the columns, where the alignment stands.
const GUTTER: f32 = 104.0;

/// Transient state.
#[derive(Default)]
pub(super) struct Compare {
    layout: AlignedLayout,
    list: pairs::PairList,
}

impl View for Compare {
    fn view_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        toolbar::toolbar_ui(cx, Self::largest(cx), ui);
        ui.add_space(GAP);
        let room = ui.available_rect_before_wrap();
        let has_list = cx.state.sheet().is_some_and(|s| !s.pairs.is_empty());
        let mut main = room;
        if has_list {
            let list = Rect::from_min_size(room.min, vec2(LIST, room.height()));
            region(ui, list, "pairs", |ui| self.list.show_ui(cx, ui));
            ui.painter().vline(list.right() + GAP, room.y_range(), egui::Stroke::new(1.0, cx.tokens.border));
            main = Rect::from_min_max(pos2(list.right() + 2.0 * GAP, room.top()), room.max);
        }
        region(ui, main, "texts", |ui| self.texts_ui(cx, ui));
    }
}

impl Compare {
    fn largest(cx: &ViewCx<'_>) -> f64 {
        let alignment = cx.state.compare.alignment.ready();
        let shares = alignment.map(|a| a.original.iter().chain(&a.paraphrase).flatten());
        shares.map_or(0.0, |s| s.fold(0.0, |m: f64, v| m.max(v.abs())))
    }

    fn texts_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        match &cx.state.model {
            Slot::Ready(_) => {}
            Slot::Loading(path) => return loading_ui(&format!("Opening {}…", path.display()), ui),
            Slot::Failed(path, trouble) => {
                trouble_ui(cx, &format!("{} cannot be opened", path.display()), trouble, ui);
                if button(ui, Some(Icon::Folder), "Open another model…").clicked() {
                    cx.act(Action::OpenModelFolder);
                }
                return;
            }
            Slot::Empty => return no_model_ui(cx, ui),
        }
        let width = ((ui.available_width() - GUTTER) / 2.0).floor();
        if cx.state.settings.compare.editors {
            editors::editors_ui(cx, width, GUTTER, ui);
            ui.add_space(GAP);
        }
        scores::scores_ui(cx, width, GUTTER, ui);
        ui.add_space(GAP);
        if let Some(doubt) = cx.state.model.ready().and_then(|card| card.doubt.as_ref()) {
            ui.label(RichText::new(format!("The numbers may mean nothing: {doubt}.")).color(cx.tokens.warn));
            ui.add_space(GAP);
        }
        if let Some(trouble) = &cx.state.compare.trouble {
            trouble_ui(cx, "These texts cannot be measured", trouble, ui);
            ui.add_space(GAP);
        }
        self.tokens_ui(cx, width, ui);
    }

    fn tokens_ui(&mut self, cx: &ViewCx<'_>, width: f32, ui: &mut Ui) {
        let compare = &cx.state.compare;
        let Some(measured) = &compare.measured else {
            if compare.texts.iter().all(String::is_empty) {
                if let Some(entry) = cx.state.data.iter().find(|d| matches!(d.sheet, Slot::Loading(_))) {
                    return loading_ui(&format!("Reading {}…", entry.path.display()), ui);
                }
                return no_texts_ui(cx, ui);
            }
            return loading_ui("Measuring…", ui);
        };
        let pair = &measured.pair;
        if pair.sides.iter().all(|s| s.cells.is_empty()) {
            return no_texts_ui(cx, ui);
        }
        let look = cx.state.settings.compare;
        let alignment = compare.alignment.ready().map(AsRef::as_ref);
        if look.color == ColorBy::Gradient && alignment.is_none() {
            ui.label(caption(ui, "Gradient contributions need two texts; tokens are shown without color until then."));
        }
        for (side, text) in pair.sides.iter().zip(["original", "paraphrase"]) {
            if side.n_cut > 0 {
                let n = side.n_cut;
                ui.label(caption(
                    ui,
                    format!("The {text} is longer than the model's context: its last {n} tokens are left out."),
                ));
            }
        }
        for (side, text) in pair.sides.iter().zip(["original", "paraphrase"]) {
            if side.cells.len() == 1 {
                let why = "nothing stands before it from which it could be predicted";
                ui.label(caption(ui, format!("The {text} is a single token: {why}, so it has no numbers.")));
            }
        }
        if compare.is_stale() {
            ui.set_opacity(0.55);
        }
        let text = AlignedText {
            pair,
            serial: measured.serial,
            alignment,
            color: look.color,
            numbers: look.numbers,
            whitespace: look.whitespace,
        };
        text.show_ui(&mut self.layout, width, GUTTER, ui);
    }
}

fn no_model_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let about = "Every token gets the color of its loss, so you see at a glance which words the model knows by heart, and \
                 whether a paraphrase still carries the memory.";
    empty_ui(Icon::Compare, "Open a model to compare texts", about, ui, |ui| {
        if accent_button(ui, Some(Icon::Folder), "Model folder…").clicked() {
            cx.act(Action::OpenModelFolder);
        }
        if button(ui, Some(Icon::Sample), "Open the sample").clicked() {
            cx.act(Action::OpenSample);
        }
    });
}

fn no_texts_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let about = "Type or paste a text into either field above: it is measured as you type. A data file with paraphrases \
                 becomes a list to walk through with the arrow keys.";
    empty_ui(Icon::Edit, "Two texts, side by side", about, ui, |ui| {
        if button(ui, Some(Icon::File), "Data file…").clicked() {
            cx.act(Action::OpenDataFile);
        }
        if button(ui, Some(Icon::Data), "Data view").clicked() {
            cx.send(Command::Show(ViewId::Data));
        }
    });
}
