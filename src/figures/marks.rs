//! Draws the series of a figure into its axes.

use super::axes::Dimension;
use super::canvas::{Canvas, Pen, Rect};
use super::palette::{self, Rgb};
use super::style::Style;
use super::{Contour, Figure, Mark, Scale, Series, heat, thin};

/// Lines with more points than this are told apart by dashes instead of markers.
const MARKED: usize = 25;
/// Differences below this many points cannot be seen.
const CELL: f64 = 0.2;

/// The axes' place in the drawing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plot<'a> {
    /// Inside of the axes.
    pub(super) rect: Rect,
    /// Horizontal axis.
    pub(super) x: &'a Dimension,
    /// Vertical axis.
    pub(super) y: &'a Dimension,
}

impl Plot<'_> {
    pub(super) fn px(&self, x: f64) -> f64 {
        self.rect.x + self.x.position(x) * self.rect.w
    }

    pub(super) fn py(&self, y: f64) -> f64 {
        self.rect.bottom() - self.y.position(y) * self.rect.h
    }

    fn at(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.px(x), self.py(y)]
    }

    /// Where bars stand: zero, or the nearest end of the range.
    fn floor(&self) -> f64 {
        let [low, high] = self.y.range;
        self.py(if self.y.scale == Scale::Log { low } else { 0f64.clamp(low, high) })
    }
}

/// The look of a series: shared by the drawing and the legend.
pub(super) struct Look {
    pub(super) color: Rgb,
    pub(super) dash: &'static [f64],
    /// Whether points have markers.
    pub(super) marked: bool,
}

impl Look {
    pub(super) fn of(figure: &Figure, series: &Series, style: &Style) -> Self {
        let color = palette::series(series.color, style.theme);
        let flagged = |s: &Series| matches!(s.mark, Mark::Line { dashed: true, .. } | Mark::Step { dashed: true, .. });
        let lines = figure.series.iter().filter(|s| matches!(s.mark, Mark::Line { .. } | Mark::Step { .. })).count();
        let dash = match &series.mark {
            Mark::Reference { .. } => &[4.0, 3.0],
            _ if flagged(series) => &[4.0, 2.0],
            // Dashes that mean something must not be mixed with dashes that only tell series apart.
            Mark::Line { .. } | Mark::Step { .. } if lines > 1 && !figure.series.iter().any(flagged) => {
                palette::dash(series.color)
            }
            _ => palette::dash(0),
        };
        let marked = match &series.mark {
            Mark::Line { points, .. } => points.len() <= MARKED,
            Mark::Scatter { .. } => true,
            _ => false,
        };
        let color = if matches!(series.mark, Mark::Reference { .. }) { style.muted() } else { color };
        Self { color, dash: if marked && dash.len() != 2 { &[] } else { dash }, marked }
    }
}

/// Draws all series, cut to the axes.
pub(super) fn draw(canvas: &mut Canvas<'_>, figure: &Figure, plot: &Plot<'_>, style: &Style) {
    // Lines along the upper and lower end show whole; what comes from beyond the sides must not.
    let r = plot.rect.grow(style.line);
    canvas.begin_clip(Rect { x: plot.rect.x, w: plot.rect.w, ..r });
    for (index, series) in figure.series.iter().enumerate() {
        let look = Look::of(figure, series, style);
        let pen = Pen { color: look.color, width: style.line, dash: look.dash, opacity: 1.0 };
        match &series.mark {
            Mark::Line { points, band, .. } => {
                if let Some(band) = band {
                    let edge = |ys: &[f64]| points.iter().zip(ys).map(|(p, y)| [p[0], *y]).collect::<Vec<_>>();
                    draw_band(canvas, plot, &edge(&band.lower), &edge(&band.upper), look.color);
                }
                draw_line(canvas, plot, points, &pen);
            }
            Mark::Step { points, .. } => draw_line(canvas, plot, &staircase(points), &pen),
            Mark::Reference { from, to } => {
                let pen = Pen { width: style.line * 0.8, ..pen };
                canvas.polyline(&reference(plot, *from, *to), &pen);
            }
            Mark::Histogram { edges, heights } => draw_histogram(canvas, plot, figure, (edges, heights), &look, style),
            Mark::Bars { heights, errors } => {
                draw_bars(canvas, plot, slot(figure, index), (heights, errors), &look, style);
            }
            Mark::Heatmap { columns, values, diverging, .. } => {
                heat::draw(canvas, figure, plot, (*columns, values, *diverging), style);
            }
            Mark::Contour(surface) => draw_surface(canvas, plot, surface, style),
            // A surface in space has the figure for itself: see `relief`.
            Mark::Scatter { .. } | Mark::Surface { .. } => {}
        }
    }
    canvas.end_group();
    // Markers are not cut: a point on the frame shows whole.
    for series in &figure.series {
        let look = Look::of(figure, series, style);
        if let Mark::Line { points, .. } | Mark::Scatter { points } = &series.mark
            && look.marked
        {
            draw_markers(canvas, plot, series, points, &look, style);
        }
    }
}

