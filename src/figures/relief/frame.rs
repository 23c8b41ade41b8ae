//! The box around a surface: panes behind it, marks and texts along its edges.

use super::super::text::Label;
use super::super::ticks::{Ticks, axis_title, ticks};
use super::super::{Axis, Figure, Mark, Scale};
use super::{Field, HEIGHT, Projector};

/// How long marks are, in units of the box.
const MARK: f64 = 0.05;

/// Lines and texts on the screen, in the units of [`super::Projected`].
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Behind the surface.
    pub back: Vec<FrameLine>,
    /// Marks, in front of it.
    pub marks: Vec<FrameLine>,
    /// Texts, in front of it.
    pub texts: Vec<FrameText>,
}

/// A straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameLine {
    /// One end.
    pub from: [f64; 2],
    /// The other.
    pub to: [f64; 2],
    /// An edge of the box, not a line of the grid.
    pub is_edge: bool,
}

/// A text beside the box.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameText {
    /// The end of its mark, or for a name that of a mark in the middle of the axis.
    pub at: [f64; 2],
    /// The direction away from the box, of length 1: the text lies beyond `at` in this direction.
    pub outward: [f64; 2],
    /// What it says.
    pub label: Label,
    /// The name of an axis, not a number.
    pub is_title: bool,
    /// The axis: 0 and 1 on the floor, 2 upright.
    pub axis: usize,
    /// The axis on the screen, from its start to its end.
    pub along: [f64; 2],
}

/// One axis of the box, ready to be marked.
struct Edge {
    /// From its start to its end, on the edge that carries the marks.
    ends: [[f64; 3]; 2],
    /// Away from the box; zero for the upright edge, whose texts stand to the left.
    outward: [f64; 3],
    /// Which axis it carries.
    axis: usize,
}

/// The box of `field` as `projector` sees it, with the axes of `figure` and about `marks` marks on each.
pub fn frame(figure: &Figure, field: &Field, projector: &Projector, marks: usize) -> Frame {
    let toward = projector.toward();
    let near = [0, 1].map(|i| if toward[i] >= 0.0 { 1.0 } else { -1.0 });
    let base = if toward[2] >= 0.0 { 0.0 } else { HEIGHT };
    let mut frame = Frame::default();
    panes(&mut frame, projector, near, base);
    // the upright edge that is seen farthest to the left
    let sides = [[near[0], -near[1]], [-near[0], near[1]]];
    let x_of = |side: &[f64; 2]| projector.project([side[0], side[1], 0.0]).x;
    let side = if x_of(&sides[0]) <= x_of(&sides[1]) { sides[0] } else { sides[1] };
    let edges = [
        Edge { ends: [[-1.0, near[1], base], [1.0, near[1], base]], outward: [0.0, near[1], 0.0], axis: 0 },
        Edge { ends: [[near[0], -1.0, base], [near[0], 1.0, base]], outward: [near[0], 0.0, 0.0], axis: 1 },
        Edge { ends: [[side[0], side[1], 0.0], [side[0], side[1], HEIGHT]], outward: [0.0; 3], axis: 2 },
    ];
    let axes = [
        (figure.x.clone(), field.x, Scale::Linear),
        (figure.y.clone(), field.y, Scale::Linear),
        (Axis { label: height_label(figure), ..Axis::default() }, field.range, field.scale()),
    ];
    for (edge, (axis, range, scale)) in edges.iter().zip(&axes) {
        let ticks = ticks(*scale, *range, 1.0, marks);
        marked(&mut frame, projector, edge, axis, (*range, *scale, ticks), near, base);
    }
    frame
}

/// The label of the color bar is that of the heights.
fn height_label(figure: &Figure) -> String {
    let label = figure.series.iter().find_map(|s| match &s.mark {
        Mark::Surface { map, .. } => Some(map.label.clone()),
        _ => None,
    });
    label.unwrap_or_default()
}

