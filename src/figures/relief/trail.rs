//! Lines that run over a surface, such as the path of checkpoints.

use super::super::{Figure, Mark};
use super::{Field, Projector};

/// Pieces of a straight part of a line, so that it follows the surface.
const PIECES: usize = 24;
/// How far above the surface a line runs, in units of the box.
const LIFT: f64 = 0.012;

/// A line as it is seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trail {
    /// Its color in the palette.
    pub color: usize,
    /// From end to end, in the units of [`super::Projected`]; what lies outside the box or over a hole is left out.
    pub pieces: Vec<TrailPiece>,
    /// The points that the line joins.
    pub stations: Vec<Station>,
}

/// A short straight part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrailPiece {
    /// One end.
    pub from: [f64; 2],
    /// The other.
    pub to: [f64; 2],
    /// Behind the surface.
    pub is_hidden: bool,
}

/// A point of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Station {
    /// Where it is seen.
    pub at: [f64; 2],
    /// Behind the surface.
    pub is_hidden: bool,
    /// The last one of the line.
    pub is_last: bool,
}

/// The lines of `figure` on its surface.
pub fn trails(figure: &Figure, field: &Field, projector: &Projector) -> Vec<Trail> {
    let lines = figure.series.iter().filter_map(|s| match &s.mark {
        Mark::Line { points, .. } => Some((s.color, points)),
        _ => None,
    });
    lines.map(|(color, points)| trail(color, points, field, projector)).collect()
}

fn trail(color: usize, points: &[[f64; 2]], field: &Field, projector: &Projector) -> Trail {
    let seen = |at: [f64; 2]| {
        let [x, y, z] = field.on_surface(at)?;
        let point = [x, y, z + LIFT];
        let at = projector.project(point);
        Some(([at.x, at.y], is_hidden(field, projector, point)))
    };
    let mut trail = Trail { color, ..Trail::default() };
    for ends in points.windows(2) {
        let between = |i: usize| {
            let t = i as f64 / PIECES as f64;
            [0, 1].map(|axis| ends[0][axis] + t * (ends[1][axis] - ends[0][axis]))
        };
        let places: Vec<_> = (0..=PIECES).map(|i| seen(between(i))).collect();
        for pair in places.windows(2) {
            if let [Some((from, a)), Some((to, b))] = *pair {
                trail.pieces.push(TrailPiece { from, to, is_hidden: a && b });
            }
        }
    }
    for (i, point) in points.iter().enumerate() {
        if let Some((at, is_hidden)) = seen(*point) {
            trail.stations.push(Station { at, is_hidden, is_last: i + 1 == points.len() });
        }
    }
    trail
}

/// Whether the surface lies between a point above it and the eye.
fn is_hidden(field: &Field, projector: &Projector, point: [f64; 3]) -> bool {
    const STEP: f64 = 0.02;
    // the way through the box is shorter than this many steps
    const STEPS: u32 = 160;
    let toward = projector.toward_eye(point);
    (1..STEPS).any(|i| {
        let [x, y, z] = [0, 1, 2].map(|axis| point[axis] + f64::from(i) * STEP * toward[axis]);
        field.height([x, y]).is_some_and(|surface| surface > z)
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Camera, HEIGHT};
    use super::*;
    use crate::figures::{Contour, Relief, Rows, Series};

    /// A ridge along the second axis, with a line across it.
    fn ridge() -> Figure {
        let values = (0..3).flat_map(|_| [0.0, 0.0, 1.0, 0.0, 0.0]).collect();
        let map = Contour { columns: 5, values, x: [0.0, 4.0], y: [0.0, 2.0], ..Contour::default() };
        let points = vec![[0.5, 1.0], [3.5, 1.0], [9.0, 1.0]];
        let marks =
            [Mark::Surface { map, relief: Relief::default() }, Mark::Line { points, band: None, dashed: false }];
        let series = marks.map(|mark| Series { name: String::new(), color: 3, mark, rows: Rows::default() });
        Figure { series: series.into(), ..Figure::default() }
    }

    #[test]
    fn a_line_follows_the_surface_and_is_hidden_behind_a_ridge() {
        let figure = ridge();
        let field = Field::of(&figure).unwrap();
        // from the side of the small abscissas, a little above
        let projector = Projector::new(Camera { azimuth: 180.0, elevation: 10.0, ..Camera::default() });
        let [trail] = trails(&figure, &field, &projector).try_into().unwrap();
        assert_eq!((trail.color, trail.stations.len()), (3, 2), "a point outside the box is left out");
        assert_eq!(trail.stations.iter().map(|s| s.is_hidden).collect::<Vec<_>>(), [false, true]);
        let top = projector.project([0.0, 0.0, HEIGHT + LIFT]);
        assert!(trail.pieces.iter().any(|p| (p.to[1] - top.y).abs() < 1e-9 && !p.is_hidden), "over the ridge");
        let hidden = trail.pieces.iter().position(|p| p.is_hidden).unwrap();
        assert!((10..16).contains(&hidden), "from behind the ridge on: {hidden}");
        let above = Projector::new(Camera { azimuth: 180.0, elevation: 89.0, ..Camera::default() });
        assert!(trails(&figure, &field, &above)[0].pieces.iter().all(|p| !p.is_hidden), "all is seen from above");
    }
}
