//! Marching squares: how a line of equal value crosses a cell of a grid.
//!
//! Source: Lorensen and Cline 1987 in two dimensions. Where a cell is ambiguous the mean of its corners decides.

/// So many levels strictly between the ends, equally far apart.
pub fn levels([low, high]: [f64; 2], count: usize) -> Vec<f64> {
    (1..=count).map(|i| low + (high - low) * i as f64 / (count + 1) as f64).collect()
}

/// The pieces of the line at `level` in a cell, each from one edge of it to another.
///
/// Corners go around the cell, and edge `i` joins corner `i` to the next one. A piece begins where the walk around the
/// cell leaves what is at or above the level, so that higher corners lie on one side of all pieces. A missing corner
/// counts as below.
pub(super) fn pieces(corners: [Option<f64>; 4], level: f64) -> impl Iterator<Item = [usize; 2]> {
    let high = corners.map(|v| v.is_some_and(|v| v >= level));
    let crossed: Vec<usize> = (0..4).filter(|i| high[*i] != high[(i + 1) % 4]).collect();
    let known: Vec<f64> = corners.into_iter().flatten().collect();
    let joined = known.len() == 4 && crossed.len() == 4 && known.iter().sum::<f64>() / 4.0 >= level;
    let n = crossed.len();
    (0..n).filter_map(move |k| {
        let leaves = crossed[k];
        // in a saddle whose middle is high, the high corners are joined, and the line turns around a low one
        let back = crossed[if joined { (k + 1) % n } else { (k + n - 1) % n }];
        high[leaves].then_some([leaves, back])
    })
}

/// The lines of one cell at `level`: points in cell coordinates from (0, 0) to (1, 1). Corners are given at (0, 0),
/// (1, 0), (1, 1), (0, 1); a cell with an undefined corner has no lines.
pub fn cell_lines(corners: [f64; 4], level: f64) -> Vec<[[f64; 2]; 2]> {
    if corners.iter().any(|v| !v.is_finite()) {
        return Vec::new();
    }
    let crossing = |edge: usize| {
        let (a, b) = (corners[edge], corners[(edge + 1) % 4]);
        let t = (level - a) / (b - a);
        match edge {
            0 => [t, 0.0],
            1 => [1.0, t],
            2 => [1.0 - t, 1.0],
            _ => [0.0, 1.0 - t],
        }
    };
    pieces(corners.map(Some), level).map(|piece| piece.map(crossing)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_inside() {
        assert_eq!(levels([0.0, 1.0], 3), [0.25, 0.5, 0.75]);
        assert!(levels([0.0, 1.0], 0).is_empty());
    }

    #[test]
    fn a_slope_is_crossed_by_one_straight_line() {
        assert_eq!(cell_lines([0.0, 1.0, 1.0, 0.0], 0.25), [[[0.25, 1.0], [0.25, 0.0]]]);
        assert!(cell_lines([0.0, 1.0, 1.0, 0.0], 2.0).is_empty());
        assert!(cell_lines([0.0, f64::NAN, 1.0, 0.0], 0.5).is_empty());
    }

    #[test]
    fn a_corner_is_cut_off_and_what_is_higher_is_on_one_side() {
        assert_eq!(cell_lines([2.0, 0.0, 0.0, 0.0], 1.0), [[[0.5, 0.0], [0.0, 0.5]]]);
        assert_eq!(cell_lines([0.0, 0.0, 2.0, 0.0], 1.0), [[[0.5, 1.0], [1.0, 0.5]]]);
        let missing = [Some(2.0), None, Some(0.0), Some(0.0)];
        assert_eq!(pieces(missing, 1.0).collect::<Vec<_>>(), [[0, 3]], "a missing corner is below");
    }

    #[test]
    fn a_saddle_is_cut_as_its_mean_says() {
        // the two high corners (0, 0) and (1, 1) are connected when the center is high
        let high = cell_lines([1.0, 0.0, 1.0, 0.0], 0.4);
        assert_eq!(high.len(), 2);
        assert!(high[0][0][1] == 0.0 && high[0][1][0] == 1.0, "around the low corner (1, 0): {high:?}");
        let low = cell_lines([1.0, 0.0, 1.0, 0.0], 0.6);
        assert!(low[0][0][1] == 0.0 && low[0][1][0] == 0.0, "around the high corner (0, 0): {low:?}");
    }

    /// The level set of a round hill is a circle.
    #[test]
    fn lines_around_a_hill_have_the_length_of_a_circle() {
        let n = 200;
        let at = |i: usize, j: usize| {
            let p = [i, j].map(|k| 2.0 * k as f64 / n as f64 - 1.0);
            p[0] * p[0] + p[1] * p[1]
        };
        let step = 2.0 / n as f64;
        let mut length = 0.0;
        for j in 0..n {
            for i in 0..n {
                let corners = [at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)];
                for [a, b] in cell_lines(corners, 0.25) {
                    length += step * (a[0] - b[0]).hypot(a[1] - b[1]);
                }
            }
        }
        assert!((length - std::f64::consts::PI).abs() < 1e-3, "{length}");
    }
}
