//! Figures of a sweep: numbers against what was varied, and the curves of its runs, with bands of one deviation.

use std::collections::BTreeMap;

use super::folder::Sweep;
use super::groups::{Group, Spread};
use super::merge::Numbers;
use super::names;
use crate::error::Result;
use crate::figures::palette::SERIES;
use crate::figures::{Axis, Band, Figure, Mark, Rows, Scale, Series};
use crate::runs::store::{Event, Tail};

/// Numbers that get a figure of their own.
const MOST_FIGURES: usize = 24;
/// Lines of one figure: more cannot be told apart.
const MOST_LINES: usize = 12;
/// Points of a line; of longer curves every so-manieth is drawn.
const MOST_POINTS: usize = 500;
/// From this ratio of the largest to the smallest value on, the axis is logarithmic.
const WIDE: f64 = 20.0;

/// A figure for each number, against the first varied field that holds numbers, a line for each combination of the
/// others; without such a field a bar for each combination.
pub fn number_figures(groups: &[Group], numbers: &Numbers) -> Vec<Figure> {
    if groups.len() < 2 {
        return Vec::new();
    }
    let field = groups.first().into_iter().flat_map(|group| group.values.iter()).find(|(path, _)| {
        let values: Vec<Option<f64>> = groups.iter().map(|group| group.values.get(*path)?.as_f64()).collect();
        values.iter().all(Option::is_some) && values.iter().any(|value| *value != values[0])
    });
    let columns = numbers.columns.iter().take(MOST_FIGURES);
    columns
        .filter_map(|column| match field {
            Some((path, _)) => line_figure(path, column, groups, numbers),
            None => bar_figure(column, groups, numbers),
        })
        .collect()
}

fn line_figure(path: &str, [id, label, unit]: &[String; 3], groups: &[Group], numbers: &Numbers) -> Option<Figure> {
    let mut lines: Vec<(String, Vec<(f64, Spread)>)> = Vec::new();
    for group in groups {
        let (Some(x), Some(spread)) =
            (group.values.get(path).and_then(serde_json::Value::as_f64), numbers.spread(id, group))
        else {
            continue;
        };
        let others: Vec<(&String, &serde_json::Value)> = group.values.iter().filter(|(p, _)| *p != path).collect();
        let paths: Vec<&String> = others.iter().map(|(path, _)| *path).collect();
        let name = names::label(&names::labels(&paths), others.iter().map(|(_, value)| *value));
        match lines.iter_mut().find(|(known, _)| *known == name) {
            Some((_, points)) => points.push((x, spread)),
            None => lines.push((name, vec![(x, spread)])),
        }
    }
    for (_, points) in &mut lines {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    let xs: Vec<f64> = lines.iter().flat_map(|(_, points)| points.iter().map(|(x, _)| *x)).collect();
    let (low, high) = xs.iter().fold((f64::INFINITY, 0.0f64), |(low, high), x| (low.min(*x), high.max(*x)));
    let scale = if low > 0.0 && high / low >= WIDE { Scale::Log } else { Scale::Linear };
    let field = names::labels(&[path]).into_iter().next().unwrap_or_default().replace('_', " ");
    let series: Vec<Series> =
        lines.into_iter().take(MOST_LINES).enumerate().map(|(i, (name, points))| line(name, i, &points)).collect();
    (!series.is_empty()).then(|| Figure {
        id: file_name(id),
        title: format!("{label} against {field}"),
        x: Axis { label: field, scale, ..Axis::default() },
        y: Axis { label: label.clone(), unit: unit.clone(), ..Axis::default() },
        series,
        caption: "Mean over seeds; the band is one standard deviation below and above it.".to_owned(),
    })
}

fn bar_figure([id, label, unit]: &[String; 3], groups: &[Group], numbers: &Numbers) -> Option<Figure> {
    let bars: Vec<(&Group, Spread)> =
        groups.iter().filter_map(|group| Some((group, numbers.spread(id, group)?))).take(MOST_LINES).collect();
    let mark = Mark::Bars {
        heights: bars.iter().map(|(_, spread)| spread.mean).collect(),
        errors: bars.iter().map(|(_, spread)| spread.band()).collect(),
    };
    (!bars.is_empty()).then(|| Figure {
        id: file_name(id),
        title: label.clone(),
        x: Axis { categories: bars.iter().map(|(group, _)| group.label.clone()).collect(), ..Axis::default() },
        y: Axis { label: label.clone(), unit: unit.clone(), ..Axis::default() },
        series: vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }],
        caption: "Mean over seeds; whiskers are one standard deviation below and above it.".to_owned(),
    })
}

/// The values of a number that runs report while they work, by abscissa, for each run of a group.
pub type Curves = Vec<Vec<(u64, f64)>>;

/// By step and name of a metric: the curves of each group, with its label.
type ByMetric = BTreeMap<(usize, String), Vec<(String, Curves)>>;

/// A figure for each number that the runs report while they work, a line for each group.
pub(super) fn curve_figures(sweep: &Sweep, groups: &[Group]) -> Result<Vec<Figure>> {
    let mut found = ByMetric::new();
    for group in groups.iter().take(MOST_LINES) {
        for (key, curves) in group_curves(sweep, group)? {
            found.entry(key).or_default().push((group.label.clone(), curves));
        }
    }
    let figures = found.iter().filter_map(|((step, name), groups)| mean_figure(*step, name, groups));
    Ok(figures.take(MOST_FIGURES).collect())
}

