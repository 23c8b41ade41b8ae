//! Where box and texts lie in a picture: numbers beyond their marks, names of axes beyond the numbers, all inside.

use std::f64::consts::FRAC_PI_2;

use super::{Camera, Frame, FrameText, Projector};

/// Sides of what is around the box, in heights of a number: names and numbers left of the upright edge and at the right,
/// numbers and a name below, and half a number above.
const LEFT: f64 = 4.8;
const RIGHT: f64 = 3.6;
const BELOW: f64 = 3.4;
const ABOVE: f64 = 0.6;
/// Width and height of the box with its marks as seen from the side where it is largest, in [`super::Projected`] units.
const BOX: [f64; 2] = [3.06, 2.7];
/// An edge that is seen shorter than this, in units, is seen end on.
const END_ON: f64 = 0.5;
/// Width of a number on an axis, in heights of a number.
const NUMBER: f64 = 2.4;

/// The place of a surface in a picture; y grows downward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Pixels or points of a [`super::Projected`] unit: the same from every side.
    pub unit: f64,
    /// Left, top, width and height of the picture.
    rect: [f64; 4],
    /// Height of a number.
    text: f64,
    /// How far the box is moved, in units, to make room for the texts.
    shift: [f64; 2],
}

impl Fit {
    /// Of a picture with this left, top, width and height, whose numbers have the height `text`.
    pub fn new(rect: [f64; 4], text: f64) -> Self {
        let room = [rect[2] - (LEFT + RIGHT) * text, rect[3] - (ABOVE + BELOW) * text];
        let unit = (room[0] / BOX[0]).min(room[1] / BOX[1]).max(1.0);
        let shift = [(LEFT - RIGHT) * text / 2.0 / unit, (BELOW - ABOVE) * text / 2.0 / unit];
        Self { unit, rect, text, shift }
    }

    /// The camera with the box moved to its place.
    pub fn projector(&self, camera: Camera) -> Projector {
        // seen from below, the texts of the floor are above
        let up = if camera.elevation >= 0.0 { self.shift[1] } else { -self.shift[1] };
        let shift = [camera.shift[0] + self.shift[0], camera.shift[1] + up];
        Projector::new(Camera { shift, ..camera })
    }

