//! A chart of numbers over time: lines of one quantity, smoothed or not, on linear or logarithmic axes.

use egui::{Id, Ui};
use egui_plot::{GridMark, HoverPosition, Line, LineStyle, Plot, PlotPoint, PlotPoints, Points};

use super::curves::Abscissa;
use super::numbers::{duration, rounded};
use super::placed::thinned;
use super::plot::{decades, run_color};
use super::style::fonts::semibold;
use super::style::tokens;
use super::style::tokens::{TIGHT, size};
use super::widgets::caption;

/// Lines of at most so many points have marks: one point alone is no line.
const MARKED: usize = 24;

/// Lines that stand in one chart.
pub(super) struct Chart {
    /// Its title.
    pub(super) name: String,
    pub(super) lines: Vec<ChartLine>,
}

/// A line of a chart.
pub(super) struct ChartLine {
    /// Shown name.
    pub(super) name: String,
    /// Place of its color in the palette.
    pub(super) color: usize,
    /// Another dash each, for eyes that do not see colors.
    pub(super) place: usize,
    pub(super) raw: Vec<PlotPoint>,
    /// Empty without smoothing.
    pub(super) smooth: Vec<PlotPoint>,
}

/// What all charts of a page share.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) x: Abscissa,
    /// Which axes are logarithmic.
    pub(super) logs: [bool; 2],
    /// Charts with one cursor.
    pub(super) group: Id,
    /// Whether everything is to be shown again.
    pub(super) is_reset: bool,
    /// Points.
    pub(super) height: f32,
    /// Whether the lines are named under the title.
    pub(super) has_key: bool,
}

/// Points as they are drawn: thinned so that extremes stay, logarithmic where wanted; what has no place is left out.
pub(super) fn placed(points: &[[f64; 2]], logs: [bool; 2]) -> Vec<PlotPoint> {
    let at = |v: f64, is_log: bool| if is_log { v.log10() } else { v };
    let points = thinned(points).map(|[x, y]| [at(x, logs[0]), at(y, logs[1])]);
    points.filter(|p| p.iter().all(|v| v.is_finite())).map(PlotPoint::from).collect()
}

/// Draws a chart under its title.
pub(super) fn chart_ui(chart: &Chart, frame: Frame, ui: &mut Ui) {
    let Frame { x, logs, group, is_reset, height, has_key } = frame;
    ui.label(egui::RichText::new(&chart.name).font(semibold(size::BODY)));
    if has_key {
        key_ui(chart, ui);
    }
    let tick = move |mark: GridMark, axis: usize| {
        if logs[axis] {
            let is_decade = (mark.value - mark.value.round()).abs() < 1e-9;
            return if is_decade { crate::figures::ticks::short(10f64.powf(mark.value)) } else { String::new() };
        }
        if axis == 0 { x_text(x, mark.value) } else { crate::figures::ticks::short(rounded(mark.value)) }
    };
    let dark = ui.visuals().dark_mode;
    let mut plot = Plot::new(format!("live {}", chart.name))
        .height(height)
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
            if line.raw.len() <= MARKED {
                let points = Points::new("", PlotPoints::Borrowed(&line.raw)).color(faint).radius(2.5);
                plot.points(points.id(2 * chart.lines.len() + i).allow_hover(false));
            }
        }
    });
}

/// The lines by color and name.
fn key_ui(chart: &Chart, ui: &mut Ui) {
    let dark = ui.visuals().dark_mode;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(TIGHT, 0.0);
        for line in &chart.lines {
            let (rect, _) = ui.allocate_exact_size(egui::vec2(10.0, 14.0), egui::Sense::hover());
            ui.painter().circle_filled(rect.center(), 3.5, run_color(line.color, dark));
            ui.label(caption(ui, line.name.as_str()));
            ui.add_space(TIGHT);
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
}
