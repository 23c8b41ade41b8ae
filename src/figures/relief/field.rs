//! The grid of a surface in the units of the box.

use super::super::heat;
use super::super::palette::{Colormap, Rgb, Theme};
use super::super::{Figure, Mark, Scale};
use super::HEIGHT;

/// A grid of heights, row by row from the smallest ordinate.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Points in a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// Values of the figure; NaN where there is none.
    pub values: Vec<f64>,
    /// Abscissas of the first and last point of a row.
    pub x: [f64; 2],
    /// Ordinates of the first and last row.
    pub y: [f64; 2],
    /// Values at floor and ceiling.
    pub range: [f64; 2],
    /// Whether heights are logarithms.
    pub log: bool,
    map: Colormap,
}

impl Field {
    /// The surface of a figure with at least two rows and columns; none without one, or without values to show.
    pub fn of(figure: &Figure) -> Option<Self> {
        let (surface, relief) = figure.series.iter().find_map(|s| match &s.mark {
            Mark::Surface { map, relief } => Some((map, relief)),
            _ => None,
        })?;
        let (columns, rows, log) = (surface.columns, surface.rows(), relief.log);
        if columns < 2 || rows < 2 {
            return None;
        }
        let shown = |v: &f64| if log && *v <= 0.0 { f64::NAN } else { *v };
        let values: Vec<f64> = surface.values.iter().map(shown).collect();
        let diverging = surface.diverging;
        let (fitted, map) = heat::range(&values, diverging && !log)?;
        let usable = |[low, high]: &[f64; 2]| low < high && (!log || *low > 0.0);
        let range = relief.range.or(surface.range).filter(usable).unwrap_or(fitted);
        let range = if usable(&range) { range } else { [range[1] * 1e-3, range[1]] };
        Some(Self { columns, rows, values, x: surface.x, y: surface.y, range, log, map })
    }

    /// The colors of the heights.
    pub fn map(&self) -> Colormap {
        self.map
    }

    /// How the height axis is divided.
    pub fn scale(&self) -> Scale {
        if self.log { Scale::Log } else { Scale::Linear }
    }

    /// Share of the height of the box at which a value lies, cut to it; NaN stays.
    pub fn share(&self, value: f64) -> f64 {
        let [low, high] = self.range;
        let t = if self.log { (value / low).ln() / (high / low).ln() } else { (value - low) / (high - low) };
        if t.is_nan() { t } else { t.clamp(0.0, 1.0) }
    }

    /// The place of a grid point in the box; its height is NaN in a hole.
    pub fn point(&self, column: usize, row: usize) -> [f64; 3] {
        let along = |i: usize, n: usize| 2.0 * i as f64 / (n - 1) as f64 - 1.0;
        let value = self.values.get(row * self.columns + column).copied().unwrap_or(f64::NAN);
        [along(column, self.columns), along(row, self.rows), self.share(value) * HEIGHT]
    }

    /// The height of the surface over a place of the floor, linear between grid points; none outside and at a hole.
    pub fn height(&self, at: [f64; 2]) -> Option<f64> {
        let along = |v: f64, n: usize| {
            let place = f64::midpoint(v, 1.0) * (n - 1) as f64;
            let lower = (place.max(0.0) as usize).min(n - 2);
            (-1.0..=1.0).contains(&v).then_some((lower, place - lower as f64))
        };
        let ((column, s), (row, t)) = (along(at[0], self.columns)?, along(at[1], self.rows)?);
        let z = |i: usize, j: usize| self.point(column + i, row + j)[2];
        let (low, high) = (z(0, 0) * (1.0 - s) + z(1, 0) * s, z(0, 1) * (1.0 - s) + z(1, 1) * s);
        let height = low * (1.0 - t) + high * t;
        height.is_finite().then_some(height)
    }

    /// The point of the surface at an abscissa and an ordinate of the figure; none outside and at a hole.
    pub fn on_surface(&self, at: [f64; 2]) -> Option<[f64; 3]> {
        let place = |v: f64, [low, high]: [f64; 2]| 2.0 * (v - low) / (high - low) - 1.0;
        let [x, y] = [place(at[0], self.x), place(at[1], self.y)];
        Some([x, y, self.height([x, y])?])
    }

