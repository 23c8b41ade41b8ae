//! A surface as vectors.

use super::super::Figure;
use super::super::canvas::{Anchor, Canvas, Pen, Rect, TextStyle, moves};
use super::super::fonts::CAP_HEIGHT;
use super::super::style::Style;
use super::contour::{cell_lines, levels};
use super::facets::{Facet, facets};
use super::{Field, Frame, FrameText, HEIGHT, Projector, Relief, frame};

/// Draws `figure` as a surface into `rect`. False when it holds no grid of values.
pub(in super::super) fn draw(
    canvas: &mut Canvas<'_>,
    figure: &Figure,
    relief: &Relief,
    rect: Rect,
    style: &Style,
) -> bool {
    let Some(field) = Field::of(figure) else { return false };
    let projector = Projector::new(relief.camera);
    let unit = Projector::unit([rect.w, rect.h]);
    let middle = [rect.x + rect.w / 2.0, rect.y + rect.h / 2.0];
    let place = |[x, y]: [f64; 2]| [middle[0] + x * unit, middle[1] - y * unit];
    let frame = frame(figure, &field, &projector);
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
    for text in &frame.texts {
        draw_text(canvas, text, &place, rect, style);
    }
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

fn draw_text(
    canvas: &mut Canvas<'_>,
    text: &FrameText,
    place: &dyn Fn([f64; 2]) -> [f64; 2],
    rect: Rect,
    style: &Style,
) {
    let size = if text.is_title { style.label } else { style.tick };
    let [x, y] = place(text.at);
    let half = canvas.fonts().width(&text.label, size, false) / 2.0;
    if text.is_upright {
        let turned = TextStyle { rotate: -90.0, ..style.text(size, Anchor::Middle) };
        return canvas.text(
            &text.label,
            [x.max(rect.x + size), y.max(rect.y + half).min(rect.bottom() - half)],
            turned,
        );
    }
    // the text begins, ends or has its middle at the point, whatever lies away from the box, and stays inside
    let middle = match text.outward[0] {
        side if side > 0.35 => x + half,
        side if side < -0.35 => x - half,
        _ => x,
    };
    let middle = middle.max(rect.x + half).min(rect.right() - half);
    let down = size * CAP_HEIGHT * (0.5 - 0.5 * text.outward[1]);
    canvas.text(&text.label, [middle, (y + down).min(rect.bottom())], style.text(size, Anchor::Middle));
}
