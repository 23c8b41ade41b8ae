//! What a figure shows.

use serde::{Deserialize, Serialize};

use super::{Contour, Relief, Rows};

/// A chart. Drawn by the window and written to SVG, PDF, PNG, CSV and pgfplots from this value alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Stable name within a report, such as `roc`.
    pub id: String,
    /// Title, sentence case.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// What is drawn, in drawing order.
    pub series: Vec<Series>,
    /// A sentence for the caption: what, n, method version.
    pub caption: String,
}

impl Figure {
    /// The same with its map of values as a surface in space, over which its lines run; none when it has no map.
    #[must_use]
    pub fn in_space(&self, relief: Relief) -> Option<Self> {
        let (index, map) = self.series.iter().enumerate().find_map(|(i, s)| match &s.mark {
            Mark::Contour(map) | Mark::Surface { map, .. } => Some((i, map.clone())),
            Mark::Heatmap { columns, values, diverging, label } => {
                let map =
                    Contour { columns: *columns, diverging: *diverging, label: label.clone(), ..Contour::default() };
                Some((i, self.on_nodes(map, values)?))
            }
            _ => None,
        })?;
        let mark = Mark::Surface { map, relief };
        let surface = self.series.get(index).map(|s| Series { mark, ..s.clone() });
        let lines = self.series.iter().filter(|s| matches!(s.mark, Mark::Line { .. })).cloned();
        Some(Self { series: surface.into_iter().chain(lines).collect(), ..self.clone() })
    }

    /// Cells of a heat map as nodes at their centers; none when its axes are no numbers.
    fn on_nodes(&self, map: Contour, values: &[f64]) -> Option<Contour> {
        let rows = values.len().checked_div(map.columns)?;
        let centers = |range: [f64; 2], n: usize| {
            let half = (range[1] - range[0]) / n as f64 / 2.0;
            [range[0] + half, range[1] - half]
        };
        let (x, y) = (centers(self.x.range?, map.columns), centers(self.y.range?, rows));
        // heat maps begin at the top
        let values = values.chunks_exact(map.columns).rev().flatten().copied().collect();
        Some(Contour { values, x, y, ..map })
    }
}

/// An axis with its unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Label without unit.
    pub label: String,
    /// Unit, such as `nats/token`; empty for pure numbers.
    pub unit: String,
    /// Linear or logarithmic.
    pub scale: Scale,
    /// Shown range; fitted to the data when absent.
    pub range: Option<[f64; 2]>,
    /// Names of the positions 0, 1, 2, … for categories.
    pub categories: Vec<String>,
}

/// How an axis maps numbers to positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Proportional.
    #[default]
    Linear,
    /// Powers of ten are equally far apart.
    Log,
    /// For values of both signs: proportional near zero, logarithmic beyond.
    Symlog,
}

/// One named thing in a chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Name in the legend; empty keeps it out of the legend.
    pub name: String,
    /// Index into the palette, so that a method keeps its color in every figure.
    pub color: usize,
    /// The marks.
    pub mark: Mark,
    /// Rows of a table behind the marks, for brushing.
    pub rows: Rows,
}

/// The geometry of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Mark {
    /// A line through points, with an optional band.
    Line { points: Vec<[f64; 2]>, band: Option<Band>, dashed: bool },
    /// A staircase: each ordinate holds until the next abscissa.
    Step { points: Vec<[f64; 2]>, dashed: bool },
    /// Single points.
    Scatter { points: Vec<[f64; 2]> },
    /// Bars between neighboring edges; `edges.len() == heights.len() + 1`.
    Histogram { edges: Vec<f64>, heights: Vec<f64> },
    /// One bar a category (`x.categories`); `errors` are the lower and upper end of each whisker on the axis, or empty.
    Bars { heights: Vec<f64>, errors: Vec<[f64; 2]> },
    /// A grid of numbers, row-major from the top row; axes are categories or ranges. `label` belongs to the color bar.
    /// Diverging maps are symmetric about zero. NaN is an empty cell.
    Heatmap {
        columns: usize,
        #[serde(with = "empty_cells")]
        values: Vec<f64>,
        diverging: bool,
        label: String,
    },
    /// A surface as bands of color between lines of equal value.
    Contour(Contour),
    /// The same as a surface in space; only lines run over it.
    Surface { map: Contour, relief: Relief },
    /// A reference line from one corner point to another, such as chance level.
    Reference { from: [f64; 2], to: [f64; 2] },
}

/// An uncertainty band: lower and upper ordinate at each point of a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Lower ordinates.
    pub lower: Vec<f64>,
    /// Upper ordinates.
    pub upper: Vec<f64>,
}

/// Numbers as JSON with `null` for NaN, which JSON does not have.
pub(super) mod empty_cells {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(crate) fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        let cells: Vec<Option<f64>> = values.iter().map(|v| v.is_finite().then_some(*v)).collect();
        cells.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let cells = Vec::<Option<f64>>::deserialize(deserializer)?;
        Ok(cells.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_cells_survive_a_file() {
        let mark = Mark::Heatmap { columns: 2, values: vec![1.0, f64::NAN], diverging: true, label: String::new() };
        let text = serde_json::to_string(&mark).unwrap();
        assert!(text.contains("[1.0,null]"), "{text}");
        let Mark::Heatmap { values, .. } = serde_json::from_str(&text).unwrap() else { panic!("a heat map") };
        assert!(values[0] == 1.0 && values[1].is_nan());
    }
}
