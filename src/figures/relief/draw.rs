//! A surface as vectors.

use super::super::Figure;
use super::super::canvas::{Anchor, Canvas, Pen, Rect, TextStyle, moves};
use super::super::fonts::CAP_HEIGHT;
use super::super::march::{cell_lines, levels};
use super::super::palette::{Marker, series};
use super::super::style::Style;
use super::facets::{Facet, facets};
use super::{Field, Fit, Frame, FrameText, HEIGHT, Place, Projector, Relief, Trail, frame, trails};

/// Draws `figure` as a surface into `rect`. False when it holds no grid of values.
pub(in super::super) fn draw(
    canvas: &mut Canvas<'_>,
    figure: &Figure,
    relief: &Relief,
    rect: Rect,
    style: &Style,
) -> bool {
    let Some(field) = Field::of(figure) else { return false };
    let fit = Fit::new([rect.x, rect.y, rect.w, rect.h], style.tick);
    let projector = fit.projector(relief.camera);
    let place = |at: [f64; 2]| fit.place(at);
    let frame = frame(figure, &field, &projector, fit.marks());
    canvas.begin_clip(rect);
    draw_back(canvas, &frame, &place, style);
    if projector.toward()[2] >= 0.0 {
        draw_floor(canvas, &field, &projector, relief.contours, &place, style);
    }
    let (cells, _) = facets(&field, &projector, relief.contours, style.theme);
    for cell in &cells {
        draw_cell(canvas, cell, &place, style);
    }
    let marks: String = frame.marks.iter().map(|l| moves(&[place(l.from), place(l.to)])).collect();
    canvas.path(&marks, &Pen::solid(style.theme.ink(), style.axis));
    for trail in trails(figure, &field, &projector) {
        draw_trail(canvas, &trail, &place, style);
    }
    draw_texts(canvas, &frame, &fit, style);
    canvas.end_group();
    true
}

fn draw_back(canvas: &mut Canvas<'_>, frame: &Frame, place: &dyn Fn([f64; 2]) -> [f64; 2], style: &Style) {
    for is_edge in [false, true] {
        let lines = frame.back.iter().filter(|l| l.is_edge == is_edge);
        let d: String = lines.map(|l| moves(&[place(l.from), place(l.to)])).collect();
        let color = if is_edge { style.theme.muted() } else { style.theme.grid() };
        canvas.path(&d, &Pen::solid(color, style.axis));
    }
}

/// The contour lines on the floor, one path a level in the color of its height.
fn draw_floor(
    canvas: &mut Canvas<'_>,
    field: &Field,
    projector: &Projector,
    contours: usize,
    place: &dyn Fn([f64; 2]) -> [f64; 2],
    style: &Style,
) {
    for share in levels([0.0, 1.0], contours) {
        let mut d = String::new();
        for row in 0..field.rows - 1 {
            for column in 0..field.columns - 1 {
                let (a, c) = (field.point(column, row), field.point(column + 1, row + 1));
                let (b, e) = (field.point(column + 1, row), field.point(column, row + 1));
                for line in cell_lines([a[2], b[2], c[2], e[2]], share * HEIGHT) {
                    let ends = line.map(|[s, t]| {
                        let seen = projector.project([a[0] + s * (c[0] - a[0]), a[1] + t * (c[1] - a[1]), 0.0]);
                        place([seen.x, seen.y])
                    });
                    d += &moves(&ends);
                }
            }
        }
        if !d.is_empty() {
            canvas.path(&d, &Pen::solid(field.color(share, style.theme), style.axis * 1.2));
        }
    }
}

fn draw_cell(canvas: &mut Canvas<'_>, cell: &Facet, place: &dyn Fn([f64; 2]) -> [f64; 2], style: &Style) {
    let corners = cell.corners.map(|c| place([c.x, c.y]));
    canvas.polygon(&corners, cell.color, 1.0);
    // a hair of its own color closes the seams between neighbors
    let outline = format!("{}Z", moves(&corners));
    canvas.path(&outline, &Pen::solid(cell.color, 0.15));
    if !cell.lines.is_empty() {
        let d: String = cell.lines.iter().map(|l| moves(&l.map(|p| place([p.x, p.y])))).collect();
        canvas.path(&d, &Pen { opacity: 0.55, ..Pen::solid(style.theme.ink(), style.axis) });
    }
}

/// A line with a point at each of its stations; what the surface hides is pale.
fn draw_trail(canvas: &mut Canvas<'_>, trail: &Trail, place: &dyn Fn([f64; 2]) -> [f64; 2], style: &Style) {
    let color = series(trail.color, style.theme);
    for is_hidden in [true, false] {
        let opacity = if is_hidden { 0.35 } else { 1.0 };
        let pieces = trail.pieces.iter().filter(|p| p.is_hidden == is_hidden);
        let d: String = pieces.map(|p| moves(&[place(p.from), place(p.to)])).collect();
        if !d.is_empty() {
            canvas.path(&d, &Pen { opacity, ..Pen::solid(color, style.line) });
        }
        for station in trail.stations.iter().filter(|s| s.is_hidden == is_hidden) {
            let size = style.line * if station.is_last { 4.0 } else { 2.4 };
            canvas.markers(&[place(station.at)], Marker::Circle, size, color, opacity);
        }
    }
}

fn draw_texts(canvas: &mut Canvas<'_>, frame: &Frame, fit: &Fit, style: &Style) {
    let fonts = canvas.fonts();
    // a name that is longer than its axis is set smaller, and cut when that does not help
    let font = |text: &FrameText| {
        let width = fonts.width(&text.label, style.label, false).max(1.0);
        if text.is_title { style.label * (fit.longest(text) / width).clamp(0.75, 1.0) } else { style.tick }
    };
    let shown = |text: &FrameText| {
        if text.is_title { fonts.fit(&text.label, font(text), fit.longest(text)) } else { text.label.clone() }
    };
    let size = |text: &FrameText| [fonts.width(&shown(text), font(text), false), font(text) * CAP_HEIGHT];
    let places = fit.texts(frame, &size);
    let placed: Vec<_> = frame.texts.iter().zip(places).map(|(text, place)| (text, shown(text), place)).collect();
    for (text, label, place) in placed {
        let Some(Place { middle: [x, y], angle, .. }) = place else { continue };
        // the point of a text is on its base line
        let (down, (sin, cos)) = (font(text) * CAP_HEIGHT / 2.0, angle.sin_cos());
        let style = TextStyle { rotate: angle.to_degrees(), ..style.text(font(text), Anchor::Middle) };
        canvas.text(&label, [x - down * sin, y + down * cos], style);
    }
}
