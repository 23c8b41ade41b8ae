//! How a file is to be read: its format and which column plays which role.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Record;

/// How to read a data file. The default finds everything out from the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DataSpec {
    /// Which column plays which role, as role → column: `text`, `prompt`, `continuation`, `token_ids`, `label`, `id`,
    /// `source`, `paraphrases`, `member`, `nonmember`, `part`, `group`, `copies`, `twin`, `facts`. A dot reaches into nested objects.
    /// Roles that are not named are found from the usual column names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
    /// Keep only rows of this part, such as `train`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Keep only rows of this group, such as `noise`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Keep only the first so many good rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Format of the file; found from its name and content when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
}

impl DataSpec {
    /// Whether a row belongs to the part and the group that are asked for.
    pub(super) fn wants(&self, record: &Record) -> bool {
        let is = |asked: &Option<String>, has: &Option<String>| asked.is_none() || asked == has;
        is(&self.part, &record.part) && is(&self.group, &record.group)
    }
}

/// Format of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// One JSON document: an array of rows, an object with rows under `data`, or a paraphrase file.
    Json,
    /// Comma-separated values with a header line.
    Csv,
    /// Tab-separated values with a header line.
    Tsv,
    /// Plain text, one example a line.
    Text,
    /// Plain text, examples separated by blank lines.
    Paragraphs,
    /// Apache Parquet.
    Parquet,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jsonl => "JSONL",
            Self::Json => "JSON",
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Text => "text, one example a line",
            Self::Paragraphs => "text, examples separated by blank lines",
            Self::Parquet => "Parquet",
        })
    }
}

/// What a column means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The text of the example.
    Text,
    /// The first part of a row that was split before: text or token ids.
    Prompt,
    /// The second part of such a row.
    Continuation,
    /// Token ids made elsewhere.
    TokenIds,
    /// Member (1) or non-member (0).
    Label,
    /// The row's own name.
    Id,
    /// Where the row came from.
    Source,
    /// A list of paraphrases or neighbors of the text, or of the continuation where there is a prompt.
    Paraphrases,
    /// A member text, in rows that also hold a non-member.
    Member,
    /// A non-member text, in such rows.
    Nonmember,
    /// What the row is for: `train`, `test`.
    Part,
    /// The sub-population of the row.
    Group,
    /// How often the row is seen in an epoch of training.
    Copies,
    /// Token ids of the row before it was altered.
    Twin,
    /// An object of what the text states, by field.
    Facts,
}

impl Role {
    /// Every role, in the order in which they are described.
    pub const ALL: [Self; 15] = [
        Self::Text,
        Self::Prompt,
        Self::Continuation,
        Self::TokenIds,
        Self::Label,
        Self::Id,
        Self::Source,
        Self::Paraphrases,
        Self::Member,
        Self::Nonmember,
        Self::Part,
        Self::Group,
        Self::Copies,
        Self::Twin,
        Self::Facts,
    ];

    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Prompt => "prompt",
            Self::Continuation => "continuation",
            Self::TokenIds => "token_ids",
            Self::Label => "label",
            Self::Id => "id",
            Self::Source => "source",
            Self::Paraphrases => "paraphrases",
            Self::Member => "member",
            Self::Nonmember => "nonmember",
            Self::Part => "part",
            Self::Group => "group",
            Self::Copies => "copies",
            Self::Twin => "twin",
            Self::Facts => "facts",
        }
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}
