//! What the model says now, against how its training rows go on.

use std::sync::Arc;

use egui::{Label, Ui};

use crate::app::context::ViewCx;
use crate::app::curves::{RunLog, Said};
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, TIGHT};
use crate::app::widgets::{Piece, badge, caption, card_title, diff_words, icon_button, soft, words_job};

/// Transient state.
#[derive(Default)]
pub(super) struct SaidNow {
    /// The step that is looked back at; the newest when none.
    at: Option<u64>,
    /// What was compared, and for which log and step.
    compared: Vec<Vec<Piece>>,
    key: Option<(String, u64, usize)>,
}

impl SaidNow {
    pub(super) fn said_ui(&mut self, cx: &ViewCx<'_>, log: Option<&Arc<RunLog>>, ui: &mut Ui) {
        let samples: &[Said] = log.map_or(&[], |log| &log.samples);
        let mut steps: Vec<u64> = samples.iter().map(|s| s.at).collect();
        steps.dedup();
        let newest = steps.last().copied();
        let at = self.at.filter(|at| steps.contains(at)).or(newest);
        let place = at.and_then(|at| steps.iter().position(|s| *s == at));
        card_title(ui, "What it says now", |ui| {
            let Some(place) = place else { return };
            let go = |to: Option<usize>| to.and_then(|i| steps.get(i)).copied();
            ui.add_enabled_ui(place + 1 < steps.len(), |ui| {
                if icon_button(ui, Icon::Right, "Later", false).clicked() {
                    self.at = go(Some(place + 1)).filter(|at| Some(*at) != newest);
                }
            });
            ui.label(soft(ui, format!("step {}", steps.get(place).copied().unwrap_or_default())));
            ui.add_enabled_ui(place > 0, |ui| {
                if icon_button(ui, Icon::Left, "Earlier", false).clicked() {
                    self.at = go(place.checked_sub(1));
                }
            });
        });
        let shown: Vec<&Said> = samples.iter().filter(|s| Some(s.at) == at).collect();
        let (Some(at), Some(log), false) = (at, log, shown.is_empty()) else {
            ui.add(Label::new(soft(ui, "At every check it goes on from the beginning of a few training rows.")).wrap());
            return;
        };
        let key = (log.id.clone(), at, shown.len());
        if self.key.as_ref() != Some(&key) {
            self.compared = shown.iter().map(|s| diff_words(s.truth.as_deref().unwrap_or(&s.text), &s.text)).collect();
            self.key = Some(key);
        }
        for (said, pieces) in shown.iter().zip(&self.compared) {
            said_row_ui(cx, said, pieces, ui);
        }
    }
}

fn said_row_ui(cx: &ViewCx<'_>, said: &Said, pieces: &[Piece], ui: &mut Ui) {
    let t = cx.tokens;
    egui::Frame::new().fill(t.sunken).corner_radius(6).inner_margin(egui::Margin::same(10)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = TIGHT;
        ui.add(Label::new(caption(ui, tail(&said.prompt))).wrap().selectable(true));
        let width = ui.available_width();
        ui.add(Label::new(words_job(pieces, t, width)).wrap().selectable(true));
        if said.truth.is_some() {
            let is_same = pieces.iter().all(Piece::is_same);
            let (text, ink, fill) = if is_same {
                ("word for word", t.warn, t.warn_soft)
            } else {
                ("not as in training", t.text_soft, t.hover)
            };
            badge(ui, text, ink, fill).on_hover_text(if is_same {
                "The continuation is that of the training row: it is memorized, or the rule is learned"
            } else {
                "Green is what the model says, struck through what the row has there"
            });
        }
    });
    ui.add_space(GAP);
}

/// The end of a long prompt.
fn tail(prompt: &str) -> String {
    const SHOWN: usize = 160;
    let n = prompt.chars().count();
    if n <= SHOWN {
        return prompt.to_owned();
    }
    format!("…{}", prompt.chars().skip(n - SHOWN).collect::<String>())
}
