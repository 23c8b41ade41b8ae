//! A plane while it is computed: what is known, and between the points of a coarser grid what lies between them.

use super::evaluate::Value;
use super::grid::Grid;

/// The losses on the whole plane, row by row: where a point is not known yet, the linear mean of the nearest points
/// around it that are, or nothing.
pub(super) fn losses(grid: &Grid, values: &[Value], known: &[bool]) -> Vec<f64> {
    let known_loss = |row: usize, column: usize| {
        let i = row * grid.x.len() + column;
        if known.get(i).copied().unwrap_or(false) { values.get(i).map(|value| value.loss) } else { None }
    };
    let most = grid.x.len().max(grid.y.len());
    let spacings: Vec<usize> = std::iter::successors(Some(1), |s| (2 * s < most).then_some(2 * s)).collect();
    let at = |i: usize| {
        let (row, column, _) = grid.point(i);
        let guess = |spacing: &usize| {
            let (rows, columns) = (around(row, grid.y.len(), *spacing)?, around(column, grid.x.len(), *spacing)?);
            mean(rows, columns, &known_loss)
        };
        spacings.iter().find_map(guess).unwrap_or(f64::NAN)
    };
    (0..grid.len()).map(at).collect()
}

/// The two rows (or columns) of the grid with this spacing around the middle between which `i` lies, and the share of
/// the second; none when they are not both there.
fn around(i: usize, n: usize, spacing: usize) -> Option<([usize; 2], f64)> {
    let middle = (n.max(1) - 1) / 2;
    // whole spacings are added so that the place is not negative
    let place = i + spacing * n - middle;
    let (low, rest) = ((place / spacing * spacing + middle).checked_sub(spacing * n)?, place % spacing);
    let high = if rest == 0 { low } else { low + spacing };
    (high < n).then_some(([low, high], rest as f64 / spacing as f64))
}

fn mean(
    (rows, down): ([usize; 2], f64),
    (columns, across): ([usize; 2], f64),
    known: &dyn Fn(usize, usize) -> Option<f64>,
) -> Option<f64> {
    let along = |row: usize| {
        let [low, high] = columns;
        Some(known(row, low)? * (1.0 - across) + known(row, high)? * across)
    };
    Some(along(rows[0])? * (1.0 - down) + along(rows[1])? * down)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(loss: f64) -> Value {
        Value { loss, ..Value::default() }
    }

    /// What is known is shown as it is, what lies between as a plane between its neighbors, the rest not at all.
    #[test]
    fn coarse_points_show_the_whole_and_fine_ones_replace_them() {
        let grid = Grid::even(5, [-2.0, 2.0], Some([-2.0, 2.0]));
        let truth = |i: usize| {
            let (_, _, [x, y]) = grid.point(i);
            3.0 * x - y + 10.0
        };
        let values: Vec<Value> = (0..25).map(|i| value(truth(i))).collect();
        let mut known = vec![false; 25];
        let mut shown = Vec::new();
        for i in grid.order() {
            known[i] = true;
            let losses = losses(&grid, &values, &known);
            shown.push(losses.iter().filter(|v| v.is_finite()).count());
            let right = losses.iter().enumerate().filter(|(_, v)| v.is_finite());
            right.for_each(|(i, v)| assert!((v - truth(i)).abs() < 1e-12, "a plane is met everywhere: {i}"));
        }
        assert_eq!((shown[0], shown[8], shown[24]), (1, 25, 25), "nine points of the corners show all: {shown:?}");
        assert!(shown.is_sorted());
    }

    #[test]
    fn holes_stay_holes_and_lines_work_too() {
        let grid = Grid::even(3, [-1.0, 1.0], None);
        let values = [value(1.0), value(f64::NAN), value(4.0)];
        let losses = losses(&grid, &values, &[true, true, false]);
        assert!(losses[0] == 1.0 && losses[1].is_nan() && losses[2].is_nan());
        assert_eq!(around(3, 9, 4), Some(([0, 4], 0.75)));
        assert_eq!(around(4, 9, 8), Some(([4, 4], 0.0)));
        assert_eq!(around(5, 9, 8), None, "beyond the coarse grid");
        assert_eq!(around(0, 8, 2), None, "seven rows around the third");
    }
}
