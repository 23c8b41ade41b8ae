//! The ratio, live: scores are cut anew where the slider stands, and the curve grows with every place it was.

use std::sync::Arc;

use egui::{Grid, ProgressBar, Rect, RichText, Sense, Slider, Spinner, Ui, WidgetInfo, vec2};
use serde_json::Value;

use super::knobs::two_digits;
use super::model::is_open;
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::draft::DraftCommand;
use crate::app::plot::{plot_ui, run_color};
use crate::app::shell::count;
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, TIGHT, size};
use crate::app::unlearn::{LiveEdit, UnlearnCommand};
use crate::app::widgets::{accent_button, badge, button, caption, card, region, soft, title, trouble_ui};
use crate::figures::{Axis, Figure, Mark, Rows, Scale, Series};
use crate::methods::unlearn::live::{Facts, Point, Reading, can_move};
use crate::methods::unlearn::technique::Technique;

/// Transient state.
#[derive(Default)]
pub(super) struct Live {
    /// The ratio while it is dragged.
    moving: Option<f64>,
    /// The curve, and of which points it is.
    curve: Option<(Vec<Point>, Arc<Figure>)>,
}

impl Live {
    /// Draws the strip. `key` is that of the scores which the settings mean.
    pub(super) fn live_ui(&mut self, cx: &ViewCx<'_>, technique: &Technique, key: u64, can_start: bool, ui: &mut Ui) {
        let room = ui.available_rect_before_wrap();
        card(ui, |ui| {
            ui.set_min_size(vec2(room.width() - 2.0 * PAD - 2.0, room.height() - 2.0 * PAD - 2.0));
            let live = &cx.state.unlearn.live;
            let is_same = live.key == Some(key);
            if !can_move(technique) {
                return head_ui(cx, "The ratio, live", None, ui, |ui| still_ui(technique, ui));
            }
            match (&live.facts, &live.stage) {
                (Some(facts), _) if is_same => self.moving_ui(cx, technique, live, facts, ui),
                (_, Some(stage)) if is_same => computing_ui(cx, stage, ui),
                _ => self.start_ui(cx, technique, key, can_start, ui),
            }
        });
    }

    /// The ratio that is set up.
    fn ratio(&self, cx: &ViewCx<'_>, technique: &Technique) -> f64 {
        let usual = technique.knobs.iter().find(|k| k.0 == "ratio").map_or(0.01, |k| k.1);
        let set = cx.state.draft.config().get("ratio").and_then(Value::as_f64);
        self.moving.or(set).unwrap_or(usual)
    }

    fn start_ui(&self, cx: &ViewCx<'_>, technique: &Technique, key: u64, can_start: bool, ui: &mut Ui) {
        let live = &cx.state.unlearn.live;
        head_ui(cx, "The ratio, live", None, ui, |ui| {
            let about = "Scores of all weights or hidden units are computed once. Then the slider cuts them anew, and a copy \
                         of the model says at once what is forgotten and what it cost.";
            ui.add(egui::Label::new(soft(ui, about)).wrap());
            if let Some(trouble) = live.trouble.as_ref().filter(|_| live.key == Some(key)) {
                trouble_ui(cx, "There are no scores", trouble, ui);
            }
            ui.add_space(GAP);
            let (can, why) = match (can_start, is_open(cx)) {
                (false, _) => (false, "First choose the model and the texts"),
                (_, false) => (false, "Open the model first: “Open it”, above"),
                _ => (true, ""),
            };
            ui.horizontal(|ui| {
                ui.add_enabled_ui(can, |ui| {
                    let text =
                        if live.key.is_some() && live.key != Some(key) { "Compute again" } else { "Compute scores" };
                    let start = accent_button(ui, Some(Icon::Play), text);
                    if start.clicked() {
                        let experiment = Box::new(cx.state.draft.experiment.clone());
                        let ratio = self.ratio(cx, technique);
                        cx.send(Command::Unlearn(UnlearnCommand::Start(key, experiment, ratio)));
                    }
                });
                ui.label(caption(ui, why));
                if can && live.key.is_some() && live.key != Some(key) {
                    ui.label(caption(ui, "The settings or texts are others than those of the scores that are here."));
                }
            });
        });
    }

