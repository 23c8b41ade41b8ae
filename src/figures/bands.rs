//! A surface over a rectangle as bands of color between lines of equal value.
//!
//! Values are known at the nodes of a grid and linear along its edges (of the logarithm, on a log scale).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Scale;
use super::figure::empty_cells;
use super::march::pieces;
use super::palette::{Colormap, Rgb, Theme};
use super::ticks::ticks;

/// Bands between two levels, about.
const BANDS: usize = 16;

/// Numbers at the nodes of an even grid over a rectangle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contour {
    /// Nodes in a row.
    pub columns: usize,
    /// Row-major from the lowest ordinate up. NaN is a hole.
    #[serde(with = "empty_cells")]
    pub values: Vec<f64>,
    /// Abscissas of the first and the last column.
    pub x: [f64; 2],
    /// Ordinates of the first and the last row.
    pub y: [f64; 2],
    /// Values of the lines, ascending; chosen by the range of values when empty.
    pub levels: Vec<f64>,
    /// Values of the first and last color, so that several surfaces share them; by the values when absent.
    pub range: Option<[f64; 2]>,
    /// Whether colors and levels follow the value or its logarithm.
    pub scale: Scale,
    /// Colors are symmetric about zero.
    pub diverging: bool,
    /// What the values are, for the color bar.
    pub label: String,
}

/// Colors of the values of a surface.
#[derive(Clone, Debug)]
pub struct Shades {
    limits: Option<[f64; 2]>,
    levels: Vec<f64>,
    scale: Scale,
    map: Colormap,
}

impl Shades {
    /// The color of a value by the band it is in; of what is not finite, that of missing cells.
    pub fn color(&self, value: f64, theme: Theme) -> Rgb {
        let Some([low, high]) = self.limits.filter(|_| value.is_finite()) else { return theme.missing() };
        let below = self.levels.partition_point(|level| *level <= value);
        let from = below.checked_sub(1).and_then(|i| self.levels.get(i)).copied().unwrap_or(low);
        let to = self.levels.get(below).copied().unwrap_or(high);
        let t = match self.scale {
            Scale::Linear | Scale::Symlog => (f64::midpoint(from, to) - low) / (high - low),
            Scale::Log => ((from * to).sqrt() / low).ln() / (high / low).ln(),
        };
        self.map.at(t, theme)
    }
}

/// A closed line around nodes at or above a level.
pub(super) type Ring = Vec<Corner>;

/// A corner of a ring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Corner {
    /// Place in the figure.
    pub(super) at: [f64; 2],
    /// Whether the way from here to the next corner runs along the edge of the surface and is no line of equal value.
    pub(super) edge: bool,
}

impl Contour {
    /// Nodes in a column.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }

    /// Place of a node, by column and row.
    pub fn place(&self, column: f64, row: f64) -> [f64; 2] {
        let along =
            |[low, high]: [f64; 2], i: f64, n: usize| low + (high - low) * i / n.saturating_sub(1).max(1) as f64;
        [along(self.x, column, self.columns), along(self.y, row, self.rows())]
    }

    /// The scale, if the values allow it: a logarithm needs positive ones.
    pub(super) fn usable_scale(&self) -> Scale {
        let positive = self.finite().all(|v| v > 0.0) && self.range.is_none_or(|[low, _]| low > 0.0);
        if positive && !self.diverging { self.scale } else { Scale::Linear }
    }

    /// Values of the first and the last color; none without a value.
    pub(super) fn limits(&self) -> Option<[f64; 2]> {
        let wider = |r: Option<[f64; 2]>, v: f64| Some(r.map_or([v, v], |[low, high]| [low.min(v), high.max(v)]));
        let found = self.finite().fold(None, wider)?;
        let [low, high] =
            self.range.filter(|[low, high]| low < high && high.is_finite() && low.is_finite()).unwrap_or(found);
        if self.diverging {
            let reach = low.abs().max(high.abs());
            let reach = if reach > 0.0 { reach } else { 1.0 };
            return Some([-reach, reach]);
        }
        let room = if high > low { 0.0 } else { high.abs().max(1e-6) * 0.5 };
        Some([low - room, high + room])
    }

