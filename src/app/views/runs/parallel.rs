//! Parallel coordinates: an axis for each setting that a sweep varies and for chosen numbers, a line for each run.
//! Dragging along an axis keeps the runs that pass there; a line under the pointer says which run it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use egui::{Align2, Color32, ComboBox, FontId, Pos2, Rect, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::coordinates::{Coordinate, coordinates};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::plot::map_color;
use crate::app::runs::{RunCommand, RunEntry};
use crate::app::style::tokens::{GAP, PAD, size};
use crate::app::widgets::{button, caption};

/// Numbers with an axis until others are chosen.
const NUMBERS: usize = 3;
/// Half the width of what can be grabbed of an axis, points.
const GRAB: f32 = 12.0;
/// How near the pointer has to be to a line, points.
const NEAR: f32 = 6.0;
const TOP: f32 = 34.0;
const BOTTOM: f32 = 14.0;
const SIDE: f32 = 70.0;

/// Transient state.
#[derive(Default)]
pub(super) struct Parallel {
    /// The sweep and the list of runs that the axes belong to.
    key: Option<(String, u64, usize)>,
    axes: Vec<Coordinate>,
    /// Shown numbers, by name; settings are always shown.
    numbers: BTreeSet<String>,
    /// The number that gives the color.
    color: String,
    /// Kept part of an axis, 0 at its lower end and 1 at its upper.
    kept: BTreeMap<String, [f64; 2]>,
    /// Where a drag began, on which axis.
    from: Option<(String, f64)>,
}

impl Parallel {
    /// Draws the runs of a sweep.
    pub(super) fn parallel_ui(&mut self, cx: &ViewCx<'_>, id: &str, runs: &[&Arc<RunEntry>], ui: &mut Ui) {
        self.update(id, cx.state.runs.serial, runs);
        self.controls_ui(runs, ui);
        let room = ui.available_rect_before_wrap();
        let room = room.with_max_y(room.bottom().max(room.top() + 160.0));
        ui.allocate_rect(room, Sense::hover());
        let shown: Vec<usize> = (0..self.axes.len()).filter(|i| self.is_shown(*i)).collect();
        let inner = Rect::from_min_max(room.min + vec2(SIDE, TOP), room.max - vec2(SIDE, BOTTOM));
        let step = inner.width() / (shown.len().saturating_sub(1)).max(1) as f32;
        let x = |place: usize| inner.left() + place as f32 * step;
        let lines: Vec<Vec<Pos2>> = (0..runs.len()).map(|run| self.line(run, &shown, inner, &x)).collect();
        let pointer = ui.input(|i| i.pointer.hover_pos()).filter(|at| room.contains(*at));
        for (place, axis) in shown.iter().enumerate() {
            self.grab_ui(*axis, x(place), inner, ui);
        }
        let near = pointer.and_then(|at| self.nearest(&lines, at));
        self.paint_lines(runs, &lines, near, ui);
        for (place, axis) in shown.iter().enumerate() {
            self.paint_axis(*axis, x(place), step, inner, ui);
        }
        let Some(run) = near.and_then(|near| runs.get(near)) else { return };
        let is_free = self.from.is_none();
        let response = ui.interact(room, ui.scope_id().with("line"), Sense::hover());
        if is_free {
            response.on_hover_text_at_pointer(self.about(near.unwrap_or_default(), run));
        }
        if is_free && ui.input(|i| i.pointer.primary_clicked()) && !is_on_axis(shown.len(), pointer, &x) {
            cx.send(Command::Run(RunCommand::Choose(vec![run.id.clone()])));
        }
    }

    fn update(&mut self, id: &str, serial: u64, runs: &[&Arc<RunEntry>]) {
        let key = Some((id.to_owned(), serial, runs.len()));
        if self.key == key {
            return;
        }
        let is_other = self.key.as_ref().is_none_or(|(known, ..)| known != id);
        self.axes = coordinates(runs);
        if is_other {
            self.kept.clear();
            self.numbers.clear();
        }
        let numbers = || self.axes.iter().filter(|axis| !axis.is_setting);
        if self.numbers.is_empty() {
            self.numbers = numbers().filter(|axis| axis.differs).take(NUMBERS).map(|axis| axis.name.clone()).collect();
        }
        if numbers().all(|axis| axis.name != self.color) {
            let first = numbers().find(|axis| axis.differs).or_else(|| numbers().next());
            self.color = first.map(|axis| axis.name.clone()).unwrap_or_default();
        }
        self.key = key;
    }

