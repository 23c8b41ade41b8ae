//! The corner of a chart in which a legend covers the least.

use egui_plot::Corner;

/// Share of the width and of the height that a legend takes, about.
const SIZE: [f64; 2] = [0.34, 0.3];
/// Parts into which the height of a bar is cut to be counted.
const PARTS: usize = 24;

/// The corner with the fewest of `points`, numbers of the plot; the first of them when several are as empty.
/// `ranges` are the limits of the axes where they are given.
pub(super) fn quiet_corner(points: &[[f64; 2]], ranges: [Option<[f64; 2]>; 2]) -> Corner {
    let limits: [[f64; 2]; 2] = std::array::from_fn(|axis| {
        let wide = |[low, high]: [f64; 2], v: f64| [low.min(v), high.max(v)];
        let seen = points.iter().map(|p| p[axis]).filter(|v| v.is_finite()).fold([f64::MAX, f64::MIN], wide);
        ranges[axis].map_or(seen, |given| wide(wide(seen, given[0]), given[1]))
    });
    let share = |p: &[f64; 2], axis: usize| {
        let [low, high] = limits[axis];
        (p[axis] - low) / (high - low).max(f64::MIN_POSITIVE)
    };
    let covered = |is_right: bool, is_top: bool| {
        let is_in = |s: f64, is_far: bool, size: f64| if is_far { s >= 1.0 - size } else { s <= size };
        points.iter().filter(|p| is_in(share(p, 0), is_right, SIZE[0]) && is_in(share(p, 1), is_top, SIZE[1])).count()
    };
    let corners = [
        (Corner::RightBottom, covered(true, false)),
        (Corner::RightTop, covered(true, true)),
        (Corner::LeftTop, covered(false, true)),
        (Corner::LeftBottom, covered(false, false)),
    ];
    corners.into_iter().min_by_key(|c| c.1).map_or(Corner::RightBottom, |c| c.0)
}

/// Points all over a bar from 0 to `height`, so many as it is high against `highest`.
pub(super) fn bar(x: f64, height: f64, highest: f64) -> impl Iterator<Item = [f64; 2]> {
    let n = if highest > 0.0 { (PARTS as f64 * height / highest).round().clamp(0.0, PARTS as f64) as usize } else { 0 };
    (0..=n).map(move |i| [x, height * i as f64 / n.max(1) as f64])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_that_rises_early_leaves_the_bottom_right() {
        let curve: Vec<[f64; 2]> = (0..=50).map(|i| f64::from(i) / 50.0).map(|x| [x, x.sqrt()]).collect();
        assert_eq!(quiet_corner(&curve, [Some([0.0, 1.0]); 2]), Corner::RightBottom);
    }

    #[test]
    fn bars_that_rise_to_the_right_leave_the_top_left() {
        let bars: Vec<[f64; 2]> = (0..20).flat_map(|i| bar(f64::from(i), f64::from(i), 19.0)).collect();
        assert_eq!(quiet_corner(&bars, [None; 2]), Corner::LeftTop);
        let falling: Vec<[f64; 2]> = (0..20).flat_map(|i| bar(f64::from(i), f64::from(19 - i), 19.0)).collect();
        assert_eq!(quiet_corner(&falling, [None; 2]), Corner::RightTop);
    }
}
