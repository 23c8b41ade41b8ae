//! The `sweep` of an experiment, and the runs that it means.
//!
//! ```text
//! "sweep": {
//!   "steps.0.config.k": [16, 32],                          every value with every value of the others
//!   "steps.0.config.lr, data.data.limit": [[1e-4, 100], [1e-3, 50]],     values that go together
//!   "steps.0.config.beta": {"draws": 8, "low": 0.01, "high": 1, "log": true},     drawn at random
//!   "seed": [0, 1, 2]
//! }
//! ```
//!
//! Points are counted like digits: the last axis changes fastest. Everything that is drawn is drawn together, so that
//! two drawn fields with 8 draws give 8 points and not 64. The drawn values depend on the seed of the experiment alone.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::names;
use crate::error::{Error, Result};
use crate::rng::Stream;
use crate::runs::assign::put;
use crate::runs::{Experiment, paths};

/// The most runs of a sweep; also what a Slurm job array takes where nothing else is configured.
pub const MOST_POINTS: usize = 1000;

/// Fields that vary together, and what they are set to.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Dotted paths in the experiment.
    pub paths: Vec<String>,
    /// A value for each path, point by point.
    pub rows: Vec<Vec<Value>>,
}

/// One combination of values, and the experiment that it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Dotted paths and values in the order of the axes.
    pub values: Map<String, Value>,
    /// The values in words: `k=16 seed=1`.
    pub label: String,
    /// What is run; its name ends with the label.
    pub experiment: Experiment,
}

/// Values that are drawn at random.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Drawn {
    /// How many.
    draws: usize,
    low: f64,
    high: f64,
    /// Whether powers of ten are equally likely, and not values.
    #[serde(default)]
    log: bool,
    /// Whether values are rounded to whole numbers.
    #[serde(default)]
    whole: bool,
}

/// Values drawn for each that is wanted, since rounded ones repeat.
const SPARE: usize = 16;

/// The axes of an experiment in the order of its file; drawn fields are one axis, at the place of the first.
///
/// # Errors
/// An axis is empty, says something twice or cannot be read; drawn axes have unequal numbers of draws.
pub fn axes(experiment: &Experiment) -> Result<Vec<Axis>> {
    let mut axes: Vec<Axis> = Vec::new();
    let mut drawn_at: Option<usize> = None;
    for (key, values) in &experiment.sweep {
        let paths: Vec<String> = key.split(',').map(|path| path.trim().to_owned()).collect();
        let taken = paths.iter().enumerate().find(|(i, path)| {
            paths.iter().take(*i).chain(axes.iter().flat_map(|axis| &axis.paths)).any(|other| other == *path)
        });
        if let Some((_, path)) = taken {
            return Err(fault(key, &format!("`{path}` is varied twice")).hint("put all its values into one list"));
        }
        match values {
            Value::Array(values) => axes.push(listed(key, paths, values)?),
            Value::Object(_) => {
                let column = drawn(key, &paths, values, experiment.seed)?;
                match drawn_at.and_then(|place| axes.get_mut(place)) {
                    None => {
                        drawn_at = Some(axes.len());
                        axes.push(Axis { paths, rows: column.into_iter().map(|value| vec![value]).collect() });
                    }
                    Some(axis) if axis.rows.len() == column.len() => {
                        axis.paths.extend(paths);
                        axis.rows.iter_mut().zip(column).for_each(|(row, value)| row.push(value));
                    }
                    Some(axis) => {
                        let [here, there] = [column.len() / SPARE, axis.rows.len() / SPARE];
                        let message = format!("{here} draws, and {} has {there}", axis.paths[0]);
                        return Err(
                            fault(key, &message).hint("fields that are drawn are drawn together, equally often")
                        );
                    }
                }
            }
            _ => return Err(fault(key, "is no list of values").hint("write the values as a list, such as [16, 32]")),
        }
    }
    if let Some(axis) = drawn_at.and_then(|place| axes.get_mut(place)) {
        keep_different(axis)?;
    }
    Ok(axes)
}