    fn controls_ui(&mut self, runs: &[&Arc<RunEntry>], ui: &mut Ui) {
        ui.horizontal(|ui| {
            let kept = (0..runs.len()).filter(|run| self.keeps(*run)).count();
            let n = runs.len();
            let text = if kept == n { format!("{n} runs") } else { format!("{kept} of {n} runs") };
            ui.label(caption(ui, text));
            ui.label(caption(ui, "Color"));
            let names: Vec<String> = self.axes.iter().filter(|a| !a.is_setting).map(|a| a.name.clone()).collect();
            let combo = ComboBox::from_id_salt("parallel color").width(180.0).truncate().selected_text(&self.color);
            let shown = combo.show_ui(ui, |ui| {
                for name in &names {
                    ui.selectable_value(&mut self.color, name.clone(), name);
                }
            });
            shown.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Color by"));
            self.ramp_ui(ui);
            let menu = ui.menu_button("Numbers ▾", |ui| {
                egui::ScrollArea::vertical().max_height(260.0).show(ui, |ui| {
                    for name in &names {
                        self.number_ui(name, ui);
                    }
                });
            });
            menu.response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Shown numbers"));
            if !self.kept.is_empty() && button(ui, None, "Show all").clicked() {
                self.kept.clear();
            }
            ui.label(caption(ui, "Drag along an axis to filter; click a line to open its run"));
        });
        ui.add_space(GAP);
    }

    /// A number in the list of those with an axis.
    fn number_ui(&mut self, name: &str, ui: &mut Ui) {
        let mut is_on = self.numbers.contains(name);
        if !ui.checkbox(&mut is_on, name).changed() {
            return;
        }
        if is_on {
            self.numbers.insert(name.to_owned());
        } else {
            self.numbers.remove(name);
            self.kept.remove(name);
        }
    }

    /// What the colors mean: smallest and largest value at the ends of the ramp.
    fn ramp_ui(&self, ui: &mut Ui) {
        const STEPS: usize = 24;
        let Some(axis) = self.axes.iter().find(|axis| axis.name == self.color) else { return };
        let (Some(low), Some(high)) = (axis.ticks.first(), axis.ticks.last()) else { return };
        ui.label(caption(ui, low.1.as_str()));
        let (rect, _) = ui.allocate_exact_size(vec2(72.0, 10.0), Sense::hover());
        let width = rect.width() / STEPS as f32;
        for step in 0..STEPS {
            let left = rect.left() + step as f32 * width;
            let cell = Rect::from_x_y_ranges(left..=left + width + 0.5, rect.y_range());
            let place = step as f64 / (STEPS - 1) as f64;
            ui.painter().rect_filled(cell, 0.0, map_color(place, ui.visuals().dark_mode));
        }
        ui.label(caption(ui, high.1.as_str()));
    }

    fn is_shown(&self, axis: usize) -> bool {
        self.axes.get(axis).is_some_and(|axis| axis.is_setting || self.numbers.contains(&axis.name))
    }

    /// Whether a run passes every filter.
    fn keeps(&self, run: usize) -> bool {
        self.axes.iter().filter_map(|axis| Some((axis, self.kept.get(&axis.name)?))).all(|(axis, [low, high])| {
            axis.places.get(run).copied().flatten().is_some_and(|place| (*low..=*high).contains(&place))
        })
    }

    fn line(&self, run: usize, shown: &[usize], inner: Rect, x: &dyn Fn(usize) -> f32) -> Vec<Pos2> {
        let place = |axis: &usize| self.axes.get(*axis)?.places.get(run).copied().flatten();
        let points = shown.iter().enumerate().map_while(|(i, axis)| Some(pos2(x(i), y(inner, place(axis)?))));
        points.collect()
    }

