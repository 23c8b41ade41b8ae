//! All edits against each other: what is left of the texts to forget, and what of everything else.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{
    Align2, ComboBox, DragValue, FontId, Label, Rect, RichText, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2,
};

use super::battery::number;
use super::result::name_of;
use super::{Unit, choose, run_and_model, units};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::plot::plot_ui;
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, TIGHT, size};
use crate::app::unlearn::UnlearnCommand;
use crate::app::widgets::{accent_button, button, caption, card, empty_ui, region, soft, title};
use crate::figures::palette::{self, Marker};
use crate::figures::{Figure, Mark, Rows, Series};
use crate::methods::unlearn::pareto::{KEPT, LEFT, Measure, Outcome, Plane, best, plane};

const SIDE: f32 = 320.0;
const ROW: f32 = 46.0;

/// Transient state.
pub(super) struct Front {
    left: &'static Measure,
    kept: &'static Measure,
    /// Only edits of models of this name.
    model: Option<String>,
    /// Weight of the cost in the selection score.
    weight: f64,
    made: Option<(Key, Arc<Figure>, Plane)>,
}

/// What a plane depends on: the list of runs, the axes, the model.
type Key = (u64, &'static str, &'static str, Option<String>);

impl Default for Front {
    fn default() -> Self {
        Self { left: &LEFT[0], kept: &KEPT[0], model: None, weight: 1.0, made: None }
    }
}

impl Front {
    /// Draws plot and list. Returns whether the chosen edit is to be shown.
    pub(super) fn front_ui(&mut self, cx: &ViewCx<'_>, step: &mut Option<(String, usize)>, ui: &mut Ui) -> bool {
        let mut all: Vec<Unit<'_>> = units(cx).into_iter().filter(|u| u.outcome.is_some()).collect();
        if all.is_empty() {
            let about = "Each finished run of unlearning is a point: what is left of the texts to forget, against what the \
                         model still knows of everything else. Points that nothing beats are joined.";
            empty_ui(Icon::Figures, "No runs to compare yet", about, ui, |_| {});
            return false;
        }
        let models: BTreeSet<String> = all.iter().map(|u| u.run.model.clone()).collect();
        self.axes_ui(cx, &models, &all, ui);
        all.retain(|u| self.model.as_ref().is_none_or(|model| u.run.model == *model));
        self.update(cx, &all);
        let room = ui.available_rect_before_wrap();
        let side = room.with_min_x(room.right() - SIDE);
        region(ui, room.with_max_x(side.left() - PAD), "plane", |ui| self.plot_ui(cx, &all, step, ui));
        region(ui, side, "edits", |ui| self.list_ui(cx, &all, step, ui))
    }