fn draw_markers(
    canvas: &mut Canvas<'_>,
    plot: &Plot<'_>,
    series: &Series,
    points: &[[f64; 2]],
    look: &Look,
    style: &Style,
) {
    let is_line = matches!(series.mark, Mark::Line { .. });
    let (size, opacity) = match points.len() {
        _ if is_line => (3.6, 1.0),
        0..=200 => (3.4, 0.9),
        201..=2000 => (2.4, 0.65),
        _ => (1.6, 0.45),
    };
    let inside = |p: &[f64; 2]| plot.rect.grow(0.01).contains(*p);
    let placed: Vec<[f64; 2]> =
        points.iter().filter(|p| p.iter().all(|v| v.is_finite())).map(|p| plot.at(*p)).filter(inside).collect();
    let size = size * style.line.sqrt().max(0.7);
    canvas.markers(&thin::cloud(&placed, size / 3.0), palette::marker(series.color), size, look.color, opacity);
}

/// Positions of the finite stretches of a line.
fn stretches(plot: &Plot<'_>, points: &[[f64; 2]]) -> Vec<Vec<[f64; 2]>> {
    points
        .split(|p| !(p[0].is_finite() && p[1].is_finite()))
        .filter(|stretch| !stretch.is_empty())
        .map(|stretch| thin::line(&stretch.iter().map(|p| plot.at(*p)).collect::<Vec<_>>(), CELL))
        .collect()
}

fn draw_line(canvas: &mut Canvas<'_>, plot: &Plot<'_>, points: &[[f64; 2]], pen: &Pen<'_>) {
    for stretch in stretches(plot, points) {
        canvas.polyline(&stretch, pen);
    }
}

fn draw_band(canvas: &mut Canvas<'_>, plot: &Plot<'_>, lower: &[[f64; 2]], upper: &[[f64; 2]], color: Rgb) {
    let both: Vec<([f64; 2], [f64; 2])> = lower.iter().copied().zip(upper.iter().copied()).collect();
    let finite = |(a, b): &([f64; 2], [f64; 2])| a.iter().chain(b).all(|v| v.is_finite());
    for stretch in both.split(|pair| !finite(pair)).filter(|stretch| !stretch.is_empty()) {
        let below: Vec<[f64; 2]> = stretch.iter().map(|(low, _)| plot.at(*low)).collect();
        let above: Vec<[f64; 2]> = stretch.iter().map(|(_, high)| plot.at(*high)).collect();
        let mut outline = thin::line(&above, CELL);
        outline.extend(thin::line(&below, CELL).into_iter().rev());
        canvas.polygon(&outline, color, 0.18);
    }
}

/// Corners of a staircase.
fn staircase(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut corners = Vec::with_capacity(points.len() * 2);
    for pair in points.windows(2) {
        corners.extend([pair[0], [pair[1][0], pair[0][1]]]);
    }
    corners.extend(points.last());
    corners
}