fn line(projector: &Projector, from: [f64; 3], to: [f64; 3], is_edge: bool) -> FrameLine {
    let [from, to] = [from, to].map(|p| {
        let seen = projector.project(p);
        [seen.x, seen.y]
    });
    FrameLine { from, to, is_edge }
}

/// The edges of the three panes behind the surface.
fn panes(frame: &mut Frame, projector: &Projector, near: [f64; 2], base: f64) {
    let [fx, fy] = [-near[0], -near[1]];
    let mut edge = |from, to| frame.back.push(line(projector, from, to, true));
    for (x, y) in [(fx, fy), (near[0], fy), (fx, near[1])] {
        edge([x, y, 0.0], [x, y, HEIGHT]);
    }
    for z in [0.0, HEIGHT] {
        edge([-1.0, fy, z], [1.0, fy, z]);
        edge([fx, -1.0, z], [fx, 1.0, z]);
    }
    edge([-1.0, near[1], base], [1.0, near[1], base]);
    edge([near[0], -1.0, base], [near[0], 1.0, base]);
}

fn marked(
    frame: &mut Frame,
    projector: &Projector,
    edge: &Edge,
    axis: &Axis,
    (range, scale, found): ([f64; 2], Scale, Ticks),
    near: [f64; 2],
    base: f64,
) {
    let [low, high] = range;
    for tick in &found.major {
        let t = match scale {
            Scale::Linear | Scale::Symlog => (tick.value - low) / (high - low),
            Scale::Log => (tick.value / low).ln() / (high / low).ln(),
        };
        if !(-1e-9..=1.0 + 1e-9).contains(&t) {
            continue;
        }
        let at = [0, 1, 2].map(|i| edge.ends[0][i] + t * (edge.ends[1][i] - edge.ends[0][i]));
        grid_lines(frame, projector, edge.axis, at[edge.axis], near, base);
        frame.marks.push(edge.mark(projector, at));
        frame.texts.push(text(projector, edge, at, tick.label.clone(), false));
    }
    let title = axis_title(axis, found.exponent);
    if !title.is_empty() {
        let middle = [0, 1, 2].map(|i| f64::midpoint(edge.ends[0][i], edge.ends[1][i]));
        frame.texts.push(text(projector, edge, middle, title, true));
    }
}

/// The lines on the panes at one mark.
fn grid_lines(frame: &mut Frame, projector: &Projector, axis: usize, at: f64, near: [f64; 2], base: f64) {
    let [fx, fy] = [-near[0], -near[1]];
    let lines = match axis {
        0 => [([at, -1.0, base], [at, 1.0, base]), ([at, fy, 0.0], [at, fy, HEIGHT])],
        1 => [([-1.0, at, base], [1.0, at, base]), ([fx, at, 0.0], [fx, at, HEIGHT])],
        _ => [([-1.0, fy, at], [1.0, fy, at]), ([fx, -1.0, at], [fx, 1.0, at])],
    };
    frame.back.extend(lines.map(|(from, to)| line(projector, from, to, false)));
}

impl Edge {
    /// The direction on the screen in which texts of this edge lie: away from the box, or to the left of the upright one.
    fn outward_on_screen(&self, projector: &Projector, at: [f64; 3]) -> [f64; 2] {
        if self.axis == 2 {
            return [-1.0, 0.0];
        }
        let (on, off) = (projector.project(at), projector.project(self.beyond(at)));
        let away = [off.x - on.x, off.y - on.y];
        let length = away[0].hypot(away[1]);
        if length > 1e-9 { away.map(|v| v / length) } else { [0.0, -1.0] }
    }

    /// The edge on the screen; heights go straight up.
    fn along(&self, projector: &Projector) -> [f64; 2] {
        let [from, to] = self.ends.map(|end| projector.project(end));
        if self.axis == 2 { [0.0, to.y - from.y] } else { [to.x - from.x, to.y - from.y] }
    }

    /// The end of a mark that begins at a point of the edge.
    fn beyond(&self, at: [f64; 3]) -> [f64; 3] {
        [0, 1, 2].map(|i| at[i] + self.outward[i] * MARK)
    }