    /// Values of the lines.
    pub fn levels(&self) -> Vec<f64> {
        if !self.levels.is_empty() {
            return self.levels.clone();
        }
        let Some([low, high]) = self.limits() else { return Vec::new() };
        if self.usable_scale() == Scale::Log {
            let step = (high / low).ln() / BANDS as f64;
            return (1..BANDS).map(|i| low * (step * i as f64).exp()).collect();
        }
        let nice = ticks(Scale::Linear, [low, high], 1.0, BANDS).major;
        let width = 1e-9 * (high - low);
        nice.iter().map(|t| t.value).filter(|v| *v > low + width && *v < high - width).collect()
    }

    /// Values at the centers of `across` × `up` equal cells, row by row from the top: linear between the four nodes
    /// around each, and missing where one of them is.
    pub fn sampled(&self, across: usize, up: usize) -> Vec<f64> {
        if self.columns < 2 || self.rows() < 2 {
            return vec![f64::NAN; across * up];
        }
        let log = self.usable_scale() == Scale::Log;
        let node = |row: usize, column: usize| {
            let value = self.values.get(row * self.columns + column).copied().unwrap_or(f64::NAN);
            if log { value.ln() } else { value }
        };
        let along = |i: usize, n: usize, nodes: usize| {
            let at = (i as f64 + 0.5) / n as f64 * (nodes - 1) as f64;
            let lower = (at as usize).min(nodes - 2);
            (lower, at - lower as f64)
        };
        let value = |i: usize| {
            let (column, s) = along(i % across, across, self.columns);
            let (row, t) = along(up - 1 - i / across, up, self.rows());
            let low = node(row, column) * (1.0 - s) + node(row, column + 1) * s;
            let high = node(row + 1, column) * (1.0 - s) + node(row + 1, column + 1) * s;
            let value = low * (1.0 - t) + high * t;
            if log { value.exp() } else { value }
        };
        (0..across * up).map(value).collect()
    }

    /// Colors of its values.
    pub fn shades(&self) -> Shades {
        let map = if self.diverging { Colormap::Diverging } else { Colormap::Viridis };
        Shades { limits: self.limits(), levels: self.levels(), scale: self.usable_scale(), map }
    }

    /// Rings around all nodes at or above `level`; with −∞, around everything that has a value. Filled by the even-odd
    /// rule they are the region.
    pub(super) fn region(&self, level: f64) -> Vec<Ring> {
        let mut next = self.segments(level);
        let mut rings = Vec::new();
        while let Some((&start, _)) = next.first_key_value() {
            let mut ring = Vec::new();
            let mut here = start;
            while let Some((to, edge)) = next.remove(&here) {
                ring.push(Corner { at: self.crossing(here, level), edge });
                here = to;
            }
            rings.push(ring);
        }
        rings
    }

    /// Lines of equal value as open or closed polylines.
    pub fn lines(&self, level: f64) -> Vec<Vec<[f64; 2]>> {
        let mut lines = Vec::new();
        for ring in self.region(level) {
            let n = ring.len();
            // begin behind a piece of the edge, so that no line is cut in two
            let start = ring.iter().position(|corner| corner.edge).map_or(0, |i| i + 1);
            let mut line: Vec<[f64; 2]> = Vec::new();
            for i in 0..n {
                let corner = ring[(start + i) % n];
                line.push(corner.at);
                if corner.edge {
                    lines.push(std::mem::take(&mut line));
                }
            }
            if !line.is_empty() {
                line.extend(line.first().copied());
                lines.push(line);
            }
        }
        lines.retain(|line| line.len() > 1);
        lines
    }

