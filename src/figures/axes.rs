//! From data to positions: the range of each axis and its map to the drawing.

use super::symlog::{self, bend, unbend};
use super::{Axis, Figure, Mark, Scale};

/// A resolved axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    /// Linear or logarithmic.
    pub scale: Scale,
    /// Shown range, ascending and of positive length; positive on a log scale.
    pub range: [f64; 2],
    /// Where a symmetric logarithmic axis turns from proportional to logarithmic; 1 on others.
    pub knee: f64,
    /// Names of the positions 0, 1, 2, …; empty for numbers.
    pub categories: Vec<String>,
    /// Larger values lie to the left or below, as rows of a heat map do.
    pub flipped: bool,
}

impl Dimension {
    /// Position in 0..=1 along the axis; outside of it when `value` is outside the range. Values at or below zero lie
    /// far beyond the lower end of a log axis.
    pub fn position(&self, value: f64) -> f64 {
        let [low, high] = self.range;
        let t = match self.scale {
            Scale::Linear => (value - low) / (high - low),
            Scale::Log if value > 0.0 => (value / low).ln() / (high / low).ln(),
            Scale::Log => -10.0,
            Scale::Symlog => {
                let [from, to] = [low, high].map(|v| bend(v, self.knee));
                (bend(value, self.knee) - from) / (to - from)
            }
        };
        // Far away is far enough; renderers lose precision beyond.
        let t = t.clamp(-10.0, 11.0);
        if self.flipped { 1.0 - t } else { t }
    }

    /// The value at position `t`.
    pub fn value(&self, t: f64) -> f64 {
        let t = if self.flipped { 1.0 - t } else { t };
        let [low, high] = self.range;
        match self.scale {
            Scale::Linear => low + t * (high - low),
            Scale::Log => low * (high / low).powf(t),
            Scale::Symlog => {
                let [from, to] = [low, high].map(|v| bend(v, self.knee));
                unbend(from + t * (to - from), self.knee)
            }
        }
    }
}

/// Both axes of a figure with ranges fitted to its data where none are given.
pub fn dimensions(figure: &Figure) -> [Dimension; 2] {
    let extents = Extents::of(figure);
    let heat = figure.series.iter().find_map(|s| match &s.mark {
        Mark::Heatmap { columns, values, .. } => Some([*columns, values.len() / (*columns).max(1)]),
        _ => None,
    });
    let bars = figure.series.iter().filter_map(|s| match &s.mark {
        Mark::Bars { heights, .. } => Some(heights.len()),
        _ => None,
    });
    let bars = bars.max();
    let slots = |n: usize, axis: &Axis, flipped: bool| Dimension {
        scale: Scale::Linear,
        knee: 1.0,
        range: [-0.5, n.max(axis.categories.len()).max(1) as f64 - 0.5],
        categories: axis.categories.clone(),
        flipped,
    };
    let x = match (heat, bars) {
        (Some([columns, _]), _) if given(&figure.x).is_none() => slots(columns, &figure.x, false),
        (None, Some(bars)) => slots(bars, &figure.x, false),
        _ if !figure.x.categories.is_empty() => slots(0, &figure.x, false),
        _ => numeric(&figure.x, &extents.x, extents.pads_x),
    };
    let y = match heat {
        Some([_, rows]) if given(&figure.y).is_none() => slots(rows, &figure.y, true),
        _ if !figure.y.categories.is_empty() => slots(0, &figure.y, true),
        _ => numeric(&figure.y, &extents.y, extents.pads_y),
    };
    [x, y]
}

/// The range of the axis, when it is usable.
pub(super) fn given(axis: &Axis) -> Option<[f64; 2]> {
    let [a, b] = axis.range?;
    let (low, high) = (a.min(b), a.max(b));
    (low.is_finite() && high.is_finite() && low < high && (axis.scale != Scale::Log || high > 0.0))
        .then_some([low, high])
}

fn numeric(axis: &Axis, values: &[f64], pads: [bool; 2]) -> Dimension {
    let usable = |v: &&f64| v.is_finite() && (axis.scale != Scale::Log || **v > 0.0);
    let extent = values
        .iter()
        .filter(usable)
        .fold(None, |e: Option<[f64; 2]>, v| Some(e.map_or([*v, *v], |[low, high]| [low.min(*v), high.max(*v)])));
    let knee = if axis.scale == Scale::Symlog { symlog::knee(values.iter().copied()) } else { 1.0 };
    let fitted = extent.map(|e| padded(e, axis.scale, knee, pads));
    let default = match axis.scale {
        Scale::Linear => [0.0, 1.0],
        Scale::Log => [1e-3, 1.0],
        Scale::Symlog => [-1.0, 1.0],
    };
    let range = match given(axis) {
        // A range from zero on a log axis means: from the smallest value there is.
        Some([low, high]) if axis.scale == Scale::Log && low <= 0.0 => {
            let smallest = values.iter().filter(|v| **v > 0.0 && **v < high).copied().fold(f64::INFINITY, f64::min);
            [if smallest.is_finite() { smallest } else { high * 1e-3 }, high]
        }
        Some(range) => range,
        None => fitted.unwrap_or(default),
    };
    Dimension { scale: axis.scale, range, knee, categories: Vec::new(), flipped: false }
}

