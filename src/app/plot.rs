//! A figure as an interactive chart: the same data, colors, dashes and markers as the exported file.
//!
//! Logarithmic axes hold powers of ten inside; tick labels and tooltips show the numbers themselves.
//! Zeros on a logarithmic axis stand at its lower end, as in ROC curves.

use std::sync::Arc;

use egui::{Color32, Stroke, Ui};
use egui_plot::{
    AxisHints, Bar, BarChart, FilledArea, GridInput, GridMark, Heatmap, Legend, Line, LineStyle, MarkerShape, Plot,
    PlotImage, PlotPoint, PlotPoints, PlotUi, Points,
};

use super::placed::{Bent, Placed, Shape};
use super::style::tokens;
use super::zoom::Zoom;
use crate::figures::palette::{self, Colormap, Marker, Rgb, Theme};
use crate::figures::{Axis, Contour, Figure, Mark, Scale, Series, symlog};

/// What was clicked: the series and the index of its point or bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Series.
    pub series: usize,
    /// Point or bar.
    pub point: usize,
}

/// Draws a figure. `scales` replaces those of its axes when given. Returns the mark that was clicked.
pub fn plot_ui(figure: &Arc<Figure>, id: &str, height: f32, scales: Option<[Scale; 2]>, ui: &mut Ui) -> Option<Hit> {
    let dark = ui.visuals().dark_mode;
    let scales = scales.unwrap_or([figure.x.scale, figure.y.scale]);
    let placed = Placed::of(figure, scales, id, ui);
    let map = Map { placed: &placed, theme: if dark { Theme::Dark } else { Theme::Light } };
    let named = figure.series.iter().filter(|s| !s.name.is_empty()).count();
    let bent = [placed.bent(0), placed.bent(1)];
    let formatters = [figure.x.clone(), figure.y.clone()];
    let [x_axis, y_axis] = formatters.clone();
    // Numbers are short, so that more ticks can be named than by default; names of categories are not.
    let tight = if figure.x.categories.is_empty() { 44.0..=56.0 } else { 60.0..=80.0 };
    let x_hints = AxisHints::new_x()
        .label(axis_title(&figure.x))
        .label_spacing(tight)
        .formatter(move |mark, _| tick_text(&x_axis, bent[0], mark.value));
    let mut plot = Plot::new(id.to_owned())
        .height(height)
        .show_background(false)
        .custom_x_axes(vec![x_hints])
        .y_axis_label(axis_title(&figure.y))
        .set_margin_fraction(egui::vec2(0.02, 0.04))
        .allow_scroll(false)
        .grid_color(tokens(ui).border_strong)
        .grid_spacing(egui::Rangef::new(24.0, 90.0))
        .y_axis_formatter(move |mark, _| tick_text(&y_axis, bent[1], mark.value))
        .label_formatter(move |hover| hover_text(hover, &formatters, bent));
    match scales[0] {
        Scale::Linear => {}
        Scale::Log => plot = plot.x_grid_spacer(|input| decades(&input)),
        Scale::Symlog => plot = plot.x_grid_spacer(move |input| both_signs(&input, bent[0])),
    }
    match scales[1] {
        Scale::Linear => {}
        Scale::Log => plot = plot.y_grid_spacer(|input| decades(&input)),
        Scale::Symlog => plot = plot.y_grid_spacer(move |input| both_signs(&input, bent[1])),
    }
    if named > 1 {
        plot = plot.legend(Legend::default().position(placed.corner()).background_alpha(0.85));
    }
    if is_square(figure) {
        plot = plot.view_aspect(1.0).width(height);
    }
    for (range, axis) in [(figure.x.range, 0), (figure.y.range, 1)] {
        if let Some([low, high]) = range {
            let (low, high) = (map.value(low, axis), map.value(high, axis));
            plot = if axis == 0 { plot.include_x(low).include_x(high) } else { plot.include_y(low).include_y(high) };
        }
    }
    let figure = Arc::clone(figure);
    let mut zoom = Zoom::of(ui.ctx(), id, scales);
    let response = plot.show(ui, |plot| {
        zoom.apply(plot);
        for (i, series) in figure.series.iter().enumerate() {
            map.draw(plot, series, i);
        }
        let clicked = plot.response().clicked();
        let pointer = plot.pointer_coordinate().filter(|_| clicked)?;
        let at = plot.screen_from_plot(pointer);
        figure
            .series
            .iter()
            .enumerate()
            .filter_map(|(i, s)| map.hit(plot, s, i, pointer, at))
            .min_by(|a, b| a.0.total_cmp(&b.0))
    });
    let is_moving = ui.input(|i| i.pointer.any_down());
    zoom.see(*response.transform.bounds(), is_moving);
    zoom.keep(ui.ctx(), id);
    response.inner.map(|(_, hit)| hit)
}

