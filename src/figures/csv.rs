//! The numbers of a figure, one row a mark, and CSV records of any kind.

use super::axes::given;
use super::spec::ExportSpec;
use super::text::{put, tidy};
use super::{Axis, Figure, Mark, Scale, Series, notes};
use crate::error::{Error, Result};

const HEAD: [&str; 10] = ["figure", "series", "mark", "x", "x_end", "y", "y_low", "y_high", "value", "row"];

/// The figures as tidy CSV. Lines that begin with `#` say what they are and where they come from.
pub(super) fn write(figures: &[Figure], spec: &ExportSpec) -> Result<Vec<u8>> {
    let mut out = String::new();
    for figure in figures {
        for (name, value) in notes::provenance(figure, spec) {
            put(&mut out, format_args!("# {name}: {value}\n"));
        }
        put(&mut out, format_args!("# x: {}\n# y: {}\n", describe(&figure.x), describe(&figure.y)));
    }
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    for figure in figures {
        for series in &figure.series {
            let mut writer = Rows { figure, series, rows: &mut rows };
            writer.mark();
        }
    }
    Ok((out + &records(&rows)?).into_bytes())
}

fn describe(axis: &Axis) -> String {
    let unit = if axis.unit.is_empty() { String::new() } else { format!(" ({})", axis.unit) };
    let scale = match axis.scale {
        Scale::Linear => "",
        Scale::Log => ", logarithmic",
        Scale::Symlog => ", symmetric logarithmic",
    };
    tidy(&format!("{}{unit}{scale}", axis.label))
}

struct Rows<'a> {
    figure: &'a Figure,
    series: &'a Series,
    rows: &'a mut Vec<Vec<String>>,
}

impl Rows<'_> {
    /// Appends one row of x, x_end, y, y_low, y_high and value.
    fn push(&mut self, mark: &str, index: usize, places: [String; 6]) {
        let mut row = vec![self.figure.id.clone(), self.series.name.clone(), mark.to_owned()];
        row.extend(places);
        let behind: Vec<String> = self.series.rows.of(index).iter().map(ToString::to_string).collect();
        row.push(behind.join(" "));
        self.rows.push(row);
    }

    fn point(&mut self, mark: &str, index: usize, x: String, y: [Option<f64>; 3]) {
        let [y, low, high] = y.map(cell);
        self.push(mark, index, [x, String::new(), y, low, high, String::new()]);
    }

    fn points(&mut self, mark: &str, points: &[[f64; 2]]) {
        for (i, [x, y]) in points.iter().enumerate() {
            self.point(mark, i, cell(Some(*x)), [Some(*y), None, None]);
        }
    }

    fn mark(&mut self) {
        let series = self.series;
        match &series.mark {
            Mark::Line { points, band: Some(band), .. } => {
                for (i, [x, y]) in points.iter().enumerate() {
                    let ends = [Some(*y), band.lower.get(i).copied(), band.upper.get(i).copied()];
                    self.point("line", i, cell(Some(*x)), ends);
                }
            }
            Mark::Line { points, band: None, .. } => self.points("line", points),
            Mark::Step { points, .. } => self.points("step", points),
            Mark::Scatter { points } => self.points("scatter", points),
            Mark::Histogram { edges, heights } => {
                for (i, (edge, height)) in edges.windows(2).zip(heights).enumerate() {
                    let [left, right] = [cell(Some(edge[0])), cell(Some(edge[1]))];
                    let empty = String::new;
                    self.push("histogram", i, [left, right, cell(Some(*height)), empty(), empty(), empty()]);
                }
            }
            Mark::Bars { heights, errors } => {
                for (i, height) in heights.iter().enumerate() {
                    let error = errors.get(i);
                    let ends = [Some(*height), error.map(|e| e[0]), error.map(|e| e[1])];
                    self.point("bar", i, category(&self.figure.x, i), ends);
                }
            }
            Mark::Heatmap { columns, values, .. } => {
                let rows = values.len() / (*columns).max(1);
                for (i, value) in values.iter().enumerate() {
                    let x = place(&self.figure.x, i % columns, *columns);
                    // rows come from the top
                    let y = match given(&self.figure.y) {
                        Some(_) => place(&self.figure.y, rows - 1 - i / columns, rows),
                        None => category(&self.figure.y, i / columns),
                    };
                    let empty = String::new;
                    self.push("cell", i, [x, empty(), y, empty(), empty(), cell(Some(*value))]);
                }
            }
            Mark::Contour(surface) | Mark::Surface { map: surface, .. } => {
                for (i, value) in surface.values.iter().enumerate() {
                    let at = surface.place((i % surface.columns) as f64, (i / surface.columns) as f64);
                    let [x, y] = at.map(|v| cell(Some(v)));
                    let empty = String::new;
                    self.push("node", i, [x, empty(), y, empty(), empty(), cell(Some(*value))]);
                }
            }
            Mark::Reference { from, to } => self.points("reference", &[*from, *to]),
        }
    }
}

/// The center of cell `index` of `n` on an axis with a range, else its category.
fn place(axis: &Axis, index: usize, n: usize) -> String {
    match given(axis) {
        Some([low, high]) => (low + (high - low) * (index as f64 + 0.5) / n as f64).to_string(),
        None => category(axis, index),
    }
}

fn category(axis: &Axis, index: usize) -> String {
    axis.categories.get(index).cloned().unwrap_or_else(|| index.to_string())
}

fn cell(value: Option<f64>) -> String {
    value.filter(|v| !v.is_nan()).map(|v| v.to_string()).unwrap_or_default()
}

/// Records as CSV with `\n` line ends.
pub(super) fn records(rows: &[Vec<String>]) -> Result<String> {
    let fail = |error: &dyn std::fmt::Display| Error::bug(format!("writing CSV failed: {error}"));
    let mut writer = ::csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows.iter().filter(|row| !row.is_empty()) {
        writer.write_record(row).map_err(|e| fail(&e))?;
    }
    let bytes = writer.into_inner().map_err(|e| fail(&e))?;
    String::from_utf8(bytes).map_err(|e| fail(&e))
}
