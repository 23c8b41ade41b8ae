//! A data file with what the window shows of it.

use std::collections::{BTreeMap, BTreeSet};
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
    /// Rows longer than the context of that model: the byte of their text at which it ends.
    pub cuts: BTreeMap<usize, usize>,
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
        Ok(Self { dataset: Arc::new(dataset), spec, pairs, n_duplicates, lengths: None, cuts: BTreeMap::new() })
    }

    /// The same with the lengths in tokens; `is_wanted` stops it.
    pub fn count_tokens(
        &self,
        model: &str,
        tokenizer: &Tokenizer,
        n_ctx: usize,
        is_wanted: &dyn Fn() -> bool,
    ) -> Option<Self> {
        let mut lengths = Vec::with_capacity(self.dataset.records.len());
        let mut cuts = BTreeMap::new();
        for (row, record) in self.dataset.records.iter().enumerate() {
            if !is_wanted() {
                return None;
            }
            let of_text = |text: &String| {
                let encoding = tokenizer.encode(text, true).ok()?;
                // A character whose last token is beyond the context is not read.
                if let Some(first_left_out) = encoding.offsets.get(n_ctx) {
                    cuts.insert(row, text.floor_char_boundary(first_left_out.0));
                }
                Some(encoding.ids.len())
            };
            lengths.push(record.token_ids.as_ref().map(Vec::len).or_else(|| record.text.as_ref().and_then(of_text)));
        }
        Some(Self { lengths: Some((model.to_owned(), lengths)), cuts, ..self.clone() })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Record;

    #[test]
    fn a_text_longer_than_the_context_is_cut_behind_its_last_token() {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/sample");
        let tokenizer = Tokenizer::load(&sample).unwrap();
        let text = "The house 기억 was quiet.".to_owned();
        let whole = tokenizer.encode(&text, true).unwrap();
        let record = |text: &str| Record { text: Some(text.to_owned()), ..Record::default() };
        let dataset = Dataset { records: vec![record("a"), record(&text)], ..Dataset::default() };
        let sheet = DataSheet { dataset: Arc::new(dataset), ..DataSheet::default() };
        for n_ctx in 1..whole.ids.len() {
            let cut = sheet.count_tokens("m", &tokenizer, n_ctx, &|| true).unwrap().cuts;
            let at = cut[&1];
            assert!(text.is_char_boundary(at) && !cut.contains_key(&0), "{cut:?}");
            let kept = tokenizer.encode(&text[..at], true).unwrap().ids.len();
            assert!(kept <= n_ctx, "{n_ctx} tokens of context keep {kept}");
        }
        let all = sheet.count_tokens("m", &tokenizer, whole.ids.len(), &|| true).unwrap();
        assert!(all.cuts.is_empty(), "what fits is not cut");
    }
}
