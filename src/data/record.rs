//! One example of a data set, and the set itself.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One example. Which fields are set depends on the schema of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// 1 member, 0 non-member.
    pub label: Option<u8>,
    /// Where the row came from (`source` of Amber and the Pile).
    pub source: Option<String>,
    /// Paraphrases of `text`, or its neighbors for the neighborhood attack.
    pub paraphrases: Vec<String>,
}

/// A row that could not be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadLine {
    /// One-based line (or row, for Parquet).
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// Records of one file, with what was left out of it.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// Shown name: file stem or hub id.
    pub name: String,
    /// The file that was read.
    pub path: PathBuf,
    /// The detected schema in words, such as "JSONL, column text".
    pub schema: String,
    /// The good rows, in file order.
    pub records: Vec<Record>,
    /// The rows that were left out.
    pub bad: Vec<BadLine>,
    /// SHA-256 of the file.
    pub hash: String,
}
