//! A surface as shaded cells, the farthest first.

use super::super::march::{cell_lines, levels};
use super::super::palette::{Rgb, Theme};
use super::{Field, Projected, Projector};

/// More cells than this along a side are drawn as every second, third … grid line.
const CELLS: usize = 100;

/// A cell of the surface.
pub(super) struct Facet {
    /// Its corners in order.
    pub(super) corners: [Projected; 4],
    pub(super) color: Rgb,
    /// Contour lines in it.
    pub(super) lines: Vec<[Projected; 2]>,
}

/// The share of a color that is left on a slope: 1 where light falls straight.
pub fn shade(normal: [f64; 3], light: [f64; 3]) -> f64 {
    let length = normal.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-12);
    let along = normal.iter().zip(&light).map(|(n, l)| n * l).sum::<f64>() / length;
    0.58 + 0.42 * along.abs()
}

/// The cells of `field`, and how many grid lines one drawn line stands for.
pub(super) fn facets(field: &Field, projector: &Projector, contours: usize, theme: Theme) -> (Vec<Facet>, usize) {
    let step = (field.columns.max(field.rows) - 1).div_ceil(CELLS).max(1);
    let (columns, rows) = (places(field.columns, step), places(field.rows, step));
    let shares = levels([0.0, 1.0], contours);
    let light = projector.light();
    let mut facets = Vec::with_capacity(columns.len() * rows.len());
    for row in rows.windows(2) {
        for column in columns.windows(2) {
            let corners = [
                field.point(column[0], row[0]),
                field.point(column[1], row[0]),
                field.point(column[1], row[1]),
                field.point(column[0], row[1]),
            ];
            if corners.iter().all(|p| p[2].is_finite()) {
                facets.push(facet(field, projector, &corners, &shares, light, theme));
            }
        }
    }
    let distance = |f: &Facet| f.corners.iter().map(|c| c.depth).sum::<f64>();
    facets.sort_by(|a, b| distance(b).total_cmp(&distance(a)));
    (facets, step)
}

/// Every `step`-th of `n` grid lines, the last one always.
fn places(n: usize, step: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..n).step_by(step).collect();
    if places.last() != Some(&(n - 1)) {
        places.push(n - 1);
    }
    places
}

fn facet(
    field: &Field,
    projector: &Projector,
    corners: &[[f64; 3]; 4],
    shares: &[f64],
    light: [f64; 3],
    theme: Theme,
) -> Facet {
    let [a, b, c, d] = *corners;
    let [u, v] = [[c, a], [d, b]].map(|[p, q]| [0, 1, 2].map(|i| p[i] - q[i]));
    let normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    let height = corners.iter().map(|p| p[2]).sum::<f64>() / 4.0 / super::HEIGHT;
    let base = field.color(height, theme);
    let color = Rgb::hex(0).mix(base, shade(normal, light));
    let within = |[s, t]: [f64; 2]| {
        let mix = |p: [f64; 3], q: [f64; 3], t: f64| [0, 1, 2].map(|i| p[i] + t * (q[i] - p[i]));
        projector.project(mix(mix(a, b, s), mix(d, c, s), t))
    };
    let lines = shares.iter().flat_map(|share| cell_lines(corners.map(|p| p[2]), share * super::HEIGHT));
    Facet { corners: corners.map(|p| projector.project(p)), color, lines: lines.map(|line| line.map(within)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_grid_line_is_always_drawn() {
        assert_eq!(places(5, 1), [0, 1, 2, 3, 4]);
        assert_eq!(places(6, 2), [0, 2, 4, 5]);
        assert_eq!(places(7, 3), [0, 3, 6]);
    }

    #[test]
    fn light_falls_on_what_faces_it() {
        assert!((shade([0.0, 0.0, 2.0], [0.0, 0.0, 1.0]) - 1.0).abs() < 1e-12);
        assert!((shade([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]) - 0.58).abs() < 1e-12);
    }
}