    /// The place of a projected point in the picture.
    pub fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [left, top, width, height] = self.rect;
        [left + width / 2.0 + x * self.unit, top + height / 2.0 - y * self.unit]
    }

    /// How many numbers an axis has room for.
    pub fn marks(&self) -> usize {
        const MOST: f64 = 5.0;
        // an edge is seen at about 1.6 units
        (1.6 * self.unit / (NUMBER * self.text)).ceil().clamp(2.0, MOST) as usize
    }

    /// How long the name of an axis may be to lie along it; that of the heights may be longer than they are.
    pub fn longest(&self, text: &FrameText) -> f64 {
        const LEAST: f64 = 10.0;
        let edge = text.along[0].hypot(text.along[1]) * self.unit;
        if text.axis == 2 { self.rect[3] } else { edge.max(LEAST * self.text) }
    }

    /// Where each text of `frame` lies, given its width and height; none where a number would lie on another.
    pub fn texts(&self, frame: &Frame, size: &dyn Fn(&FrameText) -> [f64; 2]) -> Vec<Option<Place>> {
        let mut places: Vec<Option<Place>> = vec![None; frame.texts.len()];
        for (i, text) in frame.texts.iter().enumerate().filter(|(_, t)| !t.is_title) {
            let place = self.number(text, size(text).map(|v| v / 2.0));
            let is_free = !places.iter().flatten().any(|other| other.meets(&place));
            if let Some(own) = places.get_mut(i).filter(|_| is_free) {
                *own = Some(place);
            }
        }
        let from_below = frame.texts.iter().any(|t| t.is_title && t.axis < 2 && t.outward[1] > 0.3);
        for (i, text) in frame.texts.iter().enumerate().filter(|(_, t)| t.is_title) {
            let numbers = frame.texts.iter().zip(&places).filter(|(t, _)| t.axis == text.axis && !t.is_title);
            let numbers: Vec<Place> = numbers.filter_map(|(_, place)| *place).collect();
            let place = self.title(text, size(text).map(|v| v / 2.0), &numbers, from_below);
            let place = if text.axis == 2 { self.freed(place, &places) } else { place };
            if let Some(own) = places.get_mut(i) {
                *own = Some(place);
            }
        }
        places
    }

    /// A number lies beyond its mark.
    fn number(&self, text: &FrameText, half: [f64; 2]) -> Place {
        let ([x, y], [across, up]) = (self.place(text.at), text.outward);
        let by = self.text * 0.25;
        self.inside(Place { middle: [x + across * (half[0] + by), y - up * (half[1] + by)], half, angle: 0.0 })
    }

    /// A name lies along its axis, beyond the numbers, and reads to the right or upward.
    fn title(&self, text: &FrameText, half: [f64; 2], numbers: &[Place], from_below: bool) -> Place {
        let at = self.place(text.at);
        let [dx, dy] = [text.along[0], -text.along[1]];
        let angle = if text.axis == 2 {
            -FRAC_PI_2
        } else if dx.hypot(dy) < END_ON {
            // along an axis that is seen end on nothing can be read
            0.0
        } else {
            (dy / dx).atan()
        };
        let (sin, cos) = angle.sin_cos();
        let outward = [text.outward[0], -text.outward[1]];
        let sign = if outward[1] * cos - outward[0] * sin >= 0.0 { 1.0 } else { -1.0 };
        let away = [-sin * sign, cos * sign];
        let reach = |corner: [f64; 2]| (corner[0] - at[0]) * away[0] + (corner[1] - at[1]) * away[1];
        let farthest = numbers.iter().flat_map(Place::corners).map(reach).fold(0.0, f64::max);
        let by = farthest + self.text * 0.35 + half[1];
        let middle = [at[0] + by * away[0], at[1] + by * away[1]];
        // a name that is longer than the heights begins where they begin, away from the names of the floor
        let longer = (half[0] - dy.abs() * self.unit / 2.0).max(0.0);
        let lift = match (text.axis, from_below) {
            (2, true) => -longer,
            (2, false) => longer,
            _ => 0.0,
        };
        self.inside(Place { middle: [middle[0], middle[1] - lift], half, angle })
    }

    /// The name of the heights moved along them, then away from them, until it lies on no other text.
    fn freed(&self, place: Place, others: &[Option<Place>]) -> Place {
        const STEPS: i32 = 24;
        let moved = |out: i32, step: i32| {
            let along = f64::from(if step % 2 == 0 { -(step / 2) } else { step / 2 + 1 }) * self.text / 2.0;
            let [x, y] = place.middle;
            self.inside(Place { middle: [x - f64::from(out) * self.text / 2.0, y + along], ..place })
        };
        let all = (0..STEPS).flat_map(|out| (0..2 * STEPS).map(move |step| moved(out, step)));
        let is_free = |place: &Place| !others.iter().flatten().any(|other| other.overlaps(place));
        all.into_iter().find(is_free).unwrap_or(place)
    }

    fn inside(&self, place: Place) -> Place {
        let [left, top, width, height] = self.rect;
        let extent = |axis: usize| {
            let far = |corner: [f64; 2]| (corner[axis] - place.middle[axis]).abs();
            place.corners().into_iter().map(far).fold(0.0, f64::max)
        };
        let within = |middle: f64, half: f64, low: f64, size: f64| middle.min(low + size - half).max(low + half);
        let [x, y] = place.middle;
        let middle = [within(x, extent(0), left, width), within(y, extent(1), top, height)];
        Place { middle, ..place }
    }
}

/// The rectangle of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Its middle.
    pub middle: [f64; 2],
    /// Half of width and height, before it is turned.
    pub half: [f64; 2],
    /// Radians by which it is turned about the middle, clockwise as `y` grows downward.
    pub angle: f64,
}

impl Place {
    /// Of texts that are not turned.
    fn meets(&self, other: &Self) -> bool {
        (0..2).all(|i| (self.middle[i] - other.middle[i]).abs() < self.half[i] + other.half[i])
    }