/// The mean of the curves of each group with a band of one deviation, where all runs of the group reported. None when
/// no group has two such points.
pub fn mean_figure(step: usize, name: &str, groups: &[(String, Curves)]) -> Option<Figure> {
    let means = groups.iter().take(MOST_LINES).enumerate().map(|(i, (label, curves))| (i, label, mean_curve(curves)));
    let series: Vec<Series> = means
        .filter(|(.., points)| points.len() > 1)
        .map(|(i, label, points)| line(label.clone(), i, &points))
        .collect();
    let shown = name.replace('_', " ");
    (!series.is_empty()).then(|| Figure {
        id: file_name(&format!("curve-{step}-{name}")),
        title: format!("{shown} while it ran"),
        x: Axis { label: "step".to_owned(), ..Axis::default() },
        y: Axis { label: shown, ..Axis::default() },
        series,
        caption: "Mean over seeds where all of them reported; the band is one standard deviation.".to_owned(),
    })
}

fn group_curves(sweep: &Sweep, group: &Group) -> Result<BTreeMap<(usize, String), Curves>> {
    let mut curves: BTreeMap<(usize, String), Curves> = BTreeMap::new();
    for member in group.members.iter().filter_map(|place| sweep.members.get(*place)) {
        let Ok(run) = sweep.run(member) else { continue };
        let mut own: BTreeMap<(usize, String), BTreeMap<u64, f64>> = BTreeMap::new();
        let mut tail = Tail::new(run.events_path());
        loop {
            let lines = tail.poll()?;
            if lines.is_empty() {
                break;
            }
            for line in lines {
                if let Event::Metric { step, name, at, value: Some(value) } = line.event {
                    // What was computed again after an interruption takes the place of what came before.
                    own.entry((step, name)).or_default().insert(at, value);
                }
            }
        }
        for (key, points) in own {
            curves.entry(key).or_default().push(points.into_iter().collect());
        }
    }
    Ok(curves)
}

/// Mean and deviation at every abscissa that all curves have.
fn mean_curve(curves: &[Vec<(u64, f64)>]) -> Vec<(f64, Spread)> {
    let mut at: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (x, y) in curves.iter().flatten() {
        at.entry(*x).or_default().push(*y);
    }
    let shared = at.into_iter().filter(|(_, values)| values.len() == curves.len());
    let points: Vec<(f64, Spread)> = shared.filter_map(|(x, values)| Some((x as f64, Spread::of(&values)?))).collect();
    let every = points.len().div_ceil(MOST_POINTS).max(1);
    points.into_iter().step_by(every).collect()
}

fn line(name: String, color: usize, points: &[(f64, Spread)]) -> Series {
    let has_band = points.iter().any(|(_, spread)| spread.deviation.is_some());
    let band = has_band.then(|| Band {
        lower: points.iter().map(|(_, spread)| spread.band()[0]).collect(),
        upper: points.iter().map(|(_, spread)| spread.band()[1]).collect(),
    });
    let points = points.iter().map(|(x, spread)| [*x, spread.mean]).collect();
    let mark = Mark::Line { points, band, dashed: color >= SERIES };
    Series { name, color: color % SERIES, mark, rows: Rows::default() }
}

/// An id that can be a file name.
fn file_name(id: &str) -> String {
    id.chars().map(|c| if c.is_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::Experiment;
    use crate::runs::store::EventLog;
    use crate::runs::sweep::Executor;

    #[test]
    fn curves_are_averaged_where_all_of_them_are() {
        let points = mean_curve(&[vec![(0, 1.0), (1, 2.0), (2, 9.0)], vec![(0, 3.0), (1, 2.0)]]);
        let shown: Vec<(f64, f64, f64)> = points.iter().map(|(x, s)| (*x, s.mean, s.deviation.unwrap())).collect();
        assert_eq!(shown, [(0.0, 2.0, 2f64.sqrt()), (1.0, 2.0, 0.0)]);
        let long: Vec<(u64, f64)> = (0..5000).map(|i| (i, 0.0)).collect();
        assert!(mean_curve(&[long]).len() <= MOST_POINTS, "thinned");
    }

    #[test]
    fn curves_of_runs_become_lines_with_bands() {
        let root = tempfile::tempdir().unwrap();
        let sweep = serde_json::json!({"steps.0.config.batch_tokens": [64, 128], "seed": [0, 1]});
        let value = serde_json::json!({"name": "s", "steps": [{"method": "perplexity"}], "sweep": sweep});
        let experiment = Experiment::from_value(value, std::path::Path::new("")).unwrap();
        let points = crate::runs::sweep::points(&experiment).unwrap();
        let sweep =
            Sweep::create(root.path(), &experiment, &points, Executor::Local { jobs: 1 }, "2026-01-02").unwrap();
        for (place, (_, run)) in sweep.runs().enumerate() {
            let mut log = EventLog::open(&run.events_path()).unwrap();
            for at in [1u64, 2, 3] {
                let value = Some((10 * place) as f64 + at as f64);
                log.append(1.0, Event::Metric { step: 0, name: "train_loss".to_owned(), at, value }).unwrap();
            }
        }
        let figures = curve_figures(&sweep, &super::super::groups(&sweep.members)).unwrap();
        assert_eq!((figures.len(), figures[0].id.as_str()), (1, "curve-0-train_loss"));
        let names: Vec<&str> = figures[0].series.iter().map(|series| series.name.as_str()).collect();
        assert_eq!(names, ["batch_tokens=64", "batch_tokens=128"]);
        let Mark::Line { points, band: Some(band), .. } = &figures[0].series[1].mark else {
            panic!("a line with a band")
        };
        // Runs 2 and 3: 20 + at and 30 + at; deviation 10 / √2.
        assert_eq!(points[0], [1.0, 26.0]);
        assert!((band.upper[0] - 26.0 - 50f64.sqrt()).abs() < 1e-12);
    }
}