/// Of more rows than wanted the first different ones: equal runs would pass for repetitions and narrow every interval.
fn keep_different(axis: &mut Axis) -> Result<()> {
    let wanted = axis.rows.len() / SPARE;
    let mut kept: Vec<Vec<Value>> = Vec::with_capacity(wanted);
    for row in axis.rows.drain(..) {
        if kept.len() < wanted && !kept.contains(&row) {
            kept.push(row);
        }
    }
    axis.rows = kept;
    if axis.rows.len() == wanted {
        return Ok(());
    }
    let message = format!("{wanted} draws, and there are about {} different values", axis.rows.len());
    Err(fault(&axis.paths.join(", "), &message).hint("draw fewer, list the values, or widen the range"))
}

/// How many runs the axes mean.
///
/// # Errors
/// There are more than [`MOST_POINTS`].
pub fn count(axes: &[Axis]) -> Result<usize> {
    let product = axes.iter().try_fold(1usize, |n, axis| n.checked_mul(axis.rows.len()));
    match product {
        Some(n) if n <= MOST_POINTS => Ok(n),
        n => {
            let factors: Vec<String> = axes.iter().map(|axis| axis.rows.len().to_string()).collect();
            let n = n.map_or_else(|| "too many to count".to_owned(), |n| n.to_string());
            Err(Error::config(format!("the sweep has {} = {n} runs; the most are {MOST_POINTS}", factors.join(" × ")))
                .hint("give fewer values, or draw some: {\"draws\": 50, \"low\": 1e-5, \"high\": 1e-2, \"log\": true}"))
        }
    }
}

/// All runs that an experiment with a sweep means, checked as far as they can be without touching a file; one without
/// a sweep is a single point.
pub fn points(experiment: &Experiment) -> Result<Vec<Point>> {
    let axes = axes(experiment)?;
    let n = count(&axes)?;
    let paths: Vec<&String> = axes.iter().flat_map(|axis| &axis.paths).collect();
    let labels = names::labels(&paths);
    let base = Experiment { sweep: Map::new(), ..experiment.clone() };
    let base = serde_json::to_value(&base).map_err(|e| Error::bug(e.to_string()))?;
    (0..n).map(|index| point(&base, &experiment.name, &axes, &labels, index)).collect()
}

/// Makes paths of models and data among the values relative to `base`, as those of the experiment are.
pub fn rebase(sweep: &mut Map<String, Value>, change: &dyn Fn(&Path) -> PathBuf) {
    let rebase = |path: &str, value: &mut Value| {
        let is_path = path.rsplit('.').next() == Some("path") || paths::is_field(path);
        let inner = if is_path { Some(value) } else { value.get_mut("path") };
        for text in inner.map(paths::inside).unwrap_or_default() {
            *text = change(Path::new(text.as_str())).to_string_lossy().into_owned();
        }
    };
    for (key, values) in sweep.iter_mut() {
        let paths: Vec<&str> = key.split(',').map(str::trim).collect();
        for value in values.as_array_mut().into_iter().flatten() {
            match (paths.as_slice(), value) {
                ([path], value) => rebase(path, value),
                (paths, Value::Array(row)) => paths.iter().zip(row).for_each(|(path, value)| rebase(path, value)),
                _ => {}
            }
        }
    }
}

fn point(base: &Value, name: &str, axes: &[Axis], labels: &[String], index: usize) -> Result<Point> {
    let mut rest = index;
    let mut chosen: Vec<&Vec<Value>> = Vec::new();
    for axis in axes.iter().rev() {
        chosen.extend(axis.rows.get(rest % axis.rows.len()));
        rest /= axis.rows.len();
    }
    let mut value = base.clone();
    let mut values = Map::new();
    for (axis, row) in axes.iter().zip(chosen.into_iter().rev()) {
        for (path, item) in axis.paths.iter().zip(row) {
            put(&mut value, path, item.clone()).map_err(|e| e.context("sweep"))?;
            values.insert(path.clone(), item.clone());
        }
    }
    let label = names::label(labels, values.values());
    let mut experiment =
        Experiment::from_value(value, Path::new("")).map_err(|e| e.context(&format!("sweep, {label}")))?;
    format!("{name} {label}").trim().clone_into(&mut experiment.name);
    Ok(Point { values, label, experiment })
}

