//! A grid of heights as triangles, and the contour lines of its floor.

use crate::figures::march::{cell_lines, levels};
use crate::figures::palette::{Rgb, Theme};
use crate::figures::relief::{Field, HEIGHT};

/// A corner of a triangle: place, normal, color, share of the height.
pub(super) type Corner = [f32; 10];
/// An end of a line: place and color.
pub(super) type End = [f32; 6];

/// What the graphics card gets.
#[derive(Debug, Default)]
pub(super) struct Mesh {
    pub(super) corners: Vec<Corner>,
    /// Three a triangle.
    pub(super) triangles: Vec<u32>,
    /// Two a line.
    pub(super) floor: Vec<End>,
}

impl Mesh {
    /// Of a field in the colors of a theme. Cells with an undefined corner are holes.
    pub(super) fn new(field: &Field, contours: usize, theme: Theme) -> Self {
        let mut mesh = Self::default();
        for row in 0..field.rows {
            for column in 0..field.columns {
                mesh.corners.push(corner(field, column, row, theme));
            }
        }
        let is_there = |i: usize| mesh.corners.get(i).is_some_and(|c| c[2].is_finite());
        let mut triangles = Vec::new();
        for row in 0..field.rows - 1 {
            for column in 0..field.columns - 1 {
                let a = row * field.columns + column;
                let (b, c, d) = (a + 1, a + field.columns + 1, a + field.columns);
                if [a, b, c, d].into_iter().all(is_there) {
                    triangles.extend([a, b, c, a, c, d].map(|i| i as u32));
                }
            }
        }
        mesh.triangles = triangles;
        mesh.floor = floor(field, contours, theme);
        // an undefined place would reach the card; no triangle uses it
        mesh.corners.iter_mut().flatten().filter(|v| !v.is_finite()).for_each(|v| *v = 0.0);
        mesh
    }
}

fn channels(color: Rgb) -> [f32; 3] {
    [color.r, color.g, color.b].map(|c| f32::from(c) / 255.0)
}

fn corner(field: &Field, column: usize, row: usize, theme: Theme) -> Corner {
    let [x, y, z] = field.point(column, row).map(|v| v as f32);
    let [across, along] = field.slope(column, row);
    let share = z / HEIGHT as f32;
    let [r, g, b] = channels(field.color(f64::from(share), theme));
    [x, y, z, -across as f32, -along as f32, 1.0, r, g, b, share]
}

fn floor(field: &Field, contours: usize, theme: Theme) -> Vec<End> {
    let mut ends = Vec::new();
    for share in levels([0.0, 1.0], contours) {
        let [r, g, b] = channels(field.color(share, theme));
        for row in 0..field.rows - 1 {
            for column in 0..field.columns - 1 {
                let (low, high) = (field.point(column, row), field.point(column + 1, row + 1));
                let corners = [low[2], field.point(column + 1, row)[2], high[2], field.point(column, row + 1)[2]];
                for [s, t] in cell_lines(corners, share * HEIGHT).into_iter().flatten() {
                    let at = |axis: usize, t: f64| (low[axis] + t * (high[axis] - low[axis])) as f32;
                    ends.push([at(0, s), at(1, t), 0.0, r, g, b]);
                }
            }
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Contour, Figure, Mark, Relief, Rows, Series};

    fn field(columns: usize, values: Vec<f64>) -> Field {
        let map = Contour { columns, values, x: [0.0, 1.0], y: [0.0, 1.0], ..Contour::default() };
        let mark = Mark::Surface { map, relief: Relief::default() };
        let series = vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }];
        Field::of(&Figure { series, ..Figure::default() }).unwrap()
    }

    #[test]
    fn a_hole_takes_the_cells_around_it() {
        let mut values: Vec<f64> = (0..16).map(f64::from).collect();
        let whole = Mesh::new(&field(4, values.clone()), 4, Theme::Dark);
        assert_eq!((whole.corners.len(), whole.triangles.len()), (16, 9 * 6));
        values[5] = f64::NAN;
        let holed = Mesh::new(&field(4, values), 4, Theme::Dark);
        assert_eq!(holed.triangles.len(), 5 * 6);
        assert!(holed.corners.iter().flatten().all(|v| v.is_finite()));
    }

    #[test]
    fn lines_of_a_slope_cross_every_row() {
        let values = (0..3).flat_map(|_| [0.0, 1.0, 2.0]).collect();
        let mesh = Mesh::new(&field(3, values), 3, Theme::Light);
        // three levels, two rows of cells, two ends a line; the middle level goes through a column of points
        assert_eq!(mesh.floor.len(), 3 * 2 * 2);
        assert!(mesh.floor.iter().all(|end| end[2] == 0.0));
    }
}
