//! The experiment file: what is to be done, as it was typed. Nothing here touches a file but [`Experiment::read`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::made::StepOutput;
use super::{paths, sweep};
use crate::data::Format;
use crate::data::make::Make;
use crate::engine::Precision;
use crate::error::{Error, Result};
use crate::methods::{self, schema};

/// The schema number that this program writes.
const SCHEMA: u32 = 1;

pub(super) const ONE_SOURCE: &str = "needs one of `path`, `hub` and `step`";
pub(super) const SOURCES: &str = "`path` is a folder or file, `hub` an id on the hub, `step` an earlier step's index";

/// What is to be done. Paths are relative to the file that holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Experiment {
    /// Version of the file format.
    pub schema: u32,
    /// Name of the run; becomes part of its folder.
    pub name: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Where to compute: `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// Numbers in which products and attention are computed: `f32`; on a card also `tf32` and `bf16`, which are
    /// faster and coarser.
    pub precision: String,
    /// Processor threads; all of them when absent. Results do not depend on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub threads: Option<usize>,
    /// The model under study; the input `model` of every step that names no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRef>,
    /// Further models by name: references, checkpoints.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, ModelRef>,
    /// Data sets by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, DataRef>,
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// What `memoscope sweep` varies: a dotted path, such as `steps.0.config.k` or `seed`, to the list of its values.
    /// Several paths with commas between them take their values together; `{"draws": 8, "low": 1e-5, "high": 1e-2,
    /// "log": true}` draws values at random.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub sweep: Map<String, Value>,
}

impl Default for Experiment {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            name: String::new(),
            seed: 0,
            device: "cpu".to_owned(),
            precision: "f32".to_owned(),
            threads: None,
            model: None,
            models: BTreeMap::new(),
            data: BTreeMap::new(),
            steps: Vec::new(),
            sweep: Map::new(),
        }
    }
}

/// A model: a folder, an id on the hub, or what an earlier step makes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelRef {
    /// Folder with `config.json` and safetensors files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Hub id, such as `EleutherAI/pythia-70m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub: Option<String>,
    /// Branch, tag or commit on the hub; `main` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Index of an earlier step that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// Its name among the models of that step; may be left out when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// A data set: a file, an id on the hub, what an earlier step makes, or parameters from which its rows are made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DataRef {
    /// A JSONL, JSON, CSV, TXT or Parquet file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Hub id of a data set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub: Option<String>,
    /// Branch, tag or commit on the hub; `main` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Index of an earlier step that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// Its name among the data of that step; may be left out when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// File inside the data set on the hub; needed when it has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A generator with its parameters, such as `{"bios": {"people": 400}}`; the rows are made when the run begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make: Option<Make>,
    /// Only rows of this part, such as `train`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Only rows of this group, such as `noise`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Format of the file; found by its name and content when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Which column holds what: role to column name, such as `{"text": "input"}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
    /// Rows to use, from the start; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub limit: Option<usize>,
}

impl ModelRef {
    /// What an earlier step has to make for it.
    pub fn made_by(&self) -> Option<StepOutput> {
        self.step.map(|step| StepOutput { step, output: self.output.clone() })
    }
}

impl DataRef {
    /// What an earlier step has to make for it.
    pub fn made_by(&self) -> Option<StepOutput> {
        self.step.map(|step| StepOutput { step, output: self.output.clone() })
    }
}

/// One method with its options and inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// Id of the method.
    pub method: String,
    /// Its options; those left out have their defaults.
    pub config: Map<String, Value>,
    /// Input slot to the name of a model or data set. A slot that is left out takes the one of its own name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, InputRef>,
}

/// One name or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum InputRef {
    /// One model or data set.
    One(String),
    /// Several, in order.
    Many(Vec<String>),
}

impl InputRef {
    /// The names in order.
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

impl Experiment {
    /// Reads a file; its paths become relative to the current folder or absolute.
    pub fn read(path: &Path) -> Result<Self> {
        let value = super::store::read_json(path)?;
        let base = path.parent().unwrap_or_else(|| Path::new(""));
        Self::from_value(value, base).map_err(|e| e.at(path))
    }

    /// Checks and takes over a JSON value whose paths are relative to `base`.
    pub fn from_value(value: Value, base: &Path) -> Result<Self> {
        check_schema_number(&value)?;
        if let Some(problem) = schema::problems(&schemars::schema_for!(Self), &value).into_iter().next() {
            return Err(problem.into_error());
        }
        let mut experiment: Self = serde_json::from_value(value).map_err(|e| Error::config(e.to_string()))?;
        experiment.change_paths(&|path| base.join(path));
        Ok(experiment)
    }

    /// Everything that is wrong with it and can be known without touching a file, field by field.
    pub fn problems(&self) -> Vec<schema::Problem> {
        if !self.sweep.is_empty() {
            return sweep::problems(self);
        }
        let mut found = Vec::new();
        self.check_refs(&mut found);
        if self.steps.is_empty() {
            found.push(problem("steps", "nothing to do", Some("add a step: `{\"method\": \"perplexity\"}`")));
        }
        for (i, step) in self.steps.iter().enumerate() {
            self.check_step(i, step, &mut found);
        }
        found
    }

