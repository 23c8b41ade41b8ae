//! Numbers and tables of a landscape.

use super::super::sets::TextSet;
use super::components::Path;
use super::config::{Config, Published};
use super::directions::Directions;
use super::evaluate::{Value, Values};
use super::figures;
use super::grid::Grid;
use crate::methods::common::tables::{counted, float, int, scalar, text};
use crate::methods::{Column, Report, Scalar, Table};

/// The surfaces around one model.
#[derive(Clone, Debug)]
pub(super) struct Around {
    /// The model in the middle.
    pub(super) name: String,
    /// By set and point.
    pub(super) values: Values,
}

/// Everything that was found.
pub(super) fn report(
    config: &Config,
    sets: &[TextSet],
    grid: &Grid,
    around: &[Around],
    (found, path): (&Directions, &Path),
) -> Report {
    let mut tables = vec![points(sets, grid, around)];
    if config.per_text {
        tables.push(texts(sets, grid, around));
    }
    if !path.places.is_empty() {
        tables.push(trajectory(path));
    }
    let mut scalars = found.scalars.clone();
    scalars.extend(
        around
            .iter()
            .flat_map(|a| sets.iter().enumerate().map(move |(s, set)| (a, s, set)))
            .flat_map(|(a, s, set)| set_scalars(around.len() > 1, a, set, (grid, &a.values[s]))),
    );
    Report {
        scalars,
        tables,
        figures: if grid.len() > 1 { figures::figures(sets, grid, around, (found, path)) } else { Vec::new() },
        notes: notes(config, grid, around),
        ..Report::default()
    }
}

fn notes(config: &Config, grid: &Grid, around: &[Around]) -> Vec<String> {
    let mut notes = Vec::new();
    if grid.len() == 1 {
        notes.push("A grid of one point has no surface: the numbers are those of the model there.".to_owned());
    }
    if grid.center().is_none() && grid.len() > 1 {
        notes.push(match config.compat {
            Published::Paper => "As in the published figures, no point of the grid is the model itself.".to_owned(),
            _ => "No point of the grid is the model itself; an odd number of steps and ranges around 0 have one."
                .to_owned(),
        });
    }
    for a in around {
        let hole = |point: usize| a.values.iter().any(|set| !set[point].loss.is_finite());
        let holes = (0..grid.len()).filter(|point| hole(*point)).count();
        if holes > 0 {
            let (n, name) = (counted(grid.len(), "point"), &a.name);
            notes.push(format!("Around {name}, {holes} of {n} have no finite loss; they are holes in the figures."));
        }
    }
    notes
}

fn set_scalars(several: bool, a: &Around, set: &TextSet, (grid, values): (&Grid, &[Value])) -> Vec<Scalar> {
    let (id, name) = if several {
        (format!("{}.{}", set.name, a.name), format!("{} around {}", set.name, a.name))
    } else {
        (set.name.clone(), set.name.clone())
    };
    let n = set.texts.len();
    let finite = || values.iter().map(|v| v.loss).filter(|v| v.is_finite());
    let center = grid.center().and_then(|point| values.get(point));
    let one = |key: &str, label: &str, unit: &str, value: Option<f64>, why: &str| {
        scalar(&format!("{key}.{id}"), &format!("{label}, {name}"), unit, value, n, why)
    };
    let missing = "no point of the grid is the model";
    vec![
        one("loss", "Loss at the model", "nats/token", center.map(|v| v.loss), missing),
        one("lowest", "Lowest loss", "nats/token", finite().reduce(f64::min), "no point has a finite loss"),
        one("highest", "Highest loss", "nats/token", finite().reduce(f64::max), "no point has a finite loss"),
        one("exact", "Memorized exactly at the model", "", center.map(|v| v.exact), missing),
        one("accuracy", "Accuracy at the model", "", center.map(|v| v.accuracy), missing),
        one("holes", "Points without a finite loss", "points", Some((values.len() - finite().count()) as f64), ""),
    ]
}

