//! Names of the series beside samples of their marks.

use super::canvas::{Anchor, Canvas, Pen, Rect};
use super::fonts::{CAP_HEIGHT, Fonts};
use super::marks::Look;
use super::palette::{self, Marker, Rgb};
use super::style::Style;
use super::text::Label;
use super::{Figure, Mark};

/// One name with its sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    name: String,
    color: Rgb,
    sample: Sample,
}

#[derive(Clone, Debug, PartialEq)]
enum Sample {
    Line { dash: &'static [f64], marker: Option<Marker> },
    Points(Marker),
    Patch,
}

/// The named series of a figure in drawing order; a name appears once.
pub(super) fn entries(figure: &Figure, style: &Style) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for series in figure.series.iter().filter(|s| !s.name.trim().is_empty()) {
        let look = Look::of(figure, series, style);
        let marker = look.marked.then(|| palette::marker(series.color));
        let sample = match &series.mark {
            Mark::Line { .. } | Mark::Step { .. } | Mark::Reference { .. } => Sample::Line { dash: look.dash, marker },
            Mark::Scatter { .. } => Sample::Points(palette::marker(series.color)),
            Mark::Histogram { .. } | Mark::Bars { .. } => Sample::Patch,
            Mark::Heatmap { .. } | Mark::Contour(_) | Mark::Surface { .. } => continue,
        };
        let entry = Entry { name: series.name.clone(), color: look.color, sample };
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    entries
}

/// Whether the same name never looks different, so that one legend can serve several panels.
pub(super) fn agree(entries: &[Entry]) -> bool {
    entries.iter().enumerate().all(|(i, a)| entries[..i].iter().all(|b| a.name != b.name || a == b))
}

/// A legend with its entries placed in columns.
pub(super) struct Legend {
    entries: Vec<(Entry, Label)>,
    /// Width of each column.
    columns: Vec<f64>,
    style: Style,
}

impl Legend {
    /// Lays the entries out in as many columns as fit into `most` points; one column when `single`.
    pub(super) fn new(entries: Vec<Entry>, fonts: &Fonts, style: &Style, most: f64, single: bool) -> Self {
        let text_room = (most - Self::before_text(style)).max(style.label);
        let entries: Vec<(Entry, Label)> = entries
            .into_iter()
            .map(|entry| {
                let label = fonts.fit(&Label::plain(entry.name.trim()), style.label, text_room);
                (entry, label)
            })
            .collect();
        let widths: Vec<f64> =
            entries.iter().map(|(_, l)| Self::before_text(style) + fonts.width(l, style.label, false)).collect();
        let columns_of = |n: usize| -> Vec<f64> {
            (0..n).map(|c| widths.iter().skip(c).step_by(n).copied().fold(0.0, f64::max)).collect()
        };
        let total = |c: &[f64]| c.iter().sum::<f64>() + style.label * c.len().saturating_sub(1) as f64;
        let most_columns = if single { 1 } else { entries.len().max(1) };
        let columns =
            (1..=most_columns).rev().map(columns_of).find(|c| total(c) <= most).unwrap_or_else(|| columns_of(1));
        Self { entries, columns, style: *style }
    }

    /// Length of a sample and the gap behind it.
    fn before_text(style: &Style) -> f64 {
        style.label * 2.2
    }

    fn row(&self) -> f64 {
        Style::row(self.style.label)
    }

    /// Width and height in points.
    pub(super) fn size(&self) -> [f64; 2] {
        let gaps = self.style.label * self.columns.len().saturating_sub(1) as f64;
        let rows = self.entries.len().div_ceil(self.columns.len().max(1));
        [self.columns.iter().sum::<f64>() + gaps, rows as f64 * self.row()]
    }

    /// Draws it with its top left corner at the given point.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, [left, top]: [f64; 2]) {
        let n = self.columns.len().max(1);
        for (i, (entry, label)) in self.entries.iter().enumerate() {
            let before: f64 = self.columns[..i % n].iter().map(|w| w + self.style.label).sum();
            let (x, middle) = (left + before, top + self.row() * ((i / n) as f64 + 0.5));
            self.sample(canvas, entry, x, middle);
            let at = [x + Self::before_text(&self.style), middle + self.style.label * CAP_HEIGHT / 2.0];
            canvas.text(label, at, self.style.text(self.style.label, Anchor::Start));
        }
    }

    fn sample(&self, canvas: &mut Canvas<'_>, entry: &Entry, x: f64, y: f64) {
        let length = self.style.label * 1.8;
        let middle = [[x + length / 2.0, y]];
        match &entry.sample {
            Sample::Line { dash, marker } => {
                let pen = Pen { color: entry.color, width: self.style.line, dash, opacity: 1.0 };
                canvas.line([x, y], [x + length, y], &pen);
                if let Some(marker) = marker {
                    canvas.markers(&middle, *marker, 3.6 * self.style.line.sqrt().max(0.7), entry.color, 1.0);
                }
            }
            Sample::Points(marker) => canvas.markers(&middle, *marker, self.style.label * 0.5, entry.color, 1.0),
            Sample::Patch => {
                let h = self.style.label * 0.62;
                let r = Rect { x: x + length * 0.2, y: y - h / 2.0, w: length * 0.7, h };
                canvas.rect(r, entry.color, 0.6);
                canvas.frame(r, &Pen::solid(entry.color, self.style.line * 0.6));
            }
        }
    }
}

/// The corner of [`corners`] where a legend of `size` covers the least of what is `taken`, and the share covered.
pub(super) fn best_corner(plot: Rect, size: [f64; 2], taken: &[[f64; 2]], margin: f64) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (index, [x, y]) in corners(plot, size, margin).into_iter().enumerate() {
        let area = Rect { x, y, w: size[0], h: size[1] }.grow(margin * 0.5);
        let covered = taken.iter().filter(|p| area.contains(**p)).count() as f64 / taken.len().max(1) as f64;
        if covered < best.1 {
            best = (index, covered);
        }
    }
    best
}

/// Top left corners of a legend at the top right, top left, bottom right and bottom left of the axes.
pub(super) fn corners(plot: Rect, [w, h]: [f64; 2], margin: f64) -> [[f64; 2]; 4] {
    let (left, right) = (plot.x + margin, plot.right() - margin - w);
    let (top, bottom) = (plot.y + margin, plot.bottom() - margin - h);
    [[right, top], [left, top], [right, bottom], [left, bottom]]
}
