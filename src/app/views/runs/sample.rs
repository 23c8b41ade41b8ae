//! One row of a memorization score: what was given, what is true, and what the model wrote, word by word.

use egui::{Label, RichText, ScrollArea, Ui};

use crate::app::context::ViewCx;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, TIGHT, size};
use crate::app::widgets::{Piece, caption, diff_words, soft, words_job};
use crate::methods::{Table, Values};

/// The texts of the chosen row, compared once.
#[derive(Default)]
pub(super) struct Sample {
    key: Option<(usize, usize)>,
    prefix: String,
    truth: String,
    pieces: Vec<Piece>,
}

impl Sample {
    /// Whether the rows of a table have a true and a generated continuation.
    pub(super) fn fits(table: &Table) -> bool {
        text(table, "true_text", 0).is_some() && text(table, "generated_text", 0).is_some()
    }

    /// Draws the texts of `row`.
    pub(super) fn sample_ui(&mut self, cx: &ViewCx<'_>, table: &Table, row: usize, ui: &mut Ui) {
        let key = (std::ptr::from_ref(table).addr(), row);
        if self.key != Some(key) {
            let cell = |name| text(table, name, row).unwrap_or_default().to_owned();
            (self.prefix, self.truth) = (cell("prefix_text"), cell("true_text"));
            self.pieces = diff_words(&self.truth, &cell("generated_text"));
            self.key = Some(key);
        }
        let head = |ui: &mut Ui, name: &str, about: &str| {
            ui.horizontal(|ui| {
                ui.label(RichText::new(name).font(semibold(size::BODY)));
                ui.label(caption(ui, about));
            });
        };
        ScrollArea::vertical().id_salt("sample").auto_shrink([false, false]).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = TIGHT;
            head(ui, "Prefix", "given to the model");
            ui.add(Label::new(soft(ui, self.prefix.as_str())).wrap().selectable(true));
            ui.add_space(GAP);
            head(ui, "True continuation", "in the text");
            ui.add(Label::new(self.truth.as_str()).wrap().selectable(true));
            ui.add_space(GAP);
            let is_same = self.pieces.iter().all(Piece::is_same);
            head(
                ui,
                "Generated continuation",
                if is_same { "the same, word for word" } else { "against the true one" },
            );
            ui.add(Label::new(words_job(&self.pieces, cx.tokens, ui.available_width())).selectable(true));
        });
    }
}

fn text<'a>(table: &'a Table, name: &str, row: usize) -> Option<&'a str> {
    match &table.columns.iter().find(|c| c.name == name)?.values {
        Values::Text(texts) => texts.get(row).map(String::as_str),
        _ => None,
    }
}
