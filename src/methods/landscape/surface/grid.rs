//! Where the loss is computed: the points of a line or a plane, and the order in which they are visited.

use serde::{Deserialize, Serialize};

/// A line or a plane of points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Grid {
    /// Shown coordinates of the columns.
    pub(super) x: Vec<f64>,
    /// Shown coordinates of the rows, from the first direction's lower end; a single 0 for a line.
    pub(super) y: Vec<f64>,
    /// Whether there is a second direction.
    pub(super) plane: bool,
    /// Coefficients of the two directions at each point, row by row.
    places: Vec<[f64; 2]>,
}

impl Grid {
    /// `steps` points from `low` to `high` along each axis.
    pub(super) fn even(steps: usize, x: [f64; 2], y: Option<[f64; 2]>) -> Self {
        let (x, plane) = (linspace(x, steps), y.is_some());
        let y = y.map_or_else(|| vec![0.0], |y| linspace(y, steps));
        let places = y.iter().flat_map(|y| x.iter().map(move |x| [*x, *y])).collect();
        Self { x, y, plane, places }
    }

    /// The points of `loss_landscapes.random_plane`: columns belong to the second direction, which is `x` here, even
    /// rows are shifted by one column, and no point is the model itself.
    pub(super) fn shifted(steps: usize, distance: f64) -> Self {
        let shown = linspace([-distance / 2.0, distance / 2.0], steps);
        let (n, step) = (steps as f64, distance / steps as f64);
        let place = |row: usize, column: usize| {
            let shift = if row.is_multiple_of(2) { 1.0 } else { 0.0 };
            [(column as f64 + shift - n / 2.0) * step, (row as f64 - n / 2.0) * step]
        };
        let places = (0..steps).flat_map(|row| (0..steps).map(move |column| place(row, column))).collect();
        Self { x: shown.clone(), y: shown, plane: true, places }
    }

    /// The points of `loss_landscapes.linear_interpolation` and `random_line`: the first is one step after the start,
    /// the last the end.
    pub(super) fn after_start(steps: usize, distance: f64) -> Self {
        let x: Vec<f64> = (1..=steps).map(|i| distance * i as f64 / steps as f64).collect();
        let places = x.iter().map(|x| [*x, 0.0]).collect();
        Self { x, y: vec![0.0], plane: false, places }
    }

    /// Number of points.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Row, column and coefficients of point `i`.
    pub(super) fn point(&self, i: usize) -> (usize, usize, [f64; 2]) {
        let columns = self.x.len().max(1);
        (i / columns, i % columns, self.places.get(i).copied().unwrap_or_default())
    }

    /// The point that is the model itself.
    pub(super) fn center(&self) -> Option<usize> {
        self.places.iter().position(|p| *p == [0.0; 2])
    }

    /// All points, coarse to fine: every point of a coarser grid around the middle comes before those between.
    pub(super) fn order(&self) -> Vec<usize> {
        let middle = |n: usize| (n.max(1) - 1) / 2;
        let (row, column) = (middle(self.y.len()), middle(self.x.len()));
        let level = |i: usize| {
            let (r, c, _) = self.point(i);
            (r.abs_diff(row) | c.abs_diff(column)).trailing_zeros()
        };
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|i| (std::cmp::Reverse(level(*i)), *i));
        order
    }
}

/// `n` equally spaced numbers, ends included and exact; the middle of an odd number of them is exactly the mean.
fn linspace([low, high]: [f64; 2], n: usize) -> Vec<f64> {
    let last = n.saturating_sub(1);
    let at = |i: usize| {
        let (left, right) = ((last - i) as f64, i as f64);
        (low * left + high * right) / last as f64
    };
    if last == 0 { vec![f64::midpoint(low, high)] } else { (0..n).map(at).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_grid_holds_its_center_and_its_ends() {
        let grid = Grid::even(21, [-0.5, 0.5], Some([-0.3, 0.3]));
        assert_eq!(grid.len(), 441);
        assert_eq!(grid.center(), Some(220));
        assert_eq!((grid.x[0], grid.x[20], grid.y[20], grid.x[10]), (-0.5, 0.5, 0.3, 0.0));
        assert_eq!(Grid::even(4, [-1.0, 1.0], None).center(), None);
        assert_eq!(Grid::even(1, [-1.0, 1.0], None).center(), Some(0), "a single point is the middle");
    }

    /// Doubling the distance and the intervals gives the same points at twice the density.
    #[test]
    fn a_finer_grid_holds_the_coarser_one() {
        let (coarse, fine) = (Grid::even(5, [-0.5, 0.5], None), Grid::even(9, [-0.5, 0.5], None));
        assert!((0..5).all(|i| coarse.x[i] == fine.x[2 * i]));
    }

    #[test]
    fn coarse_points_come_first() {
        let grid = Grid::even(9, [-1.0, 1.0], Some([-1.0, 1.0]));
        let order = grid.order();
        assert_eq!(order[0], 40, "the center");
        let mut all = order.clone();
        all.sort_unstable();
        assert_eq!(all, (0..81).collect::<Vec<_>>());
        // every fourth row and column, then every second
        let on = |i: usize, s: usize| (i / 9).is_multiple_of(s) && (i % 9).is_multiple_of(s);
        assert!(order[..9].iter().all(|i| on(*i, 4)) && order[..25].iter().all(|i| on(*i, 2)), "{order:?}");
    }

    /// For 21 steps the nearest points are half a step away in both directions.
    #[test]
    fn published_planes_miss_their_center() {
        let grid = Grid::shifted(21, 1.0);
        assert_eq!(grid.center(), None);
        let nearest = (0..grid.len()).map(|i| grid.point(i).2).map(|[x, y]| x.hypot(y)).fold(f64::MAX, f64::min);
        assert!((nearest - 0.5f64.sqrt() / 21.0).abs() < 1e-12);
        let even = Grid::shifted(4, 4.0);
        // row 2 is even: column 1 is the model
        assert_eq!(even.center(), Some(2 * 4 + 1));
        assert_eq!(even.point(0).2, [-1.0, -2.0]);
        assert_eq!(even.point(4).2, [-2.0, -1.0]);
        assert_eq!(Grid::after_start(4, 1.0).x, [0.25, 0.5, 0.75, 1.0]);
    }
}
