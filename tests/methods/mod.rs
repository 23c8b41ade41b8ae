//! Every method against numbers of an independent implementation, and whole runs of each.

mod alignment;
mod closed_forms;
mod curvature;
mod facts;
mod fixtures;
mod forgetting;
mod landscape;
mod localization;
mod memorization;
mod mia;
mod perplexity;
mod published;
mod qa;
mod resume;
mod robustness;
mod train;
mod unlearn;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use memoscope::data::{Dataset, Record, Tokenizer};
use memoscope::engine::{Device, weights};
use memoscope::error::Result;
use memoscope::methods::{self, Column, Context, Host, LoadedModel, Report, Table, Values};
use serde_json::Value;

/// Keeps records in memory; stops when `budget` calls of `progress` are used up.
pub(crate) struct Memory {
    pub(crate) records: Vec<(String, Vec<u8>)>,
    pub(crate) budget: usize,
    pub(crate) stages: Vec<String>,
    pub(crate) warnings: Vec<String>,
    /// Tables that came part by part in the present run.
    tables: Vec<Table>,
    folder: tempfile::TempDir,
}

impl Memory {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            records: Vec::new(),
            budget,
            stages: Vec::new(),
            warnings: Vec::new(),
            tables: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The folder of the step.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Host for Memory {
    fn progress(&mut self, stage: &str, _: u64, _: u64) -> bool {
        if self.stages.last().is_none_or(|last| last != stage) {
            self.stages.push(stage.to_owned());
        }
        self.budget = self.budget.saturating_sub(1);
        self.budget > 0
    }
    fn warn(&mut self, message: &str) {
        self.warnings.push(message.to_owned());
    }
    fn metric(&mut self, _: &str, _: u64, _: f64) {}
    fn restore(&mut self, name: &str, at: usize) -> Result<Option<Vec<u8>>> {
        Ok(self.records.iter().filter(|r| r.0 == name).nth(at).map(|r| r.1.clone()))
    }
    fn keep(&mut self, name: &str, record: &[u8]) -> Result<()> {
        self.records.push((name.to_owned(), record.to_vec()));
        Ok(())
    }
    fn rows(&mut self, part: Table) -> Result<()> {
        if let Some(table) = self.tables.iter_mut().find(|table| table.id == part.id) {
            return table.append(part);
        }
        self.tables.push(part);
        Ok(())
    }
    fn folder(&mut self) -> Result<PathBuf> {
        Ok(self.folder.path().to_owned())
    }
}

/// The inputs of a step.
#[derive(Default)]
pub(crate) struct Inputs {
    pub(crate) models: BTreeMap<String, Vec<LoadedModel>>,
    pub(crate) data: BTreeMap<String, Vec<Dataset>>,
}

impl Inputs {
    pub(crate) fn model(mut self, slot: &str, model: LoadedModel) -> Self {
        self.models.entry(slot.to_owned()).or_default().push(model);
        self
    }

    pub(crate) fn data(mut self, slot: &str, data: Dataset) -> Self {
        self.data.entry(slot.to_owned()).or_default().push(data);
        self
    }

    pub(crate) fn run_in(&self, host: &mut Memory, method: &str, config: &Value) -> Result<Report> {
        self.run_seeded(host, method, config, 7)
    }

    pub(crate) fn run_seeded(&self, host: &mut Memory, method: &str, config: &Value, seed: u64) -> Result<Report> {
        host.tables.clear();
        let mut cx = Context { host: &mut *host, seed, models: &self.models, data: &self.data, step: "0".to_owned() };
        let mut report = methods::find(method)?.run(config, &mut cx)?;
        report.tables.append(&mut host.tables);
        Ok(report)
    }

    pub(crate) fn run(&self, method: &str, config: &Value) -> Result<Report> {
        self.run_in(&mut Memory::new(usize::MAX), method, config)
    }
}

pub(crate) fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(path)
}

/// Numbers made by tests/golden/make/methods.py.
pub(crate) fn expected(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(golden("methods").join(name)).unwrap()).unwrap()
}

/// A tiny checkpoint with the tokenizer of single letters.
pub(crate) fn model(name: &str) -> LoadedModel {
    let path = golden("models").join(name);
    let decoder = weights::load(&path, Device::Cpu).unwrap().decoder;
    let tokenizer = Some(Tokenizer::load(&golden("methods").join("tokenizer.json")).unwrap());
    LoadedModel { name: name.to_owned(), path, decoder, tokenizer }
}

pub(crate) fn dataset(name: &str, records: Vec<Record>) -> Dataset {
    Dataset { name: name.to_owned(), path: name.into(), records, ..Dataset::default() }
}

pub(crate) fn text_record(row: usize, text: &str) -> Record {
    Record { row, text: Some(text.to_owned()), ..Record::default() }
}

pub(crate) fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

pub(crate) fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|v| u32::try_from(v.as_u64().unwrap()).unwrap()).collect()
}

pub(crate) fn scalar(report: &Report, id: &str) -> f64 {
    let found = report.scalars.iter().find(|s| s.id == id);
    found.unwrap_or_else(|| panic!("no scalar {id}")).value.unwrap_or_else(|| panic!("{id} is undefined"))
}

fn column<'a>(report: &'a Report, table: &str, name: &str) -> &'a Column {
    let table = report.tables.iter().find(|t| t.id == table).unwrap_or_else(|| panic!("no table {table}"));
    table.columns.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("no column {name}"))
}

pub(crate) fn floats(report: &Report, table: &str, name: &str) -> Vec<Option<f64>> {
    match &column(report, table, name).values {
        Values::Float(values) => values.clone(),
        Values::Int(values) => values.iter().map(|v| v.map(|v| v as f64)).collect(),
        other => panic!("{name} is {other:?}"),
    }
}

pub(crate) fn texts(report: &Report, table: &str, name: &str) -> Vec<String> {
    match &column(report, table, name).values {
        Values::Text(values) => values.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

/// Whether `found` is `wanted` but for `tolerance`, relative to numbers above 1.
pub(crate) fn assert_close(found: f64, wanted: f64, tolerance: f64, what: &str) {
    assert!((found - wanted).abs() <= tolerance * wanted.abs().max(1.0), "{what}: {found} is not {wanted}");
}

/// All columns of a table have the same length, and every figure says how many examples it shows.
pub(crate) fn assert_well_formed(report: &Report) {
    for table in &report.tables {
        let lengths: Vec<usize> = table
            .columns
            .iter()
            .map(|c| match &c.values {
                Values::Float(v) => v.len(),
                Values::Int(v) => v.len(),
                Values::Text(v) => v.len(),
                Values::Bool(v) => v.len(),
            })
            .collect();
        assert!(lengths.windows(2).all(|w| w[0] == w[1]), "{}: {lengths:?}", table.id);
        assert!(table.columns.iter().all(|c| !c.about.is_empty()), "{}: a column says nothing about itself", table.id);
    }
    for figure in &report.figures {
        assert!(figure.caption.contains("n = ") && figure.caption.contains("version"), "{}", figure.id);
    }
}
