//! The numbers of both texts, and how alike their gradients are.

use egui::{Align2, FontId, Rect, Sense, Stroke, Ui, pos2, vec2};

use crate::app::context::ViewCx;
use crate::app::state::Slot;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::size;
use crate::app::widgets::{Stat, caption, mono, region, stats_ui};
use crate::app::worker::Side;
use crate::methods::compare::Scores;

const HEIGHT: f32 = 66.0;

/// Draws the strip of both columns and the alignment between them.
pub(super) fn scores_ui(cx: &ViewCx<'_>, width: f32, gutter: f32, ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
    let measured = cx.state.compare.measured.as_ref();
    let scores: [Scores; 2] =
        std::array::from_fn(|i| measured.map(|m| m.pair.sides[i].scores.clone()).unwrap_or_default());
    for side in Side::BOTH {
        let left = rect.left() + side.index() as f32 * (width + gutter);
        let column = Rect::from_min_size(pos2(left, rect.top()), vec2(width, HEIGHT));
        ui.painter().rect(column, 8.0, cx.tokens.sunken, Stroke::NONE, egui::StrokeKind::Inside);
        let other = (side == Side::Paraphrase).then_some(&scores[0]);
        region(ui, column.shrink2(vec2(10.0, 7.0)), side.title(), |ui| {
            stats_ui(&stats(&scores[side.index()], other), ui);
        });
    }
    let middle = Rect::from_min_size(pos2(rect.left() + width, rect.top()), vec2(gutter, HEIGHT));
    alignment_ui(cx, middle, ui);
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.filter(|v| v.is_finite()).map_or_else(|| "–".to_owned(), |v| format!("{v:.digits$}").replace('-', "−"))
}

fn perplexity(value: Option<f64>) -> String {
    match value {
        Some(v) if v >= 1e5 => format!("{v:.1e}"),
        Some(v) if v >= 100.0 => format!("{v:.0}"),
        v => number(v, 2),
    }
}

/// The numbers of one text; `other` is what they are compared with.
fn stats(scores: &Scores, other: Option<&Scores>) -> Vec<Stat> {
    let change = |f: &dyn Fn(&Scores) -> Option<f64>, digits: usize, low_is_memorized: bool| {
        let by = f(scores)? - f(other?)?;
        let text = format!("{}{:.digits$}", if by < 0.0 { "−" } else { "+" }, by.abs());
        (!text.trim_start_matches(['+', '−']).trim_matches(['0', '.']).is_empty())
            .then_some((text, (by < 0.0) == low_is_memorized))
    };
    let prefix = |s: &Scores| Some(s.exact_prefix as f64).filter(|_| s.loss.is_some());
    vec![
        Stat {
            name: "Loss",
            value: number(scores.loss, 3),
            unit: "nats/token",
            about: "Mean of −ln p over the predicted tokens. Low means well known.",
            change: change(&|s| s.loss, 2, true),
        },
        Stat {
            name: "Perplexity",
            value: perplexity(scores.perplexity()),
            unit: "exp(loss)",
            about: "The model is as unsure as if it chose among this many equally likely tokens.",
            change: None,
        },
        Stat {
            name: "Min-K 20 %",
            value: number(scores.min_k, 2),
            unit: "nats",
            about: "Mean ln p of the 20 % least likely tokens (Shi et al. 2024). Near 0: nothing surprises the model.",
            change: change(&|s| s.min_k, 2, false),
        },
        Stat {
            name: "Loss/zlib",
            value: number(scores.zlib_ratio.map(|z| 1000.0 * z), 2),
            unit: "10⁻³/byte",
            about: "Loss over the compressed length of the text (Carlini et al. 2021): low for what is known but not simple.",
            change: None,
        },
        Stat {
            name: "Exact prefix",
            value: if scores.loss.is_some() { scores.exact_prefix.to_string() } else { "–".to_owned() },
            unit: "tokens",
            about: "Tokens from the start that greedy decoding reproduces without a mistake.",
            change: change(&prefix, 0, false),
        },
        Stat {
            name: "Top-1",
            value: scores.top1.map_or_else(|| "–".to_owned(), |v| format!("{:.0} %", 100.0 * v)),
            unit: "of tokens",
            about: "Share of the tokens that are the model's first choice.",
            change: None,
        },
    ]
}

/// The cosine between the columns, as a number and on a scale from −1 to 1.
#[expect(clippy::needless_pass_by_ref_mut, reason = "drawing takes the Ui mutably everywhere")]
fn alignment_ui(cx: &ViewCx<'_>, rect: Rect, ui: &mut Ui) {
    let t = cx.tokens;
    let response = ui.interact(rect, ui.scope_id().with("alignment"), Sense::hover());
    let painter = ui.painter();
    let (value, cosine) = match &cx.state.compare.alignment {
        Slot::Ready(alignment) => (number(alignment.cosine, 3), alignment.cosine),
        Slot::Loading(_) => ("…".to_owned(), None),
        Slot::Empty | Slot::Failed(..) => ("–".to_owned(), None),
    };
    let small = FontId::proportional(size::SMALL);
    painter.text(rect.center_top() + vec2(0.0, 7.0), Align2::CENTER_TOP, "Alignment", small.clone(), t.text_faint);
    painter.text(rect.center_top() + vec2(0.0, 20.0), Align2::CENTER_TOP, value, semibold(size::HEADING), t.text);
    let rail = Rect::from_center_size(pos2(rect.center().x, rect.bottom() - 13.0), vec2(rect.width() - 36.0, 4.0));
    painter.rect_filled(rail, 2.0, t.pressed);
    painter.vline(rail.center().x, rail.top() - 2.0..=rail.bottom() + 2.0, Stroke::new(1.0, t.text_faint));
    if let Some(cosine) = cosine {
        let x = rail.center().x + cosine as f32 * rail.width() / 2.0;
        let (from, to) = (x.min(rail.center().x), x.max(rail.center().x));
        painter.rect_filled(Rect::from_min_max(pos2(from, rail.top()), pos2(to, rail.bottom())), 2.0, t.accent);
        painter.circle(pos2(x, rail.center().y), 5.0, t.accent, Stroke::new(2.0, t.surface));
    }
    response.on_hover_ui(|ui| {
        ui.label(egui::RichText::new("Gradient alignment").font(semibold(size::BODY)));
        ui.label("Cosine of the gradients of both texts' losses with respect to the output head. 1: learning one teaches the other.");
        match &cx.state.compare.alignment {
            Slot::Ready(alignment) => {
                egui::Grid::new("alignment numbers").show(ui, |ui| {
                    for (name, value) in &alignment.numbers {
                        ui.label(caption(ui, name));
                        ui.label(mono(format!("{value:.5}")));
                        ui.end_row();
                    }
                });
            }
            Slot::Failed(_, trouble) => {
                ui.label(egui::RichText::new(trouble.details()).color(t.warn));
            }
            _ => {}
        }
    });
}
