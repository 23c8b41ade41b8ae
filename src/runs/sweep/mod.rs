//! Sweeps: one experiment with lists of values, carried out as many runs that belong together.
//!
//! [`points`] says which runs an experiment means, [`check()`] plans all of them before anything starts, and a
//! [`Sweep`] is the folder that knows them: each is a run folder like any other, beside it. They are worked on by the
//! local queue ([`drive()`]) or by Slurm (`runs::slurm`); [`merge()`] writes what they found as one table and its figures.

mod check;
mod drive;
mod figures;
mod folder;
mod grid;
mod groups;
mod merge;
mod names;

pub use check::{Checked, check};
pub use drive::{Tally, drive};
pub use figures::{Curves, mean_figure, number_figures};
pub use folder::{Executor, Member, Sweep, on_slurm, point_of};
pub use grid::{Axis, MOST_POINTS, Point, axes, count, points, rebase};
pub use groups::{Group, Spread, groups};
pub use merge::{Numbers, merge};
pub use names::{label, labels, shown};

use super::Experiment;
use crate::error::Error;
use crate::methods::schema::Problem;

/// The field that repeats the same thing with other random numbers.
pub const SEED: &str = "seed";

/// What is wrong with the points of an experiment, without touching a file. What is wrong with the first one is said
/// as if it were alone, of the others with their name.
pub(super) fn problems(experiment: &Experiment) -> Vec<Problem> {
    let points = match points(experiment) {
        Ok(points) => points,
        Err(error) => return vec![Problem { path: "sweep".to_owned(), ..Problem::from(error) }],
    };
    let mut found: Vec<Problem> = Vec::new();
    let mut known: Vec<Problem> = Vec::new();
    for point in points {
        for mut problem in point.experiment.problems() {
            if known.contains(&problem) {
                continue;
            }
            known.push(problem.clone());
            if !found.is_empty() || known.len() > 1 {
                problem.message = format!("{} (in {})", problem.message, point.label);
            }
            found.push(problem);
        }
    }
    found
}

/// Why an experiment with a sweep is not run as it is.
pub(super) fn not_one_run(experiment: &Experiment) -> Error {
    let n = axes(experiment).and_then(|axes| count(&axes));
    let what = n.map_or_else(|_| "a sweep".to_owned(), |n| format!("a sweep of {n} runs"));
    Error::config(format!("this experiment is {what}, not one run")).hint(
        "start all of them with `memoscope sweep FILE`, or only the values outside the sweep with `--set sweep={}`",
    )
}
