//! Heat maps and their color bar.

use super::axes::given;
use super::canvas::{Anchor, Canvas, Pen, Rect};
use super::fonts::{CAP_HEIGHT, Fonts};
use super::marks::Plot;
use super::palette::{Colormap, Rgb, Theme};
use super::relief::Field;
use super::style::Style;
use super::text::Label;
use super::ticks::{short, ticks};
use super::{Figure, Mark, Scale};

/// More cells than this become one image.
const VECTOR_CELLS: usize = 2500;

/// The color bar of a figure: range of the values and label.
pub(super) struct Bar {
    range: [f64; 2],
    scale: Scale,
    colors: Colors,
    label: Label,
}

/// How the bar is colored.
enum Colors {
    /// Smoothly.
    Map(Colormap),
    /// In bands: where each begins and its color.
    Bands(Vec<(f64, Rgb)>),
}

impl Bar {
    /// Of the first heat map or surface with a defined value.
    pub(super) fn of(figure: &Figure) -> Option<Self> {
        figure.series.iter().find_map(|s| match &s.mark {
            Mark::Heatmap { values, diverging, label, .. } => {
                let (range, map) = range(values, *diverging)?;
                let colors = Colors::Map(map);
                Some(Self { range, scale: Scale::Linear, colors, label: Label::plain(label) })
            }
            Mark::Contour(surface) => {
                let range = surface.limits()?;
                let (begins, shades) = (std::iter::once(range[0]).chain(surface.levels()), surface.shades());
                let colors = Colors::Bands(begins.map(|v| (v, shades.color(v, Theme::Light))).collect());
                Some(Self { range, scale: surface.usable_scale(), colors, label: Label::plain(&surface.label) })
            }
            Mark::Surface { map, .. } => {
                let field = Field::of(figure)?;
                let (range, scale, colors) = (field.range, field.scale(), Colors::Map(field.map()));
                Some(Self { range, scale, colors, label: Label::plain(&map.label) })
            }
            _ => None,
        })
    }

    /// Room that it needs at the right of the axes.
    pub(super) fn width(&self, fonts: &Fonts, style: &Style, height: f64) -> f64 {
        let marks = ticks(self.scale, self.range, 1.0, most(style, height));
        let text = marks.major.iter().map(|t| fonts.width(&t.label, style.tick, false)).fold(0.0, f64::max);
        let label = if self.title(marks.exponent).is_empty() { 0.0 } else { Style::row(style.label) + style.gap() };
        Self::offset(style) + Self::thickness(style) + style.tick_length() + style.gap() + text + label
    }

    fn offset(style: &Style) -> f64 {
        style.tick * 0.9
    }

    fn thickness(style: &Style) -> f64 {
        style.tick
    }

    fn title(&self, exponent: i32) -> Label {
        let mut label = self.label.clone();
        if exponent != 0 {
            label.push(if label.is_empty() { "×10" } else { " (×10" }, false);
            label.push(&exponent.to_string().replace('-', "−"), true);
            label.push(if self.label.is_empty() { "" } else { ")" }, false);
        }
        label
    }

    /// Draws it right of the axes `plot`.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, plot: Rect, style: &Style) {
        let r = Rect { x: plot.right() + Self::offset(style), y: plot.y, w: Self::thickness(style), h: plot.h };
        self.draw_colors(canvas, r, style);
        let pen = Pen::solid(style.theme.ink(), style.axis);
        canvas.frame(r, &pen);
        let marks = ticks(self.scale, self.range, 1.0, most(style, r.h));
        let mut widest = 0f64;
        for tick in &marks.major {
            let y = self.height_of(tick.value, r);
            canvas.line([r.right(), y], [r.right() + style.tick_length(), y], &pen);
            let at = [r.right() + style.tick_length() + style.gap(), y + style.tick * CAP_HEIGHT / 2.0];
            canvas.text(&tick.label, at, style.text(style.tick, Anchor::Start));
            widest = widest.max(canvas.fonts().width(&tick.label, style.tick, false));
        }
        let title = canvas.fonts().fit(&self.title(marks.exponent), style.label, r.h * 1.2);
        let x = r.right() + style.tick_length() + 2.0 * style.gap() + widest + style.label * 0.85;
        let turned = super::canvas::TextStyle { rotate: -90.0, ..style.text(style.label, Anchor::Middle) };
        canvas.text(&title, [x, r.y + r.h / 2.0], turned);
    }
}

impl Bar {
    /// Where a value is on the bar.
    fn height_of(&self, value: f64, r: Rect) -> f64 {
        let [low, high] = self.range;
        let t = match self.scale {
            Scale::Linear | Scale::Symlog => (value - low) / (high - low),
            Scale::Log => (value / low).ln() / (high / low).ln(),
        };
        r.bottom() - t * r.h
    }

