//! Points of a figure as they are drawn, worked out once: a frame never walks over a million numbers.

use std::sync::Arc;

use egui::{Color32, ColorImage, Id, TextureHandle, TextureOptions, Ui};
use egui_plot::{Corner, PlotPoint};

use super::corner;
use crate::figures::palette::Theme;
use crate::figures::{Contour, Figure, Mark, Scale, symlog};

/// Points drawn of a line at most; more are thinned so that extremes stay.
pub(super) const POINTS: usize = 4000;
/// Cells along each axis of which a crowded scatter keeps one point.
const CELLS: f64 = 320.0;

/// Points of every series in the numbers of the plot.
pub(super) struct Placed {
    figure: Arc<Figure>,
    scales: [Scale; 2],
    /// Where zeros of a logarithmic axis stand.
    lows: [f64; 2],
    /// Where symmetric logarithmic axes turn.
    knees: [f64; 2],
    series: Vec<Shape>,
    /// Where a legend covers the least.
    corner: Corner,
    theme: Theme,
}

/// How an axis maps numbers of the figure to those of the plot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bent {
    pub(super) scale: Scale,
    pub(super) knee: f64,
}

impl Bent {
    /// From a number of the plot to one of the figure.
    pub(super) fn real(self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log => 10f64.powf(value),
            Scale::Symlog => symlog::unbend(value, self.knee),
        }
    }
}

/// What is drawn of a series.
#[derive(Default)]
pub(super) struct Shape {
    /// Its points; none for bars, cells and reference lines.
    pub(super) points: Vec<PlotPoint>,
    /// Abscissas, lower and upper ordinates of its band.
    pub(super) band: Option<[Vec<f64>; 3]>,
    /// Lines of equal value of a surface.
    pub(super) lines: Vec<Vec<PlotPoint>>,
    /// The bands of a surface.
    pub(super) bands: Option<TextureHandle>,
}

impl Placed {
    /// The points of `figure`, from the memory of the plot `id` when it drew the same before.
    pub(super) fn of(figure: &Arc<Figure>, scales: [Scale; 2], id: &str, ui: &Ui) -> Arc<Self> {
        let name = id;
        let id = Id::unique(("placed", id));
        let theme = if ui.visuals().dark_mode { Theme::Dark } else { Theme::Light };
        let known = ui.data(|d| d.get_temp::<Arc<Self>>(id));
        // The memory holds the figure, so that another one cannot take its address.
        if let Some(known) = known.filter(|k| Arc::ptr_eq(&k.figure, figure) && k.scales == scales && k.theme == theme)
        {
            return known;
        }
        let mut placed = Self::new(figure, scales);
        placed.theme = theme;
        for (series, shape) in figure.series.iter().zip(&mut placed.series) {
            if let Mark::Contour(surface) | Mark::Surface { map: surface, .. } = &series.mark {
                shape.bands = Some(ui.load_texture(name, picture(surface, theme), TextureOptions::LINEAR));
            }
        }
        let placed = Arc::new(placed);
        ui.data_mut(|d| d.insert_temp(id, Arc::clone(&placed)));
        placed
    }

    fn new(figure: &Arc<Figure>, scales: [Scale; 2]) -> Self {
        let lows = lows(figure, scales);
        let corner = Corner::RightBottom;
        let knee = |axis: usize| match scales[axis] {
            Scale::Symlog => symlog::knee(symlog::values(figure, axis)),
            _ => 1.0,
        };
        let knees = [knee(0), knee(1)];
        let mut placed = Self {
            figure: Arc::clone(figure),
            scales,
            lows,
            knees,
            series: Vec::new(),
            corner,
            theme: Theme::default(),
        };
        placed.series = figure.series.iter().map(|s| placed.shape(&s.mark)).collect();
        placed.corner = placed.quiet_corner();
        placed
    }

    /// What is drawn.
    pub(super) fn figure(&self) -> &Figure {
        &self.figure
    }

    /// Where a legend covers the least.
    pub(super) fn corner(&self) -> Corner {
        self.corner
    }

