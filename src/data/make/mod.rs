//! Data sets that are made from parameters and a seed: nothing lies on the disk, and the same parameters give the same
//! rows on every machine.
//!
//! [`Make`] names one generator with its parameters; [`Make::each`] hands out its records one by one,
//! [`Make::dataset`] gathers them, [`line`] writes one as a line of JSON, which reads back as the same record.

pub mod bios;
pub mod tinymem;
mod write;

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kinds::Kinds;
use super::{DataSpec, Dataset, Record, Tokenizer};
use crate::error::{Error, Result};
pub use write::{Hash, line};

/// A generator with its parameters. Exactly one is named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Make {
    /// Sequences or texts of which a known part is altered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tinymem: Option<tinymem::TinyMem>,
    /// Biographies of people who do not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bios: Option<bios::Bios>,
}

/// What is wrong with a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The field, from the generator on.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Wrong {
    fn new(field: &str, message: impl Into<String>, hint: &str) -> Self {
        Self { field: field.to_owned(), message: message.into(), hint: hint.to_owned() }
    }
}

/// What is known of a set when its rows are made.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Shown name.
    pub name: String,
    /// What it is, in words.
    pub schema: String,
    /// What a user should know about the rows.
    pub notes: Vec<String>,
    /// What their token ids mean.
    pub tokenizer: Option<Arc<Tokenizer>>,
}

impl Make {
    /// Files that parameters name.
    pub fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let tinymem = self.tinymem.iter_mut();
        tinymem.flat_map(|t| [&mut t.texts, &mut t.test_texts, &mut t.tokenizer]).filter_map(Option::as_mut)
    }

    /// What parameters say against each other; their ranges are in the schema.
    pub fn problems(&self) -> Vec<Wrong> {
        let of = |name: &str, wrong: Vec<Wrong>| {
            let name = name.to_owned();
            wrong.into_iter().map(move |w| Wrong { field: format!("{name}.{}", w.field), ..w })
        };
        let mut found = Vec::new();
        match (&self.tinymem, &self.bios) {
            (Some(tinymem), None) => found.extend(of("tinymem", tinymem.check())),
            (None, Some(bios)) => found.extend(of("bios", bios.check())),
            _ => found.push(Wrong::new("", "needs one generator", "name `tinymem` or `bios`, with its parameters")),
        }
        found
    }

    /// Hands out the records in order; `seed` is that of the experiment.
    ///
    /// # Errors
    /// Parameters that do not fit, files that cannot be read, or what `take` returns.
    pub fn each(&self, seed: u64, take: &mut dyn FnMut(Record) -> Result<()>) -> Result<About> {
        if let Some(wrong) = self.problems().into_iter().next() {
            return Err(Error::config(format!("{}: {}", wrong.field, wrong.message)).hint(wrong.hint));
        }
        match (&self.tinymem, &self.bios) {
            (Some(tinymem), _) => tinymem.each(seed, take),
            (None, Some(bios)) => bios.each(seed, take),
            (None, None) => Err(Error::bug("nothing to make")),
        }
    }

    /// The records that `spec` asks for as a data set; its hash is that of the file of all [`line`]s.
    ///
    /// # Errors
    /// As [`Self::each`], or no record is asked for.
    ///
    /// ```
    /// use memoscope::data::DataSpec;
    /// use memoscope::data::make::{Make, tinymem::TinyMem};
    /// let tinymem = TinyMem { rows: Some(200), n_test: 20, n_noise: 30, extra_constants: vec![], ..TinyMem::default() };
    /// let set = Make { tinymem: Some(tinymem), ..Make::default() };
    /// let noised = DataSpec { group: Some("noise".to_owned()), ..DataSpec::default() };
    /// assert_eq!(set.dataset(0, &noised)?.records.len(), 30);
    /// # Ok::<(), memoscope::error::Error>(())
    /// ```
    pub fn dataset(&self, seed: u64, spec: &DataSpec) -> Result<Dataset> {
        let mut hash = Hash::default();
        let mut records = Vec::new();
        let mut kinds = Kinds::default();
        let limit = spec.limit.unwrap_or(usize::MAX);
        let about = self.each(seed, &mut |record| {
            hash.add(&line(&record)?);
            kinds.see(std::slice::from_ref(&record));
            if records.len() < limit && spec.wants(&record) {
                records.push(record);
            }
            Ok(())
        })?;
        if records.is_empty() {
            kinds.check(spec)?;
        }
        Ok(Dataset {
            name: about.name,
            schema: about.schema,
            records,
            notes: about.notes,
            hash: hash.finish(),
            tokenizer: about.tokenizer,
            ..Dataset::default()
        })
    }
}
