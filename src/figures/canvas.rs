//! Writes SVG: shapes and text in points, y downward.

use std::fmt::Write as _;

use super::fonts::{Fonts, RAISE, SUPERSCRIPT};
use super::palette::{Marker, Rgb};
use super::text::{Label, put};

/// A rectangle in points.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rect {
    /// Left edge.
    pub(super) x: f64,
    /// Top edge.
    pub(super) y: f64,
    /// Width.
    pub(super) w: f64,
    /// Height.
    pub(super) h: f64,
}

impl Rect {
    pub(super) fn right(self) -> f64 {
        self.x + self.w
    }

    pub(super) fn bottom(self) -> f64 {
        self.y + self.h
    }

    pub(super) fn contains(self, [x, y]: [f64; 2]) -> bool {
        x >= self.x && x <= self.right() && y >= self.y && y <= self.bottom()
    }

    pub(super) fn grow(self, by: f64) -> Self {
        Self { x: self.x - by, y: self.y - by, w: self.w + 2.0 * by, h: self.h + 2.0 * by }
    }
}

/// Which point of a text is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextStyle {
    /// Size in points.
    pub(super) size: f64,
    pub(super) color: Rgb,
    pub(super) bold: bool,
    pub(super) anchor: Anchor,
    /// Clockwise, degrees, about the given point.
    pub(super) rotate: f64,
}

/// How a line looks.
#[derive(Clone, Debug)]
pub(super) struct Pen<'a> {
    pub(super) color: Rgb,
    /// Width in points.
    pub(super) width: f64,
    /// Lengths in multiples of the width; empty for solid.
    pub(super) dash: &'a [f64],
    pub(super) opacity: f64,
}

impl Pen<'_> {
    pub(super) fn solid(color: Rgb, width: f64) -> Self {
        Self { color, width, dash: &[], opacity: 1.0 }
    }
}