    /// Drags and clicks on an axis.
    fn grab_ui(&mut self, axis: usize, x: f32, inner: Rect, ui: &Ui) {
        let Some(axis) = self.axes.get(axis) else { return };
        let area = Rect::from_x_y_ranges(x - GRAB..=x + GRAB, inner.top() - 4.0..=inner.bottom() + 4.0);
        let response = ui.interact(area, ui.scope_id().with(("axis", &axis.name)), Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Slider, true, format!("Axis {}", axis.name)));
        let at = response.interact_pointer_pos().map(|at| f64::from((inner.bottom() - at.y) / inner.height()));
        if response.hovered() {
            ui.ctx().set_cursor_icon(egui::CursorIcon::ResizeVertical);
        }
        if response.drag_started() {
            self.from = at.map(|at| (axis.name.clone(), at));
        }
        if let (Some((name, from)), Some(at)) = (&self.from, at)
            && *name == axis.name
            && response.dragged()
        {
            self.kept.insert(name.clone(), [from.min(at), from.max(at)]);
        }
        if response.drag_stopped() {
            self.from = None;
        }
        if response.clicked() {
            self.kept.remove(&axis.name);
        }
    }

    fn nearest(&self, lines: &[Vec<Pos2>], at: Pos2) -> Option<usize> {
        let near = |line: &Vec<Pos2>| line.windows(2).map(|pair| distance(at, pair)).fold(f32::INFINITY, f32::min);
        let found = lines.iter().enumerate().filter(|(run, _)| self.keeps(*run)).map(|(run, line)| (run, near(line)));
        found.filter(|(_, d)| *d <= NEAR).min_by(|a, b| a.1.total_cmp(&b.1)).map(|(run, _)| run)
    }

    fn paint_lines(&self, runs: &[&Arc<RunEntry>], lines: &[Vec<Pos2>], near: Option<usize>, ui: &Ui) {
        let t = crate::app::style::tokens(ui);
        let color = self.axes.iter().find(|axis| axis.name == self.color);
        let dark = ui.visuals().dark_mode;
        let ink = |run: usize| {
            let place = color.and_then(|axis| axis.places.get(run).copied().flatten());
            place.map_or(t.text_faint, |place| map_color(place, dark))
        };
        // What is filtered out lies below, what the pointer is on above everything.
        let mut order: Vec<usize> = (0..runs.len()).collect();
        order.sort_by_key(|run| (self.keeps(*run), near == Some(*run)));
        for run in order {
            let Some(line) = lines.get(run).filter(|line| line.len() > 1) else { continue };
            let stroke = match (self.keeps(run), near) {
                (false, _) => Stroke::new(1.0, t.border_strong.gamma_multiply(0.5)),
                (true, Some(near)) if near == run => Stroke::new(3.0, ink(run)),
                (true, Some(_)) => Stroke::new(1.5, ink(run).gamma_multiply(0.55)),
                (true, None) => Stroke::new(1.5, ink(run)),
            };
            ui.painter().add(Shape::line(line.clone(), stroke));
        }
    }

    fn paint_axis(&self, axis: usize, x: f32, step: f32, inner: Rect, ui: &Ui) {
        let Some(axis) = self.axes.get(axis) else { return };
        let t = crate::app::style::tokens(ui);
        let painter = ui.painter();
        painter.vline(x, inner.y_range(), Stroke::new(1.5, t.text_soft));
        let font = FontId::proportional(size::SMALL);
        let name = shortened(ui, &axis.name, &crate::app::style::fonts::semibold(size::SMALL), step - GAP);
        painter.text(
            pos2(x, inner.top() - 12.0),
            Align2::CENTER_BOTTOM,
            name,
            crate::app::style::fonts::semibold(size::SMALL),
            t.text,
        );
        for (place, text) in &axis.ticks {
            let at = pos2(x, y(inner, *place));
            painter.hline(x - 4.0..=x, at.y, Stroke::new(1.0, t.text_soft));
            let text = shortened(ui, text, &font, (step - PAD).min(2.0 * SIDE) - 10.0);
            let galley = painter.layout_no_wrap(text, font.clone(), t.text_soft);
            let area = Align2::RIGHT_CENTER.anchor_size(at - vec2(7.0, 0.0), galley.size());
            // Lines run behind the numbers, so these need a ground of their own.
            painter.rect_filled(area.expand2(vec2(2.0, 0.0)), 2.0, t.canvas.gamma_multiply(0.82));
            painter.galley(area.min, galley, Color32::PLACEHOLDER);
        }
        if let Some([low, high]) = self.kept.get(&axis.name) {
            let area = Rect::from_x_y_ranges(x - 6.0..=x + 6.0, y(inner, *high)..=y(inner, *low));
            painter.rect_filled(area, 3.0, t.accent.gamma_multiply(0.3));
            painter.rect_stroke(area, 3.0, Stroke::new(1.5, t.accent), egui::StrokeKind::Inside);
        }
    }

    /// Name and values of a run.
    fn about(&self, place: usize, run: &RunEntry) -> String {
        let values = self.axes.iter().enumerate().filter(|(i, _)| self.is_shown(*i)).filter_map(|(_, axis)| {
            let text = axis.texts.get(place).filter(|text| !text.is_empty())?;
            Some(format!("\n{}: {text}", axis.name))
        });
        format!("{} · {}{}", run.name, run.state.title(), values.collect::<String>())
    }
}

