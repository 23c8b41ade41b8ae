//! From points of the box to the screen.

use serde::{Deserialize, Serialize};

/// Height of the box; its floor is the square from −1 to 1.
pub const HEIGHT: f64 = 1.1;
/// Distance of the eye from the center of the box: how strong the perspective is.
const DISTANCE: f64 = 5.0;
/// Half the depth of what is drawn around the center; the box lies within.
const REACH: f64 = 2.0;

/// Where a surface is looked at from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Camera {
    /// Degrees about the vertical axis, counterclockwise from the first axis.
    pub azimuth: f64,
    /// Degrees above the floor.
    pub elevation: f64,
    /// Enlargement; 1 shows the whole box.
    pub zoom: f64,
    /// Shift to the right and upward, in units of half the floor's side.
    pub shift: [f64; 2],
    /// Parallel lines stay parallel.
    pub orthographic: bool,
}

impl Default for Camera {
    fn default() -> Self {
        Self { azimuth: -55.0, elevation: 28.0, zoom: 1.0, shift: [0.0; 2], orthographic: false }
    }
}

impl Camera {
    /// Turned by so many degrees; the elevation stays between straight below and straight above.
    #[must_use]
    pub fn turned(self, azimuth: f64, elevation: f64) -> Self {
        Self {
            azimuth: (self.azimuth + azimuth).rem_euclid(360.0),
            elevation: (self.elevation + elevation).clamp(-89.9, 89.9),
            ..self
        }
    }

    /// Enlarged by `factor`, within limits.
    #[must_use]
    pub fn zoomed(self, factor: f64) -> Self {
        Self { zoom: (self.zoom * factor).clamp(0.3, 20.0), ..self }
    }
}

/// A point on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Projected {
    /// To the right, in units of half the floor's side as they are at the center.
    pub x: f64,
    /// Upward.
    pub y: f64,
    /// Distance from the eye, growing away from it.
    pub depth: f64,
}

/// A camera ready for many points.
#[derive(Clone, Copy, Debug)]
pub struct Projector {
    camera: Camera,
    right: [f64; 3],
    up: [f64; 3],
    toward: [f64; 3],
}

impl Projector {
    /// For this camera.
    pub fn new(camera: Camera) -> Self {
        let ((sa, ca), (se, ce)) = (camera.azimuth.to_radians().sin_cos(), camera.elevation.to_radians().sin_cos());
        Self { camera, right: [-sa, ca, 0.0], up: [-se * ca, -se * sa, ce], toward: [ce * ca, ce * sa, se] }
    }

    /// The direction from the center of the box to the eye.
    pub fn toward(&self) -> [f64; 3] {
        self.toward
    }

    /// The direction from a point of the box to the eye, of length 1.
    pub fn toward_eye(&self, point: [f64; 3]) -> [f64; 3] {
        if self.camera.orthographic {
            return self.toward;
        }
        let center = [0.0, 0.0, HEIGHT / 2.0];
        let way = [0, 1, 2].map(|i| center[i] + DISTANCE * self.toward[i] - point[i]);
        let length = way.iter().map(|v| v * v).sum::<f64>().sqrt();
        way.map(|v| v / length)
    }

    /// The direction from which light comes: over the left shoulder of the eye.
    pub fn light(&self) -> [f64; 3] {
        let mixed = [0, 1, 2].map(|i| 0.75 * self.toward[i] - 0.45 * self.right[i] + 0.6 * self.up[i]);
        let length = mixed.iter().map(|v| v * v).sum::<f64>().sqrt();
        mixed.map(|v| v / length)
    }

    /// Where a point of the box is seen.
    pub fn project(&self, point: [f64; 3]) -> Projected {
        let [x, y, toward] = self.view(point);
        let nearness = if self.camera.orthographic { 1.0 } else { (DISTANCE - toward) / DISTANCE };
        let [dx, dy] = self.camera.shift;
        let zoom = self.camera.zoom / nearness.max(0.05);
        Projected { x: x * zoom + dx, y: y * zoom + dy, depth: DISTANCE - toward }
    }

    /// The point in the coordinates of the eye: right, up, toward it.
    fn view(&self, point: [f64; 3]) -> [f64; 3] {
        let from_center = [point[0], point[1], point[2] - HEIGHT / 2.0];
        let along = |axis: &[f64; 3]| axis.iter().zip(&from_center).map(|(a, b)| a * b).sum();
        [along(&self.right), along(&self.up), along(&self.toward)]
    }

