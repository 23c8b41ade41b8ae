//! Lines of equal height by marching squares.

/// So many levels strictly between the ends, equally far apart.
pub fn levels([low, high]: [f64; 2], count: usize) -> Vec<f64> {
    (1..=count).map(|i| low + (high - low) * i as f64 / (count + 1) as f64).collect()
}

/// The lines of one cell at `level`: points in cell coordinates from (0, 0) to (1, 1). Corners are given at (0, 0),
/// (1, 0), (1, 1), (0, 1); a cell with an undefined corner has no lines. A saddle is cut as its mean says.
pub fn cell_lines(corners: [f64; 4], level: f64) -> Vec<[[f64; 2]; 2]> {
    if corners.iter().any(|v| !v.is_finite()) {
        return Vec::new();
    }
    let above = corners.map(|v| v > level);
    // where the level crosses each edge, counterclockwise from the lower one
    let crossing = |edge: usize| {
        let (a, b) = (edge, (edge + 1) % 4);
        (above[a] != above[b]).then(|| {
            let t = (level - corners[a]) / (corners[b] - corners[a]);
            match edge {
                0 => [t, 0.0],
                1 => [1.0, t],
                2 => [1.0 - t, 1.0],
                _ => [0.0, 1.0 - t],
            }
        })
    };
    let crossings: Vec<[f64; 2]> = (0..4).filter_map(crossing).collect();
    match crossings.as_slice() {
        [a, b] => vec![[*a, *b]],
        // in a saddle, corners on the side of the center are connected
        [a, b, c, d] => {
            let is_center_above = corners.iter().sum::<f64>() / 4.0 > level;
            if is_center_above == above[0] { vec![[*a, *b], [*c, *d]] } else { vec![[*d, *a], [*b, *c]] }
        }
        _ => Vec::new(),
    }
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
        assert_eq!(cell_lines([0.0, 1.0, 1.0, 0.0], 0.25), [[[0.25, 0.0], [0.25, 1.0]]]);
        assert!(cell_lines([0.0, 1.0, 1.0, 0.0], 2.0).is_empty());
        assert!(cell_lines([0.0, f64::NAN, 1.0, 0.0], 0.5).is_empty());
    }

    #[test]
    fn a_corner_is_cut_off() {
        assert_eq!(cell_lines([2.0, 0.0, 0.0, 0.0], 1.0), [[[0.5, 0.0], [0.0, 0.5]]]);
        assert_eq!(cell_lines([0.0, 0.0, 2.0, 0.0], 1.0), [[[1.0, 0.5], [0.5, 1.0]]]);
    }

    #[test]
    fn a_saddle_is_cut_as_its_mean_says() {
        // the two high corners (0, 0) and (1, 1) are connected when the center is high
        let high = cell_lines([1.0, 0.0, 1.0, 0.0], 0.4);
        assert_eq!(high.len(), 2);
        assert!(high[0][0][1] == 0.0 && high[0][1][0] == 1.0, "around the low corner (1, 0): {high:?}");
        let low = cell_lines([1.0, 0.0, 1.0, 0.0], 0.6);
        assert!(low[0][0][0] == 0.0 && low[0][1][1] == 0.0, "around the high corner (0, 0): {low:?}");
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
