//! What the model said before and says now, text by text, with the words that differ from the truth.

use std::collections::BTreeSet;

use egui::{Align, Label, Layout, Role, Ui, WidgetInfo};

use super::result::section_ui;
use crate::app::context::ViewCx;
use crate::app::style::Icon;
use crate::app::style::tokens::GAP;
use crate::app::widgets::{Piece, badge, caption, card, columns_ui, diff_words, icon_button, soft, title, words_job};
use crate::methods::{Table, Values};

/// Transient state.
#[derive(Default)]
pub(super) struct Texts {
    row: usize,
    /// Whether only texts are walked through that are still reproduced.
    only_left: bool,
    key: Option<(String, usize, usize)>,
    pieces: [Vec<Piece>; 2],
}

/// What a row says.
struct Said<'a> {
    truth: &'a str,
    before: &'a str,
    after: &'a str,
    exact: [&'a str; 2],
    losses: [Option<f64>; 2],
    id: &'a str,
}

fn said(table: &Table, row: usize) -> Option<Said<'_>> {
    let column = |name: &str| table.columns.iter().find(|c| c.name == name).map(|c| &c.values);
    let text = |name: &str| match column(name)? {
        Values::Text(list) => list.get(row).map(String::as_str),
        _ => None,
    };
    let float = |name: &str| match column(name)? {
        Values::Float(list) => list.get(row).copied().flatten(),
        _ => None,
    };
    Some(Said {
        truth: text("true_text")?,
        before: text("generated_before")?,
        after: text("generated_after")?,
        exact: [text("exact_before")?, text("exact_after")?],
        losses: [float("loss_before"), float("loss_after")],
        id: text("id").unwrap_or_default(),
    })
}

impl Texts {
    /// Draws one text and the way to the others.
    pub(super) fn texts_ui(&mut self, cx: &ViewCx<'_>, run: &str, step: usize, table: &Table, ui: &mut Ui) {
        let rows: Vec<usize> = (0..table.rows())
            .filter(|row| {
                said(table, *row).is_some_and(|s| !s.truth.is_empty() && (!self.only_left || s.exact[1] == "yes"))
            })
            .collect();
        let left: BTreeSet<usize> =
            (0..table.rows()).filter(|row| said(table, *row).is_some_and(|s| s.exact[1] == "yes")).collect();
        card(ui, |ui| {
            ui.set_width(ui.available_width());
            self.head_ui(&rows, left.len(), ui);
            let Some(row) = rows.get(self.row.min(rows.len().saturating_sub(1))).copied() else {
                let about = if self.only_left {
                    "None of the texts is reproduced any more."
                } else {
                    "No text was continued: rows that are too short for k + l tokens are not."
                };
                ui.label(soft(ui, about));
                return;
            };
            let Some(said) = said(table, row) else { return };
            let key = Some((run.to_owned(), step, row));
            if self.key != key {
                self.pieces = [diff_words(said.truth, said.before), diff_words(said.truth, said.after)];
                self.key = key;
            }
            self.row_ui(cx, &said, ui);
        });
    }

    fn head_ui(&mut self, rows: &[usize], n_left: usize, ui: &mut Ui) {
        ui.horizontal(|ui| {
            section_ui("What it says", "", ui);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let last = rows.len().saturating_sub(1);
                self.row = self.row.min(last);
                ui.add_enabled_ui(self.row < last, |ui| {
                    if icon_button(ui, Icon::Right, "Next text", false).clicked() {
                        self.row += 1;
                    }
                });
                let place = if rows.is_empty() { 0 } else { self.row + 1 };
                ui.label(caption(ui, format!("{place} of {}", rows.len())));
                ui.add_enabled_ui(self.row > 0, |ui| {
                    if icon_button(ui, Icon::Left, "Previous text", false).clicked() {
                        self.row -= 1;
                    }
                });
                ui.checkbox(&mut self.only_left, format!("Only those still reproduced ({n_left})"));
            });
        });
    }

    fn row_ui(&self, cx: &ViewCx<'_>, said: &Said<'_>, ui: &mut Ui) {
        let t = cx.tokens;
        ui.horizontal_wrapped(|ui| {
            ui.label(caption(ui, format!("True text {}", said.id)));
            ui.add(Label::new(said.truth).wrap().selectable(true));
        });
        ui.add_space(GAP);
        let sides = ["Before", "After"].into_iter().zip(said.exact).zip(said.losses).zip(&self.pieces);
        columns_ui(2, ui, |columns| {
            for (ui, (((name, exact), loss), pieces)) in columns.iter_mut().zip(sides) {
                ui.horizontal(|ui| {
                    ui.label(title(name));
                    match exact {
                        "yes" => badge(ui, "reproduced", t.warn, t.warn_soft),
                        "no" => badge(ui, "not reproduced", t.good, t.good_soft),
                        _ => badge(ui, "too short to check", t.text_soft, t.hover),
                    };
                    if let Some(loss) = loss {
                        ui.label(caption(ui, format!("{loss:.3} nats/token")));
                    }
                });
                let job = words_job(pieces, t, ui.available_width());
                let said = ui.add(Label::new(job).selectable(true));
                said.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name}, against the truth")));
            }
        });
        ui.add_space(GAP);
        ui.label(caption(ui, "Green: words that the model put in; struck through: true words that are missing."));
    }
}