    /// Where that end is seen. What is left of the upright edge keeps its distance there.
    fn end_of_mark(&self, projector: &Projector, at: [f64; 3]) -> [f64; 2] {
        if self.axis == 2 {
            let on = projector.project(at);
            return [on.x - MARK, on.y];
        }
        let off = projector.project(self.beyond(at));
        [off.x, off.y]
    }

    fn mark(&self, projector: &Projector, at: [f64; 3]) -> FrameLine {
        let on = projector.project(at);
        FrameLine { from: [on.x, on.y], to: self.end_of_mark(projector, at), is_edge: true }
    }
}

fn text(projector: &Projector, edge: &Edge, at: [f64; 3], label: Label, is_title: bool) -> FrameText {
    FrameText {
        at: edge.end_of_mark(projector, at),
        outward: edge.outward_on_screen(projector, at),
        along: edge.along(projector),
        label,
        is_title,
        axis: edge.axis,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::relief::{Camera, Relief};
    use crate::figures::{Contour, Rows, Series};

    fn example() -> Figure {
        let map = Contour {
            columns: 2,
            values: vec![1.0, 0.0, 3.0, 2.0],
            x: [-2.0, 2.0],
            y: [-2.0, 2.0],
            label: "Loss (nats/token)".into(),
            ..Contour::default()
        };
        let mark = Mark::Surface { map, relief: Relief::default() };
        let axis = |label: &str| Axis { label: label.into(), range: Some([-2.0, 2.0]), ..Axis::default() };
        Figure {
            x: axis("α"),
            y: axis("β"),
            series: vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }],
            ..Figure::default()
        }
    }

    fn framed(camera: Camera) -> Frame {
        let figure = example();
        let field = Field::of(&figure).unwrap();
        frame(&figure, &field, &Projector::new(camera), 5)
    }

    #[test]
    fn all_three_axes_are_named_and_marked_from_every_side() {
        for azimuth in [0.0, 40.0, 130.0, 220.0, 310.0] {
            for elevation in [-40.0, 0.0, 30.0, 89.0] {
                let frame = framed(Camera { azimuth, elevation, ..Camera::default() });
                let titles: Vec<String> = frame.texts.iter().filter(|t| t.is_title).map(|t| t.label.text()).collect();
                assert_eq!(titles, ["α", "β", "Loss (nats/token)"], "{azimuth} {elevation}");
                let numbers = frame.texts.iter().filter(|t| !t.is_title).count();
                assert!(numbers >= 9 && frame.marks.len() == numbers, "{numbers} marks");
            }
        }
    }

    #[test]
    fn numbers_of_the_heights_stand_left_of_the_box() {
        let frame = framed(Camera::default());
        let title = frame.texts.iter().find(|t| t.is_title && t.label.text().starts_with("Loss")).unwrap();
        assert!(title.along[0] == 0.0 && title.along[1] > 0.0 && title.outward == [-1.0, 0.0], "{title:?}");
        let upright = frame.back.iter().filter(|l| l.is_edge).take(3).map(|l| l.from[0].min(l.to[0]));
        let leftmost = upright.fold(f64::INFINITY, f64::min);
        assert!((title.at[0] - leftmost).abs() < 0.15, "beside the edge at {leftmost}: {title:?}");
    }

    #[test]
    fn panes_are_behind_what_is_in_the_box() {
        let projector = Projector::new(Camera::default());
        let toward = projector.toward();
        // every back pane has a normal along an axis; its points are farther than the center along that axis
        assert!(toward[0] > 0.0 && toward[1] < 0.0);
        let center = projector.project([0.0, 0.0, HEIGHT / 2.0]).depth;
        assert!(projector.project([-1.0, 0.0, HEIGHT / 2.0]).depth > center, "the pane x = −1");
        assert!(projector.project([0.0, 1.0, HEIGHT / 2.0]).depth > center, "the pane y = 1");
    }
}