/// A straight line between two data points; on a log axis it may be a curve.
fn reference(plot: &Plot<'_>, from: [f64; 2], to: [f64; 2]) -> Vec<[f64; 2]> {
    if from.iter().chain(&to).any(|v| !v.is_finite()) {
        return Vec::new();
    }
    if plot.x.scale == Scale::Linear && plot.y.scale == Scale::Linear || from[0] == to[0] {
        return vec![plot.at(from), plot.at(to)];
    }
    let within = |v: f64| v >= from[0].min(to[0]) && v <= from[0].max(to[0]);
    let sampled = (0..=200).map(|i| plot.x.value(f64::from(i) / 200.0)).filter(|x| within(*x));
    sampled.map(|x| plot.at([x, from[1] + (to[1] - from[1]) * (x - from[0]) / (to[0] - from[0])])).collect()
}

fn draw_histogram(
    canvas: &mut Canvas<'_>,
    plot: &Plot<'_>,
    figure: &Figure,
    (edges, heights): (&[f64], &[f64]),
    look: &Look,
    style: &Style,
) {
    let several = figure.series.iter().filter(|s| matches!(s.mark, Mark::Histogram { .. })).count() > 1;
    let floor = plot.floor();
    let mut outline = Vec::with_capacity(heights.len() * 2 + 2);
    for (edge, height) in edges.windows(2).zip(heights) {
        let top = if height.is_finite() { plot.py(*height).clamp(-1e6, 1e6) } else { floor };
        outline.extend([[plot.px(edge[0]), top], [plot.px(edge[1]), top]]);
    }
    let (Some(first), Some(last)) = (outline.first().copied(), outline.last().copied()) else { return };
    outline.insert(0, [first[0], floor]);
    outline.push([last[0], floor]);
    canvas.polygon(&outline, look.color, if several { 0.3 } else { 0.55 });
    canvas.polyline(&outline, &Pen::solid(look.color, style.line * 0.8));
}

/// Place of a bar series within its category: offset of its left edge from the category, and its width.
pub(super) fn slot(figure: &Figure, index: usize) -> [f64; 2] {
    const FILLED: f64 = 0.76;
    let is_bars = |s: &&Series| matches!(s.mark, Mark::Bars { .. });
    let n = figure.series.iter().filter(is_bars).count().max(1) as f64;
    let before = figure.series[..index].iter().filter(is_bars).count() as f64;
    [-FILLED / 2.0 + FILLED * before / n, FILLED / n]
}

fn draw_bars(
    canvas: &mut Canvas<'_>,
    plot: &Plot<'_>,
    [offset, width]: [f64; 2],
    (heights, errors): (&[f64], &[[f64; 2]]),
    look: &Look,
    style: &Style,
) {
    let floor = plot.floor();
    for (i, height) in heights.iter().enumerate() {
        let (left, right) = (plot.px(i as f64 + offset), plot.px(i as f64 + offset + width));
        if height.is_finite() {
            let top = plot.py(*height);
            let hair = (0.06 * (right - left)).min(0.6);
            let r = Rect { x: left + hair, y: top.min(floor), w: right - left - 2.0 * hair, h: (top - floor).abs() };
            canvas.rect(r, look.color, 0.85);
        }
        let Some([low, high]) = errors.get(i).filter(|e| e.iter().all(|v| v.is_finite())) else { continue };
        let (x, cap) = (f64::midpoint(left, right), (0.18 * (right - left)).min(style.tick * 0.35));
        let (a, b) = (plot.py(*low), plot.py(*high));
        let pen = Pen::solid(style.theme.ink(), style.axis * 1.4);
        let d = [[[x, a], [x, b]], [[x - cap, a], [x + cap, a]], [[x - cap, b], [x + cap, b]]];
        canvas.path(&d.iter().map(|line| super::canvas::moves(line)).collect::<String>(), &pen);
    }
}

