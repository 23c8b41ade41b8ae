//! Figures of a landscape: filled contours, differences, slices.

use super::super::sets::TextSet;
use super::CARD;
use super::components::Path;
use super::directions::Directions;
use super::evaluate::{Value, Values};
use super::grid::Grid;
use super::partial;
use super::report::Around;
use crate::figures::{Axis, Contour, Figure, Mark, Rows, Scale, Series};
use crate::methods::common::tables::caption;

/// Losses that span more than this factor are colored by their logarithm.
const WIDE: f64 = 20.0;

pub(super) fn figures(
    sets: &[TextSet],
    grid: &Grid,
    around: &[Around],
    (found, path): (&Directions, &Path),
) -> Vec<Figure> {
    if !grid.plane {
        return vec![losses(sets, grid, around, found), memorized(sets, grid, around, found)];
    }
    let plane = Plane { grid, found, path };
    let mut figures = Vec::new();
    let look = shared(around.iter().flat_map(|a| (0..sets.len()).flat_map(|s| losses_of(a, s))));
    for (s, set) in sets.iter().enumerate() {
        for (i, a) in around.iter().enumerate() {
            let what = format!("Loss on {} around {}", set.name, a.name);
            figures.push(plane.contour(&id("loss", set, i), &what, losses_of(a, s).collect(), &look, set.texts.len()));
        }
    }
    for (i, a) in around.iter().enumerate().skip(1) {
        for (s, set) in sets.iter().enumerate() {
            let what = format!("Loss on {}: {} minus {}", set.name, a.name, around[0].name);
            let values = losses_of(a, s).zip(losses_of(&around[0], s)).map(|(a, b)| a - b).collect();
            figures.push(plane.contour(&id("difference", set, i), &what, values, &DIFFERENCE, set.texts.len()));
        }
    }
    if let ([first, second, ..], Some(a)) = (sets, around.first()) {
        let what = format!("Loss on {} minus loss on {}", first.name, second.name);
        let values = losses_of(a, 0).zip(losses_of(a, 1)).map(|(a, b)| a - b).collect();
        figures.push(plane.contour("difference_of_sets", &what, values, &DIFFERENCE, first.texts.len()));
    }
    for (s, set) in sets.iter().enumerate() {
        for (i, a) in around.iter().enumerate() {
            let exact: Vec<f64> = a.values[s].iter().map(|v| v.exact).collect();
            if range(exact.iter().copied()).is_some_and(|[low, high]| high > low) {
                let what = format!("Texts of {} memorized exactly around {}", set.name, a.name);
                figures.push(plane.contour(&id("exact", set, i), &what, exact, &SHARE, set.texts.len()));
            }
        }
    }
    figures
}

/// The losses as far as they are known: around the models that are done, and around the one at work. Lines are not shown.
pub(super) fn on_the_way(
    sets: &[TextSet],
    grid: &Grid,
    done: &[Around],
    (model, values, known): (&str, &Values, &[bool]),
    (found, path): (&Directions, &Path),
) -> Vec<Figure> {
    if !grid.plane {
        return Vec::new();
    }
    let plane = Plane { grid, found, path };
    let (n, all) = (known.iter().filter(|k| **k).count(), grid.len());
    let now: Vec<Vec<f64>> = values.iter().map(|values| partial::losses(grid, values, known)).collect();
    let before = done.iter().flat_map(|a| (0..sets.len()).flat_map(|s| losses_of(a, s)));
    let look = shared(before.chain(now.iter().flatten().copied()));
    let mut figures = Vec::new();
    for ((s, set), now) in sets.iter().enumerate().zip(now) {
        let before = done.iter().map(|a| (&a.name[..], losses_of(a, s).collect()));
        for (i, (model, values)) in before.chain([(model, now)]).enumerate() {
            let what = format!("Loss on {} around {model}", set.name);
            figures.push(plane.contour(&id("loss", set, i), &what, values, &look, set.texts.len()));
        }
        if let Some(last) = figures.last_mut() {
            last.caption = format!("{n} of {all} points; between those of a coarser grid the surface is linear.");
        }
    }
    figures
}

/// One range of colors for every loss, whatever the text set and the model.
fn shared(losses: impl Iterator<Item = f64>) -> Look {
    let range = range(losses);
    let log = range.is_some_and(|[low, high]| low > 0.0 && high / low > WIDE);
    Look { range, log, diverging: false, label: LOSS }
}

/// How values become colors.
struct Look {
    range: Option<[f64; 2]>,
    log: bool,
    diverging: bool,
    label: &'static str,
}