fn is_square(figure: &Figure) -> bool {
    figure.x.range.is_some() && figure.x.range == figure.y.range
}

/// Label with unit.
pub fn axis_title(axis: &Axis) -> String {
    if axis.unit.is_empty() { axis.label.clone() } else { format!("{} ({})", axis.label, axis.unit) }
}

/// Grid lines at powers of ten, with the steps between where there is room.
pub(super) fn decades(input: &GridInput) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    let mut marks = Vec::new();
    for decade in (low.floor().max(-30.0) as i32)..=(high.ceil().min(30.0) as i32) {
        marks.push(GridMark { value: f64::from(decade), step_size: 1.0 });
        if high - low < 6.0 {
            marks.extend((2..10).map(|m| GridMark { value: f64::from(decade) + f64::from(m).log10(), step_size: 0.2 }));
        }
    }
    marks
}

/// Grid lines at zero and at powers of ten of both signs.
fn both_signs(input: &GridInput, bent: Bent) -> Vec<GridMark> {
    const MOST: usize = 13;
    let range = [bent.real(input.bounds.0), bent.real(input.bounds.1)];
    let (major, minor) = symlog::marks(range, bent.knee, MOST);
    let mark = |v: f64, step_size: f64| GridMark { value: symlog::bend(v, bent.knee), step_size };
    major.into_iter().map(|v| mark(v, 1.0)).chain(minor.into_iter().map(|v| mark(v, 0.2))).collect()
}

fn tick_text(axis: &Axis, bent: Bent, value: f64) -> String {
    if !axis.categories.is_empty() {
        let is_whole = (value - value.round()).abs() < 1e-9 && value >= 0.0;
        return axis.categories.get(value.round() as usize).filter(|_| is_whole).cloned().unwrap_or_default();
    }
    if bent.scale == Scale::Symlog {
        return crate::figures::ticks::short(bent.real(value));
    }
    if bent.scale == Scale::Log {
        let is_decade = (value - value.round()).abs() < 1e-9;
        return if is_decade { crate::figures::ticks::short(10f64.powf(value.round())) } else { String::new() };
    }
    crate::figures::ticks::short(value)
}

fn hover_text(hover: &egui_plot::HoverPosition<'_>, axes: &[Axis; 2], bent: [Bent; 2]) -> Option<String> {
    let (name, at) = match hover {
        egui_plot::HoverPosition::NearDataPoint { plot_name, position, .. } => (*plot_name, *position),
        egui_plot::HoverPosition::Elsewhere { .. } => return None,
    };
    let number = |value: f64, i: usize| {
        let axis = &axes[i];
        if let Some(name) = axis.categories.get(value.round() as usize) {
            return name.clone();
        }
        let value = bent[i].real(value);
        format!("{} {}", crate::figures::ticks::short((value * 1e4).round() / 1e4), axis.unit).trim_end().to_owned()
    };
    let name = if name.is_empty() { String::new() } else { format!("{name}\n") };
    Some(format!("{name}{}: {}\n{}: {}", axes[0].label, number(at.x, 0), axes[1].label, number(at.y, 1)))
}

/// Draws the marks of a figure where they are placed.
#[derive(Clone, Copy)]
struct Map<'a> {
    placed: &'a Placed,
    theme: Theme,
}

impl<'a> Map<'a> {
    fn value(&self, value: f64, axis: usize) -> f64 {
        self.placed.value(value, axis)
    }

    fn point(&self, p: [f64; 2]) -> [f64; 2] {
        self.placed.point(p)
    }

    fn color(&self, series: &Series) -> Color32 {
        color(palette::series(series.color, self.theme))
    }

