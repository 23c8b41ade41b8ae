//! What runs of `unlearn` left behind: their numbers beside each other, their edits, and the edited models.

use std::path::{Path, PathBuf};

use super::store::{RunDir, SavedReport, SavedStep, list_runs};
use super::sweep::Sweep;
use super::{Experiment, inputs};
use crate::engine::Device;
use crate::engine::weights::{read_json, save};
use crate::error::{Error, Result};
use crate::figures::{ExportSpec, Exported, Figure, Provenance, export_all};
use crate::methods::unlearn::edit::Edit;
use crate::methods::unlearn::pareto::Outcome;
use crate::methods::unlearn::picked::jaccard;

/// Id of the method.
const METHOD: &str = "unlearn";

/// What each step of `unlearn` of a report did, by the step's index.
pub fn outcomes(report: &SavedReport) -> Vec<(usize, Outcome)> {
    let is_ours = |(_, step): &(usize, &SavedStep)| step.method == METHOD;
    let steps = report.steps.iter().enumerate().filter(is_ours);
    steps.map(|(i, step)| (i, Outcome::of(&step.config, &step.scalars))).collect()
}

/// The run at a place, or the runs of the sweep there.
///
/// # Errors
/// Neither a run nor a sweep.
pub fn runs_at(place: &Path) -> Result<Vec<RunDir>> {
    if Sweep::is_at(place) {
        return Ok(Sweep::open(place)?.runs().map(|(_, run)| run).collect());
    }
    let is_shelf = place.is_dir() && !place.join("experiment.json").exists();
    let below = if is_shelf { list_runs(place)? } else { Vec::new() };
    if below.is_empty() { Ok(vec![RunDir::open(place)?]) } else { Ok(below) }
}

/// A figure that belongs to several runs as a file.
///
/// # Errors
/// Those of the export.
pub fn export_across(figure: &Figure, runs: &[String], spec: &ExportSpec) -> Result<Exported> {
    let provenance = Provenance { run: runs.join(", "), method: METHOD.to_owned(), ..Provenance::default() };
    export_all(std::slice::from_ref(figure), 1, &ExportSpec { provenance, ..spec.clone() })
}

/// The folders with the edits of a step, the main one first.
///
/// # Errors
/// The step left no edit, or its folder is gone.
pub fn edit_folders(run: &RunDir, step: usize) -> Result<Vec<PathBuf>> {
    let folder = run.checkpoints().join(format!("{step}-{METHOD}"));
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.join("edit.json").is_file()).collect();
    found.sort();
    if found.is_empty() {
        let hint = "run it again; the edit lies in checkpoints/, which may have been removed";
        return Err(Error::data("the step left no edit").hint(hint).at(&folder));
    }
    let main = main_ratio(run, step).map(|ratio| folder.join(format!("edit-{ratio}")));
    found.sort_by_key(|path| Some(path) != main.as_ref());
    Ok(found)
}

fn main_ratio(run: &RunDir, step: usize) -> Option<f64> {
    let report = SavedReport::read(run).ok()??;
    let outcomes = outcomes(&report);
    outcomes.into_iter().find(|(i, _)| *i == step).map(|(_, outcome)| outcome.ratio.unwrap_or(0.0))
}

/// An edit that a step left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Left {
    /// Name of the run's folder.
    pub run: String,
    /// Index of the step.
    pub step: usize,
    /// Folder with the edit.
    pub folder: PathBuf,
    /// What was done to the model as it came, in order; the last is the step's own technique.
    pub chain: Vec<String>,
    /// Numbers that changed.
    pub n_changed: usize,
}

/// Edits of several steps and how much they overlap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlaps {
    /// The edits.
    pub edits: Vec<Left>,
    /// Jaccard index of what each two change, row by row; absent where neither changes anything.
    pub jaccard: Vec<Option<f64>>,
}

/// Reads the main edits of some steps and compares each two.
///
/// # Errors
/// A step without an edit, a damaged one.
pub fn overlaps(steps: &[(RunDir, usize)]) -> Result<Overlaps> {
    let mut found = Overlaps::default();
    let mut edits = Vec::new();
    for (run, step) in steps {
        let folder = edit_folders(run, *step)?.swap_remove(0);
        let edit = Edit::load(&folder)?;
        let n_changed = edit.parts.iter().map(crate::methods::unlearn::edit::Part::n_changed).sum();
        found.edits.push(Left { run: run.name(), step: *step, chain: chain(&edit), folder, n_changed });
        edits.push(edit);
    }
    found.jaccard = edits.iter().flat_map(|a| edits.iter().map(|b| jaccard(a, b))).collect();
    Ok(found)
}

/// The techniques behind an edit, the first one first: those of the edits it was put on, then its own.
pub fn chain(edit: &Edit) -> Vec<String> {
    let before = edit.about.settings.get("apply").and_then(|list| list.as_array()).into_iter().flatten();
    let before = before.filter_map(|folder| folder.as_str()).flat_map(|folder| match Edit::load(Path::new(folder)) {
        Ok(edit) => chain(&edit),
        Err(_) => vec![format!("an edit that is gone: {folder}")],
    });
    before.chain([edit.about.technique.clone()]).collect()
}

/// Writes the edited model of a step as a folder of its own: the one that the run saved, or the original with the edit.
///
/// # Errors
/// The original or the edit is gone, an existing folder, a full disk.
pub fn keep_model(run: &RunDir, step: usize, out: &Path) -> Result<()> {
    let report = SavedReport::read(run)?.ok_or_else(|| Error::config("the run has no results yet").at(run.path()))?;
    let saved = report.steps.get(step).and_then(|step| step.models.first());
    let saved = saved.and_then(|made| made.path(run).ok()).filter(|path| path.join("config.json").is_file());
    let source = match &saved {
        Some(folder) => folder.clone(),
        None => original(run, step, &run.experiment()?, &report)?,
    };
    let mut model = inputs::load_model("model", &source, Device::Cpu)?.decoder;
    if saved.is_none() {
        Edit::load(&edit_folders(run, step)?.swap_remove(0))?.apply(&mut model)?;
    }
    save(out, &model, &read_json(&source.join("config.json"))?, Some(&source))
}

/// The folder of the model that a step of `unlearn` was given.
///
/// # Errors
/// A model of the hub that is not here, or of a step that made none.
pub fn original(run: &RunDir, step: usize, experiment: &Experiment, report: &SavedReport) -> Result<PathBuf> {
    let missing = || {
        Error::data("the model that the run was given cannot be found")
            .hint("run it with `save_model`, or open the model first")
            .at(run.path())
    };
    let given = experiment.steps.get(step).ok_or_else(missing)?;
    let name = given.inputs.get("model").and_then(|input| input.names().first()).map_or("model", String::as_str);
    let model = experiment.model_ref(name).ok_or_else(missing)?;
    match (model.made_by(), &model.path) {
        (Some(made), _) => made.model(run, report),
        (None, Some(path)) => Ok(path.clone()),
        (None, None) => inputs::model_folder(model, &mut inputs::Access::from_env()),
    }
}
