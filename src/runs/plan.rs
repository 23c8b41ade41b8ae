//! The plan: an experiment with everything resolved and checked before anything runs.
//!
//! `plan.json` records what a run depends on: program version, device, precision, seed, the hashes of
//! models and data, the full configuration and version of every method. Resuming compares with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Experiment;
use super::estimate::{self, Estimate};
use super::experiment::{DataRef, ModelRef};
use super::inputs::{self, Access};
use super::made::StepOutput;
use super::store::fingerprint;
use crate::data::{Dataset, check_vocabulary};
use crate::engine::cache::KvCache;
use crate::engine::memory::{self, Optimizer};
use crate::engine::model::Keep;
use crate::engine::{Device, weights};
use crate::error::{Error, Result};
use crate::methods::{self, InputKind};

/// The schema number of `plan.json`.
const SCHEMA: u32 = 1;

/// Everything a run depends on. The content of `plan.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of the file format.
    pub schema: u32,
    /// Version of the program.
    pub program: String,
    /// Name of the experiment.
    pub name: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Device.
    pub device: String,
    /// Numbers in which products and attention are computed.
    pub precision: String,
    /// Processor threads; results do not depend on it.
    pub threads: usize,
    /// Models by name.
    pub models: BTreeMap<String, PlannedModel>,
    /// Data sets by name.
    pub data: BTreeMap<String, PlannedData>,
    /// Models by name that earlier steps make.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub made_models: BTreeMap<String, StepOutput>,
    /// Data sets by name that earlier steps make.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub made_data: BTreeMap<String, StepOutput>,
    /// Steps in order.
    pub steps: Vec<PlannedStep>,
    /// Memory and time.
    pub estimate: Estimate,
    /// What was not as it should be, but does not hinder the run.
    pub warnings: Vec<String>,
}

/// A model of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlannedModel {
    /// Shown name.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// Architecture family.
    pub family: String,
    /// Number of parameters.
    pub parameters: u64,
    /// Bytes of memory to score texts with it, beyond the weights that stay mapped from disk.
    pub score_bytes: u64,
    /// Bytes of memory for gradients of one text of the longest length.
    pub gradient_bytes: u64,
    /// Bytes that the cache of decoding takes for a token.
    #[serde(default)]
    pub cache_bytes: u64,
    /// Longest text in tokens.
    pub n_ctx: usize,
    /// Number of layers.
    #[serde(default)]
    pub n_layer: usize,
    /// Hidden units of a feed-forward layer.
    #[serde(default)]
    pub d_ff: usize,
    /// Number of token ids.
    pub vocab_size: usize,
    /// Whether it came with a tokenizer.
    pub has_tokenizer: bool,
    /// Fingerprints of its files by name.
    pub files: BTreeMap<String, String>,
}

/// A data set of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlannedData {
    /// Shown name.
    pub name: String,
    /// The file; empty for rows that were made.
    pub path: PathBuf,
    /// The detected schema in words.
    pub schema: String,
    /// Rows that are used.
    pub rows: usize,
    /// Rows that could not be read.
    pub bad_rows: usize,
    /// SHA-256 of the file, or of the rows as a file.
    pub hash: String,
}

/// A step of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Id of the method.
    pub method: String,
    /// Version of its numbers.
    pub version: u32,
    /// The full configuration.
    pub config: Value,
    /// Names of models and data by input slot.
    pub inputs: BTreeMap<String, Vec<String>>,
    /// Fingerprints of files and folders that the configuration names, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

/// A plan with the data that was read for it.
pub struct Ready {
    /// The plan.
    pub plan: Plan,
    /// Data sets by name.
    pub data: BTreeMap<String, Dataset>,
}

