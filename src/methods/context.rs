//! What a method may do besides compute: read its inputs, report progress, stop, keep partial results.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Table;
use crate::data::Dataset;
use crate::engine;
use crate::error::{Error, Result};
use crate::figures::Figure;

/// What surrounds a running method: the run folder, the terminal, or a test.
/// Implemented above this layer; a method only sees this trait through [`Context`].
pub trait Host {
    /// `done` of `total` units of the stage are finished. Returns whether to go on; called at least every 50 ms of work.
    fn progress(&mut self, stage: &str, done: u64, total: u64) -> bool;
    /// Something was done, but not as asked.
    fn warn(&mut self, message: &str);
    /// A live number for charts, such as a running mean.
    fn metric(&mut self, name: &str, step: u64, value: f64);
    /// What a model that changes says after `step`: how it goes on from a prompt, and how the original does if there is
    /// one. Nobody has to listen.
    fn sample(&mut self, step: u64, sample: Sample) {
        let _ = (step, sample);
    }
    /// Figures as far as their values are known, under the ids that they will have in the report. `figures` is asked now
    /// and then, and not where nobody could look.
    fn partial(&mut self, figures: &dyn Fn() -> Vec<Figure>) {
        let _ = figures;
    }
    /// Record number `at` that an interrupted run kept under `name`; none behind the last.
    fn restore(&mut self, name: &str, at: usize) -> Result<Option<Vec<u8>>>;
    /// Keeps one record under `name`; durable within ten seconds.
    fn keep(&mut self, name: &str, record: &[u8]) -> Result<()>;
    /// Adds rows to the table `part.id` of the step's report, for tables that are too large for the memory. The first
    /// part decides about title and columns; an interrupted run begins again with the first.
    fn rows(&mut self, part: Table) -> Result<()>;
    /// The folder in which this step keeps files of its own: checkpoints, edited models. It exists, and what is in it
    /// is still there when an interrupted run goes on.
    fn folder(&mut self) -> Result<PathBuf>;
    /// Device and precision of models that a method makes itself; given models have them already.
    fn place(&self) -> engine::Place {
        engine::Place::default()
    }
}

/// A continuation that a model wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// What it was given.
    pub prompt: String,
    /// How it went on.
    pub text: String,
    /// How the original goes on, where there is one.
    pub truth: Option<String>,
}

/// A model with its tokenizer, ready to use.
pub struct LoadedModel {
    /// Shown name: folder name or hub id.
    pub name: String,
    /// Where it was read.
    pub path: PathBuf,
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

impl<'a> Context<'a> {
    /// The only model of the slot `name`.
    pub fn model(&self, name: &str) -> Result<&'a LoadedModel> {
        self.models(name).first().ok_or_else(|| missing_input(name, "a model"))
    }

