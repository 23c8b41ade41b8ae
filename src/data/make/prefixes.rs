//! Prefix and suffix tables: the first tokens of texts, and what followed them.
//!
//! Every prefix has the same number of tokens; rows are token ids that are split behind it, so that a memorization
//! score (`split: row`) and `memoscope generate --prompts` read them. [`Prefixes::table`] writes them as pandas does.
//! Source: "Exploring Memorization in Fine-tuned Language Models" (Zeng et al. 2024): 50 tokens, 10 000 rows.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{About, Wrong};
use crate::data::{DataSpec, Record, Tokenizer, load};
use crate::error::{Error, Result};

/// Parameters of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Prefixes {
    /// File of the texts.
    pub texts: PathBuf,
    /// Tokenizer: a model folder or a `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// Only texts of this part, such as `train`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Tokens of a prefix.
    #[schemars(range(min = 1, max = 100000), extend("x-unit" = "tokens"))]
    pub prefix: usize,
    /// Tokens that have to follow it; shorter texts are left out.
    #[schemars(range(min = 1, max = 100000), extend("x-unit" = "tokens"))]
    pub min_suffix: usize,
    /// Tokens of the suffix that are kept; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), extend("x-unit" = "tokens"))]
    pub max_suffix: Option<usize>,
    /// Prefixes at most.
    #[schemars(range(min = 1, max = 10000000))]
    pub count: usize,
}

impl Default for Prefixes {
    fn default() -> Self {
        Self {
            texts: PathBuf::new(),
            tokenizer: PathBuf::new(),
            part: None,
            prefix: 50,
            min_suffix: 10,
            max_suffix: None,
            count: 10_000,
        }
    }
}

impl Prefixes {
    /// What is missing.
    pub(super) fn check(&self) -> Vec<Wrong> {
        let wanted = [
            ("texts", &self.texts, "name the file of the texts"),
            ("tokenizer", &self.tokenizer, "name the folder of the model that will continue the prefixes"),
        ];
        let absent = wanted.into_iter().filter(|(_, path, _)| path.as_os_str().is_empty());
        absent.map(|(field, _, hint)| Wrong::new(field, "is missing", hint)).collect()
    }

    /// Files that it reads.
    pub(super) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.texts, &mut self.tokenizer].into_iter()
    }

    /// Hands out the rows in the order of the texts; a prefix that occurred before is left out.
    ///
    /// # Errors
    /// A file that cannot be read, or no text that is long enough.
    pub fn each(&self, take: &mut dyn FnMut(Record) -> Result<()>) -> Result<About> {
        let spec = DataSpec { part: self.part.clone(), ..DataSpec::default() };
        let set = load(&self.texts, &spec)?;
        let tokenizer = Tokenizer::load(&self.tokenizer)?;
        let mut seen = BTreeSet::new();
        let (mut row, mut short, mut repeated) = (0, 0, 0);
        for record in &set.records {
            if row == self.count {
                break;
            }
            let Some(text) = &record.text else { continue };
            let mut ids = tokenizer.encode(text, false)?.ids;
            if ids.len() < self.prefix + self.min_suffix {
                short += 1;
                continue;
            }
            if let Some(max) = self.max_suffix {
                ids.truncate(self.prefix + max);
            }
            if !seen.insert(ids.iter().take(self.prefix).copied().collect::<Vec<u32>>()) {
                repeated += 1;
                continue;
            }
            let id = record.id.clone().unwrap_or_else(|| record.row.to_string());
            let (part, label) = (record.part.clone(), record.label);
            let split_at = Some(self.prefix);
            take(Record { row, id: Some(id), token_ids: Some(ids), split_at, part, label, ..Record::default() })?;
            row += 1;
        }
        if row == 0 {
            let wanted = self.prefix + self.min_suffix;
            return Err(Error::data(format!("no text has {wanted} tokens, a prefix and what follows it"))
                .hint("lower `prefix` or `min_suffix`")
                .at(&self.texts));
        }
        let counts = [(short, "texts are too short"), (repeated, "texts repeat a prefix")];
        let counted = counts.into_iter().filter(|(n, _)| *n > 0);
        let mut notes: Vec<String> =
            set.remarks().into_iter().map(|remark| format!("{}: {remark}", set.name)).collect();
        notes.extend(counted.map(|(n, why)| format!("{n} {why} and were left out")));
        Ok(About {
            name: format!("{} prefixes", set.name),
            schema: format!("{row} prefixes of {} tokens", self.prefix),
            notes,
            tokenizer: Some(Arc::new(tokenizer)),
        })
    }

    /// The rows as the table of the published pipeline: pandas JSON with `orient="split"`, columns `prefix` and
    /// `suffix` as text.
    pub fn table(&self) -> Result<Value> {
        let mut rows = Vec::new();
        let about = self.each(&mut |record| {
            rows.push((record.token_ids.unwrap_or_default(), record.split_at.unwrap_or_default()));
            Ok(())
        })?;
        let Some(tokenizer) = about.tokenizer else { return Err(Error::bug("prefixes without a tokenizer")) };
        let texts = rows.iter().map(|(ids, at)| {
            let (prefix, suffix) = ids.split_at((*at).min(ids.len()));
            json!([tokenizer.decode(prefix), tokenizer.decode_after(prefix, suffix)])
        });
        let index: Vec<usize> = (0..rows.len()).collect();
        Ok(json!({"columns": ["prefix", "suffix"], "index": index, "data": texts.collect::<Vec<_>>()}))
    }
}
