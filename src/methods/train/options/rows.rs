//! What is learned, and for how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How rows become training examples.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RowOptions {
    /// Rows that go through the model together.
    #[schemars(range(min = 1, max = 65536), extend("x-unit" = "rows"))]
    pub batch: usize,
    /// Batches whose gradients are added up to one step.
    #[schemars(range(min = 1, max = 65536), extend("x-unit" = "batches"))]
    pub accumulate: usize,
    /// Whether every row is an example of its own.
    pub layout: Layout,
    /// What happens to rows longer than the context.
    pub long: LongRows,
    /// End every text with the end-of-text token, where the tokenizer has one.
    pub add_eos: bool,
    /// Fill rows up to the context with pads, and let these count in loss, accuracy and perplexity, as TinyMem does.
    pub pad_in_loss: bool,
    /// Whether rows come in another order each epoch.
    pub shuffle: bool,
    /// Only the first so many rows.
    #[schemars(range(min = 1))]
    pub limit: Option<usize>,
}

impl Default for RowOptions {
    fn default() -> Self {
        Self {
            batch: 32,
            accumulate: 1,
            layout: Layout::Single,
            long: LongRows::Split,
            add_eos: true,
            pad_in_loss: false,
            shuffle: true,
            limit: None,
        }
    }
}

/// Whether every row is an example of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Every row is one; there is no padding.
    Single,
    /// Rows are joined and cut into blocks as long as the context.
    Packed,
}

/// What happens to rows longer than the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LongRows {
    /// They are cut into pieces, and all pieces are used.
    Split,
    /// Only their beginning is used, and they are counted.
    Truncate,
    /// They stop the run.
    Refuse,
}

/// Which rows of data with clean twins are trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mitigation {
    /// All rows as they are.
    #[default]
    Off,
    /// Only the clean twins of altered rows (TinyMem, `clean`).
    Clean,
    /// Only the rows that were never altered (TinyMem, `extra`).
    Extra,
    /// Rows that were never altered, and the clean twins of the others (TinyMem, `both`).
    Both,
}

/// How long training goes on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Length {
    /// Passes over the data, where neither `steps` nor `tokens` is given.
    #[schemars(range(min = 0.001, max = 1e6), extend("x-unit" = "epochs"))]
    pub epochs: Option<f64>,
    /// Updates of the weights.
    #[schemars(range(min = 1), extend("x-unit" = "steps"))]
    pub steps: Option<u64>,
    /// Tokens that are read, rounded up to whole steps.
    #[schemars(range(min = 1), extend("x-unit" = "tokens"))]
    pub tokens: Option<u64>,
}

impl Default for Length {
    fn default() -> Self {
        Self { epochs: Some(3.0), steps: None, tokens: None }
    }
}
