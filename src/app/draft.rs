//! The experiment that is being set up, with undo. It is exactly the value that is saved and run.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::state::Slot;
use crate::data::make::Make;
use crate::engine::Precision;
use crate::methods::{self, Input, InputKind, Method, Preset};
use crate::runs::sweep::{self, Checked};
use crate::runs::{DataRef, Experiment, InputRef, Step, inputs, slurm};

/// A change of the experiment.
#[derive(Clone, Debug)]
pub enum DraftCommand {
    /// Take another method.
    Method(String),
    /// All options as in this preset, or the defaults.
    Preset(Option<&'static Preset>),
    /// Set a field of the configuration, by dotted path; `None` goes back to the default.
    Field(String, Option<Value>),
    /// Vary what is at this dotted path of the experiment over these values; `None` varies it no more.
    Vary(String, Option<Vec<Value>>),
    /// Give an input slot these paths or hub ids.
    Input(String, Vec<PathBuf>),
    /// Give a data slot rows that are made; `None` takes them away.
    Make(String, Option<Box<Make>>),
    /// Give a data slot this set with its filters; `None` empties it.
    Data(String, Option<Box<DataRef>>),
    /// Name of the run.
    Name(String),
    /// Seed.
    Seed(u64),
    /// `cpu`, `cuda`, `cuda:1`, …
    Device(String),
    /// Numbers of products and attention.
    Precision(Precision),
    /// Processor threads; `None` for all.
    Threads(Option<usize>),
    /// Hand a sweep to Slurm with these settings; `None` for the queue of this machine.
    Slurm(Option<slurm::Settings>),
    /// Replace everything, for instance by a file or an old run.
    Replace(Box<Experiment>),
}

/// The experiment with its history.
pub struct Draft {
    /// What would run.
    pub experiment: Experiment,
    /// The preset that the options began with; none for the defaults.
    pub preset: Option<&'static Preset>,
    /// How a sweep is handed to Slurm; none for the queue of this machine.
    pub slurm: Option<slurm::Settings>,
    /// What it will need.
    pub estimate: Slot<Arc<Checked>>,
    undo: Vec<Kept>,
    redo: Vec<Kept>,
    /// Raised by every change: the key of caches and text fields.
    pub serial: u64,
}

/// An experiment of the history with its preset.
type Kept = (Experiment, Option<&'static Preset>);

impl Default for Draft {
    fn default() -> Self {
        let mut draft = Self {
            experiment: Experiment::default(),
            preset: None,
            slurm: None,
            estimate: Slot::Empty,
            undo: Vec::new(),
            redo: Vec::new(),
            serial: 0,
        };
        let preferred = methods::find("perplexity").ok().or_else(|| methods::registry().first().copied());
        if let Some(method) = preferred {
            draft.experiment.steps = vec![Step { method: method.card().id.to_owned(), ..Step::default() }];
            method.card().id.clone_into(&mut draft.experiment.name);
        }
        draft
    }
}

impl Draft {
    /// The method of the first step.
    pub fn method(&self) -> Option<&'static dyn Method> {
        methods::find(&self.experiment.steps.first()?.method).ok()
    }

    /// The configuration as typed: only what differs from the defaults.
    pub fn config(&self) -> Map<String, Value> {
        self.experiment.steps.first().map(|s| s.config.clone()).unwrap_or_default()
    }

    /// The options that the preset sets.
    pub fn base(&self) -> Map<String, Value> {
        self.preset.map(Preset::config).unwrap_or_default()
    }

    /// Whether options differ from the preset.
    pub fn is_modified(&self) -> bool {
        self.config() != self.base()
    }

    /// What a slot takes now, as paths or hub ids.
    pub fn inputs(&self, slot: &Input) -> Vec<PathBuf> {
        let Some(step) = self.experiment.steps.first() else { return Vec::new() };
        let names = self.experiment.input_names(step, slot);
        let place =
            |path: &Option<PathBuf>, hub: &Option<String>| path.clone().or_else(|| hub.clone().map(PathBuf::from));
        let of = |name: &String| match slot.kind {
            InputKind::Model => self.experiment.model_ref(name).and_then(|m| place(&m.path, &m.hub)),
            InputKind::Data => self.experiment.data.get(name).and_then(|d| place(&d.path, &d.hub)),
        };
        names.iter().filter_map(of).collect()
    }

    /// The rows that a slot gets made.
    pub fn made(&self, slot: &Input) -> Option<&Make> {
        let step = self.experiment.steps.first()?;
        let names = self.experiment.input_names(step, slot);
        names.iter().find_map(|name| self.experiment.data.get(name)?.make.as_ref())
    }

    /// The values of a field that is varied.
    pub fn varied(&self, path: &str) -> Option<&Vec<Value>> {
        self.experiment.sweep.get(path)?.as_array()
    }

    /// How many runs it means, as a product: `[2, 3]` for two values and three seeds; empty for one run. None when that
    /// is not known.
    pub fn factors(&self) -> Option<Vec<usize>> {
        Some(sweep::axes(&self.experiment).ok()?.iter().map(|axis| axis.rows.len()).collect())
    }

    /// The same experiment for a terminal; absent when it needs a file.
    pub fn command_line(&self) -> Option<String> {
        crate::runs::cli::command_line(&self.experiment)
    }

    /// Whether there is something to undo, and to redo.
    pub fn history(&self) -> [bool; 2] {
        [!self.undo.is_empty(), !self.redo.is_empty()]
    }

    /// Goes back one change.
    pub fn undo(&mut self) {
        if let Some(before) = self.undo.pop() {
            let after = self.exchange(before);
            self.redo.push(after);
        }
    }

    /// Goes forward again.
    pub fn redo(&mut self) {
        if let Some(after) = self.redo.pop() {
            let before = self.exchange(after);
            self.undo.push(before);
        }
    }

    fn exchange(&mut self, (experiment, preset): Kept) -> Kept {
        self.serial += 1;
        (std::mem::replace(&mut self.experiment, experiment), std::mem::replace(&mut self.preset, preset))
    }

    /// Applies a change, remembering what was before.
    pub fn apply(&mut self, command: DraftCommand) {
        let before = (self.experiment.clone(), self.preset);
        self.change(command);
        if before.0 != self.experiment || before.1.map(|p| p.id) != self.preset.map(|p| p.id) {
            const KEPT: usize = 200;
            self.undo.push(before);
            if self.undo.len() > KEPT {
                self.undo.remove(0);
            }
            self.redo.clear();
            self.serial += 1;
        }
    }

    fn change(&mut self, command: DraftCommand) {
        match command {
            DraftCommand::Method(id) => self.take_method(&id),
            DraftCommand::Preset(preset) => {
                self.preset = preset;
                let config = self.base();
                if let Some(step) = self.experiment.steps.first_mut() {
                    step.config = config;
                }
            }
            DraftCommand::Field(path, value) => {
                if let Some(step) = self.experiment.steps.first_mut() {
                    set_field(&mut step.config, &path, value);
                }
            }
            DraftCommand::Vary(path, Some(values)) => {
                self.experiment.sweep.insert(path, Value::Array(values));
            }
            DraftCommand::Vary(path, None) => {
                self.experiment.sweep.shift_remove(&path);
            }
            DraftCommand::Input(slot, paths) => self.set_input(&slot, &paths),
            DraftCommand::Make(slot, make) => self.set_made(&slot, make),
            DraftCommand::Data(slot, data) => {
                self.set_input(&slot, &[]);
                if let Some(data) = data {
                    self.experiment.data.insert(slot, *data);
                }
            }
            DraftCommand::Name(name) => self.experiment.name = name,
            DraftCommand::Seed(seed) => {
                self.experiment.seed = seed;
                if let Some(n) = self.varied(sweep::SEED).map(|seeds| seeds.len() as u64) {
                    let seeds = (0..n).map(|i| Value::from(seed.wrapping_add(i))).collect();
                    self.experiment.sweep.insert(sweep::SEED.to_owned(), seeds);
                }
            }
            DraftCommand::Device(device) => self.experiment.device = device,
            DraftCommand::Precision(precision) => precision.name().clone_into(&mut self.experiment.precision),
            DraftCommand::Threads(threads) => self.experiment.threads = threads,
            DraftCommand::Slurm(settings) => self.slurm = settings,
            DraftCommand::Replace(experiment) => {
                self.experiment = *experiment;
                let (id, config) = (self.method().map(|m| m.card().id).unwrap_or_default(), self.config());
                self.preset = methods::presets(id).find(|p| p.config() == config);
            }
        }
    }

    /// Slots of equal name keep their files; options start from the defaults.
    fn take_method(&mut self, id: &str) {
        let follows = self.experiment.steps.first().is_none_or(|s| s.method == self.experiment.name);
        if follows || self.experiment.name.is_empty() {
            id.clone_into(&mut self.experiment.name);
        }
        self.experiment.steps = vec![Step { method: id.to_owned(), ..Step::default() }];
        // What was varied of the other method means nothing to this one.
        self.experiment.sweep.retain(|path, _| !path.contains("steps."));
        self.preset = None;
        let Some(method) = self.method() else { return };
        let slots = method.inputs();
        self.experiment.data.retain(|name, _| slots.iter().any(|s| s.kind == InputKind::Data && base(name) == s.name));
        self.experiment
            .models
            .retain(|name, _| slots.iter().any(|s| s.kind == InputKind::Model && base(name) == s.name));
        for slot in slots.iter().filter(|s| s.many) {
            let pool: Vec<String> = match slot.kind {
                InputKind::Model => self.experiment.models.keys().filter(|n| base(n) == slot.name).cloned().collect(),
                InputKind::Data => self.experiment.data.keys().filter(|n| base(n) == slot.name).cloned().collect(),
            };
            if pool.len() > 1
                && let Some(step) = self.experiment.steps.first_mut()
            {
                step.inputs.insert(slot.name.to_owned(), InputRef::Many(pool));
            }
        }
    }

    fn set_made(&mut self, slot: &str, make: Option<Box<Make>>) {
        self.set_input(slot, &[]);
        if let Some(make) = make {
            let data = DataRef { make: Some(*make), ..DataRef::default() };
            self.experiment.data.insert(slot.to_owned(), data);
        }
    }

    fn set_input(&mut self, slot: &str, paths: &[PathBuf]) {
        let Some(method) = self.method() else { return };
        let Some(input) = method.inputs().iter().find(|i| i.name == slot) else { return };
        let experiment = &mut self.experiment;
        match input.kind {
            InputKind::Model if slot == "model" => {
                experiment.model = paths.first().map(|p| inputs::model_ref(&p.to_string_lossy()));
            }
            InputKind::Model => {
                experiment.models.retain(|name, _| base(name) != slot);
                experiment.models.extend(
                    paths.iter().enumerate().map(|(i, p)| (numbered(slot, i), inputs::model_ref(&p.to_string_lossy()))),
                );
            }
            InputKind::Data => {
                experiment.data.retain(|name, _| base(name) != slot);
                experiment.data.extend(
                    paths
                        .iter()
                        .enumerate()
                        .map(|(i, p)| (numbered(slot, i), inputs::data_ref(&p.to_string_lossy(), &DataRef::default()))),
                );
            }
        }
        if let Some(step) = experiment.steps.first_mut() {
            step.inputs.remove(slot);
            if paths.len() > 1 {
                let names = (0..paths.len()).map(|i| numbered(slot, i)).collect();
                step.inputs.insert(slot.to_owned(), InputRef::Many(names));
            }
        }
    }
}

/// `members`, `members.2`, `members.3`, …
fn numbered(slot: &str, index: usize) -> String {
    if index == 0 { slot.to_owned() } else { format!("{slot}.{}", index + 1) }
}

fn base(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

fn set_field(config: &mut Map<String, Value>, path: &str, value: Option<Value>) {
    match path.split_once('.') {
        None => match value {
            Some(value) => {
                config.insert(path.to_owned(), value);
            }
            None => {
                config.remove(path);
            }
        },
        Some((head, rest)) => {
            let inner = config.entry(head).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                set_field(inner, rest, value);
                if inner.is_empty() {
                    config.remove(head);
                }
            }
        }
    }
}

/// The value at a dotted path.
pub fn field<'a>(config: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => config.get(path),
        Some((head, rest)) => field(config.get(head)?.as_object()?, rest),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn undo_goes_back_and_redo_forward() {
        let mut draft = Draft::default();
        draft.apply(DraftCommand::Seed(3));
        draft.apply(DraftCommand::Seed(3));
        draft.apply(DraftCommand::Device("cuda".into()));
        assert_eq!(draft.history(), [true, false]);
        draft.undo();
        assert_eq!((draft.experiment.seed, draft.experiment.device.as_str()), (3, "cpu"));
        draft.undo();
        assert_eq!(draft.experiment.seed, 0);
        assert_eq!(draft.history(), [false, true]);
        draft.redo();
        assert_eq!(draft.experiment.seed, 3);
        draft.apply(DraftCommand::Seed(4));
        assert_eq!(draft.history(), [true, false]);
    }

