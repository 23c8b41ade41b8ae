//! Charts of the numbers that runs report while they work, several runs in one chart.

use std::sync::Arc;

use egui::{Id, Slider, Ui, WidgetInfo};
use egui_plot::{GridMark, HoverPosition, Line, LineStyle, Plot, PlotPoint, PlotPoints};

use super::details::duration;
use super::table::{rounded, swatch_ui};
use crate::app::context::ViewCx;
use crate::app::curves::{Abscissa, RunLog, smooth};
use crate::app::placed::thinned;
use crate::app::plot::{decades, run_color};
use crate::app::runs::RunEntry;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens;
use crate::app::style::tokens::{GAP, PAD, size};
use crate::app::widgets::{button, caption, columns_ui, segmented, soft};

/// Height of a chart, points.
const HEIGHT: f32 = 210.0;

/// What the charts show, worked out again only when a run said something or a control moved.
#[derive(Default)]
pub(super) struct Live {
    factor: f64,
    logs: [bool; 2],
    x: Abscissa,
    charts: Vec<Chart>,
    key: Option<Key>,
    is_reset: bool,
}

type Key = (Vec<(String, u64, usize)>, u64, [bool; 2], Abscissa);

struct Chart {
    name: String,
    lines: Vec<ChartLine>,
}

struct ChartLine {
    name: String,
    color: usize,
    /// Place among the chosen runs: another dash each, for eyes that do not see colors.
    place: usize,
    raw: Vec<PlotPoint>,
    /// Empty without smoothing.
    smooth: Vec<PlotPoint>,
}

impl Live {
    /// Draws the charts of the chosen runs.
    pub(super) fn live_ui(&mut self, cx: &ViewCx<'_>, runs: &[&Arc<RunEntry>], ui: &mut Ui) {
        let shown: Vec<(&RunEntry, &Arc<RunLog>, usize)> = runs
            .iter()
            .enumerate()
            .filter(|(_, r)| !cx.state.runs.hidden.contains(&r.id))
            .filter_map(|(i, r)| Some((r.as_ref(), cx.state.runs.logs.get(&r.id)?, i)))
            .collect();
        self.controls_ui(cx, runs, &shown, ui);
        self.update(&shown);
        if self.charts.is_empty() {
            let text = if shown.is_empty() { "No run is shown." } else { "No numbers were reported yet." };
            ui.label(soft(ui, text));
            return;
        }
        let n = ((ui.available_width() / 440.0) as usize).clamp(1, 3);
        let group = ui.scope_id().with("cursor");
        let is_reset = std::mem::take(&mut self.is_reset);
        let (x, logs) = (self.x, self.logs);
        for (row, charts) in self.charts.chunks(n).enumerate() {
            ui.push_id(row, |ui| {
                columns_ui(n, ui, |columns| {
                    for (column, chart) in columns.iter_mut().zip(charts) {
                        chart_ui(chart, x, logs, group, is_reset, column);
                    }
                });
            });
            ui.add_space(PAD);
        }
    }

    fn controls_ui(
        &mut self,
        cx: &ViewCx<'_>,
        runs: &[&Arc<RunEntry>],
        shown: &[(&RunEntry, &Arc<RunLog>, usize)],
        ui: &mut Ui,
    ) {
        ui.horizontal_wrapped(|ui| {
            for run in runs {
                swatch_ui(cx, run, ui);
                ui.label(&run.name);
            }
        });
        ui.horizontal_wrapped(|ui| {
            ui.label(caption(ui, "Smoothing"));
            let slider = ui.add(Slider::new(&mut self.factor, 0.0..=0.99).fixed_decimals(2));
            slider.widget_info(|| WidgetInfo::slider(true, self.factor, "Smoothing"));
            slider
                .on_hover_text("Exponential moving average, corrected for its start; the values themselves stay faint");
            let carried = Abscissa::ALL.into_iter().filter(|x| shown.iter().any(|(_, log, _)| log.has(*x)));
            let choices: Vec<(Abscissa, &str, &str)> = carried.map(|x| (x, x.title(), about(x))).collect();
            if let Some(x) = segmented(ui, "Horizontal axis", self.x, &choices) {
                self.x = x;
            }
            let [x, y] = &mut self.logs;
            ui.checkbox(x, "Log x");
            ui.checkbox(y, "Log y");
            let reset = button(ui, None, "Reset zoom");
            self.is_reset |= reset.clicked();
            reset.on_hover_text(
                "In a chart: drag to move, drag with the right button to enlarge a box, Ctrl and wheel to zoom, \
                 double click to see everything",
            );
        });
        ui.add_space(GAP);
    }