    fn moving_ui(&mut self, cx: &ViewCx<'_>, technique: &Technique, live: &LiveEdit, facts: &Facts, ui: &mut Ui) {
        let state = if live.is_busy { Some("computing") } else { None };
        head_ui(cx, "The ratio, live", state, ui, |_| {});
        self.slider_ui(cx, technique, live, ui);
        let room = ui.available_rect_before_wrap();
        let left = room.with_max_x(room.left() + (room.width() * 0.5).clamp(260.0, 330.0));
        region(ui, left, "numbers", |ui| numbers_ui(cx, live, facts, ui));
        region(ui, room.with_min_x(left.right() + GAP), "curve", |ui| {
            let figure = self.curve(&live.points);
            plot_ui(&figure, "unlearn live", ui.available_height(), None, ui);
        });
    }

    fn slider_ui(&mut self, cx: &ViewCx<'_>, technique: &Technique, live: &LiveEdit, ui: &mut Ui) {
        let mut ratio = self.ratio(cx, technique);
        let smallest = 1e-5;
        ui.horizontal(|ui| {
            ui.spacing_mut().slider_width = (ui.available_width() - 250.0).max(120.0);
            ui.spacing_mut().interact_size.y = 20.0;
            let slider = Slider::new(&mut ratio, smallest..=1.0).logarithmic(true).smallest_positive(smallest);
            let moved = ui.add(slider.show_value(false));
            moved.widget_info(|| WidgetInfo::slider(true, ratio, "Ratio, live"));
            if moved.changed() {
                ratio = two_digits(ratio);
            }
            ui.label(
                RichText::new(format!("{} %", crate::figures::ticks::short(two_digits(100.0 * ratio))))
                    .font(semibold(size::TITLE)),
            );
            if moved.dragged() {
                self.moving = Some(ratio);
            } else if moved.drag_stopped() || moved.changed() {
                self.moving = None;
                cx.send(Command::Edit(DraftCommand::Field("ratio".to_owned(), Some(ratio.into()))));
            }
            if ratio != live.wanted {
                cx.send(Command::Unlearn(UnlearnCommand::Move(ratio)));
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let keep = button(ui, Some(Icon::Download), "Keep this model…");
                if keep.on_hover_text("As a folder of its own, with this much removed").clicked() {
                    cx.send(Command::Unlearn(UnlearnCommand::KeepCut(ratio, None)));
                }
            });
        });
    }

    /// Memorization and accuracy against the ratio.
    fn curve(&mut self, points: &[Point]) -> Arc<Figure> {
        if let Some((_, figure)) = self.curve.as_ref().filter(|(known, _)| known == points) {
            return Arc::clone(figure);
        }
        let figure = Arc::new(curve_of(points));
        self.curve = Some((points.to_vec(), Arc::clone(&figure)));
        figure
    }
}

fn head_ui(cx: &ViewCx<'_>, text: &str, state: Option<&str>, ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.set_min_height(24.0);
        ui.label(title(text));
        if let Some(state) = state {
            ui.add(Spinner::new().size(14.0).color(cx.tokens.accent));
            ui.label(caption(ui, state));
        }
    });
    add(ui);
}

/// Techniques that learn their mask anew for each ratio.
fn still_ui(technique: &Technique, ui: &mut Ui) {
    let has_ratio = technique.knobs.iter().any(|k| k.0 == "ratio");
    let text = if has_ratio {
        format!(
            "{} works from the start for one ratio, so it cannot be cut anew. Run it; “and ratios” measures several in one \
             run, and Pareto shows them against each other. Techniques marked “live” move at once.",
            technique.title
        )
    } else {
        format!(
            "{} removes no fraction, so there is no ratio. Run it with other learning rates and weights, and compare the \
             runs in Pareto. Techniques marked “live” have a ratio that moves at once.",
            technique.title
        )
    };
    ui.add(egui::Label::new(soft(ui, text)).wrap());
}

fn computing_ui(cx: &ViewCx<'_>, (stage, done, total): &(String, u64, u64), ui: &mut Ui) {
    head_ui(cx, "The ratio, live", Some("computing"), ui, |ui| {
        ui.label(soft(ui, stage.as_str()));
        let share = if *total > 0 { *done as f32 / *total as f32 } else { 0.0 };
        ui.add(ProgressBar::new(share).desired_width(ui.available_width()).desired_height(8.0));
        ui.add_space(GAP);
        if button(ui, Some(Icon::Stop), "Stop").clicked() {
            cx.send(Command::Unlearn(UnlearnCommand::Stop));
        }
    });
}