    fn finite(&self) -> impl Iterator<Item = f64> + '_ {
        self.values.iter().copied().filter(|v| v.is_finite())
    }

    /// The value of a node; none outside the grid and at a hole.
    fn node(&self, row: isize, column: isize) -> Option<f64> {
        let (row, column) = (usize::try_from(row).ok()?, usize::try_from(column).ok()?);
        if column >= self.columns {
            return None;
        }
        self.values.get(row * self.columns + column).copied().filter(|v| v.is_finite())
    }

    /// Pieces of rings, one cell after the other, with a border of cells around the grid: from edge to edge, and whether
    /// a corner of the cell has no value. Higher nodes lie on one side of all of them.
    fn segments(&self, level: f64) -> BTreeMap<Edge, (Edge, bool)> {
        let mut segments = BTreeMap::new();
        let (rows, columns) = (self.rows() as isize, self.columns as isize);
        for row in -1..rows {
            for column in -1..columns {
                let corners = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)];
                let values = corners.map(|(r, c)| self.node(r, c));
                let edge = values.iter().any(Option::is_none);
                let name = |i: usize| Edge::between(corners[i], corners[(i + 1) % 4]);
                segments.extend(pieces(values, level).map(|[from, to]| (name(from), (name(to), edge))));
            }
        }
        segments
    }

    /// Where a ring crosses an edge: between two nodes by their values, at the known node where one is missing.
    fn crossing(&self, edge: Edge, level: f64) -> [f64; 2] {
        let [a, b] = edge.ends();
        let at = |(row, column): (isize, isize)| self.place(column as f64, row as f64);
        let log = self.usable_scale() == Scale::Log;
        let scaled = |v: f64| if log { v.ln() } else { v };
        match (self.node(a.0, a.1), self.node(b.0, b.1)) {
            (Some(u), Some(v)) => {
                let t = ((scaled(level) - scaled(u)) / (scaled(v) - scaled(u))).clamp(0.0, 1.0);
                let (p, q) = (at(a), at(b));
                [p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])]
            }
            (Some(_), None) => at(a),
            _ => at(b),
        }
    }
}

/// An edge of the grid: its lower end, and whether it runs along a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    row: isize,
    column: isize,
    along_row: bool,
}

impl Edge {
    fn between(a: (isize, isize), b: (isize, isize)) -> Self {
        Self { row: a.0.min(b.0), column: a.1.min(b.1), along_row: a.0 == b.0 }
    }

    fn ends(self) -> [(isize, isize); 2] {
        let next = if self.along_row { (self.row, self.column + 1) } else { (self.row + 1, self.column) };
        [(self.row, self.column), next]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(columns: usize, f: impl Fn(f64, f64) -> f64) -> Contour {
        let at = |i: usize| -1.0 + 2.0 * i as f64 / (columns - 1) as f64;
        let values = (0..columns * columns).map(|i| f(at(i % columns), at(i / columns))).collect();
        Contour { columns, values, x: [-1.0, 1.0], y: [-1.0, 1.0], ..Contour::default() }
    }

    /// Area by the even-odd rule: the signed areas of rings, holes turning the other way.
    fn area(rings: &[Ring]) -> f64 {
        let signed = |ring: &Ring| {
            let n = ring.len();
            (0..n).map(|i| (ring[i].at, ring[(i + 1) % n].at)).map(|(p, q)| p[0] * q[1] - q[0] * p[1]).sum::<f64>()
                / 2.0
        };
        rings.iter().map(signed).sum::<f64>().abs()
    }

    #[test]
    fn a_circle_has_its_radius_and_its_area() {
        let cone = surface(81, f64::hypot);
        let lines = cone.lines(0.5);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last(), "closed");
        assert!(lines[0].iter().all(|p| (p[0].hypot(p[1]) - 0.5).abs() < 2e-3));
        let outside = area(&cone.region(0.5));
        assert!((outside - (4.0 - std::f64::consts::PI / 4.0)).abs() < 2e-3, "{outside}");
        assert!((area(&cone.region(f64::NEG_INFINITY)) - 4.0).abs() < 1e-12, "everything");
    }