    /// By their separating axes.
    fn overlaps(&self, other: &Self) -> bool {
        [self.angle, self.angle + FRAC_PI_2, other.angle, other.angle + FRAC_PI_2].into_iter().all(|angle| {
            let (sin, cos) = angle.sin_cos();
            let shadow = |place: &Self| {
                let along = place.corners().map(|[x, y]| x * cos + y * sin);
                along.into_iter().fold([f64::MAX, f64::MIN], |[l, h], v| [l.min(v), h.max(v)])
            };
            let ([a, b], [c, d]) = (shadow(self), shadow(other));
            a < d && c < b
        })
    }

    fn corners(&self) -> [[f64; 2]; 4] {
        let (sin, cos) = self.angle.sin_cos();
        [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]].map(|[i, j]| {
            let [x, y] = [i * self.half[0], j * self.half[1]];
            [self.middle[0] + x * cos - y * sin, self.middle[1] + x * sin + y * cos]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Field, HEIGHT, frame};
    use super::*;
    use crate::figures::{Axis, Contour, Figure, Mark, Relief, Rows, Series};

    fn example() -> Figure {
        let map = Contour {
            columns: 2,
            values: vec![1.0, 0.0, 3.0, 2.0],
            x: [-0.5, 0.5],
            y: [-0.5, 0.5],
            label: "loss (nats/token)".into(),
            ..Contour::default()
        };
        let mark = Mark::Surface { map, relief: Relief::default() };
        let axis = |label: &str| Axis { label: label.into(), ..Axis::default() };
        Figure {
            x: axis("direction 1"),
            y: axis("direction 2"),
            series: vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }],
            ..Figure::default()
        }
    }

    fn size(text: &FrameText, fit: &Fit) -> [f64; 2] {
        let width = text.label.text().chars().count() as f64 * 3.6;
        [if text.is_title { width.min(fit.longest(text)) } else { width }, 7.0]
    }

    /// A third of a page and half a screen, from all sides.
    #[test]
    fn texts_keep_apart_and_inside_and_all_names_are_there() {
        let figure = example();
        let field = Field::of(&figure).unwrap();
        for [width, height] in [[125.0, 105.0], [900.0, 700.0]] {
            let fit = Fit::new([10.0, 20.0, width, height], 7.0);
            for azimuth in [-55.0, -90.0, 20.0, 130.0, 200.0] {
                for elevation in [-30.0, 10.0, 28.0, 60.0] {
                    let projector = fit.projector(Camera { azimuth, elevation, ..Camera::default() });
                    let frame = frame(&figure, &field, &projector, fit.marks());
                    let found = fit.texts(&frame, &|text| size(text, &fit));
                    let names = frame.texts.iter().zip(&found).filter(|(t, p)| t.is_title && p.is_some()).count();
                    assert_eq!(names, 3);
                    let places: Vec<Place> = found.into_iter().flatten().collect();
                    for (i, a) in places.iter().enumerate() {
                        let what = format!("{width} {azimuth} {elevation}: {a:?}");
                        assert!(!places[..i].iter().any(|b| a.overlaps(b)), "{what}");
                        let inside = |[x, y]: [f64; 2]| x > 9.9 && y > 19.9 && x < width + 10.1 && y < height + 20.1;
                        assert!(a.corners().into_iter().all(inside), "{what}");
                    }
                    assert!(places.len() >= 8, "{width} {azimuth} {elevation}: {}", places.len());
                }
            }
        }
    }

    #[test]
    fn the_box_is_moved_to_make_room_at_the_left_and_below() {
        let fit = Fit::new([0.0, 0.0, 300.0, 260.0], 8.0);
        let seen = fit.projector(Camera::default()).project([0.0, 0.0, HEIGHT / 2.0]);
        let [x, y] = fit.place([seen.x, seen.y]);
        assert!((x - (150.0 + 4.8)).abs() < 1e-9 && (y - (130.0 - 11.2)).abs() < 1e-9, "{x} {y}");
        assert!(fit.marks() == 5 && Fit::new([0.0, 0.0, 110.0, 90.0], 8.0).marks() == 2);
    }
}