/// Resolves and checks an experiment: fetches what is on the hub, reads headers of models and all data,
/// and computes nothing but a short calibration for the time estimate. A run that goes on gives its
/// `earlier` plan: then inputs of the hub stay at their commit and the time estimate stays as it was.
pub fn plan(experiment: &Experiment, access: &mut Access, earlier: Option<&Plan>) -> Result<Ready> {
    if !experiment.sweep.is_empty() {
        return Err(super::sweep::not_one_run(experiment));
    }
    if let Some(problem) = experiment.problems().into_iter().next() {
        return Err(problem.into_error());
    }
    let place = inputs::parse_place(&experiment.device, &experiment.precision)?;
    let device = place.device;
    let mut plan = Plan {
        schema: SCHEMA,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        name: experiment.name.clone(),
        seed: experiment.seed,
        device: experiment.device.clone(),
        precision: experiment.precision.clone(),
        threads: experiment.threads.unwrap_or_else(available_threads),
        steps: planned_steps(experiment)?,
        ..Plan::default()
    };
    for name in plan.used(InputKind::Model) {
        if let Some(output) = experiment.model_ref(&name).and_then(ModelRef::made_by) {
            plan.made_models.insert(name, output);
            continue;
        }
        let pinned = earlier.and_then(|plan| plan.models.get(&name)).map(|model| model.path.clone());
        let (model, note) = planned_model(experiment, &name, device, pinned, access)
            .map_err(|e| e.context(&format!("model `{name}`")))?;
        plan.warnings.extend(note.map(|note| format!("model `{name}`: {note}")));
        plan.models.insert(name, model);
    }
    let mut data = BTreeMap::new();
    for name in plan.used(InputKind::Data) {
        if let Some(output) = experiment.data.get(&name).and_then(DataRef::made_by) {
            plan.made_data.insert(name, output);
            continue;
        }
        let pinned = earlier.and_then(|plan| plan.data.get(&name)).map(|set| set.path.clone());
        let (set, note) =
            load_data(experiment, &name, pinned, access).map_err(|e| e.context(&format!("data `{name}`")))?;
        plan.warnings.extend(note.map(|note| format!("data `{name}`: {note}")));
        plan.warnings.extend(warnings_of(&name, &set));
        plan.data.insert(name.clone(), planned_data(&set));
        data.insert(name, set);
    }
    check_fit(&plan, &data)?;
    plan.warnings.extend(place.precision.caveat());
    let (estimate, short) = estimate::estimate(&plan, place, &data, earlier.is_none())?;
    plan.estimate = estimate;
    plan.warnings.extend(short);
    if let Some(earlier) = earlier {
        plan.estimate.about_secs = earlier.estimate.about_secs;
    }
    plan.estimate.check(device)?;
    Ok(Ready { plan, data })
}

impl Plan {
    /// Fails when results under this plan could differ from those under `earlier`.
    pub fn check_same(&self, earlier: &Self) -> Result<()> {
        let refuse = |what: String, hint: &str| Err(Error::config(what).hint(hint));
        if self.program != earlier.program {
            let message =
                format!("the run began with version {} of the program; this is {}", earlier.program, self.program);
            return refuse(message, "finish it with that version, or start a new run");
        }
        for (name, model) in &self.models {
            let Some(before) = earlier.models.get(name) else { continue };
            let changed = |(file, hash): &(&String, &String)| before.files.get(*file) != Some(*hash);
            let gone = before.files.keys().find(|file| !model.files.contains_key(*file));
            if let Some(file) = model.files.iter().find(changed).map(|(file, _)| file).or(gone) {
                let message = format!("the model `{name}` changed since the run began: {file}");
                return refuse(message, "restore the file, or start a new run").map_err(|e| e.at(&model.path));
            }
        }
        for (name, set) in &self.data {
            if earlier.data.get(name).is_some_and(|before| before.hash != set.hash) {
                let message = format!("the data `{name}` changed since the run began");
                return refuse(message, "restore the file, or start a new run").map_err(|e| e.at(&set.path));
            }
        }
        for (step, before) in self.steps.iter().zip(&earlier.steps) {
            let changed =
                step.files.iter().find(|(path, print)| before.files.get(*path).is_some_and(|was| was != *print));
            if let Some((path, _)) = changed {
                let message = "a file that the experiment names changed since the run began".to_owned();
                return refuse(message, "restore it, or start a new run").map_err(|e| e.at(Path::new(path)));
            }
        }
        if self.device != earlier.device {
            let (before, now) = (&earlier.device, &self.device);
            let message = format!("the run began on the device `{before}`; this is `{now}`");
            return refuse(message, "last digits differ between devices: start a new run");
        }
        if self.steps != earlier.steps || self.seed != earlier.seed || self.precision != earlier.precision {
            return refuse(
                "the experiment or a method changed since the run began".to_owned(),
                "start a new run: `memoscope run experiment.json`",
            );
        }
        Ok(())
    }

    /// Names of the models or data that the steps use.
    fn used(&self, kind: InputKind) -> Vec<String> {
        let mut names = Vec::new();
        for step in &self.steps {
            let Ok(method) = methods::find(&step.method) else { continue };
            for slot in method.inputs().iter().filter(|slot| slot.kind == kind) {
                names.extend(step.inputs.get(slot.name).into_iter().flatten().cloned());
            }
        }
        names.sort();
        names.dedup();
        names
    }
}

impl PlannedStep {
    /// The first model of the slot `model`.
    pub fn model(&self) -> Option<&String> {
        self.inputs.get("model").and_then(|names| names.first())
    }
}

