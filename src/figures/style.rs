//! Sizes of everything that is not data, in points, from an export specification.

use super::canvas::{Anchor, TextStyle};
use super::fonts::Fonts;
use super::palette::{Rgb, Theme};
use super::spec::ExportSpec;
use super::text::Label;

/// Sizes and colors of a drawing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Font size of axis labels and legend.
    pub(super) label: f64,
    /// Font size of tick labels.
    pub(super) tick: f64,
    /// Font size of the title.
    pub(super) title: f64,
    /// Width of data lines.
    pub(super) line: f64,
    /// Width of axes and ticks.
    pub(super) axis: f64,
    /// Colors.
    pub(super) theme: Theme,
}

impl Style {
    pub(super) fn new(spec: &ExportSpec) -> Self {
        Self {
            label: spec.font_pt,
            tick: spec.tick_pt,
            title: spec.font_pt * 1.1,
            line: spec.line_pt,
            axis: (spec.line_pt * 0.5).max(0.3),
            theme: Theme::Light,
        }
    }

    /// Length of major ticks.
    pub(super) fn tick_length(self) -> f64 {
        self.tick * 0.35
    }

    /// Room between things that belong together.
    pub(super) fn gap(self) -> f64 {
        self.tick * 0.4
    }

    /// Height of a line of text of `size`.
    pub(super) fn row(size: f64) -> f64 {
        size * 1.2
    }

    /// Text in ink.
    pub(super) fn text(self, size: f64, anchor: Anchor) -> TextStyle {
        TextStyle { size, color: self.theme.ink(), bold: false, anchor, rotate: 0.0 }
    }

    /// Gray of reference lines and remarks.
    pub(super) fn muted(self) -> Rgb {
        self.theme.muted()
    }
}

/// `label` in lines of at most `most` points; at most `lines` of them, the last cut with an ellipsis.
pub(super) fn wrap(fonts: &Fonts, label: &Label, size: f64, most: f64, lines: usize) -> Vec<Label> {
    if label.is_empty() {
        return Vec::new();
    }
    if fonts.width(label, size, false) <= most || label.0.len() > 1 {
        return vec![fonts.fit(label, size, most)];
    }
    let mut wrapped: Vec<String> = vec![String::new()];
    for word in label.text().split(' ') {
        let full = wrapped.len() == lines;
        let Some(line) = wrapped.last_mut() else { break };
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if full || line.is_empty() || fonts.width(&Label::plain(&longer), size, false) <= most {
            *line = longer;
        } else {
            wrapped.push(word.to_owned());
        }
    }
    wrapped.iter().map(|line| fonts.fit(&Label::plain(line), size, most)).collect()
}