    // Lines are thinned already, and the bands that egui_plot makes of points above each other are no stairs.
    fn draw(&self, plot: &mut PlotUi<'a>, series: &Series, index: usize) {
        let ink = self.color(series);
        let Some(shape) = self.placed.series(index) else { return };
        let drawn = || PlotPoints::Borrowed(&shape.points);
        match &series.mark {
            Mark::Line { dashed, .. } | Mark::Step { dashed, .. } => {
                if let Some([xs, lower, upper]) = &shape.band {
                    let area = FilledArea::new("", xs, lower, upper).fill_color(ink.gamma_multiply(0.18));
                    plot.add(area.allow_hover(false));
                }
                let style = if *dashed { LineStyle::dashed_loose() } else { LineStyle::Solid };
                plot.line(
                    Line::new(series.name.clone(), drawn())
                        .allow_band(false)
                        .id(index)
                        .color(ink)
                        .width(2.0)
                        .style(style),
                );
            }
            Mark::Scatter { .. } => {
                let shape = marker_shape(palette::marker(series.color));
                plot.points(Points::new(series.name.clone(), drawn()).id(index).color(ink).radius(3.5).shape(shape));
            }
            Mark::Histogram { edges, heights } => {
                let bars = edges.windows(2).zip(heights).map(|(e, h)| {
                    let (low, high) = (self.value(e[0], 0), self.value(e[1], 0));
                    Bar::new(f64::midpoint(low, high), self.value(*h, 1)).width(high - low)
                });
                let bars = bars.map(|b| b.fill(ink.gamma_multiply(0.45)).stroke(Stroke::new(1.0, ink))).collect();
                plot.bar_chart(BarChart::new(series.name.clone(), bars).id(index).color(ink));
            }
            Mark::Bars { heights, errors } => {
                let bars = heights
                    .iter()
                    .enumerate()
                    .map(|(i, h)| Bar::new(i as f64, *h).width(0.66).fill(ink.gamma_multiply(0.75)));
                plot.bar_chart(BarChart::new(series.name.clone(), bars.collect()).id(index).color(ink));
                for (i, [low, high]) in errors.iter().enumerate() {
                    let ends = PlotPoints::from(vec![[i as f64, *low], [i as f64, *high]]);
                    plot.line(
                        Line::new("", ends)
                            .allow_band(false)
                            .color(color(self.theme.ink()))
                            .width(1.5)
                            .allow_hover(false),
                    );
                }
            }
            Mark::Heatmap { columns, values, diverging, .. } => {
                self.draw_heatmap(plot, series, *columns, values, *diverging);
            }
            // Where there is no room for a view of its own, a surface is seen from above.
            Mark::Contour(surface) | Mark::Surface { map: surface, .. } => {
                self.draw_surface(plot, series, surface, shape);
            }
            Mark::Reference { from, to } => {
                // A straight line on linear axes bends on logarithmic ones.
                let at = |t: f64| self.point([from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])]);
                let shown: PlotPoints<'_> = (0..=200).map(|i| at((f64::from(i) / 200.0).powi(3))).collect();
                let line =
                    Line::new(series.name.clone(), shown).allow_band(false).id(index).color(color(self.theme.muted()));
                plot.line(line.width(1.2).style(LineStyle::dashed_dense()).allow_hover(false));
            }
        }
    }

    fn draw_heatmap(&self, plot: &mut PlotUi<'a>, series: &Series, columns: usize, values: &[f64], diverging: bool) {
        if columns == 0 || values.is_empty() || !values.len().is_multiple_of(columns) {
            return;
        }
        let largest = values.iter().filter(|v| v.is_finite()).fold(0.0, |m: f64, v| m.max(v.abs()));
        let (low, high) =
            values.iter().filter(|v| v.is_finite()).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        let theme = self.theme;
        let shade = move |v: f64| {
            let (map, t) = if diverging {
                (Colormap::Diverging, 0.5 + 0.5 * v / largest.max(f64::MIN_POSITIVE))
            } else {
                // equal values have the middle color, as in files
                (Colormap::Viridis, if high > low { (v - low) / (high - low) } else { 0.5 })
            };
            color(if v.is_finite() { map.at(t, theme) } else { theme.missing() })
        };
        // Rows come from the top; the plot counts from the bottom.
        let flipped: Vec<f64> = values.chunks(columns).rev().flatten().copied().collect();
        let map = Heatmap::new(flipped, columns).custom_mapping(Box::new(shade)).show_labels(values.len() <= 100);
        // around the numbers of rows and columns, or all over a given range
        let cells = |range: Option<[f64; 2]>, n: usize| {
            range.filter(|[low, high]| low < high).map_or((-0.5, 1.0), |[low, high]| (low, (high - low) / n as f64))
        };
        let figure = self.placed.figure();
        let ((x, w), (y, h)) = (cells(figure.x.range, columns), cells(figure.y.range, values.len() / columns));
        plot.heatmap(map.at(PlotPoint::new(x, y)).tile_size(w as f32, h as f32).name(&series.name));
    }

    /// Bands of color, and the lines between them.
    fn draw_surface(&self, plot: &mut PlotUi<'a>, series: &Series, surface: &Contour, shape: &'a Shape) {
        let [low, high] = [[surface.x[0], surface.y[0]], [surface.x[1], surface.y[1]]].map(|p| self.point(p));
        if let Some(bands) = &shape.bands {
            let middle = PlotPoint::new(f64::midpoint(low[0], high[0]), f64::midpoint(low[1], high[1]));
            let size = egui::vec2((high[0] - low[0]) as f32, (high[1] - low[1]) as f32);
            plot.image(PlotImage::new(series.name.clone(), bands, middle, size).allow_hover(false));
        }
        let ink = color(self.theme.ink()).gamma_multiply(0.5);
        for line in &shape.lines {
            let line = Line::new("", PlotPoints::Borrowed(line));
            plot.line(line.allow_band(false).color(ink).width(0.8).allow_hover(false));
        }
    }

    /// Distance of the pointer from a mark of the series in points, and the mark, if it is near.
    fn hit(
        &self,
        plot: &PlotUi<'_>,
        series: &Series,
        index: usize,
        at: PlotPoint,
        screen: egui::Pos2,
    ) -> Option<(f32, Hit)> {
        const NEAR: f32 = 14.0;
        let hit = |point: usize| Hit { series: index, point };
        match &series.mark {
            Mark::Line { points, .. } | Mark::Step { points, .. } | Mark::Scatter { points } => {
                let distance = |p: &[f64; 2]| {
                    let [x, y] = self.point(*p);
                    plot.screen_from_plot(PlotPoint::new(x, y)).distance(screen)
                };
                let near = points.iter().map(distance).enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
                (near.1 < NEAR).then(|| (near.1, hit(near.0)))
            }
            Mark::Histogram { edges, heights } => {
                let bar = edges.windows(2).position(|e| (self.value(e[0], 0)..self.value(e[1], 0)).contains(&at.x))?;
                (at.y >= 0.0 && at.y <= self.value(*heights.get(bar)?, 1)).then(|| (1.0, hit(bar)))
            }
            Mark::Bars { heights, .. } => {
                let bar = at.x.round() as usize;
                (at.x > -0.5 && at.y >= 0.0 && at.y <= *heights.get(bar)?).then(|| (1.0, hit(bar)))
            }
            Mark::Heatmap { .. } | Mark::Contour(_) | Mark::Surface { .. } | Mark::Reference { .. } => None,
        }
    }
}