    /// The color of a share of the height.
    pub fn color(&self, share: f64, theme: Theme) -> Rgb {
        self.map.at(share, theme)
    }

    /// The slope of the surface at a grid point, along both axes of the box, from its neighbors; zero in a hole.
    pub fn slope(&self, column: usize, row: usize) -> [f64; 2] {
        let difference = |a: [usize; 2], b: [usize; 2], axis: usize| {
            let (p, q) = (self.point(a[0], a[1]), self.point(b[0], b[1]));
            let slope = (q[2] - p[2]) / (q[axis] - p[axis]);
            if slope.is_finite() { slope } else { 0.0 }
        };
        let around = |i: usize, n: usize| [i.saturating_sub(1), (i + 1).min(n - 1)];
        let ([left, right], [below, above]) = (around(column, self.columns), around(row, self.rows));
        [difference([left, row], [right, row], 0), difference([column, below], [column, above], 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Contour, Relief, Rows, Series};

    fn figure(values: Vec<f64>, relief: Relief) -> Figure {
        let map = Contour { columns: 3, values, x: [-1.0, 1.0], y: [-0.5, 0.5], ..Contour::default() };
        let mark = Mark::Surface { map, relief };
        Figure {
            series: vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }],
            ..Figure::default()
        }
    }

    #[test]
    fn rows_go_upward_and_points_fill_the_box() {
        let field = Field::of(&figure(vec![1.0, 2.0, 3.0, 5.0, 6.0, 7.0], Relief::default())).unwrap();
        assert_eq!((field.x, field.y, field.range), ([-1.0, 1.0], [-0.5, 0.5], [1.0, 7.0]));
        assert_eq!(field.point(0, 0), [-1.0, -1.0, 0.0], "the first row is the lowest");
        assert_eq!(field.point(2, 1), [1.0, 1.0, HEIGHT]);
        // half of the range a column, two thirds of it a row, over one and two units of the box
        let slope = field.slope(1, 0);
        assert!((slope[0] - HEIGHT / 6.0).abs() < 1e-12 && (slope[1] - HEIGHT / 3.0).abs() < 1e-12, "{slope:?}");
    }

    #[test]
    fn logarithms_leave_holes_and_a_ceiling_cuts() {
        let relief = Relief { log: true, ..Relief::default() };
        let field = Field::of(&figure(vec![100.0, -1.0, 10.0, 0.0, 1.0, 10.0], relief)).unwrap();
        assert_eq!(field.range, [1.0, 100.0]);
        assert!(field.point(0, 1)[2].is_nan() && field.point(1, 0)[2].is_nan());
        assert!((field.share(10.0) - 0.5).abs() < 1e-12);
        let cut = Relief { range: Some([0.0, 4.0]), ..Relief::default() };
        let field = Field::of(&figure(vec![9.0, 2.0, f64::NAN, 1.0, 1.0, 1.0], cut)).unwrap();
        assert_eq!((field.share(9.0), field.share(2.0)), (1.0, 0.5));
    }

    #[test]
    fn heights_between_grid_points_are_linear() {
        let field = Field::of(&figure(vec![1.0, 2.0, 3.0, 5.0, 6.0, f64::NAN], Relief::default())).unwrap();
        assert_eq!(field.height([-1.0, 1.0]), Some(field.share(5.0) * HEIGHT));
        assert!((field.height([-0.5, 0.0]).unwrap() - field.share(3.5) * HEIGHT).abs() < 1e-12);
        assert_eq!((field.height([0.5, 0.5]), field.height([1.1, 0.0])), (None, None));
        let [x, y, z] = field.on_surface([-0.5, -0.5]).unwrap();
        assert!((x + 0.5).abs() < 1e-12 && (y + 1.0).abs() < 1e-12 && (z - field.share(1.5) * HEIGHT).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_grid_has_no_field() {
        assert_eq!(Field::of(&Figure::default()), None);
        assert_eq!(Field::of(&figure(vec![1.0, 2.0, 3.0], Relief::default())), None, "one row");
        assert_eq!(Field::of(&figure(vec![f64::NAN; 6], Relief::default())), None, "no values");
    }
}
