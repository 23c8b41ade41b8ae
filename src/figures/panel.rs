//! One figure in its place: margins from measured text, axes, marks, legend.

mod surface;

use super::axes::{Dimension, dimensions, given};
use super::canvas::{Anchor, Canvas, Pen, Rect, TextStyle, moves};
use super::fonts::{CAP_HEIGHT, DESCENT, Fonts};
use super::heat::Bar;
use super::labels::{AxisLabels, lay_out};
use super::legend::{Entry, Legend, best_corner, corners, entries};
use super::margins::Margins;
use super::marks::{self, Plot};
use super::spec::LegendPosition;
use super::style::{Style, wrap};
use super::text::Label;
use super::ticks::axis_title;
use super::{Figure, Mark, Relief, relief};

/// Height over width of a figure without other wishes.
const GOLDEN: f64 = 0.618;
/// The corners in the order of [`corners`].
const CORNERS: [LegendPosition; 4] =
    [LegendPosition::TopRight, LegendPosition::TopLeft, LegendPosition::BottomRight, LegendPosition::BottomLeft];
/// Largest share of the marks that a legend inside may cover.
const COVERED: f64 = 0.005;

/// A figure that knows its text but not yet its place.
pub(super) struct Panel<'a> {
    figure: &'a Figure,
    dims: [Dimension; 2],
    /// (a), (b), … in a composition.
    tag: Option<String>,
    show_title: bool,
    legend: LegendPosition,
    entries: Vec<Entry>,
    bar: Option<Bar>,
    fonts: &'a Fonts,
    style: Style,
}

impl<'a> Panel<'a> {
    pub(super) fn new(figure: &'a Figure, fonts: &'a Fonts, style: Style) -> Self {
        Self {
            figure,
            dims: dimensions(figure),
            tag: None,
            show_title: false,
            legend: LegendPosition::Auto,
            entries: entries(figure, &style),
            bar: Bar::of(figure),
            fonts,
            style,
        }
    }

    pub(super) fn tag(mut self, tag: Option<String>) -> Self {
        self.tag = tag;
        self
    }

    pub(super) fn title(mut self, shown: bool) -> Self {
        self.show_title = shown && !self.figure.title.trim().is_empty();
        self
    }

    /// Decides the place of the legend for a panel of this width.
    pub(super) fn legend(mut self, wish: LegendPosition, width: f64, height: Option<f64>) -> Self {
        self.legend = if self.entries.is_empty() { LegendPosition::None } else { wish };
        if self.legend == LegendPosition::Auto && self.relief().is_some() {
            // a surface leaves no corner that is free from every side
            self.legend = LegendPosition::Bottom;
        }
        if self.legend == LegendPosition::Auto {
            self.legend = LegendPosition::None;
            let outer = Rect { x: 0.0, y: 0.0, w: width, h: height.unwrap_or_else(|| self.natural_height(width)) };
            let plot = self.margins(outer.w, outer.h).inside(outer);
            let legend = self.inside_legend(plot);
            let [w, h] = legend.size();
            let fits = w <= plot.w * 0.7 && h <= plot.h * 0.6;
            let (corner, covered) = best_corner(plot, [w, h], &self.occupied(plot), self.style.label * 0.6);
            self.legend = if fits && covered <= COVERED { CORNERS[corner] } else { LegendPosition::Bottom };
        }
        self
    }

    fn occupied(&self, rect: Rect) -> Vec<[f64; 2]> {
        marks::occupied(self.figure, &Plot { rect, x: &self.dims[0], y: &self.dims[1] })
    }

    fn inside_legend(&self, plot: Rect) -> Legend {
        Legend::new(self.entries.clone(), self.fonts, &self.style, plot.w * 0.9, true)
    }

    fn bottom_legend(&self, width: f64) -> Legend {
        Legend::new(self.entries.clone(), self.fonts, &self.style, width, false)
    }

    fn right_legend(&self, width: f64) -> Legend {
        Legend::new(self.entries.clone(), self.fonts, &self.style, width * 0.4, true)
    }

    /// Whether one unit is equally long on both axes: both ranges are given and the same, as in a ROC.
    fn is_square(&self) -> bool {
        let (x, y) = (&self.figure.x, &self.figure.y);
        given(x).is_some() && given(x) == given(y) && x.scale == y.scale && self.bar.is_none()
    }