    /// The same as a matrix in columns, for homogeneous points, with `scale` from [`Projected`] to clip coordinates of
    /// each axis and depths from 0 (near) to 1 (far).
    pub fn matrix(&self, scale: [f64; 2]) -> [[f32; 4]; 4] {
        let Camera { zoom, shift, orthographic, .. } = self.camera;
        let (near, far) = (DISTANCE - REACH, DISTANCE + REACH);
        // w = 1 − t/D with perspective, else 1, where t is how much closer to the eye than the center the point is
        let (w_slope, z_slope, z_start) = if orthographic {
            (0.0, -1.0 / (far - near), (DISTANCE - near) / (far - near))
        } else {
            let stretch = far / (far - near);
            (-1.0 / DISTANCE, -stretch / DISTANCE, stretch * (DISTANCE - near) / DISTANCE)
        };
        let mut columns = [[0.0; 4]; 4];
        for (i, column) in columns.iter_mut().take(3).enumerate() {
            let (r, u, t) = (self.right[i], self.up[i], self.toward[i]);
            let w = w_slope * t;
            *column = [(r * zoom + shift[0] * w) * scale[0], (u * zoom + shift[1] * w) * scale[1], z_slope * t, w];
        }
        let lift = HEIGHT / 2.0;
        let [x, y, z, w] = columns[2];
        columns[3] =
            [shift[0] * scale[0] - lift * x, shift[1] * scale[1] - lift * y, z_start - lift * z, 1.0 - lift * w];
        columns.map(|column| column.map(|v| v as f32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(matrix: &[[f32; 4]; 4], p: [f64; 3]) -> [f64; 3] {
        let row = |i: usize| f64::from(matrix[3][i]) + (0..3).map(|j| f64::from(matrix[j][i]) * p[j]).sum::<f64>();
        [row(0) / row(3), row(1) / row(3), row(2) / row(3)]
    }

    #[test]
    fn axes_lie_as_in_a_textbook() {
        let from_front = Projector::new(Camera { azimuth: -90.0, elevation: 0.0, ..Camera::default() });
        let at = |p| from_front.project(p);
        assert!((at([1.0, 0.0, HEIGHT / 2.0]).x - 1.0).abs() < 1e-12, "the first axis goes to the right");
        assert!(at([0.0, -1.0, 0.5]).depth < at([0.0, 1.0, 0.5]).depth, "the second one away from the eye");
        assert!(at([0.0, 0.0, 1.0]).y > at([0.0, 0.0, 0.1]).y, "heights go up");
        let above = Projector::new(Camera { azimuth: -90.0, elevation: 90.0, ..Camera::default() });
        assert!((above.project([0.0, 1.0, HEIGHT / 2.0]).y - 1.0).abs() < 1e-9, "from above, the second axis goes up");
    }

    #[test]
    fn nearer_is_larger_but_for_parallel_lines() {
        let size = |orthographic| {
            let p = Projector::new(Camera { azimuth: -90.0, elevation: 0.0, orthographic, ..Camera::default() });
            [-1.0, 1.0].map(|y| p.project([1.0, y, 0.5]).x)
        };
        let [near, far] = size(false);
        assert!((near - 1.25).abs() < 1e-12 && (far - 5.0 / 6.0).abs() < 1e-12, "{near} {far}");
        assert!(size(true).iter().all(|x| (x - 1.0).abs() < 1e-12), "{:?}", size(true));
    }

    #[test]
    fn the_matrix_draws_what_the_projector_says() {
        for orthographic in [false, true] {
            let camera = Camera { azimuth: 33.0, elevation: 51.0, zoom: 1.7, shift: [0.2, -0.1], orthographic };
            let projector = Projector::new(camera);
            let matrix = projector.matrix([0.5, 0.8]);
            let mut depths = Vec::new();
            for p in [[1.0, -1.0, 0.0], [-0.3, 0.9, 1.1], [0.0, 0.0, 0.4], [-1.0, -1.0, 1.1]] {
                let (seen, drawn) = (projector.project(p), clip(&matrix, p));
                assert!((drawn[0] - 0.5 * seen.x).abs() < 1e-5 && (drawn[1] - 0.8 * seen.y).abs() < 1e-5, "{p:?}");
                assert!((0.0..=1.0).contains(&drawn[2]), "{drawn:?}");
                depths.push((seen.depth, drawn[2]));
            }
            depths.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(depths.is_sorted_by(|a, b| a.1 <= b.1), "depths in one order: {depths:?}");
        }
    }
}