fn listed(key: &str, paths: Vec<String>, values: &[Value]) -> Result<Axis> {
    if values.is_empty() {
        return Err(fault(key, "has no values").hint("give at least one, or take the field out of the sweep"));
    }
    if let Some((_, twice)) = values.iter().enumerate().find(|(i, value)| values.iter().take(*i).any(|v| v == *value)) {
        return Err(fault(key, &format!("{twice} is there twice")).hint("equal runs have equal results; use `seed`"));
    }
    let n = paths.len();
    let row = |value: &Value| match value {
        value if n == 1 => Ok(vec![value.clone()]),
        Value::Array(row) if row.len() == n => Ok(row.clone()),
        other => Err(fault(key, &format!("{other} is no list of {n} values, one for each of the fields"))),
    };
    Ok(Axis { rows: values.iter().map(row).collect::<Result<_>>()?, paths })
}

/// [`SPARE`] times as many values as asked for, of which the first different ones are taken.
fn drawn(key: &str, paths: &[String], spec: &Value, seed: u64) -> Result<Vec<Value>> {
    if paths.len() > 1 {
        return Err(fault(key, "ranges are given field by field").hint("drawn fields are drawn together anyway"));
    }
    let drawn = Drawn::deserialize(spec).map_err(|e| {
        fault(key, &e.to_string()).hint("write {\"draws\": 8, \"low\": 1e-5, \"high\": 1e-2, \"log\": true}")
    })?;
    let Drawn { draws, low, high, log, whole } = drawn;
    if draws == 0 || draws > MOST_POINTS {
        return Err(fault(key, &format!("`draws` is {draws}; allowed is 1 to {MOST_POINTS}")));
    }
    if low >= high || (log && low <= 0.0) {
        let least = if log { " and above 0" } else { "" };
        return Err(fault(key, &format!("`low` is {low} and `high` is {high}; low has to be below high{least}")));
    }
    let mut stream = Stream::new(seed, &format!("sweep {key}"));
    let mut draw = || {
        let u = stream.uniform();
        let value = if log { low * (high / low).powf(u) } else { low + (high - low) * u };
        if whole { Value::from(value.round() as i64) } else { Value::from(short(value)) }
    };
    Ok((0..draws * SPARE).map(|_| draw()).collect())
}