    fn update(&mut self, shown: &[(&RunEntry, &Arc<RunLog>, usize)]) {
        let runs = shown.iter().map(|(run, log, _)| (run.id.clone(), log.serial, run.color)).collect();
        let key = (runs, self.factor.to_bits(), self.logs, self.x);
        if self.key.as_ref() == Some(&key) {
            return;
        }
        self.charts.clear();
        for (run, log, place) in shown {
            for curve in &log.curves {
                let name = if curve.step > 0 {
                    format!("step {}: {}", curve.step + 1, curve.name)
                } else {
                    curve.name.clone()
                };
                let points = log.points(curve, self.x);
                if points.is_empty() {
                    continue;
                }
                let smooth = if self.factor > 0.0 { smooth(&points, self.factor) } else { Vec::new() };
                let line = ChartLine {
                    name: run.name.clone(),
                    color: run.color,
                    place: *place,
                    raw: placed(&points, self.logs),
                    smooth: placed(&smooth, self.logs),
                };
                match self.charts.iter_mut().find(|c| c.name == name) {
                    Some(chart) => chart.lines.push(line),
                    None => self.charts.push(Chart { name, lines: vec![line] }),
                }
            }
        }
        // What methods report comes before the speed.
        self.charts.sort_by_key(|c| c.name.contains("units/s"));
        self.key = Some(key);
    }
}

fn about(x: Abscissa) -> &'static str {
    match x {
        Abscissa::Step => "As the run counts: steps, checkpoints or finished units",
        Abscissa::Tokens => "Tokens seen",
        Abscissa::Epoch => "Passes through the data",
        Abscissa::Elapsed => "Time since the start of each run",
        Abscissa::Clock => "Time of day",
    }
}

/// Points as they are drawn: thinned so that extremes stay, logarithmic where wanted; what has no place is left out.
fn placed(points: &[[f64; 2]], logs: [bool; 2]) -> Vec<PlotPoint> {
    let at = |v: f64, is_log: bool| if is_log { v.log10() } else { v };
    let points = thinned(points).map(|[x, y]| [at(x, logs[0]), at(y, logs[1])]);
    points.filter(|p| p.iter().all(|v| v.is_finite())).map(PlotPoint::from).collect()
}

fn chart_ui(chart: &Chart, x: Abscissa, logs: [bool; 2], group: Id, is_reset: bool, ui: &mut Ui) {
    ui.label(egui::RichText::new(&chart.name).font(semibold(size::BODY)));
    let tick = move |mark: GridMark, axis: usize| {
        if logs[axis] {
            let is_decade = (mark.value - mark.value.round()).abs() < 1e-9;
            return if is_decade { crate::figures::ticks::short(10f64.powf(mark.value)) } else { String::new() };
        }
        if axis == 0 { x_text(x, mark.value) } else { crate::figures::ticks::short(rounded(mark.value)) }
    };
    let dark = ui.visuals().dark_mode;
    let mut plot = Plot::new(format!("live {}", chart.name))
        .height(HEIGHT)
        .show_background(false)
        .set_margin_fraction(egui::vec2(0.02, 0.06))
        .allow_scroll(false)
        .grid_color(tokens(ui).border_strong)
        .link_cursor(group, [true, false])
        .x_axis_formatter(move |mark, _| tick(mark, 0))
        .y_axis_formatter(move |mark, _| tick(mark, 1))
        .label_formatter(move |hover| Some(readout(chart, x, logs, hover)));
    if logs[0] {
        plot = plot.x_grid_spacer(|input| decades(&input));
    }
    if logs[1] {
        plot = plot.y_grid_spacer(|input| decades(&input));
    }
    if is_reset {
        plot = plot.reset();
    }
    plot.show(ui, |plot| {
        for (i, line) in chart.lines.iter().enumerate() {
            let ink = run_color(line.color, dark);
            let style =
                [LineStyle::Solid, LineStyle::dashed_loose(), LineStyle::dotted_loose(), LineStyle::dashed_dense()];
            let style = style.get(line.place % 4).copied().unwrap_or(LineStyle::Solid);
            let is_smooth = !line.smooth.is_empty();
            let faint = if is_smooth { ink.gamma_multiply(0.28) } else { ink };
            let raw =
                Line::new("", PlotPoints::Borrowed(&line.raw)).allow_band(false).id(2 * i).color(faint).style(style);
            plot.line(raw.width(if is_smooth { 1.0 } else { 1.8 }).allow_hover(!is_smooth));
            if is_smooth {
                let smooth =
                    Line::new("", PlotPoints::Borrowed(&line.smooth)).allow_band(false).id(2 * i + 1).color(ink);
                plot.line(smooth.width(2.0).style(style));
            }
        }
    });
}