fn numbers_ui(cx: &ViewCx<'_>, live: &LiveEdit, facts: &Facts, ui: &mut Ui) {
    ui.spacing_mut().item_spacing.y = TIGHT;
    let shown = live.shown().filter(|_| live.trouble.is_none());
    if let Some(trouble) = &live.trouble {
        ui.add(egui::Label::new(RichText::new(&trouble.message).color(cx.tokens.bad)).wrap());
        if let Some(hint) = &trouble.hint {
            ui.add(egui::Label::new(caption(ui, format!("→ {hint}"))).wrap());
        }
    }
    let now = shown.map(|p| p.reading).unwrap_or_default();
    let is_exact = facts.before.exact.is_some();
    let rows: [Line; 5] = [
        ("Exact extraction, forget", |r| r.exact, true, is_exact.then_some(0)),
        ("Token accuracy, forget", |r| r.forget_accuracy, true, (!is_exact).then_some(0)),
        ("Loss, forget", |r| r.forget_loss, false, None),
        ("Token accuracy, retain", |r| r.retain_accuracy, true, Some(1)),
        ("Loss, retain", |r| r.retain_loss, false, None),
    ];
    ui.spacing_mut().interact_size.y = 18.0;
    Grid::new("live numbers").num_columns(4).spacing([GAP, 2.0]).show(ui, |ui| {
        for (name, of, is_share, color) in rows {
            swatch_ui(color, ui);
            ui.label(soft(ui, name));
            ui.label(caption(ui, format!("{} →", number(of(&facts.before), is_share))));
            ui.label(RichText::new(number(of(&now), is_share)).font(semibold(size::BODY)));
            ui.end_row();
        }
    });
    let of =
        |[all, measured]: [usize; 2]| if all == measured { all.to_string() } else { format!("{measured} of {all}") };
    let exact = if facts.n_checked == 0 { "; none is long enough for k + l tokens" } else { "" };
    let texts = format!("On {} texts to forget and {} to retain{exact}.", of(facts.forget), of(facts.retain));
    ui.add(egui::Label::new(caption(ui, texts)).wrap());
    if let Some(point) = shown.filter(|p| p.n_parameters > 0) {
        let share = 100.0 * point.n_zeroed as f64 / point.n_parameters as f64;
        let text = format!("{} numbers set to 0, {share:.2} % of the model.", count(point.n_zeroed));
        ui.add(egui::Label::new(caption(ui, text)).wrap());
    }
    if facts.is_kept {
        badge(ui, "scores of a run", cx.tokens.text_soft, cx.tokens.hover).on_hover_text("Kept by an earlier run");
    }
}

/// Name, value, whether it is a share, and the color of its curve if it has one.
type Line = (&'static str, fn(&Reading) -> Option<f64>, bool, Option<usize>);

/// The color of a curve, as its legend.
fn swatch_ui(color: Option<usize>, ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(10.0, 16.0), Sense::hover());
    if let Some(color) = color {
        let ink = run_color(color, ui.visuals().dark_mode);
        let bar = Rect::from_center_size(rect.center(), vec2(10.0, 4.0));
        ui.painter().rect_filled(bar, 1.0, ink);
    }
}

fn number(value: Option<f64>, is_share: bool) -> String {
    match value {
        Some(value) if is_share => format!("{:.1} %", 100.0 * value),
        Some(value) => format!("{value:.3}"),
        None => "–".to_owned(),
    }
}

fn curve_of(points: &[Point]) -> Figure {
    let of_ratios = |of: fn(&Reading) -> Option<f64>| -> Vec<[f64; 2]> {
        points.iter().filter(|p| p.ratio > 0.0).filter_map(|p| Some([p.ratio, of(&p.reading)?])).collect()
    };
    let has_exact = points.iter().any(|p| p.reading.exact.is_some());
    let forgotten: fn(&Reading) -> Option<f64> = if has_exact { |r| r.exact } else { |r| r.forget_accuracy };
    let kept: fn(&Reading) -> Option<f64> = |r| r.retain_accuracy;
    let series = |color: usize, mark: Mark| Series { name: String::new(), color, mark, rows: Rows::default() };
    let both = [(0, forgotten), (1, kept)];
    let lines =
        both.map(|(color, of)| series(color, Mark::Line { points: of_ratios(of), band: None, dashed: color == 1 }));
    let dots = both.map(|(color, of)| series(color, Mark::Scatter { points: of_ratios(of) }));
    Figure {
        id: "live".to_owned(),
        title: "What a larger ratio removes and costs".to_owned(),
        x: Axis { label: "ratio".to_owned(), scale: Scale::Log, ..Axis::default() },
        y: Axis { range: Some([0.0, 1.0]), ..Axis::default() },
        series: lines.into_iter().chain(dots).collect(),
        caption: String::new(),
    }
}