    /// All models of the slot `name`; empty when none was given.
    pub fn models(&self, name: &str) -> &'a [LoadedModel] {
        self.models.get(name).map_or(&[], Vec::as_slice)
    }

    /// The only data set of the slot `name`.
    pub fn dataset(&self, name: &str) -> Result<&'a Dataset> {
        self.datasets(name).first().ok_or_else(|| missing_input(name, "data"))
    }

    /// All data sets of the slot `name`; empty when none was given.
    pub fn datasets(&self, name: &str) -> &'a [Dataset] {
        self.data.get(name).map_or(&[], Vec::as_slice)
    }

    /// Reports that `done` of `total` units of `stage` are finished; fails when the user wants to stop.
    pub fn progress(&mut self, stage: &str, done: usize, total: usize) -> Result<()> {
        if self.host.progress(stage, done as u64, total as u64) { Ok(()) } else { Err(Error::Cancelled) }
    }

    /// Maps `compute` over `0..n` in chunks of `chunk`, keeping every result so that an
    /// interrupted run goes on where it stopped; the outcome is the same either way.
    ///
    /// `compute` gets a range of items and returns one result an item. `stage` is shown, and
    /// names the records: it must be unique within a method.
    pub fn map<T, F>(&mut self, stage: &str, n: usize, chunk: usize, compute: F) -> Result<Vec<T>>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Range<usize>) -> Result<Vec<T>>,
    {
        let mut results = Vec::with_capacity(n);
        self.for_each(stage, n, chunk, compute, |_, _, fresh| {
            results.extend(fresh);
            Ok(())
        })?;
        Ok(results)
    }

    /// As [`Self::map`], but `take` gets the results of each chunk, in order, with the number of the first: of what it
    /// does not hold on to only one chunk is in memory.
    pub fn for_each<T, F, G>(&mut self, stage: &str, n: usize, chunk: usize, mut compute: F, mut take: G) -> Result<()>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Range<usize>) -> Result<Vec<T>>,
        G: FnMut(&mut dyn Host, usize, Vec<T>) -> Result<()>,
    {
        let record_name = format!("{}/{stage}", self.step);
        let mut done = self.restored(&record_name, n, &mut take)?;
        self.progress(stage, done, n)?;
        while done < n {
            let range = done..(done + chunk.max(1)).min(n);
            let wanted = range.len();
            let fresh = compute(range)?;
            if fresh.len() != wanted {
                return Err(Error::bug(format!("{stage}: {} results for {wanted} items", fresh.len())));
            }
            let record = postcard::to_stdvec(&(done as u64, &fresh))
                .map_err(|e| Error::bug(format!("{stage}: a result cannot be kept: {e}")))?;
            self.host.keep(&record_name, &record)?;
            take(self.host, done, fresh)?;
            done += wanted;
            self.progress(stage, done, n)?;
        }
        Ok(())
    }

    /// Hands out the results of an interrupted run, the longest sequence without a gap, and counts them. Records
    /// behind a gap are passed over; they were computed again and stand further back.
    fn restored<T: DeserializeOwned>(
        &mut self,
        record_name: &str,
        n: usize,
        take: &mut impl FnMut(&mut dyn Host, usize, Vec<T>) -> Result<()>,
    ) -> Result<usize> {
        let (mut done, mut at) = (0, 0);
        while let Some(record) = self.host.restore(record_name, at)? {
            at += 1;
            let Ok((start, kept)) = postcard::from_bytes::<(u64, Vec<T>)>(&record) else { continue };
            if start == done as u64 && done + kept.len() <= n {
                let first = done;
                done += kept.len();
                take(self.host, first, kept)?;
            }
        }
        Ok(done)
    }
}

fn missing_input(name: &str, what: &str) -> Error {
    Error::config(format!("the input `{name}` is missing")).hint(format!("give {what} for it: `--{name} PATH`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps records in memory and stops after `budget` calls of `progress`.
    struct Memory {
        records: Vec<(String, Vec<u8>)>,
        budget: usize,
    }

    impl Host for Memory {
        fn progress(&mut self, _: &str, _: u64, _: u64) -> bool {
            self.budget = self.budget.saturating_sub(1);
            self.budget > 0
        }
        fn warn(&mut self, _: &str) {}
        fn metric(&mut self, _: &str, _: u64, _: f64) {}
        fn restore(&mut self, name: &str, at: usize) -> Result<Option<Vec<u8>>> {
            Ok(self.records.iter().filter(|r| r.0 == name).nth(at).map(|r| r.1.clone()))
        }
        fn keep(&mut self, name: &str, record: &[u8]) -> Result<()> {
            self.records.push((name.to_owned(), record.to_vec()));
            Ok(())
        }
        fn rows(&mut self, _: Table) -> Result<()> {
            Ok(())
        }
        fn folder(&mut self) -> Result<PathBuf> {
            Err(Error::bug("these tests keep no files"))
        }
    }

    fn run(memory: &mut Memory, computed: &mut usize) -> Result<Vec<f64>> {
        let (models, data) = (BTreeMap::new(), BTreeMap::new());
        let mut cx = Context { host: memory, seed: 0, models: &models, data: &data, step: "0".to_owned() };
        cx.map("score", 10, 3, |range| {
            *computed += range.len();
            Ok(range.map(|i| i as f64 / 3.0).collect())
        })
    }

    #[test]
    fn an_interrupted_map_goes_on_and_computes_nothing_twice() {
        let mut memory = Memory { records: Vec::new(), budget: 3 };
        let mut computed = 0;
        assert!(matches!(run(&mut memory, &mut computed), Err(Error::Cancelled)));
        assert_eq!(computed, 6);
        memory.budget = 100;
        let results = run(&mut memory, &mut computed).unwrap();
        assert_eq!(results, (0..10).map(|i| f64::from(i) / 3.0).collect::<Vec<_>>());
        assert_eq!(computed, 10);
    }

    #[test]
    fn a_gap_in_the_records_is_computed_again() {
        let mut memory = Memory { records: Vec::new(), budget: 100 };
        let mut computed = 0;
        let whole = run(&mut memory, &mut computed).unwrap();
        memory.records.remove(1);
        assert_eq!(run(&mut memory, &mut computed).unwrap(), whole);
        assert_eq!(computed, 10 + 7);
    }
}