fn x_text(x: Abscissa, value: f64) -> String {
    match x {
        Abscissa::Elapsed => duration(value.max(0.0)),
        Abscissa::Clock => {
            let at = chrono::DateTime::from_timestamp(value as i64, 0);
            at.map(|t| t.with_timezone(&chrono::Local).format("%H:%M:%S").to_string()).unwrap_or_default()
        }
        _ => crate::figures::ticks::short(rounded(value)),
    }
}

/// The values of all runs nearest to the pointer.
fn readout(chart: &Chart, x: Abscissa, logs: [bool; 2], hover: &HoverPosition<'_>) -> String {
    let (HoverPosition::NearDataPoint { position: at, .. } | HoverPosition::Elsewhere { position: at }) = hover;
    let real = |v: f64, is_log: bool| if is_log { 10f64.powf(v) } else { v };
    let mut lines = vec![format!("{}: {}", x.title(), x_text(x, real(at.x, logs[0])))];
    for line in &chart.lines {
        let points = if line.smooth.is_empty() { &line.raw } else { &line.smooth };
        if let Some(near) = nearest(points, at.x) {
            let value = crate::figures::ticks::short(rounded(real(near.y, logs[1])));
            lines.push(format!("{}: {value}", line.name));
        }
    }
    lines.join("\n")
}

/// The point whose abscissa is nearest; the points ascend.
fn nearest(points: &[PlotPoint], x: f64) -> Option<&PlotPoint> {
    let after = points.partition_point(|p| p.x < x);
    let around = [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|i| points.get(i));
    around.min_by(|a, b| (a.x - x).abs().total_cmp(&(b.x - x).abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_point_is_found_at_both_ends_and_between() {
        let points: Vec<PlotPoint> = [[0.0, 5.0], [1.0, 6.0], [4.0, 7.0]].map(PlotPoint::from).to_vec();
        let y = |x: f64| nearest(&points, x).map(|p| p.y);
        assert_eq!([y(-3.0), y(0.4), y(2.6), y(9.0)], [Some(5.0), Some(5.0), Some(7.0), Some(7.0)]);
        assert!(nearest(&[], 0.0).is_none());
    }

    #[test]
    fn what_has_no_place_on_a_logarithmic_axis_is_left_out() {
        let points = [[1.0, 0.0], [10.0, 100.0], [100.0, f64::NAN]];
        let placed = placed(&points, [true, true]);
        assert_eq!(placed.iter().map(|p| [p.x, p.y]).collect::<Vec<_>>(), [[1.0, 2.0]]);
    }

    #[test]
    fn charts_are_made_again_only_when_something_changed() {
        let mut log = RunLog::new("r");
        let event = crate::runs::store::Event::Metric { step: 0, name: "loss".into(), at: 1, value: Some(2.0) };
        log.add(&crate::runs::store::Line { time: 1.0, event });
        let (run, log) = (RunEntry { id: "r".into(), ..RunEntry::default() }, Arc::new(log));
        let mut live = Live::default();
        live.update(&[(&run, &log, 0)]);
        assert_eq!(live.charts.len(), 1);
        live.charts.clear();
        live.update(&[(&run, &log, 0)]);
        assert!(live.charts.is_empty(), "nothing changed");
        live.factor = 0.5;
        live.update(&[(&run, &log, 0)]);
        assert_eq!(live.charts[0].lines[0].smooth.len(), 1);
    }
}