    fn quiet_corner(&self) -> Corner {
        let highest = |heights: &[f64]| heights.iter().copied().fold(0.0, f64::max);
        let bars = self.figure.series.iter().filter_map(|s| match &s.mark {
            Mark::Histogram { edges, heights } => Some((edges, heights)),
            _ => None,
        });
        let top = bars.clone().map(|(_, heights)| highest(heights)).fold(0.0, f64::max);
        let mut points: Vec<[f64; 2]> = self.series.iter().flat_map(|s| &s.points).map(|p| [p.x, p.y]).collect();
        for (edges, heights) in bars {
            let middles = edges.windows(2).map(|w| f64::midpoint(w[0], w[1]));
            let filled = middles.zip(heights).flat_map(|(x, h)| corner::bar(x, *h, top));
            points.extend(filled.map(|p| self.point(p)));
        }
        let range = |axis: usize, range: Option<[f64; 2]>| range.map(|r| r.map(|v| self.value(v, axis)));
        corner::quiet_corner(&points, [range(0, self.figure.x.range), range(1, self.figure.y.range)])
    }

    /// Scale of an axis, and where it turns.
    pub(super) fn bent(&self, axis: usize) -> Bent {
        Bent { scale: self.scales[axis], knee: self.knees[axis] }
    }

    /// What is drawn of the series `index`.
    pub(super) fn series(&self, index: usize) -> Option<&Shape> {
        self.series.get(index)
    }

    /// From a number of the figure to a number of the plot.
    pub(super) fn value(&self, value: f64, axis: usize) -> f64 {
        match self.scales[axis] {
            Scale::Linear => value,
            Scale::Log => value.max(self.lows[axis]).log10(),
            Scale::Symlog => symlog::bend(value, self.knees[axis]),
        }
    }

    /// From a point of the figure to a point of the plot.
    pub(super) fn point(&self, p: [f64; 2]) -> [f64; 2] {
        [self.value(p[0], 0), self.value(p[1], 1)]
    }

    fn shape(&self, mark: &Mark) -> Shape {
        let place = |p: [f64; 2]| PlotPoint::from(self.point(p));
        match mark {
            Mark::Line { points, band, .. } => {
                let band = band.as_ref().filter(|b| b.lower.len() == points.len() && b.upper.len() == points.len());
                let step = points.len().div_ceil(POINTS).max(1);
                let ys = |v: &[f64]| v.iter().step_by(step).map(|y| self.value(*y, 1)).collect();
                let xs = || points.iter().step_by(step).map(|p| self.value(p[0], 0)).collect();
                Shape {
                    points: thinned(points).map(place).collect(),
                    band: band.filter(|_| points.len() > 1).map(|b| [xs(), ys(&b.lower), ys(&b.upper)]),
                    ..Shape::default()
                }
            }
            Mark::Step { points, .. } => {
                let kept: Vec<[f64; 2]> = thinned(points).collect();
                Shape { points: stairs(&kept).into_iter().map(place).collect(), ..Shape::default() }
            }
            Mark::Scatter { points } => {
                Shape { points: spread(points.iter().copied().map(place).collect()), ..Shape::default() }
            }
            Mark::Contour(surface) => {
                let lines = surface.levels().into_iter().flat_map(|level| surface.lines(level));
                Shape { lines: lines.map(|line| line.into_iter().map(place).collect()).collect(), ..Shape::default() }
            }
            _ => Shape::default(),
        }
    }
}

/// The bands of a surface as pixels.
fn picture(surface: &Contour, theme: Theme) -> ColorImage {
    const SIDE: usize = 320;
    let shades = surface.shades();
    let pixel = |value: &f64| {
        let c = shades.color(*value, theme);
        Color32::from_rgb(c.r, c.g, c.b)
    };
    ColorImage::new([SIDE, SIDE], surface.sampled(SIDE, SIDE).iter().map(pixel).collect())
}

/// Smallest positive number of each axis, halved: where zeros of a logarithmic axis stand.
fn lows(figure: &Figure, scales: [Scale; 2]) -> [f64; 2] {
    let mut lows = [f64::INFINITY; 2];
    let mut see = |p: &[f64; 2]| {
        for (low, value) in lows.iter_mut().zip(p) {
            if *value > 0.0 {
                *low = low.min(*value);
            }
        }
    };
    if scales.contains(&Scale::Log) {
        for series in &figure.series {
            match &series.mark {
                Mark::Line { points, .. } | Mark::Step { points, .. } | Mark::Scatter { points } => {
                    points.iter().for_each(&mut see);
                }
                Mark::Histogram { edges, heights } => {
                    edges.iter().zip(heights).for_each(|(e, h)| see(&[*e, *h]));
                }
                _ => {}
            }
        }
    }
    lows.map(|low| if low.is_finite() { low * 0.5 } else { 1e-4 })
}