/// Four significant digits: what is drawn should be quotable.
fn short(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

fn fault(key: &str, message: &str) -> Error {
    Error::config(format!("sweep.{key}: {message}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn swept(sweep: &Value) -> Experiment {
        let value = json!({
            "name": "try",
            "model": {"path": "m"},
            "data": {"data": {"path": "t.txt"}},
            "steps": [{"method": "perplexity"}],
            "sweep": sweep,
        });
        Experiment::from_value(value, Path::new("/base")).unwrap()
    }

    fn error(sweep: &Value) -> String {
        points(&swept(sweep)).unwrap_err().to_string()
    }

    #[test]
    fn every_value_meets_every_other_and_the_last_axis_is_fastest() {
        let experiment = swept(&json!({"steps.0.config.batch_tokens": [64, 128], "seed": [0, 1, 2]}));
        let points = points(&experiment).unwrap();
        let labels: Vec<&str> = points.iter().map(|point| point.label.as_str()).collect();
        assert_eq!(
            labels[..4],
            ["batch_tokens=64 seed=0", "batch_tokens=64 seed=1", "batch_tokens=64 seed=2", "batch_tokens=128 seed=0"]
        );
        assert_eq!(points.len(), 6);
        let last = &points[5].experiment;
        assert_eq!((last.seed, &last.steps[0].config["batch_tokens"]), (2, &json!(128)));
        assert_eq!(last.name, "try batch_tokens=128 seed=2");
        assert!(last.sweep.is_empty(), "a point is an experiment of its own");
    }

    #[test]
    fn values_that_go_together_are_not_multiplied() {
        let experiment =
            swept(&json!({"steps.0.config.batch_tokens, data.data.limit": [[64, 5], [128, 9]], "seed": [7]}));
        let points = points(&experiment).unwrap();
        let pairs: Vec<_> = points.iter().map(|p| p.experiment.data["data"].limit.unwrap()).collect();
        assert_eq!(pairs, [5, 9]);
        assert_eq!(points[1].label, "batch_tokens=128 limit=9 seed=7");
    }

    #[test]
    fn drawn_values_lie_in_their_range_come_together_and_stay_the_same() {
        let sweep = json!({
            "threads": {"draws": 20, "low": 1, "high": 9, "whole": true},
            "seed": [0, 1],
            "data.data.limit": {"draws": 20, "low": 10, "high": 1000, "log": true, "whole": true},
        });
        let first = points(&swept(&sweep)).unwrap();
        assert_eq!(first.len(), 40, "20 draws × 2 seeds");
        assert_eq!(first, points(&swept(&sweep)).unwrap());
        let limits: Vec<usize> = first.iter().map(|p| p.experiment.data["data"].limit.unwrap()).collect();
        assert!(limits.iter().all(|n| (10..=1000).contains(n)), "{limits:?}");
        assert!(
            limits.iter().filter(|n| **n < 100).count() > 8,
            "half of a logarithmic range is below 100: {limits:?}"
        );
    }

    #[test]
    fn absurd_and_broken_sweeps_are_refused_with_numbers() {
        let many: Vec<usize> = (0..300).collect();
        let message = error(&json!({"seed": many, "threads": [1, 2, 3, 4]}));
        assert!(message.starts_with("the sweep has 300 × 4 = 1200 runs; the most are 1000"), "{message}");
        for (sweep, words) in [
            (json!({"seed": []}), "sweep.seed: has no values"),
            (json!({"seed": [1, 1]}), "1 is there twice"),
            (json!({"seed": 3}), "is no list of values"),
            (json!({"seed, threads": [[1, 2], [3]]}), "[3] is no list of 2 values"),
            (json!({"seed": [1], "seed, threads": [[1, 2]]}), "`seed` is varied twice"),
            (json!({"seed": {"draws": 3, "low": 2, "high": 1}}), "low has to be below high"),
            (json!({"seed": {"draws": 3, "lo": 2, "high": 1}}), "unknown field `lo`"),
            (json!({"seeed": [1]}), "sweep, seeed=1: unknown field `seeed`"),
            (json!({"steps.4.config.k": [1]}), "sweep: `steps` has no entry `4`"),
            (json!({"seed": ["x"]}), "seed: is \"x\"; expected a whole number"),
            (
                json!({"seed": {"draws": 3, "low": 1, "high": 2}, "threads": {"draws": 2, "low": 1, "high": 2}}),
                "2 draws, and seed has 3",
            ),
        ] {
            let message = error(&sweep);
            assert!(message.contains(words), "{words}: {message}");
        }
    }

    #[test]
    fn paths_among_the_values_follow_the_file() {
        let experiment = swept(&json!({"model.path": ["a", "/abs/b"], "data.data, seed": [[{"path": "t"}, 1]]}));
        let points = points(&experiment).unwrap();
        assert_eq!(points[0].experiment.model.as_ref().unwrap().path.as_deref(), Some(Path::new("/base/a")));
        assert_eq!(points[1].experiment.model.as_ref().unwrap().path.as_deref(), Some(Path::new("/abs/b")));
        assert_eq!(points[0].experiment.data["data"].path.as_deref(), Some(Path::new("/base/t")));
        assert_eq!(points[0].label, "model=a data=t seed=1");
    }

    #[test]
    fn drawn_points_differ_from_each_other() {
        let whole = |draws: usize, high: u64| json!({"steps.0.config.batch_tokens": {"draws": draws, "low": 4, "high": high, "whole": true}});
        let mut values: Vec<Value> = points(&swept(&whole(3, 6)))
            .unwrap()
            .into_iter()
            .flat_map(|point| point.values.into_iter().map(|(_, value)| value))
            .collect();
        values.sort_by_key(Value::as_i64);
        assert_eq!(values, [4, 5, 6]);
        let refused = error(&whole(6, 6));
        assert!(refused.contains("6 draws, and there are about 3 different values"), "{refused}");
    }
}