/// An SVG being written.
pub(super) struct Canvas<'a> {
    out: String,
    fonts: &'a Fonts,
    /// Writes characters as given, also those that are drawn as boxes: a viewer of the SVG may have the font.
    keeps_text: bool,
    clips: usize,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(fonts: &'a Fonts, keeps_text: bool) -> Self {
        Self { out: String::new(), fonts, keeps_text, clips: 0 }
    }

    pub(super) fn fonts(&self) -> &'a Fonts {
        self.fonts
    }

    /// What was written.
    pub(super) fn finish(self) -> String {
        self.out
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        self.out.write_fmt(text).unwrap_or_default();
    }

    pub(super) fn rect(&mut self, r: Rect, fill: Rgb, opacity: f64) {
        let opacity = opacity_attribute("fill-opacity", opacity);
        self.write(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"{opacity}/>\n",
            num(r.x),
            num(r.y),
            num(r.w),
            num(r.h),
            fill.css()
        ));
    }

    pub(super) fn frame(&mut self, r: Rect, pen: &Pen<'_>) {
        let corners = [[r.x, r.y], [r.right(), r.y], [r.right(), r.bottom()], [r.x, r.bottom()]];
        self.path(&format!("{}Z", moves(&corners)), pen);
    }

    pub(super) fn line(&mut self, from: [f64; 2], to: [f64; 2], pen: &Pen<'_>) {
        self.path(&moves(&[from, to]), pen);
    }

    /// An open path through points.
    pub(super) fn polyline(&mut self, points: &[[f64; 2]], pen: &Pen<'_>) {
        if points.len() > 1 {
            self.path(&moves(points), pen);
        }
    }

    /// A stroked path; a group of short lines is one path.
    pub(super) fn path(&mut self, d: &str, pen: &Pen<'_>) {
        let dash = if pen.dash.is_empty() {
            String::new()
        } else {
            let lengths: Vec<String> = pen.dash.iter().map(|d| num(d * pen.width)).collect();
            format!(" stroke-dasharray=\"{}\"", lengths.join(" "))
        };
        let (color, width) = (pen.color.css(), num(pen.width));
        let opacity = opacity_attribute("stroke-opacity", pen.opacity);
        self.write(format_args!(
            "<path d=\"{d}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"{dash}{opacity}/>\n"
        ));
    }

    /// A filled polygon.
    pub(super) fn polygon(&mut self, points: &[[f64; 2]], fill: Rgb, opacity: f64) {
        if points.len() > 2 {
            let opacity = opacity_attribute("fill-opacity", opacity);
            self.write(format_args!("<path d=\"{}Z\" fill=\"{}\"{opacity}/>\n", moves(points), fill.css()));
        }
    }

    /// A filled path of closed rings; what lies within an even number of them stays empty.
    pub(super) fn area(&mut self, d: &str, fill: Rgb) {
        if !d.is_empty() {
            self.write(format_args!("<path d=\"{d}\" fill=\"{}\" fill-rule=\"evenodd\"/>\n", fill.css()));
        }
    }

    /// Markers of one series, `size` points across.
    pub(super) fn markers(&mut self, points: &[[f64; 2]], marker: Marker, size: f64, fill: Rgb, opacity: f64) {
        let d: String = points.iter().map(|p| marker_path(marker, *p, size)).collect();
        if d.is_empty() {
            return;
        }
        let opacity = opacity_attribute("opacity", opacity);
        // A hair of background keeps neighbors apart.
        self.write(format_args!(
            "<path d=\"{d}\" fill=\"{}\" stroke=\"#ffffff\" stroke-width=\"0.25\"{opacity}/>\n",
            fill.css()
        ));
    }

    /// An image in PNG, its pixels as sharp squares.
    pub(super) fn image(&mut self, r: Rect, png: &[u8]) {
        use base64::Engine as _;
        let data = base64::engine::general_purpose::STANDARD.encode(png);
        self.write(format_args!(
            "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
             image-rendering=\"optimizeSpeed\" href=\"data:image/png;base64,{data}\"/>\n",
            num(r.x),
            num(r.y),
            num(r.w),
            num(r.h)
        ));
    }

    /// Everything until [`Self::end_group`] is cut to `r`.
    pub(super) fn begin_clip(&mut self, r: Rect) {
        self.clips += 1;
        let n = self.clips;
        self.write(format_args!(
            "<clipPath id=\"clip{n}\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>\n\
             <g clip-path=\"url(#clip{n})\">\n",
            num(r.x),
            num(r.y),
            num(r.w),
            num(r.h)
        ));
    }

    pub(super) fn end_group(&mut self) {
        self.out.push_str("</g>\n");
    }

    /// A line of text whose baseline is at `y`. Each run in a fallback font is placed on its own: renderers would
    /// otherwise shape the whole line in every font.
    pub(super) fn text(&mut self, label: &Label, [x, y]: [f64; 2], style: TextStyle) {
        if label.is_empty() {
            return;
        }
        let runs: Vec<_> = label
            .0
            .iter()
            .flat_map(|s| self.fonts.runs(&s.text, style.bold).into_iter().map(|r| (s.superscript, r)))
            .collect();
        let turn = if style.rotate == 0.0 {
            String::new()
        } else {
            format!(" transform=\"rotate({} {} {})\"", num(style.rotate), num(x), num(y))
        };
        let weight = if style.bold { " font-weight=\"bold\"" } else { "" };
        let (size, color) = (num(style.size), style.color.css());
        let mixed = runs.iter().any(|(_, run)| run.family.is_some());
        let width: f64 =
            runs.iter().map(|(sup, run)| run.width * style.size * if *sup { SUPERSCRIPT } else { 1.0 }).sum();
        let (anchor, mut pen) = match style.anchor {
            Anchor::Start => ("", x),
            Anchor::Middle if mixed => ("", x - width / 2.0),
            Anchor::End if mixed => ("", x - width),
            Anchor::Middle => (" text-anchor=\"middle\"", x),
            Anchor::End => (" text-anchor=\"end\"", x),
        };
        self.write(format_args!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{size}\" fill=\"{color}\"{weight}{anchor}{turn}>",
            num(pen),
            num(y)
        ));
        let mut raised = false;
        for (superscript, run) in runs {
            let text = escape(if self.keeps_text { &run.original } else { &run.drawn });
            let mut attributes = String::new();
            if mixed {
                put(&mut attributes, format_args!(" x=\"{}\"", num(pen)));
            }
            if superscript != raised {
                let shift = if superscript { -RAISE } else { RAISE } * style.size;
                put(&mut attributes, format_args!(" dy=\"{}\"", num(shift)));
                raised = superscript;
            }
            if superscript {
                put(&mut attributes, format_args!(" font-size=\"{}\"", num(style.size * SUPERSCRIPT)));
            }
            if let Some(family) = &run.family {
                put(&mut attributes, format_args!(" font-family=\"{}\"", escape(&format!("'{family}'"))));
            }
            pen += run.width * style.size * if superscript { SUPERSCRIPT } else { 1.0 };
            if attributes.is_empty() {
                self.out.push_str(&text);
            } else {
                self.write(format_args!("<tspan{attributes}>{text}</tspan>"));
            }
        }
        self.out.push_str("</text>\n");
    }
}