fn planned_steps(experiment: &Experiment) -> Result<Vec<PlannedStep>> {
    let planned = |(at, step): (usize, &super::Step)| {
        let method = methods::find(&step.method)?;
        let named = |slot: &methods::Input| {
            let names = experiment.input_names(step, slot);
            (!names.is_empty()).then(|| (slot.name.to_owned(), names))
        };
        Ok(PlannedStep {
            method: step.method.clone(),
            version: method.card().version,
            config: method.resolved(&Value::Object(step.config.clone())),
            inputs: method.inputs().iter().filter_map(named).collect(),
            files: super::paths::fingerprints(at, step)?,
        })
    };
    experiment.steps.iter().enumerate().map(planned).collect()
}

fn planned_model(
    experiment: &Experiment,
    name: &str,
    device: Device,
    pinned: Option<PathBuf>,
    access: &mut Access,
) -> Result<(PlannedModel, Option<String>)> {
    let model = experiment.model_ref(name).ok_or_else(|| Error::config("is not defined"))?;
    let (folder, note) = match pinned {
        Some(folder) => (folder, None),
        None => inputs::fetch_model(model, access)?,
    };
    let opened = weights::open(&folder)?;
    let config = &opened.blueprint.config;
    let (parameters, longest) = (opened.blueprint.n_elements() as u64, config.n_ctx as u64);
    let training = memory::train_bytes(config, parameters, longest, Optimizer::Sgd, Keep::All);
    let planned = PlannedModel {
        name: inputs::model_name(model, &folder),
        family: format!("{:?}", config.family),
        parameters,
        score_bytes: memory::score_bytes(config, parameters, 0, longest).total(),
        // on a card the numbers are there once, as what is counted as packed
        gradient_bytes: training.total() - if device == Device::Cpu { 0 } else { training.weights },
        cache_bytes: KvCache::bytes(config, 1, 1),
        n_ctx: config.n_ctx,
        n_layer: config.n_layer,
        d_ff: config.d_ff,
        vocab_size: config.vocab_size,
        has_tokenizer: inputs::has_tokenizer(&folder),
        files: super::store::model_files(&folder)?
            .into_iter()
            .map(|file| Ok((file.clone(), fingerprint(&folder.join(&file))?)))
            .collect::<Result<_>>()?,
        path: folder,
    };
    Ok((planned, note))
}

fn load_data(
    experiment: &Experiment,
    name: &str,
    pinned: Option<PathBuf>,
    access: &mut Access,
) -> Result<(Dataset, Option<String>)> {
    let data = experiment.data.get(name).ok_or_else(|| Error::config("is not defined"))?;
    if let Some(make) = &data.make {
        let made = inputs::make_data(data, make, experiment.seed)?;
        // several sets come from one generator, so its name would tell nothing
        return Ok((Dataset { name: name.to_owned(), ..made }, None));
    }
    let (file, note) = match pinned {
        Some(file) => (file, None),
        None => inputs::fetch_data(data, access)?,
    };
    Ok((inputs::load_data(data, &file)?, note))
}

fn planned_data(set: &Dataset) -> PlannedData {
    PlannedData {
        name: set.name.clone(),
        path: set.path.clone(),
        schema: set.schema.clone(),
        rows: set.records.len(),
        bad_rows: set.bad.len(),
        hash: set.hash.clone(),
    }
}

fn warnings_of(name: &str, set: &Dataset) -> Vec<String> {
    set.remarks().into_iter().map(|remark| format!("data `{name}`: {remark}")).collect()
}

/// Data has to fit the model of its step: a tokenizer for text, ids within the vocabulary.
fn check_fit(plan: &Plan, data: &BTreeMap<String, Dataset>) -> Result<()> {
    for step in &plan.steps {
        let Some(model) = step.model().and_then(|name| plan.models.get(name)) else { continue };
        for (name, set) in step.inputs.values().flatten().filter_map(|name| Some((name, data.get(name)?))) {
            let (vocab_size, folder) = (model.vocab_size, &model.path);
            check_data_fits(set, &model.name, folder, vocab_size, model.has_tokenizer)
                .map_err(|e| e.context(&format!("data `{name}`")).at(&set.path))?;
        }
    }
    Ok(())
}

/// Fails when ids exceed the vocabulary of a model or texts meet one without a tokenizer.
pub(super) fn check_data_fits(
    set: &Dataset,
    model: &str,
    folder: &Path,
    vocab_size: usize,
    has_tokenizer: bool,
) -> Result<()> {
    for record in &set.records {
        match &record.token_ids {
            Some(ids) => check_vocabulary(ids, vocab_size)
                .map_err(|e| e.context(&format!("row {}, model `{model}`", record.row + 1)))?,
            None if !has_tokenizer => {
                return Err(Error::data(format!("these are texts, and the model `{model}` has no tokenizer"))
                    .hint(format!("put its tokenizer.json into {}", folder.display())));
            }
            None => {}
        }
    }
    Ok(())
}

fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
