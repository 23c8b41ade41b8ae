//! Everything that a sweep needs, known before its first run starts.

use std::collections::BTreeMap;

use super::grid::{Point, points};
use crate::error::{Error, Result};
use crate::runs::estimate;
use crate::runs::inputs::Access;
use crate::runs::plan::plan;
use crate::runs::{Experiment, Plan};

/// A sweep whose every run can begin.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The runs.
    pub points: Vec<Point>,
    /// The plan of the first run.
    pub first: Plan,
    /// Seconds of work of all runs together, within a factor of about two; absent when nothing is known.
    pub about_secs: Option<f64>,
    /// Bytes of memory that the largest run needs.
    pub memory_bytes: u64,
    /// Bytes on the disk that all runs need.
    pub disk_bytes: u64,
    /// What is not as it should be but hinders no run, with the run that says it.
    pub warnings: Vec<String>,
}

/// Plans every run of an experiment, those that differ in their seed alone only once. Only the first is calibrated;
/// the time of the others follows from the work that they have.
///
/// # Errors
/// The first run that cannot begin, with its values.
pub fn check(experiment: &Experiment, access: &mut Access) -> Result<Checked> {
    let points = points(experiment)?;
    let mut planned: BTreeMap<String, Plan> = BTreeMap::new();
    let mut first: Option<Plan> = None;
    let mut warnings: Vec<String> = Vec::new();
    let (mut secs, mut memory_bytes, mut disk_bytes) = (Some(0.0), 0, 0);
    for point in &points {
        let key = without_seed(&point.experiment);
        if !planned.contains_key(&key) {
            let earlier = first.as_ref().filter(|first| takes_the_same(first, &point.experiment, &points));
            let ready = plan(&point.experiment, access, earlier).map_err(|e| named(e, &point.label))?;
            for warning in &ready.plan.warnings {
                let is_first = first.as_ref().is_none_or(|first| !first.warnings.contains(warning));
                if is_first && !warnings.contains(warning) {
                    warnings.push(warning.clone());
                }
            }
            first.get_or_insert_with(|| ready.plan.clone());
            planned.insert(key.clone(), ready.plan);
        }
        if let (Some(plan), Some(first)) = (planned.get(&key), &first) {
            let needs = &plan.estimate;
            memory_bytes = memory_bytes.max(needs.memory_bytes);
            disk_bytes += needs.disk_bytes;
            secs = secs.zip(seconds(plan, first)).map(|(sum, secs)| sum + secs);
        }
    }
    let first = first.unwrap_or_default();
    Ok(Checked { points, first, about_secs: secs, memory_bytes, disk_bytes, warnings })
}

/// An error of a run, with the values of the run where there are several.
fn named(error: Error, label: &str) -> Error {
    if label.is_empty() {
        return error;
    }
    let hint = error.fault().and_then(|fault| fault.hint.clone());
    let error = error.context(label);
    // Where several fields vary, a value of one may not go with each of another.
    match hint.filter(|_| error.exit_code() == 2 && label.contains(' ') && label.matches('=').count() > 1) {
        Some(hint) => error.hint(format!(
            "{hint}; values that do not all go together are written in rows: \"steps.0.config.a, steps.0.config.b\": \
             [[1, 2], [3, null]]"
        )),
        None => error,
    }
}

/// The experiment as text, but for what makes no difference to its plan.
fn without_seed(experiment: &Experiment) -> String {
    let plain = Experiment { seed: 0, name: String::new(), ..experiment.clone() };
    serde_json::to_string(&plain).unwrap_or_default()
}

/// Whether models and data are those of the first run, so that nothing needs to be measured or fetched again.
fn takes_the_same(first: &Plan, experiment: &Experiment, points: &[Point]) -> bool {
    points.first().is_some_and(|point| {
        let other = &point.experiment;
        let same_place =
            first.device == experiment.device && first.threads == experiment.threads.unwrap_or(first.threads);
        same_place
            && (&other.model, &other.models, &other.data) == (&experiment.model, &experiment.models, &experiment.data)
    })
}

/// Seconds of a run: as measured for the first one, by the work of both.
fn seconds(plan: &Plan, first: &Plan) -> Option<f64> {
    let (own, reference) = (estimate::cost(plan.estimate.work), estimate::cost(first.estimate.work));
    let is_same_model = plan.models == first.models && plan.device == first.device;
    match first.estimate.about_secs {
        Some(secs) if is_same_model && reference > 0.0 => Some(secs * own / reference),
        _ => plan.estimate.about_secs,
    }
}