/// Room around the data: 4 % of the length at the ends that ask for it, and a sensible range around a single value.
fn padded([low, high]: [f64; 2], scale: Scale, knee: f64, pads: [bool; 2]) -> [f64; 2] {
    const ROOM: f64 = 0.04;
    let (a, b) = match scale {
        Scale::Linear => (low, high),
        Scale::Log => (low.log10(), high.log10()),
        Scale::Symlog => (bend(low, knee), bend(high, knee)),
    };
    let (a, b) = if b - a > 1e-12 * a.abs().max(b.abs()) {
        let room = (b - a) * ROOM;
        (if pads[0] { a - room } else { a }, if pads[1] { b + room } else { b })
    } else {
        let room = if scale == Scale::Log || a == 0.0 { 0.5 } else { a.abs() * 0.1 };
        (a - room, b + room)
    };
    match scale {
        Scale::Linear => [a, b],
        Scale::Log => [10f64.powf(a.max(-300.0)), 10f64.powf(b.min(300.0))],
        Scale::Symlog => [unbend(a, knee), unbend(b, knee)],
    }
}

/// All numbers that an axis has to show, and at which ends the data must not touch the frame.
struct Extents {
    x: Vec<f64>,
    y: Vec<f64>,
    pads_x: [bool; 2],
    pads_y: [bool; 2],
}

impl Extents {
    fn of(figure: &Figure) -> Self {
        let mut e = Self { x: Vec::new(), y: Vec::new(), pads_x: [false; 2], pads_y: [true; 2] };
        let mut from_zero = false;
        for series in &figure.series {
            match &series.mark {
                Mark::Line { points, band, .. } => {
                    e.points(points);
                    e.y.extend(band.iter().flat_map(|b| b.lower.iter().chain(&b.upper)));
                }
                Mark::Step { points, .. } => e.points(points),
                Mark::Scatter { points } => {
                    e.points(points);
                    e.pads_x = [true; 2];
                }
                Mark::Histogram { edges, heights } => {
                    e.x.extend(edges);
                    e.y.extend(heights);
                    from_zero = true;
                }
                Mark::Bars { heights, errors } => {
                    e.y.extend(heights);
                    e.y.extend(errors.iter().flatten());
                    from_zero = true;
                }
                Mark::Heatmap { .. } => {}
                Mark::Contour(surface) | Mark::Surface { map: surface, .. } => {
                    e.x.extend(surface.x);
                    e.y.extend(surface.y);
                    e.pads_y = [false; 2];
                }
                Mark::Reference { from, to } => e.points(&[*from, *to]),
            }
        }
        if from_zero {
            e.y.push(0.0);
            e.pads_y = [e.y.iter().any(|y| *y < 0.0) || figure.y.scale == Scale::Log, true];
        }
        e
    }

    fn points(&mut self, points: &[[f64; 2]]) {
        self.x.extend(points.iter().map(|p| p[0]));
        self.y.extend(points.iter().map(|p| p[1]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Rows, Series};

    fn figure(mark: Mark, x: Axis, y: Axis) -> Figure {
        let series = vec![Series { name: "s".into(), color: 0, mark, rows: Rows::default() }];
        Figure { x, y, series, ..Figure::default() }
    }

    fn log() -> Axis {
        Axis { scale: Scale::Log, ..Axis::default() }
    }

    #[test]
    fn zeros_on_a_log_axis_neither_set_the_range_nor_break_it() {
        let points = vec![[0.0, 0.0], [1e-3, 0.2], [1.0, 1.0]];
        let x = Axis { range: Some([0.0, 1.0]), ..log() };
        let [x, y] = dimensions(&figure(Mark::Line { points, band: None, dashed: false }, x, log()));
        assert_eq!(x.range, [1e-3, 1.0]);
        assert!(y.range[0] > 0.1 && y.range[0] < 0.2, "{:?}", y.range);
        assert!((x.position(1e-3)).abs() < 1e-12 && x.position(0.0) < -1.0, "zero lies outside");
        assert!((x.value(0.5) - 1e-3f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn empty_single_and_undefined_data_give_ranges_of_positive_length() {
        for points in [vec![], vec![[3.0, 3.0]], vec![[f64::NAN, 1.0]], vec![[0.0, 0.0]], vec![[1e300, -1e300]]] {
            for axis in [Axis::default(), log()] {
                let mark = Mark::Scatter { points: points.clone() };
                for d in dimensions(&figure(mark, axis.clone(), axis.clone())) {
                    assert!(d.range[0] < d.range[1] && d.range.iter().all(|v| v.is_finite()), "{points:?} {d:?}");
                }
            }
        }
    }

    #[test]
    fn bars_grow_from_zero_and_rows_run_downward() {
        let bars = Mark::Bars { heights: vec![2.0, 4.0], errors: Vec::new() };
        let [x, y] = dimensions(&figure(bars, Axis::default(), Axis::default()));
        assert_eq!((x.range, y.range[0]), ([-0.5, 1.5], 0.0));
        let heat = Mark::Heatmap { columns: 2, values: vec![0.0; 6], diverging: false, label: String::new() };
        let [x, y] = dimensions(&figure(heat, Axis::default(), Axis::default()));
        assert_eq!((x.range, y.range, y.flipped), ([-0.5, 1.5], [-0.5, 2.5], true));
        assert!(y.position(0.0) > y.position(2.0), "row 0 is on top");
    }
}
