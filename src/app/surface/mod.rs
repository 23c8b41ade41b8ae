//! A surface in space on the screen: drag to turn, wheel to enlarge, point to read.

mod gpu;
mod mesh;

use std::sync::Arc;

use eframe::egui_wgpu::Callback;
use egui::{
    Color32, Id, Modifiers, Painter, PointerButton, Pos2, Rect, Response, Role, Sense, Stroke, Ui, Vec2, WidgetInfo,
    pos2,
};

use super::style::tokens;
use super::style::tokens::{Tokens, size};
use crate::figures::Figure;
use crate::figures::palette::{Theme, series};
use crate::figures::relief::{Camera, Field, Fit, Frame, FrameText, Place, Projector, Trail, frame, trails};
use crate::figures::{Mark, Relief};

pub use gpu::install;

/// Degrees a point of dragging turns.
const TURN: f64 = 0.4;
/// Points within which a grid point is under the pointer.
const NEAR: f64 = 12.0;

/// A figure as it was drawn last: worked out again only when it or the look of its heights changes.
struct Prepared {
    source: Arc<Figure>,
    /// With the camera of the first drawing; turning changes nothing about the triangles.
    relief: Relief,
    theme: Theme,
    figure: Figure,
    field: Field,
    mesh: Arc<mesh::Mesh>,
}

/// A grid point under the pointer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Picked {
    /// Column of the grid.
    pub column: usize,
    /// Row, from the smallest ordinate.
    pub row: usize,
    /// Abscissa, ordinate and value.
    pub at: [f64; 3],
}

/// Draws the map of values in `figure` as a surface of the size given. Gives the camera that pointer and keys want next,
/// and the point under the pointer; none when there is nothing to draw.
pub fn surface_ui(
    figure: &Arc<Figure>,
    relief: Relief,
    id: Id,
    size: Vec2,
    ui: &mut Ui,
) -> Option<(Camera, Option<Picked>)> {
    let prepared = prepared(figure, relief, id, ui)?;
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Surface: {}", figure.title)));
    let camera = moved(relief.camera, rect, &response, ui);
    let fit = fit(rect);
    let projector = fit.projector(camera);
    let place = |at: [f64; 2]| {
        let [x, y] = fit.place(at);
        pos2(x as f32, y as f32)
    };
    let t = tokens(ui);
    let frame = frame(&prepared.figure, &prepared.field, &projector, fit.marks());
    let painter = ui.painter_at(rect);
    for line in &frame.back {
        let ink = if line.is_edge { t.border_strong } else { t.border };
        painter.line_segment([place(line.from), place(line.to)], Stroke::new(1.0, ink));
    }
    draw_mesh(&prepared, &projector, id, rect, fit.unit, ui);
    for line in &frame.marks {
        painter.line_segment([place(line.from), place(line.to)], Stroke::new(1.0, t.text_soft));
    }
    for trail in trails(&prepared.figure, &prepared.field, &projector) {
        draw_trail(&trail, &place, prepared.theme, &painter);
    }
    draw_texts(&frame, &fit, t, &painter);
    let pointer = response.hover_pos().filter(|_| !response.dragged());
    let picked = pointer.and_then(|at| pick(&prepared.field, &projector, &place, at));
    if let Some((picked, seen)) = picked {
        painter.circle(seen, 4.0, t.accent, Stroke::new(1.5, Color32::WHITE));
        let text = readout(&prepared.figure, picked);
        response.on_hover_ui_at_pointer(|ui| {
            ui.label(text);
        });
    }
    Some((camera, picked.map(|(picked, _)| picked)))
}

fn prepared(source: &Arc<Figure>, relief: Relief, id: Id, ui: &Ui) -> Option<Arc<Prepared>> {
    let theme = if ui.visuals().dark_mode { Theme::Dark } else { Theme::Light };
    let known = ui.data(|d| d.get_temp::<Arc<Prepared>>(id));
    let is_same = |k: &Arc<Prepared>| {
        Arc::ptr_eq(&k.source, source) && k.theme == theme && Relief { camera: relief.camera, ..k.relief } == relief
    };
    if let Some(known) = known.filter(is_same) {
        return Some(known);
    }
    let figure = source.in_space(relief)?;
    let field = Field::of(&figure)?;
    let mesh = Arc::new(mesh::Mesh::new(&field, relief.contours, theme));
    let fresh = Arc::new(Prepared { source: Arc::clone(source), relief, theme, figure, field, mesh });
    ui.data_mut(|d| d.insert_temp(id, Arc::clone(&fresh)));
    Some(fresh)
}