    /// Height over width of the axes themselves, when the figure has a wish.
    fn axes_aspect(&self) -> Option<f64> {
        const SURFACE: f64 = 0.82;
        if self.relief().is_some() {
            return Some(SURFACE);
        }
        if self.is_square() {
            return Some(1.0);
        }
        self.figure.series.iter().find_map(|s| match &s.mark {
            Mark::Heatmap { columns, values, .. } if *columns > 0 && !values.is_empty() => {
                let rows = values.len() / columns;
                Some((rows as f64 / *columns as f64).clamp(0.2, 1.2))
            }
            Mark::Contour(_) => Some(1.0),
            _ => None,
        })
    }

    /// Height for a width without a given height: square axes where both are the same, square cells in heat maps, else
    /// the golden ratio and a legend below it.
    pub(super) fn natural_height(&self, width: f64) -> f64 {
        let below = match self.legend {
            LegendPosition::Bottom => self.bottom_legend(width).size()[1],
            _ => 0.0,
        };
        let rough = Rect { w: width * 0.85, h: width * GOLDEN * 0.8, ..Rect::default() };
        let names = &self.labels(rough, [width, width * GOLDEN])[0];
        let slanted = if names.slanted { names.extent } else { 0.0 };
        let golden = width * GOLDEN + below + slanted + self.top_rows(width).1;
        let Some(aspect) = self.axes_aspect() else { return golden };
        (0..3).fold(golden, |height, _| {
            let m = self.margins(width, height);
            (width - m.left - m.right).max(8.0) * aspect + m.top + m.bottom
        })
    }

    /// Lines of the title, and the height of tag and title together.
    fn top_rows(&self, width: f64) -> (Vec<Label>, f64) {
        let room = width - self.tag.as_ref().map_or(0.0, |_| self.style.title * 1.8);
        let title = if self.show_title { Label::plain(self.figure.title.trim()) } else { Label::default() };
        let lines = wrap(self.fonts, &title, self.style.title, room, 3);
        let rows = lines.len().max(usize::from(self.tag.is_some()));
        let height = if rows == 0 { 0.0 } else { Style::row(self.style.title) * rows as f64 + self.style.gap() };
        (lines, height)
    }

    fn labels(&self, plot: Rect, outer: [f64; 2]) -> [AxisLabels; 2] {
        let [x, y] = &self.dims;
        [
            lay_out(x, plot.w, outer[1] * 0.4, true, self.fonts, &self.style),
            lay_out(y, plot.h, outer[0] * 0.35, false, self.fonts, &self.style),
        ]
    }

    fn titles(&self, plot: Rect, labels: &[AxisLabels; 2], outer: [f64; 2]) -> [Vec<Label>; 2] {
        let [x, y] = [
            axis_title(&self.figure.x, labels[0].ticks.exponent),
            axis_title(&self.figure.y, labels[1].ticks.exponent),
        ];
        let size = self.style.label;
        // Titles may be somewhat longer than their axis before they wrap.
        let x = wrap(self.fonts, &x, size, (plot.w * 1.15).min(outer[0]), 2);
        let y = wrap(self.fonts, &y, size, (plot.h * 1.1).min(outer[1]), 2);
        [x, y]
    }

    /// Margins of a panel of this size.
    pub(super) fn margins(&self, width: f64, height: f64) -> Margins {
        let s = &self.style;
        if self.relief().is_some() {
            let bar = self.bar_beside(width).map_or(s.line, |bar| bar.width(self.fonts, s, height));
            return Margins { left: s.line, right: bar, top: self.top_rows(width).1 + s.line, bottom: s.line };
        }
        let outer = Rect { x: 0.0, y: 0.0, w: width, h: height };
        let mut m = Margins { left: s.tick * 4.0, right: s.tick, top: s.tick, bottom: s.tick * 3.5 };
        for _ in 0..2 {
            let plot = m.inside(outer);
            let labels = self.labels(plot, [width, height]);
            let [x_title, y_title] = self.titles(plot, &labels, [width, height]);
            let rows = |titles: &[Label]| titles.len() as f64 * Style::row(s.label);
            let beside = |titles: &[Label]| if titles.is_empty() { 0.0 } else { rows(titles) + s.gap() };
            let from_axis = s.tick_length() + s.gap();
            m.left = (from_axis + labels[1].extent + beside(&y_title)).max(labels[0].overhang[0]);
            m.bottom = from_axis + labels[0].extent + beside(&x_title);
            m.top = self.top_rows(width).1 + labels[1].overhang[1].max(s.line);
            m.right = labels[0].overhang[1].max(s.line);
            if let Some(bar) = &self.bar {
                m.right = m.right.max(bar.width(self.fonts, s, plot.h));
            }
            match self.legend {
                LegendPosition::Bottom => m.bottom += self.bottom_legend(width).size()[1] + s.gap(),
                LegendPosition::Right => m.right += self.right_legend(width).size()[0] + s.label,
                _ => {}
            }
        }
        m
    }