    /// The models and data that a slot of a step takes: the named ones, or the one of its own name.
    pub fn input_names(&self, step: &Step, slot: &methods::Input) -> Vec<String> {
        if let Some(names) = step.inputs.get(slot.name) {
            return names.names().to_vec();
        }
        let exists = match slot.kind {
            methods::InputKind::Model => self.model_ref(slot.name).is_some(),
            methods::InputKind::Data => self.data.contains_key(slot.name),
        };
        if exists { vec![slot.name.to_owned()] } else { Vec::new() }
    }

    /// The model of this name; `model` is the model under study.
    pub fn model_ref(&self, name: &str) -> Option<&ModelRef> {
        if name == "model" { self.models.get(name).or(self.model.as_ref()) } else { self.models.get(name) }
    }

    /// Makes all paths absolute, so that the experiment means the same in another folder.
    pub fn make_paths_absolute(&mut self) {
        self.change_paths(&|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    }

    fn change_paths(&mut self, change: &dyn Fn(&Path) -> PathBuf) {
        for path in self.paths_mut() {
            *path = change(path);
        }
        for step in &mut self.steps {
            paths::change(step, change);
        }
        sweep::rebase(&mut self.sweep, change);
    }

    fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let models = self.model.iter_mut().chain(self.models.values_mut()).filter_map(|m| m.path.as_mut());
        let data = self.data.values_mut();
        models.chain(data.flat_map(|d| d.path.iter_mut().chain(d.make.iter_mut().flat_map(Make::paths_mut))))
    }

    fn check_refs(&self, found: &mut Vec<schema::Problem>) {
        let one_source = |given: [bool; 3]| given.into_iter().filter(|given| *given).count() == 1;
        for (at, model) in self.model.iter().map(|m| ("model".to_owned(), m)).chain(named("models", &self.models)) {
            if !one_source([model.path.is_some(), model.hub.is_some(), model.step.is_some()]) {
                found.push(problem(&at, ONE_SOURCE, Some(SOURCES)));
            }
        }
        for (at, data) in named("data", &self.data) {
            check_data(&at, data, found);
        }
        let known = Precision::ALL.map(Precision::name);
        if !known.contains(&&*self.precision) {
            let message = format!("is \"{}\"; expected one of `{}`", self.precision, known.join("`, `"));
            found.push(problem("precision", &message, None));
        } else if self.device == "cpu" && self.precision != Precision::F32.name() {
            let message = format!("is \"{}\"; the device `cpu` computes in `f32` only", self.precision);
            found.push(problem("precision", &message, Some("set it to `f32`, or choose the device `cuda`")));
        }
    }

    fn check_step(&self, i: usize, step: &Step, found: &mut Vec<schema::Problem>) {
        let at = format!("steps.{i}");
        let method = match methods::find(&step.method) {
            Ok(method) => method,
            Err(error) => {
                let mut unknown = schema::Problem::from(error);
                unknown.path = format!("{at}.method");
                return found.push(unknown);
            }
        };
        for mut wrong in method.problems(&Value::Object(step.config.clone())) {
            let dot = if wrong.path.is_empty() { "" } else { "." };
            wrong.path = format!("{at}.config{dot}{}", wrong.path);
            found.push(wrong);
        }
        let slots = method.inputs();
        for name in step.inputs.keys().filter(|name| slots.iter().all(|slot| slot.name != name.as_str())) {
            let known: Vec<String> = slots.iter().map(|slot| format!("`{}`", slot.name)).collect();
            let message = format!("unknown input `{name}`, expected one of {}", known.join(", "));
            found.push(problem(&format!("{at}.inputs"), &message, None));
        }
        for slot in slots {
            self.check_slot(&format!("{at}.inputs.{}", slot.name), i, slot, found);
        }
    }