    #[test]
    fn a_slope_has_straight_open_lines_that_leave_the_edge_out() {
        let slope = surface(5, |x, _| x);
        let lines = slope.lines(0.25);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].iter().all(|p| (p[0] - 0.25).abs() < 1e-12), "{lines:?}");
        let ys: Vec<f64> = lines[0].iter().map(|p| p[1]).collect();
        assert!(ys.contains(&-1.0) && ys.contains(&1.0));
        assert!((area(&slope.region(0.25)) - 1.5).abs() < 1e-12);
        assert!(slope.lines(7.0).is_empty() && slope.lines(f64::NEG_INFINITY).is_empty());
    }

    #[test]
    fn a_saddle_is_decided_by_its_middle() {
        let high = Contour {
            columns: 2,
            values: vec![2.0, 0.0, 0.0, 1.0],
            x: [0.0, 1.0],
            y: [0.0, 1.0],
            ..Contour::default()
        };
        assert_eq!(high.region(0.5).len(), 1, "the middle, 0.75, joins both corners");
        let low = Contour { values: vec![1.0, 0.0, 0.0, 1.0], ..high };
        assert_eq!(low.region(0.6).len(), 2);
    }

    #[test]
    fn holes_are_cut_out() {
        let mut flat = surface(5, |_, _| 1.0);
        flat.values[12] = f64::NAN;
        let rings = flat.region(f64::NEG_INFINITY);
        assert_eq!(rings.len(), 2);
        assert!(
            (area(&rings) - 3.5).abs() < 1e-12,
            "the diamond between the four neighbors is missing: {}",
            area(&rings)
        );
        assert!(flat.lines(f64::NEG_INFINITY).is_empty(), "the edge of a hole is no line");
        let none = Contour { values: vec![f64::NAN; 4], columns: 2, ..Contour::default() };
        assert!(none.region(0.0).is_empty() && none.levels().is_empty() && none.limits().is_none());
    }

    #[test]
    fn a_sampled_slope_is_the_slope_from_the_top() {
        let slope = surface(3, |x, y| 2.0 * x + y);
        let found = slope.sampled(4, 2);
        let wanted = [-1.0, 0.0, 1.0, 2.0, -2.0, -1.0, 0.0, 1.0];
        assert!(found.iter().zip(wanted).all(|(f, w)| (f - w).abs() < 1e-12), "{found:?}");
        let mut hole = slope;
        hole.values[0] = f64::NAN;
        let found = hole.sampled(2, 2);
        assert!(found[2].is_nan() && found[0].is_finite() && found[3].is_finite(), "{found:?}");
    }

    #[test]
    fn levels_and_colors() {
        let cone = surface(21, f64::hypot);
        let levels = cone.levels();
        assert!(levels.len() >= 5 && levels.windows(2).all(|w| w[0] < w[1]), "{levels:?}");
        let color = |value: f64| cone.shades().color(value, Theme::Light);
        assert_eq!(color(0.01), color(0.02), "one band, one color");
        assert_ne!(color(0.01), color(1.3));
        assert_eq!(color(f64::NAN), Theme::Light.missing());
        let wide = Contour { scale: Scale::Log, ..surface(21, |x, y| (4.0 * x.hypot(y)).exp()) };
        let ratios: Vec<f64> = wide.levels().windows(2).map(|w| w[1] / w[0]).collect();
        assert!(ratios.iter().all(|r| (r - ratios[0]).abs() < 1e-9) && ratios[0] > 1.3);
        let signed = Contour { diverging: true, scale: Scale::Log, ..surface(21, |x, _| x - 0.5) };
        assert_eq!((signed.limits(), signed.usable_scale()), (Some([-1.5, 1.5]), Scale::Linear));
        let shared = Contour { range: Some([0.0, 10.0]), ..surface(5, |x, _| x + 1.0) };
        assert_eq!(shared.limits(), Some([0.0, 10.0]));
    }
}