    fn update(&mut self, cx: &ViewCx<'_>, all: &[Unit<'_>]) {
        let key = (cx.state.runs.serial, self.left.id, self.kept.id, self.model.clone());
        if self.made.as_ref().is_none_or(|(known, ..)| *known != key) {
            let outcomes: Vec<&Outcome> = all.iter().filter_map(|u| u.outcome).collect();
            let plane = plane(&outcomes, [self.left, self.kept]);
            self.made = Some((key, Arc::new(plane.figure.clone()), plane));
        }
    }

    fn axes_ui(&mut self, cx: &ViewCx<'_>, models: &BTreeSet<String>, all: &[Unit<'_>], ui: &mut Ui) {
        ui.horizontal(|ui| {
            axis_ui("Horizontal", &mut self.left, LEFT, ui);
            axis_ui("Vertical", &mut self.kept, KEPT, ui);
            if models.len() > 1 {
                self.models_ui(models, ui);
            }
            if let Some((_, figure, _)) = &self.made
                && button(ui, Some(Icon::Download), "Save as…")
                    .on_hover_text("PDF, SVG, PNG, CSV or pgfplots")
                    .clicked()
            {
                let is_shown = |u: &&Unit<'_>| self.model.as_ref().is_none_or(|model| u.run.model == *model);
                let runs: BTreeSet<String> = all.iter().filter(is_shown).map(|u| u.run.id.clone()).collect();
                let figure = Box::new(Figure::clone(figure));
                cx.send(Command::Unlearn(UnlearnCommand::Export(figure, runs.into_iter().collect(), None)));
            }
        });
        ui.add_space(GAP);
    }

    fn models_ui(&mut self, models: &BTreeSet<String>, ui: &mut Ui) {
        ui.label(caption(ui, "Model"));
        let text = self.model.clone().unwrap_or_else(|| "all".to_owned());
        let combo = ComboBox::from_id_salt("pareto model").width(140.0).truncate().selected_text(text);
        let response = combo.show_ui(ui, |ui| {
            ui.selectable_value(&mut self.model, None, "all");
            for model in models {
                ui.selectable_value(&mut self.model, Some(model.clone()), model);
            }
        });
        response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Model"));
    }

    fn plot_ui(&self, cx: &ViewCx<'_>, all: &[Unit<'_>], step: &mut Option<(String, usize)>, ui: &mut Ui) {
        let Some((_, figure, plane)) = &self.made else { return };
        let height = (ui.available_height() - 44.0).max(160.0);
        let marked = marked(figure, all, [self.left, self.kept], step.as_ref());
        if let Some(hit) = plot_ui(&marked, "unlearn pareto", height, None, ui) {
            let behind = plane.behind.get(hit.series).and_then(|points| points.get(hit.point).copied().flatten());
            if let Some(unit) = behind.and_then(|i| all.get(i)) {
                choose(cx, unit, step);
            }
        }
        let word = |m: &Measure| match m.better {
            crate::methods::unlearn::battery::Better::Higher => "higher",
            _ => "lower",
        };
        let left_out = match plane.n_left_out {
            0 => String::new(),
            n => format!(" {n} without these numbers left out."),
        };
        let text = format!(
            "Wanted: {} left, {} kept. The dashed line joins what nothing beats. Click a point to choose its run.{left_out}",
            word(self.left),
            word(self.kept)
        );
        ui.add(Label::new(caption(ui, text)).wrap());
    }

    fn list_ui(&mut self, cx: &ViewCx<'_>, all: &[Unit<'_>], step: &mut Option<(String, usize)>, ui: &mut Ui) -> bool {
        let outcomes: Vec<&Outcome> = all.iter().filter_map(|u| u.outcome).collect();
        let best: BTreeSet<usize> = best(&outcomes, self.weight).into_iter().collect();
        let chosen = all.iter().position(|u| step.as_ref().is_some_and(|s| s.0 == u.run.id && s.1 == u.step));
        let show = chosen.and_then(|i| all.get(i)).is_some_and(|unit| chosen_ui(cx, unit, [self.left, self.kept], ui));
        ui.horizontal(|ui| {
            ui.label(title("By selection score"));
            ui.label(caption(ui, "cost ×"));
            let drag = DragValue::new(&mut self.weight).range(0.0..=100.0).speed(0.02);
            let about = "Δ exact extraction + weight · Δ perplexity, both over the value before; smaller is better; 100 more where \
                         nothing was forgotten (Sakarvadia et al. 2025). ★: the best of its technique, all ties.";
            ui.add(drag).on_hover_text(about).widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Weight of the cost"));
        });
        ui.add_space(TIGHT);
        let mut order: Vec<usize> = (0..all.len()).collect();
        let score = |i: &usize| outcomes.get(*i).and_then(|o| o.selection(self.weight)).unwrap_or(f64::INFINITY);
        order.sort_by(|a, b| score(a).total_cmp(&score(b)));
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical().auto_shrink([false, false]).show_rows(ui, ROW, order.len(), |ui, range| {
            for i in range.filter_map(|place| order.get(place).copied()) {
                let Some(unit) = all.get(i) else { continue };
                let is_optimal = self.made.as_ref().is_some_and(|(.., plane)| plane.is_optimal.get(i) == Some(&true));
                let marks = [is_optimal, best.contains(&i)];
                if row_ui(cx, unit, chosen == Some(i), marks, score(&i), ui) {
                    choose(cx, unit, step);
                }
            }
        });
        show
    }
}

