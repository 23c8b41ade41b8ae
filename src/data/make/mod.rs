//! Data sets that are made from parameters and a seed: nothing lies on the disk, and the same parameters give the same
//! rows on every machine.
//!
//! [`Make`] names one generator with its parameters; [`Make::each`] hands out its records one by one,
//! [`Make::dataset`] gathers them, [`line()`] writes one as a line of JSON, which reads back as the same record.

pub mod bios;
pub mod encode;
pub mod prefixes;
mod repr;
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
    /// Texts to train on, from rows of dialogues, questions or translations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encode: Option<encode::Encode>,
    /// The first tokens of texts, and what followed them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefixes: Option<prefixes::Prefixes>,
}

/// The generator that is named.
enum Kind<'a> {
    TinyMem(&'a tinymem::TinyMem),
    Bios(&'a bios::Bios),
    Encode(&'a encode::Encode),
    Prefixes(&'a prefixes::Prefixes),
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
        let tinymem =
            tinymem.flat_map(|t| [&mut t.texts, &mut t.test_texts, &mut t.tokenizer]).filter_map(Option::as_mut);
        let encode = self.encode.iter_mut().flat_map(encode::Encode::paths_mut);
        tinymem.chain(encode).chain(self.prefixes.iter_mut().flat_map(prefixes::Prefixes::paths_mut))
    }

    /// The generator, when exactly one is named.
    fn kind(&self) -> Option<Kind<'_>> {
        let kinds = [
            self.tinymem.as_ref().map(Kind::TinyMem),
            self.bios.as_ref().map(Kind::Bios),
            self.encode.as_ref().map(Kind::Encode),
            self.prefixes.as_ref().map(Kind::Prefixes),
        ];
        let mut named = kinds.into_iter().flatten();
        let first = named.next();
        if named.next().is_some() { None } else { first }
    }

    /// What parameters say against each other; their ranges are in the schema.
    pub fn problems(&self) -> Vec<Wrong> {
        let of = |name: &str, wrong: Vec<Wrong>| -> Vec<Wrong> {
            wrong.into_iter().map(|w| Wrong { field: format!("{name}.{}", w.field), ..w }).collect()
        };
        match self.kind() {
            Some(Kind::TinyMem(tinymem)) => of("tinymem", tinymem.check()),
            Some(Kind::Bios(bios)) => of("bios", bios.check()),
            Some(Kind::Encode(encode)) => of("encode", encode.check()),
            Some(Kind::Prefixes(prefixes)) => of("prefixes", prefixes.check()),
            None => {
                let hint = "name `tinymem`, `bios`, `encode` or `prefixes`, with its parameters";
                vec![Wrong::new("", "needs one generator", hint)]
            }
        }
    }

    /// Hands out the records in order; `seed` is that of the experiment.
    ///
    /// # Errors
    /// Parameters that do not fit, files that cannot be read, or what `take` returns.
    pub fn each(&self, seed: u64, take: &mut dyn FnMut(Record) -> Result<()>) -> Result<About> {
        if let Some(wrong) = self.problems().into_iter().next() {
            return Err(Error::config(format!("{}: {}", wrong.field, wrong.message)).hint(wrong.hint));
        }
        match self.kind() {
            Some(Kind::TinyMem(tinymem)) => tinymem.each(seed, take),
            Some(Kind::Bios(bios)) => bios.each(seed, take),
            Some(Kind::Encode(encode)) => encode.each(take),
            Some(Kind::Prefixes(prefixes)) => prefixes.each(take),
            None => Err(Error::bug("nothing to make")),
        }
    }

    /// The records that `spec` asks for as a data set; its hash is that of the file of all [`line()`]s.
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
