//! Results as data.

use serde::{Deserialize, Serialize};

use crate::figures::Figure;

/// What a method found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Headline numbers.
    pub scalars: Vec<Scalar>,
    /// Per-row and per-token values.
    #[serde(skip)]
    pub tables: Vec<Table>,
    /// Charts.
    #[serde(skip)]
    pub figures: Vec<Figure>,
    /// What the reader has to know: rows left out, texts cut, conventions. Sentences.
    pub notes: Vec<String>,
}

/// One number with everything needed to quote it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scalar {
    /// Stable dotted name, such as `auroc.min_k_0.2`.
    pub id: String,
    /// Shown name.
    pub label: String,
    /// The value; absent when it is undefined, and then `note` says why.
    pub value: Option<f64>,
    /// Unit; fractions have none.
    pub unit: String,
    /// 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// Number of examples behind it.
    pub n: usize,
    /// Anything else, such as why it is undefined.
    pub note: String,
}

/// Values by column; all columns have the same length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Stable name, becomes the file name.
    pub id: String,
    /// Shown title.
    pub title: String,
    /// Columns in order.
    pub columns: Vec<Column>,
    /// Large per-token tables go to Parquet, the others to CSV.
    pub parquet: bool,
}

/// A named column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Stable name.
    pub name: String,
    /// Unit; empty for pure numbers and text.
    pub unit: String,
    /// What it holds, for tooltips.
    pub about: String,
    /// The values.
    pub values: Values,
}

/// Values of one type; `None` is an undefined value and is written as an empty cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// Real numbers.
    Float(Vec<Option<f64>>),
    /// Whole numbers.
    Int(Vec<Option<i64>>),
    /// Text.
    Text(Vec<String>),
    /// Yes or no.
    Bool(Vec<bool>),
}