    #[test]
    fn a_preset_is_set_changed_reset_and_found_again() {
        let mut draft = Draft::default();
        draft.apply(DraftCommand::Method("memorization-score".into()));
        let short = methods::presets("memorization-score").find(|p| p.id == "short");
        draft.apply(DraftCommand::Preset(short));
        assert_eq!(Value::Object(draft.config()), json!({"k": 16, "l": 8}));
        assert!(!draft.is_modified());
        draft.apply(DraftCommand::Field("k".into(), Some(json!(12))));
        assert!(draft.is_modified());
        draft.apply(DraftCommand::Preset(draft.preset));
        assert!(!draft.is_modified());
        let experiment = Box::new(draft.experiment.clone());
        draft.undo();
        draft.undo();
        draft.undo();
        assert_eq!((draft.preset.map(|p| p.id), draft.config().len()), (None, 0));
        draft.apply(DraftCommand::Replace(experiment));
        assert_eq!(draft.preset.map(|p| p.id), Some("short"), "a file with its options has the preset");
    }

    #[test]
    fn a_field_is_varied_counted_and_undone() {
        let mut draft = Draft::default();
        draft.apply(DraftCommand::Method("memorization-score".into()));
        draft.apply(DraftCommand::Vary("steps.0.config.k".into(), Some(vec![json!(8), json!(16)])));
        draft.apply(DraftCommand::Vary(sweep::SEED.into(), Some(vec![json!(0), json!(1), json!(2)])));
        assert_eq!(draft.factors(), Some(vec![2, 3]));
        assert_eq!(draft.command_line(), None, "a sweep needs a file");
        draft.apply(DraftCommand::Method("perplexity".into()));
        assert_eq!(draft.experiment.sweep.keys().collect::<Vec<_>>(), ["seed"], "the other method has no k");
        draft.undo();
        draft.apply(DraftCommand::Vary(sweep::SEED.into(), None));
        assert_eq!(draft.varied("steps.0.config.k"), Some(&vec![json!(8), json!(16)]));
        assert_eq!(draft.factors(), Some(vec![2]));
    }

    #[test]
    fn nested_fields_are_set_and_cleared() {
        let mut config = Map::new();
        set_field(&mut config, "a.b", Some(json!(2)));
        set_field(&mut config, "c", Some(json!(true)));
        assert_eq!(field(&config, "a.b"), Some(&json!(2)));
        set_field(&mut config, "a.b", None);
        assert_eq!(Value::Object(config), json!({"c": true}));
    }
}