    fn draw_colors(&self, canvas: &mut Canvas<'_>, r: Rect, style: &Style) {
        const STEPS: usize = 64;
        match &self.colors {
            Colors::Map(map) => {
                let step = r.h / STEPS as f64;
                for i in 0..STEPS {
                    // Each step reaches under the next one, so that no seam shows.
                    let y = r.y + step * i as f64;
                    let t = 1.0 - (i as f64 + 0.5) / STEPS as f64;
                    let h = if i + 1 == STEPS { step } else { step * 1.5 };
                    canvas.rect(Rect { y, h, ..r }, map.at(t, style.theme), 1.0);
                }
            }
            // Each band covers the upper part of the one below it.
            Colors::Bands(bands) => {
                for (value, color) in bands {
                    let bottom = self.height_of(*value, r).clamp(r.y, r.bottom());
                    canvas.rect(Rect { h: bottom - r.y, ..r }, *color, 1.0);
                }
            }
        }
    }
}

fn most(style: &Style, height: f64) -> usize {
    (height / (style.tick * 2.4)).clamp(2.0, 8.0) as usize
}

/// The range of the defined values, symmetric about zero for diverging maps; none without values.
pub(super) fn range(values: &[f64], diverging: bool) -> Option<([f64; 2], Colormap)> {
    let defined = values.iter().copied().filter(|v| v.is_finite());
    let [low, high] = defined.fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(v), b.max(v)]);
    if low > high {
        return None;
    }
    if diverging {
        let reach = low.abs().max(high.abs());
        let reach = if reach > 0.0 { reach } else { 1.0 };
        return Some(([-reach, reach], Colormap::Diverging));
    }
    let room = if high > low { 0.0 } else { high.abs().max(1.0) * 0.5 };
    Some(([low - room, high + room], Colormap::Viridis))
}

/// Draws the cells, row by row from the top; undefined ones gray.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    figure: &Figure,
    plot: &Plot<'_>,
    (columns, values, diverging): (usize, &[f64], bool),
    style: &Style,
) {
    let Some((range, map)) = range(values, diverging) else { return };
    let rows = values.len() / columns.max(1);
    let color = |v: f64| {
        let [low, high] = range;
        if v.is_finite() { map.at((v - low) / (high - low), style.theme) } else { style.theme.missing() }
    };
    let field = field(figure, plot, columns, rows);
    if values.len() > VECTOR_CELLS {
        let colors: Vec<Rgb> = values.iter().map(|v| color(*v)).collect();
        if let Ok(png) = super::png::pixels(columns, &colors) {
            canvas.image(field, &png);
        }
        return;
    }
    let (w, h) = (field.w / columns as f64, field.h / rows as f64);
    for (i, value) in values.iter().enumerate() {
        let (column, row) = (i % columns, i / columns);
        let last = (column + 1 == columns, row + 1 == rows);
        // Cells reach under their right and lower neighbors, so that no seam shows.
        let under = |last: bool| if last { 0.0 } else { 0.4 };
        let cell = Rect {
            x: field.x + w * column as f64,
            y: field.y + h * row as f64,
            w: w + under(last.0),
            h: h + under(last.1),
        };
        canvas.rect(cell, color(*value), 1.0);
    }
    annotate(canvas, field, columns, values, &color, style);
}

/// Where the cells are: around their categories, or all over a given range.
fn field(figure: &Figure, plot: &Plot<'_>, columns: usize, rows: usize) -> Rect {
    let mut field = plot.rect;
    if given(&figure.x).is_none() {
        field.x = plot.px(-0.5);
        field.w = plot.px(columns as f64 - 0.5) - field.x;
    }
    if given(&figure.y).is_none() {
        field.y = plot.py(-0.5);
        field.h = plot.py(rows as f64 - 0.5) - field.y;
    }
    field
}

/// Writes the values into the cells when all of them fit.
fn annotate(
    canvas: &mut Canvas<'_>,
    field: Rect,
    columns: usize,
    values: &[f64],
    color: &dyn Fn(f64) -> Rgb,
    style: &Style,
) {
    let (w, h) = (field.w / columns as f64, field.h / (values.len() / columns) as f64);
    let texts: Vec<Label> = cell_texts(values).iter().map(|text| Label::plain(text)).collect();
    let widest = texts.iter().map(|t| canvas.fonts().width(t, style.tick, false)).fold(0.0, f64::max);
    let room = style.tick * 0.3;
    if widest + room > w || style.tick + room > h {
        return;
    }
    for (i, (text, value)) in texts.iter().zip(values).enumerate() {
        let x = field.x + w * ((i % columns) as f64 + 0.5);
        let y = field.y + h * ((i / columns) as f64 + 0.5) + style.tick * CAP_HEIGHT / 2.0;
        let ink = super::canvas::TextStyle { color: color(*value).ink(), ..style.text(style.tick, Anchor::Middle) };
        canvas.text(text, [x, y], ink);
    }
}

/// The values with as many digits after the point as the largest of them wants, or each in its own way when they
/// differ too much.
fn cell_texts(values: &[f64]) -> Vec<String> {
    let defined = || values.iter().filter(|v| v.is_finite());
    let largest = defined().fold(0f64, |m, v| m.max(v.abs()));
    if !(0.1..1e4).contains(&largest) {
        return values.iter().map(|v| short(*v)).collect();
    }
    let decimals = match largest {
        _ if defined().all(|v| v.fract() == 0.0) => 0,
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    values.iter().map(|v| if v.is_finite() { super::text::decimal(*v, decimals) } else { short(*v) }).collect()
}