/// Models and points, in the order of the table.
fn all<'a>(grid: &'a Grid, around: &'a [Around]) -> impl Iterator<Item = (&'a Around, usize)> + Clone {
    around.iter().flat_map(|a| (0..grid.len()).map(move |point| (a, point)))
}

fn points(sets: &[TextSet], grid: &Grid, around: &[Around]) -> Table {
    let all = all(grid, around);
    let at = |axis: usize| all.clone().map(move |(_, point)| Some(grid.point(point).2[axis]));
    let mut columns: Vec<Column> = vec![
        text("model", "The model in the middle.", all.clone().map(|(a, _)| a.name.clone())),
        int(
            "row",
            "",
            "Row of the grid, from 0: along the second direction.",
            all.clone().map(|(_, p)| grid.point(p).0),
        ),
        int(
            "column",
            "",
            "Column of the grid, from 0: along the first direction.",
            all.clone().map(|(_, p)| grid.point(p).1),
        ),
        float("x", "", "Steps along the direction of the columns.", at(0)),
        float("y", "", "Steps along the direction of the rows.", at(1)),
    ];
    for (s, set) in sets.iter().enumerate() {
        let of = |f: fn(&Value) -> f64| all.clone().map(move |(a, p)| a.values[s].get(p).map(f));
        let name = &set.name;
        columns.push(float(&format!("loss.{name}"), "nats/token", "Loss; empty at a hole.", of(|v| v.loss)));
        columns.push(float(
            &format!("accuracy.{name}"),
            "",
            "Share of tokens that are the most likely ones.",
            of(|v| v.accuracy),
        ));
        columns.push(float(
            &format!("exact.{name}"),
            "",
            "Share of texts whose tokens after the prefix are all the most likely ones.",
            of(|v| v.exact),
        ));
    }
    Table { id: "points".to_owned(), title: "Loss at every point".to_owned(), columns, parquet: false }
}

fn texts(sets: &[TextSet], grid: &Grid, around: &[Around]) -> Table {
    let rows = || {
        all(grid, around).flat_map(move |(a, point)| {
            let of_set = move |(s, set)| {
                let set: &TextSet = set;
                set.texts.iter().enumerate().map(move |(t, text)| (a, point, s, set, t, text.row))
            };
            sets.iter().enumerate().flat_map(of_set)
        })
    };
    let columns = vec![
        text("model", "The model in the middle.", rows().map(|r| r.0.name.clone())),
        float("x", "", "Steps along the direction of the columns.", rows().map(|r| Some(grid.point(r.1).2[0]))),
        float("y", "", "Steps along the direction of the rows.", rows().map(|r| Some(grid.point(r.1).2[1]))),
        text("set", "The text set.", rows().map(|r| r.3.name.clone())),
        int("text", "", "Row in the file, from 0.", rows().map(|r| r.5)),
        float(
            "loss",
            "nats/token",
            "Loss of the text; empty at a hole.",
            rows().map(|r| r.0.values[r.2][r.1].texts.get(r.4).copied()),
        ),
    ];
    Table { id: "texts".to_owned(), title: "Loss of every text".to_owned(), columns, parquet: true }
}

fn trajectory(path: &Path) -> Table {
    let columns = vec![
        text("checkpoint", "The checkpoint.", path.places.iter().map(|p| p.0.clone())),
        float("x", "", "Steps along the direction of the columns.", path.places.iter().map(|p| Some(p.1[0]))),
        float("y", "", "Steps along the direction of the rows.", path.places.iter().map(|p| Some(p.1[1]))),
        float(
            "off_plane",
            "",
            "Distance from the plane, relative to the distance from the model.",
            path.off.iter().map(|o| Some(*o)),
        ),
    ];
    Table { id: "checkpoints".to_owned(), title: "Path of the checkpoints".to_owned(), columns, parquet: false }
}