fn opacity_attribute(name: &str, opacity: f64) -> String {
    if opacity >= 1.0 { String::new() } else { format!(" {name}=\"{}\"", num(opacity)) }
}

/// A path through points.
pub(super) fn moves(points: &[[f64; 2]]) -> String {
    let mut d = String::with_capacity(points.len() * 12);
    for (index, [x, y]) in points.iter().enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        write!(d, "{letter}{} {}", num(*x), num(*y)).unwrap_or_default();
    }
    d
}

fn marker_path(marker: Marker, [x, y]: [f64; 2], size: f64) -> String {
    let r = size / 2.0;
    let polygon = |corners: &[[f64; 2]]| {
        let placed: Vec<[f64; 2]> = corners.iter().map(|[dx, dy]| [x + dx * r, y + dy * r]).collect();
        moves(&placed) + "Z"
    };
    // Areas of the shapes are about equal.
    match marker {
        Marker::Circle => {
            let (r2, top) = (num(r), num(x - r));
            format!("M{top} {0}a{r2} {r2} 0 1 0 {1} 0a{r2} {r2} 0 1 0 {2} 0Z", num(y), num(2.0 * r), num(-2.0 * r))
        }
        Marker::Square => polygon(&[[-0.88, -0.88], [0.88, -0.88], [0.88, 0.88], [-0.88, 0.88]]),
        Marker::Up => polygon(&[[0.0, -1.2], [1.1, 0.8], [-1.1, 0.8]]),
        Marker::Down => polygon(&[[0.0, 1.2], [1.1, -0.8], [-1.1, -0.8]]),
        Marker::Diamond => polygon(&[[0.0, -1.25], [1.25, 0.0], [0.0, 1.25], [-1.25, 0.0]]),
        Marker::Plus => polygon(&cross()),
        Marker::Cross => polygon(
            &cross()
                .map(|[a, b]| [(a + b) * std::f64::consts::FRAC_1_SQRT_2, (b - a) * std::f64::consts::FRAC_1_SQRT_2]),
        ),
    }
}

fn cross() -> [[f64; 2]; 12] {
    let (a, b) = (0.38, 1.2);
    [[-a, -b], [a, -b], [a, -a], [b, -a], [b, a], [a, a], [a, b], [-a, b], [-a, a], [-b, a], [-b, -a], [-a, -a]]
}

/// A coordinate with at most three digits after the point.
pub(super) fn num(value: f64) -> String {
    let text = format!("{:.3}", if value.is_finite() { value } else { 0.0 });
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Text for XML elements and attributes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