/// The figure with the chosen edit marked; the mark is no part of what is saved.
fn marked(figure: &Arc<Figure>, all: &[Unit<'_>], axes: [&Measure; 2], step: Option<&(String, usize)>) -> Arc<Figure> {
    let is_it = |u: &&Unit<'_>| step.is_some_and(|s| s.0 == u.run.id && s.1 == u.step);
    let place = all.iter().find(is_it).and_then(|u| u.outcome?.place(axes, false));
    let Some(place) = place else { return Arc::clone(figure) };
    let mut marked = Figure::clone(figure);
    let mark = Mark::Scatter { points: vec![place] };
    // A cross of its own lies over the point.
    let color = (0..palette::SERIES).find(|i| palette::marker(*i) == Marker::Cross).unwrap_or_default();
    marked.series.push(Series { name: "chosen".to_owned(), color, mark, rows: Rows::default() });
    Arc::new(marked)
}

fn axis_ui(name: &str, axis: &mut &'static Measure, all: &'static [Measure], ui: &mut Ui) {
    ui.label(caption(ui, name));
    let combo = ComboBox::from_id_salt(name).width(210.0).truncate().selected_text(axis.label);
    let response = combo.show_ui(ui, |ui| {
        for measure in all {
            if ui.selectable_label(axis.id == measure.id, measure.label).clicked() {
                *axis = measure;
            }
        }
    });
    response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, format!("{name} axis")));
}

/// The chosen edit in a few numbers. Returns whether it is to be shown.
fn chosen_ui(cx: &ViewCx<'_>, unit: &Unit<'_>, axes: [&Measure; 2], ui: &mut Ui) -> bool {
    let Some(outcome) = unit.outcome else { return false };
    let mut show = false;
    card(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.label(RichText::new(name_of(outcome)).font(semibold(size::TITLE)).color(cx.tokens.accent));
        ui.label(caption(ui, run_and_model(unit.run)));
        ui.add_space(TIGHT);
        for axis in axes {
            let name = axis.label.strip_suffix(" after").unwrap_or(axis.label);
            let of = |side: &std::collections::BTreeMap<String, f64>| number(side.get(axis.id).copied());
            ui.label(soft(ui, format!("{name}: {} → {}", of(&outcome.before), of(&outcome.after))));
        }
        ui.add_space(TIGHT);
        show = accent_button(ui, Some(Icon::Right), "Show the result").clicked();
    });
    ui.add_space(GAP);
    show
}

fn row_ui(cx: &ViewCx<'_>, unit: &Unit<'_>, is_on: bool, marks: [bool; 2], score: f64, ui: &mut Ui) -> bool {
    let t = cx.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width() - 8.0, ROW), Sense::click());
    let name = unit.outcome.map(name_of).unwrap_or_default();
    response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, is_on, format!("{name}, {}", unit.run.name)));
    if is_on || response.hovered() {
        ui.painter().rect_filled(rect.shrink2(vec2(0.0, 1.0)), 6.0, if is_on { t.accent_soft } else { t.hover });
    }
    let ink = if is_on { t.accent } else { t.text };
    let painter = ui.painter().with_clip_rect(rect.shrink2(vec2(6.0, 0.0)).intersect(ui.clip_rect()));
    let at = rect.left_top() + vec2(10.0, 6.0);
    let mut x = painter.text(at, Align2::LEFT_TOP, name, semibold(size::BODY), ink).right() + 8.0;
    let [is_optimal, is_best] = marks;
    if is_best {
        Icon::Star.paint(ui, Rect::from_min_size(pos2(x, rect.top() + 7.0), vec2(13.0, 13.0)), t.warn);
        x += 20.0;
    }
    let small = FontId::proportional(size::SMALL);
    if is_optimal {
        painter.text(pos2(x, rect.top() + 7.0), Align2::LEFT_TOP, "nothing beats it", small.clone(), t.good);
    }
    let score = if score.is_finite() { format!("{score:.3}").replace('-', "−") } else { "no score".to_owned() };
    let below = format!("{score}   {}", unit.run.name);
    painter.text(rect.left_top() + vec2(10.0, 25.0), Align2::LEFT_TOP, below, small, t.text_faint);
    response.clicked()
}