    fn check_slot(&self, at: &str, step: usize, slot: &methods::Input, found: &mut Vec<schema::Problem>) {
        let names = self.steps.get(step).map(|step| self.input_names(step, slot)).unwrap_or_default();
        if names.is_empty() && slot.required {
            found.push(problem(
                at,
                &format!("`{}` is missing", slot.name),
                Some(&format!("name it: {}", slot.about.trim_end_matches('.'))),
            ));
        }
        if names.len() > 1 && !slot.many {
            found.push(problem(at, "takes one name, not several", None));
        }
        for name in names {
            let (known, place): (bool, &str) = match slot.kind {
                methods::InputKind::Model => (self.model_ref(&name).is_some(), "models"),
                methods::InputKind::Data => (self.data.contains_key(&name), "data"),
            };
            if !known {
                found.push(problem(at, &format!("there is no `{name}` in `{place}`"), None));
            }
            let maker = match slot.kind {
                methods::InputKind::Model => self.model_ref(&name).and_then(|model| model.step),
                methods::InputKind::Data => self.data.get(&name).and_then(|data| data.step),
            };
            if maker.is_some_and(|maker| maker >= step) {
                let message = format!("`{name}` is made by step {}, which is not an earlier one", maker.unwrap_or(0));
                found.push(problem(at, &message, Some("steps are counted from 0")));
            }
        }
    }
}

fn check_schema_number(value: &Value) -> Result<()> {
    match value.get("schema").and_then(Value::as_u64) {
        Some(number) if number > u64::from(SCHEMA) => {
            Err(Error::config(format!("the file has format {number}; this program reads up to {SCHEMA}"))
                .hint("it was written by a newer Memoscope; update this one"))
        }
        _ => Ok(()),
    }
}

fn check_data(at: &str, data: &DataRef, found: &mut Vec<schema::Problem>) {
    let sources = [data.path.is_some(), data.hub.is_some(), data.step.is_some(), data.make.is_some()];
    if sources.iter().filter(|given| **given).count() != 1 {
        let message = "needs one of `path`, `hub`, `step` and `make`";
        let hint = format!("{SOURCES}, `make` a generator with its parameters");
        found.push(problem(at, message, Some(&hint)));
    }
    let Some(make) = &data.make else { return };
    for wrong in make.problems() {
        let dot = if wrong.field.is_empty() { "" } else { "." };
        found.push(problem(&format!("{at}.make{dot}{}", wrong.field), &wrong.message, Some(&wrong.hint)));
    }
}

fn named<'a, T>(place: &'a str, map: &'a BTreeMap<String, T>) -> impl Iterator<Item = (String, &'a T)> {
    map.iter().map(move |(name, item)| (format!("{place}.{name}"), item))
}

fn problem(path: &str, message: &str, hint: Option<&str>) -> schema::Problem {
    schema::Problem { path: path.to_owned(), message: message.to_owned(), hint: hint.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(value: Value) -> String {
        Experiment::from_value(value, Path::new("")).unwrap_err().to_string()
    }

    #[test]
    fn wrong_files_name_the_field() {
        assert!(error(json!({"seeed": 1})).contains("unknown field `seeed`, expected one of `schema`, `name`"));
        assert!(error(json!({"seeed": 1})).contains("did you mean `seed`?"));
        assert_eq!(error(json!({"seed": "a"})), "seed: is \"a\"; expected a whole number");
        assert_eq!(error(json!({"steps": [{"method": 3}]})), "steps.0.method: is 3; expected text");
        assert!(error(json!({"schema": 99})).contains("format 99; this program reads up to 1"));
        assert_eq!(error(json!({"data": {"d": {"limit": 0}}})), "data.d.limit: is 0; allowed is at least 1");
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let value = json!({"model": {"path": "m"}, "data": {"d": {"path": "/abs/t.txt"}}});
        let experiment = Experiment::from_value(value, Path::new("/exp")).unwrap();
        assert_eq!(experiment.model.unwrap().path.unwrap(), Path::new("/exp/m"));
        assert_eq!(experiment.data["d"].path.as_deref(), Some(Path::new("/abs/t.txt")));
    }

    #[test]
    fn what_a_step_takes_must_be_made_before() {
        let value = |maker: usize| {
            json!({
                "models": {"model": {"step": maker, "output": "final"}},
                "data": {"data": {"path": "t.txt"}},
                "steps": [{"method": "perplexity"}, {"method": "perplexity"}],
            })
        };
        let of = |maker| Experiment::from_value(value(maker), Path::new("")).unwrap().problems();
        let (first, both) = (of(0), of(1));
        assert_eq!(first.len(), 1, "the second step may use what the first makes: {first:?}");
        assert_eq!(first[0].path, "steps.0.inputs.model");
        assert!(first[0].message.contains("not an earlier one"), "{}", first[0].message);
        assert_eq!(both.len(), 2);
        let two = json!({"model": {"step": 0, "path": "m"}, "steps": [{"method": "perplexity"}]});
        let problems = Experiment::from_value(two, Path::new("")).unwrap().problems();
        assert!(problems.iter().any(|p| p.path == "model" && p.message.contains("needs one of")), "{problems:?}");
    }

    #[test]
    fn problems_are_collected_with_their_places() {
        let value = json!({"model": {}, "steps": [{"method": "perplexty"}]});
        let experiment = Experiment::from_value(value, Path::new("")).unwrap();
        let found = experiment.problems();
        let paths: Vec<&str> = found.iter().map(|p| p.path.as_str()).collect();
        assert_eq!(paths, ["model", "steps.0.method"]);
    }

    #[test]
    fn defaults_are_not_written_for_optional_parts() {
        let written = serde_json::to_value(Experiment::default()).unwrap();
        assert_eq!(
            written,
            json!({"schema": 1, "name": "", "seed": 0, "device": "cpu", "precision": "f32", "steps": []})
        );
    }
}
