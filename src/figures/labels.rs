//! Tick labels of one axis: how many fit, and how much room they take.

use super::axes::Dimension;
use super::fonts::Fonts;
use super::style::Style;
use super::text::Label;
use super::ticks::{Tick, Ticks, ticks};

/// Labels that fit their axis.
pub(super) struct AxisLabels {
    pub(super) ticks: Ticks,
    /// Room beside the axis: height below a horizontal one, width left of a vertical one.
    pub(super) extent: f64,
    /// How far the labels reach beyond the ends of the axis.
    pub(super) overhang: [f64; 2],
    /// Whether labels are turned by 45°.
    pub(super) slanted: bool,
    pub(super) is_categorical: bool,
}

/// Labels for an axis of `length` points that may take `room` points beside it.
pub(super) fn lay_out(
    dim: &Dimension,
    length: f64,
    room: f64,
    horizontal: bool,
    fonts: &Fonts,
    style: &Style,
) -> AxisLabels {
    if !dim.categories.is_empty() {
        return categories(dim, length, room, horizontal, fonts, style);
    }
    let width = |label: &Label| fonts.width(label, style.tick, false);
    let pitch = if horizontal { style.tick * 3.2 } else { style.tick * 2.4 };
    let most = ((length / pitch) as usize).clamp(2, 9);
    let fits = |t: &Ticks| {
        !horizontal
            || t.major.windows(2).all(|pair| {
                let apart = (dim.position(pair[1].value) - dim.position(pair[0].value)).abs() * length;
                apart >= f64::midpoint(width(&pair[0].label), width(&pair[1].label)) + style.tick * 0.6
            })
    };
    let mut all = (1..=most).rev().map(|n| ticks(dim.scale, dim.range, dim.knee, n));
    let ticks = all.clone().find(fits).or_else(|| all.next_back()).unwrap_or_default();
    measured(dim, ticks, length, horizontal, fonts, style)
}

fn measured(dim: &Dimension, ticks: Ticks, length: f64, horizontal: bool, fonts: &Fonts, style: &Style) -> AxisLabels {
    let width = |tick: &Tick| fonts.width(&tick.label, style.tick, false);
    let raised = ticks.major.iter().any(|t| t.label.0.iter().any(|span| span.superscript));
    let height = style.tick * if raised { 0.95 } else { 0.8 };
    let mut overhang = [0f64; 2];
    for tick in &ticks.major {
        let half = if horizontal { width(tick) / 2.0 } else { height / 2.0 };
        let at = dim.position(tick.value) * length;
        overhang = [overhang[0].max(half - at), overhang[1].max(at + half - length)];
    }
    let extent = if horizontal { height } else { ticks.major.iter().map(width).fold(0.0, f64::max) };
    AxisLabels { ticks, extent, overhang, slanted: false, is_categorical: false }
}

fn categories(dim: &Dimension, length: f64, room: f64, horizontal: bool, fonts: &Fonts, style: &Style) -> AxisLabels {
    let pitch = length / (dim.range[1] - dim.range[0]);
    let least = style.tick * 1.15;
    let level = horizontal
        && dim
            .categories
            .iter()
            .all(|name| fonts.width(&Label::plain(name), style.tick, false) + style.tick * 0.5 <= pitch);
    // Slanted labels take a share of both directions.
    let most = if horizontal && !level { room * 1.3 } else { room };
    let every = if level { 1 } else { (least / pitch).ceil().max(1.0) as usize };
    let major: Vec<Tick> = (0..dim.categories.len())
        .step_by(every)
        .map(|i| Tick { value: i as f64, label: fonts.fit(&Label::plain(&dim.categories[i]), style.tick, most) })
        .collect();
    let ticks = Ticks { major, ..Ticks::default() };
    let mut labels = measured(dim, ticks, length, horizontal, fonts, style);
    labels.is_categorical = true;
    if horizontal && !level {
        let diagonal = std::f64::consts::FRAC_1_SQRT_2;
        let reach = |t: &Tick| fonts.width(&t.label, style.tick, false) * diagonal;
        labels.extent = labels.ticks.major.iter().map(reach).fold(0.0, f64::max) + style.tick * 0.7;
        let left = labels.ticks.major.iter().map(|t| reach(t) - dim.position(t.value) * length);
        labels.overhang = [left.fold(0.0, f64::max), 0.0];
        labels.slanted = true;
    }
    labels
}