/// The camera after what the pointer and the keys did.
fn moved(camera: Camera, rect: Rect, response: &Response, ui: &Ui) -> Camera {
    let mut camera = camera;
    if response.double_clicked() {
        return Camera { orthographic: camera.orthographic, ..Camera::default() };
    }
    let unit = fit(rect).unit;
    let by = response.drag_delta();
    let shifts = response.dragged_by(PointerButton::Secondary)
        || response.dragged_by(PointerButton::Middle)
        || ui.input(|i| i.modifiers.contains(Modifiers::SHIFT));
    if response.dragged() && shifts {
        camera.shift = [camera.shift[0] + f64::from(by.x) / unit, camera.shift[1] - f64::from(by.y) / unit];
    } else if response.dragged() {
        camera = camera.turned(-f64::from(by.x) * TURN, f64::from(by.y) * TURN);
    }
    if response.hovered() {
        let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta.y, i.zoom_delta()));
        camera = camera.zoomed(f64::from(pinch) * (f64::from(scroll) / 300.0).exp());
    }
    if response.has_focus() {
        const STEP: f64 = 5.0;
        let pressed = |key| ui.input(|i| i.key_pressed(key));
        for (key, azimuth, elevation) in [
            (egui::Key::ArrowLeft, -STEP, 0.0),
            (egui::Key::ArrowRight, STEP, 0.0),
            (egui::Key::ArrowUp, 0.0, STEP),
            (egui::Key::ArrowDown, 0.0, -STEP),
        ] {
            if pressed(key) {
                camera = camera.turned(azimuth, elevation);
            }
        }
        for (key, factor) in [(egui::Key::PageUp, 1.15), (egui::Key::PageDown, 1.0 / 1.15)] {
            if pressed(key) {
                camera = camera.zoomed(factor);
            }
        }
    }
    if response.clicked() {
        response.request_focus();
    }
    camera
}

fn draw_mesh(prepared: &Prepared, projector: &Projector, id: Id, rect: Rect, unit: f64, ui: &Ui) {
    let pixels = |points: f32| ((points * ui.ctx().pixels_per_point()).round() as u32).max(1);
    let scale = [2.0 * unit / f64::from(rect.width()), 2.0 * unit / f64::from(rect.height())];
    let mut view = [0.0; 24];
    let matrix = projector.matrix(scale);
    let light = projector.light().map(|v| v as f32);
    let ink = if prepared.theme == Theme::Dark { 0.0 } else { 0.1 };
    let rest = [light[0], light[1], light[2], prepared.relief.contours as f32, ink, ink, ink, 1.0];
    view.iter_mut().zip(matrix.iter().flatten().chain(&rest)).for_each(|(to, from)| *to = *from);
    let size = [pixels(rect.width()), pixels(rect.height())];
    let draw = gpu::Draw { id, mesh: Arc::clone(&prepared.mesh), view, size };
    ui.painter_at(rect).add(Callback::new_paint_callback(rect, draw));
}

fn fit(rect: Rect) -> Fit {
    let rect = [rect.left(), rect.top(), rect.width(), rect.height()].map(f64::from);
    Fit::new(rect, f64::from(size::SMALL))
}

/// A line with a point at each of its stations; what the surface hides is pale.
fn draw_trail(trail: &Trail, place: &dyn Fn([f64; 2]) -> Pos2, theme: Theme, painter: &Painter) {
    let c = series(trail.color, theme);
    let ink = |is_hidden: bool| Color32::from_rgb(c.r, c.g, c.b).gamma_multiply(if is_hidden { 0.35 } else { 1.0 });
    for piece in &trail.pieces {
        painter.line_segment([place(piece.from), place(piece.to)], Stroke::new(2.0, ink(piece.is_hidden)));
    }
    for station in &trail.stations {
        let radius = if station.is_last { 5.0 } else { 3.0 };
        painter.circle(place(station.at), radius, ink(station.is_hidden), Stroke::new(1.0, Color32::WHITE));
    }
}