const LOSS: &str = "loss (nats/token)";
const DIFFERENCE: Look = Look { range: None, log: false, diverging: true, label: "difference (nats/token)" };
const SHARE: Look = Look { range: Some([0.0, 1.0]), log: false, diverging: false, label: "share of texts" };

/// What all figures of a plane share.
struct Plane<'a> {
    grid: &'a Grid,
    found: &'a Directions,
    path: &'a Path,
}

impl Plane<'_> {
    fn contour(&self, id: &str, title: &str, values: Vec<f64>, look: &Look, n: usize) -> Figure {
        let ends = |v: &[f64]| [v.first().copied().unwrap_or(0.0), v.last().copied().unwrap_or(1.0)];
        let (x, y) = (ends(&self.grid.x), ends(&self.grid.y));
        let mark = Mark::Contour(Contour {
            columns: self.grid.x.len(),
            values,
            x,
            y,
            levels: Vec::new(),
            range: look.range,
            scale: if look.log { Scale::Log } else { Scale::Linear },
            diverging: look.diverging,
            label: look.label.to_owned(),
        });
        let mut series = vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }];
        if !self.path.places.is_empty() {
            let points = self.path.places.iter().map(|(_, at)| *at).collect();
            let mark = Mark::Line { points, band: None, dashed: false };
            series.push(Series { name: "checkpoints".to_owned(), color: 1, mark, rows: Rows::default() });
        }
        let axis = |label: &String, range| Axis { label: label.clone(), range: Some(range), ..Axis::default() };
        Figure {
            id: id.to_owned(),
            title: title.to_owned(),
            x: axis(&self.found.labels[0], x),
            y: axis(&self.found.labels[1], y),
            series,
            caption: caption(&CARD, &format!("{title};"), n),
        }
    }
}

fn losses(sets: &[TextSet], grid: &Grid, around: &[Around], found: &Directions) -> Figure {
    let values = around.iter().flat_map(|a| (0..sets.len()).flat_map(|s| losses_of(a, s)));
    let log = range(values).is_some_and(|[low, high]| low > 0.0 && high / low > WIDE);
    let series = slices(sets, grid, around, |v| v.loss);
    let scale = if log { Scale::Log } else { Scale::Linear };
    let y = Axis { label: "loss".to_owned(), unit: "nats/token".to_owned(), scale, ..Axis::default() };
    slice_figure(("loss", "Loss along the line"), y, series, (sets, found))
}

fn memorized(sets: &[TextSet], grid: &Grid, around: &[Around], found: &Directions) -> Figure {
    let series = slices(sets, grid, around, |v| v.exact);
    let y = Axis { label: "memorized exactly".to_owned(), range: Some([0.0, 1.0]), ..Axis::default() };
    slice_figure(("exact", "Texts memorized exactly along the line"), y, series, (sets, found))
}

fn slices(sets: &[TextSet], grid: &Grid, around: &[Around], f: fn(&Value) -> f64) -> Vec<Series> {
    let mut series = Vec::new();
    for a in around {
        for (s, set) in sets.iter().enumerate() {
            let points = grid.x.iter().zip(&a.values[s]).map(|(x, v)| [*x, f(v)]).collect();
            let name = if around.len() == 1 { set.name.clone() } else { format!("{} around {}", set.name, a.name) };
            let mark = Mark::Line { points, band: None, dashed: false };
            series.push(Series { name, color: series.len(), mark, rows: Rows::default() });
        }
    }
    series
}

fn slice_figure(
    (id, title): (&str, &str),
    y: Axis,
    series: Vec<Series>,
    (sets, found): (&[TextSet], &Directions),
) -> Figure {
    let n = sets.iter().map(|set| set.texts.len()).sum();
    Figure {
        id: id.to_owned(),
        title: title.to_owned(),
        x: Axis { label: found.labels[0].clone(), ..Axis::default() },
        y,
        series,
        caption: caption(&CARD, &format!("{title};"), n),
    }
}

fn losses_of(a: &Around, set: usize) -> impl Iterator<Item = f64> + '_ {
    a.values[set].iter().map(|v| v.loss)
}

/// Lowest and highest of the finite values.
fn range(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let wider = |r: Option<[f64; 2]>, v: f64| Some(r.map_or([v, v], |[low, high]| [low.min(v), high.max(v)]));
    values.filter(|v| v.is_finite()).fold(None, wider)
}

/// Name of a figure: what, of which set, around which model. Names of sets hold no hyphen, so that a set `a_2` and the
/// second model of a set `a` have names of their own.
fn id(what: &str, set: &TextSet, model: usize) -> String {
    let set = &set.slug;
    if model == 0 { format!("{what}_{set}") } else { format!("{what}_{set}-{}", model + 1) }
}
