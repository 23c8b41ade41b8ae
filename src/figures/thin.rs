//! Fewer points for the same picture: extremes survive.

/// How many points are drawn as they are.
pub const PLAIN: usize = 5000;

/// The points of a line that matter when everything within `cell` looks the same; positions are those of the drawing.
///
/// On ascending abscissas every cell keeps its first, lowest, highest and last point; on other paths points nearer
/// than `cell` to the last kept one go. At most [`PLAIN`] points are returned as they are.
pub fn line(points: &[[f64; 2]], cell: f64) -> Vec<[f64; 2]> {
    if points.len() <= PLAIN || cell <= 0.0 {
        return points.to_vec();
    }
    if points.windows(2).all(|w| w[0][0] <= w[1][0]) { extremes(points, cell) } else { path(points, cell) }
}

fn extremes(points: &[[f64; 2]], cell: f64) -> Vec<[f64; 2]> {
    let mut kept = Vec::new();
    let mut start = 0;
    while start < points.len() {
        let column = (points[start][0] / cell).floor();
        let end =
            points[start..].iter().position(|p| (p[0] / cell).floor() != column).map_or(points.len(), |n| start + n);
        let (mut low, mut high) = (start, start);
        for i in start..end {
            if points[i][1] < points[low][1] {
                low = i;
            }
            if points[i][1] > points[high][1] {
                high = i;
            }
        }
        let mut indices = [start, low.min(high), low.max(high), end - 1].to_vec();
        indices.dedup();
        kept.extend(indices.into_iter().map(|i| points[i]));
        start = end;
    }
    kept
}

fn path(points: &[[f64; 2]], cell: f64) -> Vec<[f64; 2]> {
    let mut kept: Vec<[f64; 2]> = Vec::new();
    for (index, point) in points.iter().enumerate() {
        let far = kept.last().is_none_or(|q| (q[0] - point[0]).abs().max((q[1] - point[1]).abs()) >= cell);
        if far || index + 1 == points.len() {
            kept.push(*point);
        }
    }
    kept
}

/// The points of a cloud that matter when everything within `cell` looks the same: the first of each cell, in order.
pub fn cloud(points: &[[f64; 2]], cell: f64) -> Vec<[f64; 2]> {
    if points.len() <= PLAIN || cell <= 0.0 {
        return points.to_vec();
    }
    let mut taken = std::collections::BTreeSet::new();
    let place = |v: f64| (v / cell).floor() as i64;
    points.iter().filter(|p| taken.insert((place(p[0]), place(p[1])))).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_spike_among_a_million_points_survives() {
        let mut points: Vec<[f64; 2]> = (0..1_000_000).map(|i| [f64::from(i) * 2e-4, f64::from(i % 7)]).collect();
        points[123_456][1] = 99.0;
        points[654_321][1] = -99.0;
        let kept = line(&points, 0.25);
        assert!(kept.len() <= 4 * 801, "{}", kept.len());
        assert!(kept.contains(&points[123_456]) && kept.contains(&points[654_321]), "extremes");
        assert_eq!((kept[0], kept[kept.len() - 1]), (points[0], points[999_999]));
        assert!(kept.windows(2).all(|w| w[0][0] <= w[1][0]), "still ascending");
    }

    #[test]
    fn loops_keep_their_shape_and_clouds_their_outliers() {
        let circle: Vec<[f64; 2]> =
            (0..20_000).map(|i| (f64::from(i) * 3e-3).sin_cos()).map(|(y, x)| [100.0 * x, 100.0 * y]).collect();
        let kept = line(&circle, 0.5);
        assert!(kept.len() < 20_000 && kept.iter().any(|p| p[0] < -99.4), "{}", kept.len());
        let mut points = vec![[1.0, 1.0]; 9000];
        points.push([50.0, 3.0]);
        assert_eq!(cloud(&points, 0.5), vec![[1.0, 1.0], [50.0, 3.0]]);
    }
}
