//! What goes with a figure besides its marks: whether it is well formed, where it came from, what it leaves out.

use super::spec::ExportSpec;
use super::text::tidy;
use super::{Axis, Contour, Figure, Mark, Scale};
use crate::error::{Error, Result};

/// Refuses figures whose parts do not fit together, such as a band shorter than its line.
pub fn validate(figure: &Figure) -> Result<()> {
    for (index, series) in figure.series.iter().enumerate() {
        let fault = match &series.mark {
            Mark::Line { points, band: Some(band), .. } => {
                let lengths = [points.len(), band.lower.len(), band.upper.len()];
                (lengths != [points.len(); 3])
                    .then(|| format!("a line of {} points has a band of {} and {}", lengths[0], lengths[1], lengths[2]))
            }
            Mark::Histogram { edges, heights } => (!(edges.is_empty() && heights.is_empty())
                && edges.len() != heights.len() + 1)
                .then(|| format!("{} heights need {} edges, not {}", heights.len(), heights.len() + 1, edges.len())),
            Mark::Bars { heights, errors } => (!errors.is_empty() && errors.len() != heights.len())
                .then(|| format!("{} bars have {} whiskers", heights.len(), errors.len())),
            Mark::Heatmap { columns, values, .. } => (!values.is_empty()
                && (*columns == 0 || !values.len().is_multiple_of(*columns)))
            .then(|| format!("{} cells do not fill rows of {columns}", values.len())),
            Mark::Contour(surface) | Mark::Surface { map: surface, .. } => surface_fault(surface),
            Mark::Line { band: None, .. } | Mark::Step { .. } | Mark::Scatter { .. } | Mark::Reference { .. } => None,
        };
        if let Some(fault) = fault {
            let name = if series.name.is_empty() { format!("{}", index + 1) } else { format!("`{}`", series.name) };
            return Err(Error::data(format!("figure `{}`, series {name}: {fault}", figure.id)));
        }
    }
    Ok(())
}

/// Names and values of the metadata, without empty ones: program, run, method, figure, title, caption, notes.
pub(super) fn provenance(figure: &Figure, spec: &ExportSpec) -> Vec<(&'static str, String)> {
    let source = &spec.provenance;
    let method = match source.method_version {
        Some(version) if !source.method.is_empty() => format!("{} version {version}", source.method),
        _ => source.method.clone(),
    };
    let entries = [
        ("program", source.program.clone()),
        ("run", source.run.clone()),
        ("method", method),
        ("figure", figure.id.clone()),
        ("title", figure.title.clone()),
        ("caption", figure.caption.clone()),
        ("left out", notices(figure).join(" ")),
    ];
    entries.into_iter().map(|(name, value)| (name, tidy(&value))).filter(|(_, value)| !value.is_empty()).collect()
}

/// What the drawing cannot show, as sentences: points without a value, points at or below zero on a log axis.
pub fn notices(figure: &Figure) -> Vec<String> {
    let mut notices = Vec::new();
    for (index, series) in figure.series.iter().enumerate() {
        let name = if series.name.is_empty() { format!("Series {}", index + 1) } else { tidy(&series.name) };
        let points = ordinates(&series.mark);
        let missing = points.iter().filter(|p| p.iter().any(|v| !v.is_finite())).count();
        if missing > 0 {
            notices.push(format!("{name}: {missing} of {} values are undefined and not shown.", points.len()));
        }
        // Heights of bars grow from the edge of a log axis; zero is then no bar, which is right.
        let grows = matches!(series.mark, Mark::Bars { .. } | Mark::Histogram { .. });
        for (which, axis, coordinate) in [("horizontal", &figure.x, 0), ("vertical", &figure.y, 1)] {
            let outside = points.iter().filter(|p| p[coordinate] <= 0.0).count();
            if axis.scale == Scale::Log && outside > 0 && !(grows && coordinate == 1) && is_numeric(axis) {
                let count = format!("{outside} of {} points", points.len());
                notices.push(format!("{name}: {count} at or below zero lie outside the logarithmic {which} axis."));
            }
        }
    }
    notices
}

fn is_numeric(axis: &Axis) -> bool {
    axis.categories.is_empty()
}

/// Abscissa and ordinate of every mark of a series; cells have their value as ordinate.
fn ordinates(mark: &Mark) -> Vec<[f64; 2]> {
    match mark {
        Mark::Line { points, .. } | Mark::Step { points, .. } | Mark::Scatter { points } => points.clone(),
        Mark::Histogram { edges, heights } => edges.iter().zip(heights).map(|(x, y)| [*x, *y]).collect(),
        // Places of bars and cells are indices, never undefined.
        Mark::Bars { heights: values, .. } => values.iter().map(|y| [1.0, *y]).collect(),
        Mark::Heatmap { values, .. } => values.iter().map(|y| [1.0, if y.is_finite() { 1.0 } else { *y }]).collect(),
        Mark::Contour(surface) | Mark::Surface { map: surface, .. } => {
            surface.values.iter().map(|v| [1.0, if v.is_finite() { 1.0 } else { *v }]).collect()
        }
        Mark::Reference { .. } => Vec::new(),
    }
}

/// Why a surface cannot be drawn.
fn surface_fault(surface: &Contour) -> Option<String> {
    let (n, columns) = (surface.values.len(), surface.columns);
    if columns < 2 || !n.is_multiple_of(columns) || n < 2 * columns {
        return Some(format!("{n} nodes do not fill at least two rows of at least two; {columns} are in a row"));
    }
    let wrong = |[low, high]: [f64; 2]| !(low.is_finite() && high.is_finite() && low != high);
    (wrong(surface.x) || wrong(surface.y)).then(|| "the ends of a surface are no two different numbers".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Band, Rows, Series};

    fn figure(mark: Mark, log: bool) -> Figure {
        let scale = if log { Scale::Log } else { Scale::Linear };
        let series = Series { name: "zlib".to_owned(), color: 0, mark, rows: Rows::default() };
        Figure { id: "roc".into(), x: Axis { scale, ..Axis::default() }, series: vec![series], ..Figure::default() }
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let points = vec![[0.0, 0.1], [f64::NAN, 0.2], [0.5, f64::INFINITY], [1.0, 1.0]];
        let notices = notices(&figure(Mark::Scatter { points }, true));
        assert_eq!(notices[0], "zlib: 2 of 4 values are undefined and not shown.");
        assert_eq!(notices[1], "zlib: 1 of 4 points at or below zero lie outside the logarithmic horizontal axis.");
    }

    #[test]
    fn parts_that_do_not_fit_are_refused_by_name() {
        let band = Some(Band { lower: vec![0.0], upper: vec![1.0, 2.0] });
        let broken = [
            Mark::Line { points: vec![[0.0, 0.0]; 2], band, dashed: false },
            Mark::Histogram { edges: vec![0.0, 1.0], heights: vec![1.0, 2.0] },
            Mark::Bars { heights: vec![1.0], errors: vec![[0.0, 1.0]; 2] },
            Mark::Heatmap { columns: 3, values: vec![0.0; 4], diverging: false, label: String::new() },
            Mark::Heatmap { columns: 0, values: vec![0.0; 4], diverging: false, label: String::new() },
        ];
        for mark in broken {
            let error = validate(&figure(mark, false)).expect_err("broken").to_string();
            assert!(error.contains("figure `roc`, series `zlib`"), "{error}");
        }
    }
}