/// Bands from the lowest up, each over the one below, and the lines between them.
fn draw_surface(canvas: &mut Canvas<'_>, plot: &Plot<'_>, surface: &Contour, style: &Style) {
    let (levels, shades) = (surface.levels(), surface.shades());
    canvas.rect(plot.rect, style.theme.missing(), 1.0);
    for level in std::iter::once(f64::NEG_INFINITY).chain(levels.iter().copied()) {
        let place = |ring: Vec<super::bands::Corner>| {
            let points: Vec<[f64; 2]> = ring.iter().map(|corner| plot.at(corner.at)).collect();
            super::canvas::moves(&points) + "Z"
        };
        let d: String = surface.region(level).into_iter().map(place).collect();
        let within = if level.is_finite() { level } else { f64::MIN };
        canvas.area(&d, shades.color(within, style.theme));
    }
    let pen = Pen { opacity: 0.55, ..Pen::solid(style.theme.ink(), style.axis * 0.7) };
    for level in levels {
        for line in surface.lines(level) {
            let points: Vec<[f64; 2]> = line.iter().map(|p| plot.at(*p)).collect();
            canvas.polyline(&thin::line(&points, CELL), &pen);
        }
    }
}

/// Points all over what is drawn, for finding room for the legend; empty when there is nothing to draw.
pub(super) fn occupied(figure: &Figure, plot: &Plot<'_>) -> Vec<[f64; 2]> {
    let mut taken = Vec::new();
    for (index, series) in figure.series.iter().enumerate() {
        match &series.mark {
            Mark::Line { points, band, .. } => {
                sample_lines(&stretches(plot, points), &mut taken);
                for edge in band.iter().flat_map(|b| [&b.lower, &b.upper]) {
                    let edge: Vec<[f64; 2]> = points.iter().zip(edge).map(|(p, y)| [p[0], *y]).collect();
                    sample_lines(&stretches(plot, &edge), &mut taken);
                }
            }
            Mark::Step { points, .. } => sample_lines(&stretches(plot, &staircase(points)), &mut taken),
            Mark::Scatter { points } => {
                taken.extend(points.iter().filter(|p| p.iter().all(|v| v.is_finite())).map(|p| plot.at(*p)));
            }
            Mark::Histogram { edges, heights } => {
                for (edge, height) in edges.windows(2).zip(heights) {
                    sample_box(plot, [edge[0], edge[1]], *height, &mut taken);
                }
            }
            Mark::Bars { heights, errors } => {
                let [offset, width] = slot(figure, index);
                for (i, height) in heights.iter().enumerate() {
                    let top = errors.get(i).map_or(*height, |e| height.max(e[1]));
                    let left = i as f64 + offset;
                    sample_box(plot, [left, left + width], top, &mut taken);
                }
            }
            Mark::Heatmap { values, .. } => {
                let middle = [plot.rect.x + plot.rect.w / 2.0, plot.rect.y + plot.rect.h / 2.0];
                taken.extend(values.iter().any(|v| v.is_finite()).then_some(middle));
            }
            Mark::Contour(_) | Mark::Surface { .. } => {
                taken.push([plot.rect.x + plot.rect.w / 2.0, plot.rect.y + plot.rect.h / 2.0]);
            }
            Mark::Reference { .. } => {}
        }
    }
    taken.retain(|p| plot.rect.grow(1.0).contains(*p));
    taken
}

fn sample_lines(lines: &[Vec<[f64; 2]>], taken: &mut Vec<[f64; 2]>) {
    for line in lines {
        taken.extend(line.first());
        for pair in line.windows(2) {
            let [a, b] = [pair[0], pair[1]];
            let n = (((b[0] - a[0]).hypot(b[1] - a[1]) / 2.0).ceil()).clamp(1.0, 400.0);
            taken.extend((1..=n as usize).map(|i| {
                let t = i as f64 / n;
                [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]
            }));
        }
    }
}

fn sample_box(plot: &Plot<'_>, [left, right]: [f64; 2], height: f64, taken: &mut Vec<[f64; 2]>) {
    if !height.is_finite() {
        return;
    }
    let (top, floor, left, right) = (plot.py(height), plot.floor(), plot.px(left), plot.px(right));
    for row in 0..=20 {
        let y = floor + (top - floor) * f64::from(row) / 20.0;
        taken.extend([left, f64::midpoint(left, right), right].map(|x| [x, y]));
    }
}
