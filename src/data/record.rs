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
    /// Where a row with a prompt and a continuation as text was split, in bytes of `text`.
    #[serde(default)]
    pub split_byte: Option<usize>,
    /// 1 member, 0 non-member.
    pub label: Option<u8>,
    /// Where the row came from (`source` of Amber and the Pile).
    pub source: Option<String>,
    /// Paraphrases of `text`, or its neighbors for the neighborhood attack.
    pub paraphrases: Vec<String>,
    /// Paraphrases of the file that were left out of `paraphrases`.
    #[serde(default)]
    pub excluded: Excluded,
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
    /// The file that was read.
    pub path: PathBuf,
    /// The detected schema in words, such as "JSONL, column text".
    pub schema: String,
    /// The good rows, in file order.
    pub records: Vec<Record>,
    /// The rows that were left out.
    pub bad: Vec<BadLine>,
    /// What a user should know about the rows that were kept, such as ids that occur twice.
    pub notes: Vec<String>,
    /// SHA-256 of the file, in hexadecimal.
    pub hash: String,
}
