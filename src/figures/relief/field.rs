//! The grid of a surface in the units of the box.

use super::super::axes::given;
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
        let (columns, values, diverging, relief) = figure.series.iter().find_map(|s| match &s.mark {
            Mark::Surface { columns, values, diverging, relief, .. } => Some((*columns, values, *diverging, relief)),
            _ => None,
        })?;
        let rows = values.len().checked_div(columns)?;
        if columns < 2 || rows < 2 {
            return None;
        }
        // heat maps begin at the top
        let upward: Vec<f64> = values.chunks_exact(columns).rev().flatten().copied().collect();
        let shown = |v: &f64| if relief.log && *v <= 0.0 { f64::NAN } else { *v };
        let values: Vec<f64> = upward.iter().map(shown).collect();
        let (fitted, map) = heat::range(&values, diverging && !relief.log)?;
        let usable = |[low, high]: &[f64; 2]| low < high && (!relief.log || *low > 0.0);
        let range = relief.range.filter(usable).unwrap_or(fitted);
        let range = if usable(&range) { range } else { [range[1] * 1e-3, range[1]] };
        Some(Self {
            columns,
            rows,
            values,
            x: points(given(&figure.x), columns),
            y: points(given(&figure.y), rows),
            range,
            log: relief.log,
            map,
        })
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

/// Centers of the first and last of `n` cells over a range; without one, their numbers.
fn points(range: Option<[f64; 2]>, n: usize) -> [f64; 2] {
    match range {
        Some([low, high]) => {
            let half = (high - low) / n as f64 / 2.0;
            [low + half, high - half]
        }
        None => [0.0, (n - 1) as f64],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Axis, Relief, Rows, Series};

    fn figure(values: Vec<f64>, relief: Relief) -> Figure {
        let mark = Mark::Surface { columns: 3, values, diverging: false, label: "Loss".to_owned(), relief };
        let axis = |range| Axis { range: Some(range), ..Axis::default() };
        Figure {
            x: axis([-1.5, 1.5]),
            y: axis([-1.0, 1.0]),
            series: vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }],
            ..Figure::default()
        }
    }

    #[test]
    fn rows_go_upward_and_points_are_the_centers_of_cells() {
        let field = Field::of(&figure(vec![5.0, 6.0, 7.0, 1.0, 2.0, 3.0], Relief::default())).unwrap();
        assert_eq!((field.x, field.y, field.range), ([-1.0, 1.0], [-0.5, 0.5], [1.0, 7.0]));
        assert_eq!(field.point(0, 0), [-1.0, -1.0, 0.0], "the last row of the map is the lowest");
        assert_eq!(field.point(2, 1), [1.0, 1.0, HEIGHT]);
        // half of the range a column, two thirds of it a row, over one and two units of the box
        let slope = field.slope(1, 0);
        assert!((slope[0] - HEIGHT / 6.0).abs() < 1e-12 && (slope[1] - HEIGHT / 3.0).abs() < 1e-12, "{slope:?}");
    }

    #[test]
    fn logarithms_leave_holes_and_a_ceiling_cuts() {
        let relief = Relief { log: true, ..Relief::default() };
        let field = Field::of(&figure(vec![0.0, 1.0, 10.0, 100.0, -1.0, 10.0], relief)).unwrap();
        assert_eq!(field.range, [1.0, 100.0]);
        assert!(field.point(0, 1)[2].is_nan() && field.point(1, 0)[2].is_nan());
        assert!((field.share(10.0) - 0.5).abs() < 1e-12);
        let cut = Relief { range: Some([0.0, 4.0]), ..Relief::default() };
        let field = Field::of(&figure(vec![9.0, 2.0, f64::NAN, 1.0, 1.0, 1.0], cut)).unwrap();
        assert_eq!((field.share(9.0), field.share(2.0)), (1.0, 0.5));
    }

    #[test]
    fn what_is_no_grid_has_no_field() {
        assert_eq!(Field::of(&Figure::default()), None);
        assert_eq!(Field::of(&figure(vec![1.0, 2.0, 3.0], Relief::default())), None, "one row");
        assert_eq!(Field::of(&figure(vec![f64::NAN; 6], Relief::default())), None, "no values");
    }
}