fn draw_texts(frame: &Frame, fit: &Fit, t: &Tokens, painter: &Painter) {
    let galley = |text: &FrameText| {
        let (ink, points) = if text.is_title { (t.text, size::BODY) } else { (t.text_soft, size::SMALL) };
        let laid = |points| painter.layout_no_wrap(text.label.text(), egui::FontId::proportional(points), ink);
        let galley = laid(points);
        // a name that is longer than its axis is set smaller
        let is_long = text.is_title && f64::from(galley.size().x) > fit.longest(text);
        if is_long { laid(size::SMALL) } else { galley }
    };
    let galleys: Vec<_> = frame.texts.iter().map(galley).collect();
    let extent = |text: &FrameText| {
        let size = galley(text).size();
        [f64::from(size.x), f64::from(size.y)]
    };
    let places = fit.texts(frame, &extent);
    for (galley, place) in galleys.into_iter().zip(places) {
        let Some(Place { middle: [x, y], half, angle }) = place else { continue };
        let (sin, cos) = angle.sin_cos();
        let corner = [x - half[0] * cos + half[1] * sin, y - half[0] * sin - half[1] * cos];
        let corner = pos2(corner[0] as f32, corner[1] as f32);
        painter.add(egui::epaint::TextShape::new(corner, galley, t.text).with_angle(angle as f32));
    }
}

/// The grid point under the pointer that is nearest to the eye, and where it is seen.
fn pick(
    field: &Field,
    projector: &Projector,
    place: &dyn Fn([f64; 2]) -> Pos2,
    pointer: Pos2,
) -> Option<(Picked, Pos2)> {
    let mut best: Option<(f64, usize, usize, Pos2)> = None;
    for row in 0..field.rows {
        for column in 0..field.columns {
            let point = field.point(column, row);
            if !point[2].is_finite() {
                continue;
            }
            let seen = projector.project(point);
            let at = place([seen.x, seen.y]);
            let away = f64::from(at.distance(pointer));
            // a point in front hides one behind it, unless the other is much closer to the pointer
            let cost = seen.depth + 0.05 * away;
            if away < NEAR && best.is_none_or(|(least, ..)| cost < least) {
                best = Some((cost, column, row, at));
            }
        }
    }
    let (_, column, row, at) = best?;
    let along = |[from, to]: [f64; 2], i: usize, n: usize| from + (to - from) * i as f64 / (n - 1) as f64;
    let value = *field.values.get(row * field.columns + column)?;
    let picked =
        Picked { column, row, at: [along(field.x, column, field.columns), along(field.y, row, field.rows), value] };
    Some((picked, at))
}

fn readout(figure: &Figure, picked: Picked) -> String {
    let label = figure.series.iter().find_map(|s| match &s.mark {
        Mark::Surface { map, .. } => Some(map.label.clone()),
        _ => None,
    });
    let short = |v: f64| crate::figures::ticks::short((v * 1e4).round() / 1e4);
    let [x, y, value] = picked.at;
    format!(
        "{}: {}\n{}: {}\n{}: {}",
        figure.x.label,
        short(x),
        figure.y.label,
        short(y),
        label.unwrap_or_default(),
        crate::figures::ticks::short(value)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Axis, Contour, Rows, Series};

    fn hill() -> Figure {
        let n = 21;
        let at = |i: usize| i as f64 / 10.0 - 1.0;
        let values = (0..n * n).map(|i| 1.0 - at(i % n).powi(2) - at(i / n).powi(2)).collect();
        let map = Contour {
            columns: n,
            values,
            x: [-1.0, 1.0],
            y: [-1.0, 1.0],
            label: "Loss".to_owned(),
            ..Contour::default()
        };
        let mark = Mark::Surface { map, relief: Relief::default() };
        let axis = |label: &str| Axis { label: label.to_owned(), range: Some([-1.05, 1.05]), ..Axis::default() };
        Figure {
            x: axis("α"),
            y: axis("β"),
            series: vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }],
            ..Figure::default()
        }
    }

    #[test]
    fn the_top_of_a_hill_is_picked_where_it_is_seen() {
        let figure = hill();
        let field = Field::of(&figure).unwrap();
        let projector = Projector::new(Camera::default());
        let place = |[x, y]: [f64; 2]| pos2(200.0 + 100.0 * x as f32, 200.0 - 100.0 * y as f32);
        let top = projector.project(field.point(10, 10));
        let (picked, _) = pick(&field, &projector, &place, place([top.x, top.y])).unwrap();
        assert_eq!((picked.column, picked.row), (10, 10));
        assert!(picked.at[0].abs() < 1e-9 && (picked.at[2] - 1.0).abs() < 1e-9, "{picked:?}");
        assert!(readout(&figure, picked).contains("Loss: 1"), "{}", readout(&figure, picked));
        assert!(pick(&field, &projector, &place, pos2(-500.0, 0.0)).is_none());
    }
}
