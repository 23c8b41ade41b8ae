//! One example of a data set, and the set itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Tokenizer;

/// One example. Which fields are set depends on the schema of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Zero-based row in the file, counting bad rows too: stable under filtering.
    pub row: usize,
    /// The row's own name, when the file has one.
    pub id: Option<String>,
    /// The text, for text rows.
    pub text: Option<String>,
    /// Token ids, for rows that were tokenized elsewhere (`token_ids`, or prompt and continuation together).
    pub token_ids: Option<Vec<u32>>,
    /// Where a pre-split row (Amber's `prompt`, `continuation`) was split, in tokens.
    pub split_at: Option<usize>,
    /// Where a row with a prompt and a continuation as text was split, in bytes of `text`.
    #[serde(default)]
    pub split_byte: Option<usize>,
    /// 1 member, 0 non-member.
    pub label: Option<u8>,
    /// Where the row came from (`source` of Amber and the Pile).
    pub source: Option<String>,
    /// Paraphrases of `text`, or its neighbors for the neighborhood attack; of a row with a prompt and a continuation, the
    /// prompt with the continuation in other words.
    pub paraphrases: Vec<String>,
    /// Paraphrases of the file that were left out of `paraphrases`.
    #[serde(default)]
    pub excluded: Excluded,
    /// What the row is for: `train`, `test`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The sub-population of the row, for which numbers are reported of their own: `noise`, `main`, `x100`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How often the row is seen in an epoch of training; at least 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub copies: u32,
    /// The token ids before the row was altered: of a noised or poisoned row, its clean twin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<Vec<u32>>,
    /// What the text states, by field: `birth_city` → `Chicago, IL`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            row: 0,
            id: None,
            text: None,
            token_ids: None,
            split_at: None,
            split_byte: None,
            label: None,
            source: None,
            paraphrases: Vec::new(),
            excluded: Excluded::default(),
            part: None,
            group: None,
            copies: one(),
            twin: None,
            facts: BTreeMap::new(),
        }
    }
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_one(copies: &u32) -> bool {
    *copies == one()
}

/// Paraphrases that say nothing about memorization, by reason.
///
/// A failed generation that became a copy of its original would score a perfect alignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excluded {
    /// Missing, or nothing but white space.
    pub empty: usize,
    /// Equal to the original but for white space at the ends.
    pub identical: usize,
}

impl Excluded {
    /// How many were left out.
    pub fn total(self) -> usize {
        self.empty + self.identical
    }
}

/// A row that could not be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadLine {
    /// One-based line (row, for JSON arrays and Parquet).
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// Records of one file, with what was left out of it.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// Shown name: file stem or hub id.
    pub name: String,
    /// The file that was read; empty for rows that were made.
    pub path: PathBuf,
    /// The detected schema in words, such as "JSONL, column text".
    pub schema: String,
    /// The good rows, in file order.
    pub records: Vec<Record>,
    /// The rows that were left out.
    pub bad: Vec<BadLine>,
    /// What a user should know about the rows that were kept, such as ids that occur twice.
    pub notes: Vec<String>,
    /// SHA-256 of the file, in hexadecimal; of the rows themselves when they were made.
    pub hash: String,
    /// What the token ids of the rows mean, where the set itself says so.
    pub tokenizer: Option<Arc<Tokenizer>>,
}

impl Dataset {
    /// Sentences about what was left out, the first bad lines with their reasons among them.
    pub fn remarks(&self) -> Vec<String> {
        self.notes.iter().cloned().chain(left_out(&self.bad)).collect()
    }
}

/// How many lines could not be read, and why the first of them.
pub(super) fn left_out(bad: &[BadLine]) -> Option<String> {
    const SHOWN: usize = 3;
    let first: Vec<String> = bad.iter().take(SHOWN).map(|bad| format!("line {}: {}", bad.line, bad.reason)).collect();
    let more = if bad.len() > SHOWN { "; …" } else { "" };
    let rows = if bad.len() == 1 { "1 row".to_owned() } else { format!("{} rows", bad.len()) };
    (!bad.is_empty()).then(|| format!("{rows} that could not be read left out ({}{more})", first.join("; ")))
}
