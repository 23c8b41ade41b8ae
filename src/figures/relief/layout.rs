//! Where box and texts lie in a picture: numbers beyond their marks, names of axes beyond the numbers, all inside.

use super::{Camera, Frame, FrameText, Projector};

/// Sides of what is around the box, in heights of a number: names and numbers left of the upright edge, numbers at the
/// right, numbers and a name below, and half a number above.
const LEFT: f64 = 5.0;
const RIGHT: f64 = 2.0;
const BELOW: f64 = 3.4;
const ABOVE: f64 = 0.6;
/// Width and height of the box with its marks as seen from the side where it is largest, in [`super::Projected`] units.
const BOX: [f64; 2] = [3.06, 2.9];
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
        let shift = [camera.shift[0] + self.shift[0], camera.shift[1] + self.shift[1]];
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

    /// The middle of each text of `frame`, given its width and height; none where a number would lie on another.
    pub fn texts(&self, frame: &Frame, size: &dyn Fn(&FrameText) -> [f64; 2]) -> Vec<Option<[f64; 2]>> {
        let mut taken: Vec<Place> = Vec::new();
        let mut middles = vec![None; frame.texts.len()];
        for titles in [false, true] {
            for (text, middle) in frame.texts.iter().zip(&mut middles).filter(|(t, _)| t.is_title == titles) {
                let [w, h] = size(text);
                let half = if text.is_upright { [h / 2.0, w / 2.0] } else { [w / 2.0, h / 2.0] };
                let found = if titles { Some(self.title(text, half, &taken)) } else { self.number(text, half, &taken) };
                taken.extend(found);
                *middle = found.map(|place| place.middle);
            }
        }
        middles
    }

    fn number(&self, text: &FrameText, half: [f64; 2], taken: &[Place]) -> Option<Place> {
        let place = self.beyond(text, half, self.text * 0.25);
        (!taken.iter().any(|other| other.meets(&place, 0.0))).then_some(place)
    }

    /// As near as the numbers allow.
    fn title(&self, text: &FrameText, half: [f64; 2], taken: &[Place]) -> Place {
        let gap = self.text * 0.2;
        let steps = (0..200).map(|i| self.beyond(text, half, f64::from(i) * self.text * 0.1));
        let mut last = self.beyond(text, half, self.text * 2.0);
        for place in steps {
            let inside = self.inside(place);
            if !taken.iter().any(|other| other.meets(&inside, gap)) {
                return inside;
            }
            last = inside;
        }
        last
    }

    /// A text that lies beyond its point by `by`.
    fn beyond(&self, text: &FrameText, half: [f64; 2], by: f64) -> Place {
        let ([x, y], [across, up]) = (self.place(text.at), text.outward);
        Place { middle: [x + across * (half[0] + by), y - up * (half[1] + by)], half }
    }

    fn inside(&self, place: Place) -> Place {
        let [left, top, width, height] = self.rect;
        let within = |middle: f64, half: f64, low: f64, size: f64| middle.min(low + size - half).max(low + half);
        let [x, y] = place.middle;
        let middle = [within(x, place.half[0], left, width), within(y, place.half[1], top, height)];
        Place { middle, ..place }
    }
}

/// The rectangle of a text.
#[derive(Clone, Copy, Debug)]
struct Place {
    middle: [f64; 2],
    half: [f64; 2],
}

impl Place {
    fn meets(&self, other: &Self, gap: f64) -> bool {
        (0..2).all(|i| (self.middle[i] - other.middle[i]).abs() < self.half[i] + other.half[i] + gap)
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

    fn size(text: &FrameText) -> [f64; 2] {
        [text.label.text().chars().count() as f64 * 3.6, 7.0]
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
                    let middles = fit.texts(&frame, &size);
                    let place = |(text, middle): (&FrameText, &Option<[f64; 2]>)| {
                        let [w, h] = size(text);
                        let half = if text.is_upright { [h / 2.0, w / 2.0] } else { [w / 2.0, h / 2.0] };
                        middle.map(|middle| Place { middle, half })
                    };
                    let places: Vec<Place> = frame.texts.iter().zip(&middles).filter_map(place).collect();
                    let names = frame.texts.iter().zip(&middles).filter(|(t, m)| t.is_title && m.is_some()).count();
                    assert_eq!(names, 3);
                    for (i, a) in places.iter().enumerate() {
                        assert!(!places[..i].iter().any(|b| a.meets(b, 0.0)), "{width} {azimuth} {elevation}: {a:?}");
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
        assert!((x - (150.0 + 12.0)).abs() < 1e-9 && (y - (130.0 - 11.2)).abs() < 1e-9, "{x} {y}");
        assert!(fit.marks() == 5 && Fit::new([0.0, 0.0, 110.0, 90.0], 8.0).marks() == 2);
    }
}
