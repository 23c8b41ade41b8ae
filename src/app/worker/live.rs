//! Texts of an experiment for an edit whose ratio moves, and a host that listens to nothing but the wish to stop.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::mailbox::Ticket;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::methods::unlearn::live::{Live, Setup};
use crate::methods::{Host, InputKind, LoadedModel, Table, find};
use crate::runs::Experiment;
use crate::runs::inputs::{self, Access};

/// Texts of each set that are measured when the ratio moves.
const ROWS: usize = 64;

/// What an edit is made of.
#[derive(Clone, Debug)]
pub struct LiveAsk {
    /// Tells it from others.
    pub key: u64,
    /// What would run.
    pub experiment: Experiment,
    /// Folders of steps in which runs may have kept the scores.
    pub kept: Vec<PathBuf>,
}

/// Reads the texts, finds or computes the scores.
pub(super) fn start(
    model: &LoadedModel,
    ask: &LiveAsk,
    ticket: &Ticket,
    told: &dyn Fn(&str, u64, u64),
) -> Result<Live> {
    let step = ask.experiment.steps.first().ok_or_else(|| Error::config("there is nothing to do"))?;
    let value = serde_json::Value::Object(step.config.clone());
    let config = serde_json::from_value(value).map_err(|e| Error::config(format!("the settings: {e}")))?;
    let mut data: BTreeMap<String, Vec<Dataset>> = BTreeMap::new();
    for slot in find(&step.method)?.inputs().iter().filter(|slot| slot.kind == InputKind::Data) {
        for name in ask.experiment.input_names(step, slot) {
            told(&format!("reading {}", slot.name), 0, 0);
            let set = dataset(&ask.experiment, &name, ticket)?;
            data.entry(slot.name.to_owned()).or_default().push(set);
        }
    }
    let setup = Setup { config, seed: ask.experiment.seed, rows: ROWS, kept: ask.kept.clone() };
    let mut host = Listener { ticket, told, last: Cell::new(None) };
    Live::start(model, setup, &data, &mut host)
}

/// A data set of an experiment, wherever it is.
pub(super) fn dataset(experiment: &Experiment, name: &str, ticket: &Ticket) -> Result<Dataset> {
    let data = experiment.data.get(name).ok_or_else(|| Error::config(format!("there is no data named `{name}`")))?;
    if data.step.is_some() {
        return Err(Error::config(format!("`{name}` is made by an earlier step of the experiment"))
            .hint("start a run, or choose a file"));
    }
    if let Some(make) = &data.make {
        return inputs::make_data(data, make, experiment.seed);
    }
    let ticket = ticket.clone();
    let mut access = Access { watch: Box::new(move |_| ticket.is_current()), ..Access::from_env() };
    let file = inputs::data_file(data, &mut access)?;
    inputs::load_data(data, &file)
}

/// Passes progress on, not too often, and says when nobody wants it any more.
struct Listener<'a> {
    ticket: &'a Ticket,
    told: &'a dyn Fn(&str, u64, u64),
    last: Cell<Option<Instant>>,
}

impl Host for Listener<'_> {
    fn progress(&mut self, stage: &str, done: u64, total: u64) -> bool {
        const EVERY: Duration = Duration::from_millis(80);
        if self.last.get().is_none_or(|last| last.elapsed() > EVERY) {
            self.last.set(Some(Instant::now()));
            (self.told)(stage, done, total);
        }
        self.ticket.is_current()
    }

    fn warn(&mut self, _: &str) {}

    fn metric(&mut self, _: &str, _: u64, _: f64) {}

    fn restore(&mut self, _: &str, _: usize) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn keep(&mut self, _: &str, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn rows(&mut self, _: Table) -> Result<()> {
        Ok(())
    }

    fn folder(&mut self) -> Result<PathBuf> {
        Err(Error::bug("what is tried out keeps no files"))
    }
}
