//! A data file with what the window shows of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::data::{self, DataSpec, Dataset, Tokenizer};
use crate::error::Result;

/// A read data file.
#[derive(Clone, Debug, Default)]
pub struct DataSheet {
    /// Its rows.
    pub dataset: Arc<Dataset>,
    /// How it was read.
    pub spec: DataSpec,
    /// Every original with every paraphrase: record, and paraphrase if there is one.
    pub pairs: Vec<(usize, Option<usize>)>,
    /// Rows whose text or ids occurred before.
    pub n_duplicates: usize,
    /// Tokens of each row, once counted with the model of this name; `None` where a row has no text.
    pub lengths: Option<(String, Vec<Option<usize>>)>,
}

impl DataSheet {
    /// Reads a file.
    pub fn read(path: &Path, spec: DataSpec) -> Result<Self> {
        let dataset = data::load(path, &spec)?;
        let mut pairs = Vec::with_capacity(dataset.records.len());
        for (i, record) in dataset.records.iter().enumerate() {
            if record.paraphrases.is_empty() {
                pairs.push((i, None));
            }
            pairs.extend((0..record.paraphrases.len()).map(|p| (i, Some(p))));
        }
        let mut seen = BTreeSet::new();
        let n_duplicates = dataset.records.iter().filter(|r| !seen.insert((&r.text, &r.token_ids))).count();
        Ok(Self { dataset: Arc::new(dataset), spec, pairs, n_duplicates, lengths: None })
    }

    /// The same with the lengths in tokens; `is_wanted` stops it.
    pub fn count_tokens(&self, model: &str, tokenizer: &Tokenizer, is_wanted: &dyn Fn() -> bool) -> Option<Self> {
        let mut lengths = Vec::with_capacity(self.dataset.records.len());
        for record in &self.dataset.records {
            if !is_wanted() {
                return None;
            }
            let of_text = |text: &String| tokenizer.encode(text, true).ok().map(|e| e.ids.len());
            lengths.push(record.token_ids.as_ref().map(Vec::len).or_else(|| record.text.as_ref().and_then(of_text)));
        }
        Some(Self { lengths: Some((model.to_owned(), lengths)), ..self.clone() })
    }

    /// Both texts of a pair.
    pub fn texts(&self, pair: usize) -> Option<[&str; 2]> {
        let (record, paraphrase) = *self.pairs.get(pair)?;
        let record = self.dataset.records.get(record)?;
        let original = record.text.as_deref().unwrap_or_default();
        let other = paraphrase.and_then(|p| record.paraphrases.get(p)).map(String::as_str).unwrap_or_default();
        Some([original, other])
    }
}