/// Whether the pointer is where an axis is grabbed.
fn is_on_axis(n: usize, pointer: Option<Pos2>, x: &dyn Fn(usize) -> f32) -> bool {
    pointer.is_some_and(|at| (0..n).any(|i| (at.x - x(i)).abs() <= GRAB))
}

fn y(inner: Rect, place: f64) -> f32 {
    inner.bottom() - place as f32 * inner.height()
}

fn distance(at: Pos2, pair: &[Pos2]) -> f32 {
    let [a, b] = pair else { return f32::INFINITY };
    let along = *b - *a;
    let share = ((at - *a).dot(along) / along.length_sq().max(f32::MIN_POSITIVE)).clamp(0.0, 1.0);
    (*a + along * share).distance(at)
}

/// The text with an ellipsis where it would be wider than `width` points.
fn shortened(ui: &Ui, text: &str, font: &FontId, width: f32) -> String {
    let fits =
        |text: &str| ui.painter().layout_no_wrap(text.to_owned(), font.clone(), Color32::PLACEHOLDER).size().x <= width;
    if fits(text) {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    let cut = |n: &usize| format!("{}…", chars.iter().take(*n).collect::<String>());
    (1..chars.len()).rev().find(|n| fits(&cut(n))).map_or_else(|| "…".to_owned(), |n| cut(&n))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::app::runs::PointOf;

    fn run(k: u32, score: Option<f64>) -> Arc<RunEntry> {
        let values = json!({"steps.0.config.k": k}).as_object().unwrap().clone();
        Arc::new(RunEntry {
            id: format!("r{k}"),
            sweep: Some(PointOf { id: "s".into(), values }),
            scalars: score.map(|score| ("score".to_owned(), score)).into_iter().collect(),
            order: vec!["score".into()],
            ..RunEntry::default()
        })
    }

    #[test]
    fn a_filter_keeps_the_runs_that_pass_through_it() {
        let runs = [run(8, Some(0.5)), run(16, Some(1.0)), run(24, None)];
        let runs: Vec<&Arc<RunEntry>> = runs.iter().collect();
        let mut parallel = Parallel::default();
        parallel.update("s", 1, &runs);
        let kept = |parallel: &Parallel| (0..3).filter(|run| parallel.keeps(*run)).collect::<Vec<_>>();
        assert_eq!(kept(&parallel), [0, 1, 2]);
        parallel.kept.insert("k".into(), [0.4, 1.0]);
        assert_eq!(kept(&parallel), [1, 2]);
        parallel.kept.insert("score".into(), [0.9, 1.0]);
        assert_eq!(kept(&parallel), [1], "a run without the number does not pass");
        parallel.update("s", 2, &runs);
        assert_eq!(kept(&parallel), [1], "the filter outlives news");
        parallel.update("t", 2, &runs);
        assert_eq!(kept(&parallel), [0, 1, 2], "but not another sweep");
    }

    #[test]
    fn the_distance_to_a_segment_is_to_its_nearest_point() {
        let pair = [pos2(0.0, 0.0), pos2(10.0, 0.0)];
        assert_eq!([pos2(5.0, 3.0), pos2(13.0, 4.0)].map(|at| distance(at, &pair)), [3.0, 5.0]);
    }
}
