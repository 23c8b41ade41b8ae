//! What a method may do besides compute: read its inputs, report progress, stop, keep partial results.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::data::Dataset;
use crate::engine;
use crate::error::{Error, Result};

/// What surrounds a running method: the run folder, the terminal, or a test.
/// Implemented above this layer; a method only sees this trait through [`Context`].
pub trait Host {
    /// `done` of `total` units of the stage are finished. Returns whether to go on; called at least every 50 ms of work.
    fn progress(&mut self, stage: &str, done: u64, total: u64) -> bool;
    /// Something was done, but not as asked.
    fn warn(&mut self, message: &str);
    /// A live number for charts, such as a running mean.
    fn metric(&mut self, name: &str, step: u64, value: f64);
    /// The records that an interrupted run kept under `name`, in order; taken once.
    fn restore(&mut self, name: &str) -> Result<Vec<Vec<u8>>>;
    /// Keeps one record under `name`; durable within ten seconds.
    fn keep(&mut self, name: &str, record: &[u8]) -> Result<()>;
}

/// A model with its tokenizer, ready to use.
pub struct LoadedModel {
    /// Shown name: folder name or hub id.
    pub name: String,
    /// Where it was read.
    pub path: std::path::PathBuf,
    /// The network.
    pub decoder: engine::Decoder,
    /// Its tokenizer; absent for models that came without one.
    pub tokenizer: Option<crate::data::Tokenizer>,
}

/// Everything a method works with.
pub struct Context<'a> {
    /// Progress, warnings, partial results.
    pub host: &'a mut dyn Host,
    /// Seed of the experiment.
    pub seed: u64,
    /// Models by input name.
    pub models: &'a BTreeMap<String, Vec<LoadedModel>>,
    /// Data by input name.
    pub data: &'a BTreeMap<String, Vec<Dataset>>,
    /// Prefix of the record names, so that two steps of a run do not mix.
    pub step: String,
}

impl Context<'_> {
    /// Maps `compute` over `0..n` in chunks of `chunk`, keeping every result so that an
    /// interrupted run goes on where it stopped; the outcome is the same either way.
    ///
    /// `compute` gets a range of items and returns one result an item.
    pub fn map<T, F>(&mut self, stage: &str, n: usize, chunk: usize, mut compute: F) -> Result<Vec<T>>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(std::ops::Range<usize>) -> Result<Vec<T>>,
    {
        let _ = (stage, n, chunk, &mut compute);
        Err(Error::bug("not written yet"))
    }
}