/// The color of a run, the same in every chart and list.
pub fn run_color(index: usize, dark: bool) -> Color32 {
    color(palette::series(index, if dark { Theme::Dark } else { Theme::Light }))
}

/// The color of a number on a line or point, 0 the smallest and 1 the largest: without the end of the map that is lost
/// on the background.
pub fn map_color(place: f64, dark: bool) -> Color32 {
    let (theme, [from, to]) = if dark { (Theme::Dark, [0.3, 1.0]) } else { (Theme::Light, [0.0, 0.8]) };
    color(Colormap::Viridis.at(from + (to - from) * place, theme))
}

fn color(c: Rgb) -> Color32 {
    Color32::from_rgb(c.r, c.g, c.b)
}

fn marker_shape(marker: Marker) -> MarkerShape {
    match marker {
        Marker::Circle => MarkerShape::Circle,
        Marker::Square => MarkerShape::Square,
        Marker::Up => MarkerShape::Up,
        Marker::Diamond => MarkerShape::Diamond,
        Marker::Down => MarkerShape::Down,
        Marker::Plus => MarkerShape::Plus,
        Marker::Cross => MarkerShape::Cross,
    }
}

/// A small histogram of lengths, drawn without axes of its own.
pub fn spark_ui(heights: &[f64], name: &str, height: f32, ui: &mut Ui) {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), height), egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, name));
    let largest = heights.iter().copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let width = rect.width() / heights.len().max(1) as f32;
    for (i, h) in heights.iter().enumerate() {
        let left = rect.left() + i as f32 * width;
        let top = rect.bottom() - (h / largest) as f32 * rect.height();
        let bar = egui::Rect::from_min_max(egui::pos2(left + 0.5, top), egui::pos2(left + width - 0.5, rect.bottom()));
        ui.painter().rect_filled(bar, 1.0, t.accent.gamma_multiply(0.7));
    }
    ui.painter().hline(rect.x_range(), rect.bottom(), Stroke::new(1.0, t.border_strong));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_a_logarithmic_axis_are_powers_of_ten() {
        let axis = Axis::default();
        let [linear, log, symmetric] =
            [Scale::Linear, Scale::Log, Scale::Symlog].map(|scale| Bent { scale, knee: 0.1 });
        assert_eq!(tick_text(&axis, symmetric, symlog::bend(-10.0, 0.1)), crate::figures::ticks::short(-10.0));
        assert_eq!(tick_text(&axis, log, -2.0), "0.01");
        assert_eq!(tick_text(&axis, log, 0.301), "");
        let named = Axis { categories: vec!["loss".into(), "zlib".into()], ..Axis::default() };
        assert_eq!(tick_text(&named, linear, 1.0), "zlib");
        assert_eq!(tick_text(&named, linear, 0.5), "");
    }
}