/// The corners of a step curve, across first and then up or down. Only true corners: a line with a point twice,
/// or with one on the way, is drawn with a wrong width there.
fn stairs(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut corners: Vec<[f64; 2]> = Vec::with_capacity(2 * points.len());
    let all = points.windows(2).flat_map(|w| [w[0], [w[1][0], w[0][1]]]).chain(points.last().copied());
    for next in all {
        if corners.last() == Some(&next) {
            continue;
        }
        if let [.., before, last] = corners[..]
            && (0..2).any(|axis| before[axis] == last[axis] && last[axis] == next[axis])
        {
            corners.pop();
        }
        corners.push(next);
    }
    corners
}

/// Every point of a short line; of a long one the lowest and the highest of each stretch.
pub(super) fn thinned(points: &[[f64; 2]]) -> Box<dyn Iterator<Item = [f64; 2]> + '_> {
    if points.len() <= POINTS {
        return Box::new(points.iter().copied());
    }
    let stretch = points.len().div_ceil(POINTS / 2);
    Box::new(points.chunks(stretch).flat_map(|part| {
        let by_y = |a: &(usize, &[f64; 2]), b: &(usize, &[f64; 2])| a.1[1].total_cmp(&b.1[1]);
        let low = part.iter().enumerate().min_by(by_y);
        let high = part.iter().enumerate().max_by(by_y);
        let mut both: Vec<_> = low.into_iter().chain(high).collect();
        both.sort_by_key(|(i, _)| *i);
        both.into_iter().map(|(_, p)| *p)
    }))
}

/// All points of a small cloud; of a large one the first in each cell of a fine grid.
fn spread(points: Vec<PlotPoint>) -> Vec<PlotPoint> {
    if points.len() <= POINTS {
        return points;
    }
    let range = |of: fn(&PlotPoint) -> f64| {
        let finite = points.iter().map(of).filter(|v| v.is_finite());
        finite.fold([f64::INFINITY, f64::NEG_INFINITY], |r, v| [r[0].min(v), r[1].max(v)])
    };
    let ([left, right], [low, high]) = (range(|p| p.x), range(|p| p.y));
    let cell = |v: f64, from: f64, to: f64| (CELLS * (v - from) / (to - from).max(f64::MIN_POSITIVE)) as u32;
    let mut seen = std::collections::HashSet::new();
    let is_first = |p: &PlotPoint| seen.insert((cell(p.x, left, right), cell(p.y, low, high)));
    points.into_iter().filter(|p| p.x.is_finite() && p.y.is_finite()).filter(is_first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stairs_have_corners_only() {
        let roc = [[0.0, 0.0], [0.0, 0.5], [0.0, 0.6], [0.2, 0.6], [0.4, 0.6], [0.4, 0.9], [1.0, 1.0]];
        let want = [[0.0, 0.0], [0.0, 0.6], [0.4, 0.6], [0.4, 0.9], [1.0, 0.9], [1.0, 1.0]];
        assert_eq!(stairs(&roc), want);
        assert_eq!(stairs(&[[1.0, 2.0]]), [[1.0, 2.0]]);
        assert!(stairs(&[]).is_empty(), "nothing has no corner");
    }
    use crate::figures::{Axis, Rows, Series};

    #[test]
    fn thinning_keeps_the_extremes_in_order() {
        let mut points: Vec<[f64; 2]> = (0..100_000).map(|i| [f64::from(i), 0.0]).collect();
        points[54_321][1] = 9.0;
        points[54_322][1] = -9.0;
        let shown: Vec<_> = thinned(&points).collect();
        assert!(shown.len() <= POINTS + 2, "{}", shown.len());
        assert!(shown.contains(&[54_321.0, 9.0]) && shown.contains(&[54_322.0, -9.0]));
        assert!(shown.windows(2).all(|w| w[0][0] <= w[1][0]));
    }

    #[test]
    fn no_series_of_a_million_points_is_drawn_whole() {
        let points: Vec<[f64; 2]> = (0..1_000_000).map(|i| [f64::from(i % 997), f64::from(i % 1009)]).collect();
        let marks = [
            Mark::Line { points: points.clone(), band: None, dashed: false },
            Mark::Step { points: points.clone(), dashed: false },
            Mark::Scatter { points },
        ];
        for mark in marks {
            let series = vec![Series { name: "s".into(), color: 0, mark, rows: Rows::default() }];
            let figure = Arc::new(Figure { series, x: Axis::default(), ..Figure::default() });
            let placed = Placed::new(&figure, [Scale::Linear; 2]);
            let n = placed.series(0).map_or(0, |s| s.points.len());
            assert!(n > 1000 && n as f64 <= CELLS * CELLS * 1.1, "{n} points are drawn");
        }
    }
}