    /// Draws the panel into `outer` with these margins, which are at least its own.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, outer: Rect, margins: Margins) {
        let mut rect = margins.inside(outer);
        if let Some(relief) = self.relief() {
            return self.draw_surface(canvas, relief, outer, rect);
        }
        if self.is_square() {
            // A given height may leave room beside or below square axes.
            let side = rect.w.min(rect.h);
            rect = Rect { x: rect.x + (rect.w - side) / 2.0, y: rect.y + rect.h - side, w: side, h: side };
        }
        let labels = self.labels(rect, [outer.w, outer.h]);
        let plot = Plot { rect, x: &self.dims[0], y: &self.dims[1] };
        let taken = marks::occupied(self.figure, &plot);
        self.draw_grid(canvas, &plot, &labels);
        marks::draw(canvas, self.figure, &plot, &self.style);
        self.draw_axes(canvas, &plot, &labels);
        self.draw_titles(canvas, outer, rect, &labels);
        if let Some(bar) = &self.bar {
            bar.draw(canvas, rect, &self.style);
        }
        if taken.is_empty() {
            self.draw_empty(canvas, rect);
        }
        self.draw_legend(canvas, outer, rect);
    }

    fn draw_empty(&self, canvas: &mut Canvas<'_>, rect: Rect) {
        let style = TextStyle { color: self.style.muted(), ..self.style.text(self.style.label, Anchor::Middle) };
        let text = if self.figure.series.iter().any(|s| !matches!(s.mark, Mark::Reference { .. })) {
            "No defined values in range"
        } else {
            "No data"
        };
        canvas.text(&Label::plain(text), [rect.x + rect.w / 2.0, rect.y + rect.h / 2.0], style);
    }

    fn draw_grid(&self, canvas: &mut Canvas<'_>, plot: &Plot<'_>, labels: &[AxisLabels; 2]) {
        if self.bar.is_some() {
            return;
        }
        let r = plot.rect;
        let mut d = String::new();
        if self.dims[0].categories.is_empty() && !self.stands_on_floor() {
            for tick in &labels[0].ticks.major {
                let x = plot.px(tick.value);
                d += &moves(&[[x, r.y], [x, r.bottom()]]);
            }
        }
        if self.dims[1].categories.is_empty() {
            for tick in &labels[1].ticks.major {
                let y = plot.py(tick.value);
                d += &moves(&[[r.x, y], [r.right(), y]]);
            }
        }
        if !d.is_empty() {
            canvas.path(&d, &Pen::solid(self.style.theme.grid(), self.style.axis));
        }
    }

    fn stands_on_floor(&self) -> bool {
        self.figure.series.iter().any(|s| matches!(s.mark, Mark::Histogram { .. } | Mark::Bars { .. }))
    }

    fn draw_axes(&self, canvas: &mut Canvas<'_>, plot: &Plot<'_>, labels: &[AxisLabels; 2]) {
        let (s, r) = (&self.style, plot.rect);
        let pen = Pen::solid(s.theme.ink(), s.axis);
        if self.bar.is_some() || self.is_square() {
            canvas.frame(r, &pen);
        } else {
            canvas.polyline(&[[r.x, r.y], [r.x, r.bottom()], [r.right(), r.bottom()]], &pen);
        }
        let (long, short) = (s.tick_length(), s.tick_length() * 0.6);
        let mut d = String::new();
        let mut mark = |value: f64, length: f64, horizontal: bool| {
            if horizontal {
                let x = plot.px(value);
                d += &moves(&[[x, r.bottom()], [x, r.bottom() + length]]);
            } else {
                let y = plot.py(value);
                d += &moves(&[[r.x, y], [r.x - length, y]]);
            }
        };
        for (labels, horizontal) in [(&labels[0], true), (&labels[1], false)] {
            let bare = labels.is_categorical && self.bar.is_none();
            labels.ticks.major.iter().filter(|_| !bare).for_each(|t| mark(t.value, long, horizontal));
            labels.ticks.minor.iter().for_each(|v| mark(*v, short, horizontal));
        }
        if !d.is_empty() {
            canvas.path(&d, &pen);
        }
        for tick in &labels[0].ticks.major {
            let (x, y) = (plot.px(tick.value), r.bottom() + long + s.gap());
            if labels[0].slanted {
                let style = TextStyle { rotate: -45.0, ..s.text(s.tick, Anchor::End) };
                canvas.text(&tick.label, [x + s.tick * 0.3, y + s.tick * 0.5], style);
            } else {
                canvas.text(&tick.label, [x, y + s.tick * CAP_HEIGHT], s.text(s.tick, Anchor::Middle));
            }
        }
        for tick in &labels[1].ticks.major {
            let at = [r.x - long - s.gap(), plot.py(tick.value) + s.tick * CAP_HEIGHT / 2.0];
            canvas.text(&tick.label, at, s.text(s.tick, Anchor::End));
        }
    }

    fn draw_titles(&self, canvas: &mut Canvas<'_>, outer: Rect, r: Rect, labels: &[AxisLabels; 2]) {
        let s = &self.style;
        let [x_title, y_title] = self.titles(r, labels, [outer.w, outer.h]);
        let row = Style::row(s.label);
        let ascent = s.label * (CAP_HEIGHT + 0.08);
        let below = r.bottom() + s.tick_length() + 2.0 * s.gap() + labels[0].extent + ascent;
        for (i, line) in x_title.iter().enumerate() {
            // A title longer than its axis stays inside the file.
            let half = self.fonts.width(line, s.label, false) / 2.0;
            let x = (r.x + r.w / 2.0).min(outer.right() - half).max(outer.x + half);
            canvas.text(line, [x, below + row * i as f64], s.text(s.label, Anchor::Middle));
        }
        let depth = s.label * DESCENT;
        let right = r.x - s.tick_length() - 2.0 * s.gap() - labels[1].extent - depth;
        for (i, line) in y_title.iter().rev().enumerate() {
            let half = self.fonts.width(line, s.label, false) / 2.0;
            let y = (r.y + r.h / 2.0).min(outer.bottom() - half).max(outer.y + half);
            let turned = TextStyle { rotate: -90.0, ..s.text(s.label, Anchor::Middle) };
            canvas.text(line, [right - row * i as f64, y], turned);
        }
        self.draw_heading(canvas, outer);
    }

    /// Tag and title.
    fn draw_heading(&self, canvas: &mut Canvas<'_>, outer: Rect) {
        let s = &self.style;
        let (lines, _) = self.top_rows(outer.w);
        let mut y = outer.y + s.title * (CAP_HEIGHT + 0.1);
        let mut x = outer.x;
        if let Some(tag) = &self.tag {
            let bold = TextStyle { bold: true, ..s.text(s.title, Anchor::Start) };
            canvas.text(&Label::plain(tag), [x, y], bold);
            x += s.title * 1.8;
        }
        for line in &lines {
            canvas.text(line, [x, y], s.text(s.title, Anchor::Start));
            y += Style::row(s.title);
        }
    }

    fn draw_legend(&self, canvas: &mut Canvas<'_>, outer: Rect, plot: Rect) {
        match self.legend {
            LegendPosition::Auto | LegendPosition::None => {}
            LegendPosition::Bottom => {
                let legend = self.bottom_legend(outer.w);
                let [w, h] = legend.size();
                let x = (plot.x + plot.w / 2.0 - w / 2.0).min(outer.right() - w).max(outer.x);
                legend.draw(canvas, [x, outer.bottom() - h]);
            }
            LegendPosition::Right => {
                let legend = self.right_legend(outer.w);
                legend.draw(canvas, [outer.right() - legend.size()[0], plot.y]);
            }
            corner => {
                let margin = self.style.label * 0.6;
                let legend = self.inside_legend(plot);
                let [w, h] = legend.size();
                let index = CORNERS.iter().position(|c| *c == corner).unwrap_or(0);
                let [x, y] = corners(plot, [w, h], margin)[index];
                canvas.rect(Rect { x, y, w, h }.grow(margin * 0.4), self.style.theme.background(), 0.8);
                legend.draw(canvas, [x, y]);
            }
        }
    }

    /// Where the legend goes; never `Auto`.
    pub(super) fn legend_position(&self) -> LegendPosition {
        self.legend
    }
}
