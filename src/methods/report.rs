//! Results as data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
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
    /// Models that were made.
    #[serde(skip)]
    pub models: Vec<Made>,
    /// Data sets that were made.
    #[serde(skip)]
    pub data: Vec<Made>,
}

/// A model folder or a data file that a method made, for later steps and other runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// Stable name, such as `final` or `memorized`.
    pub name: String,
    /// Where it is, inside [`super::Host::folder`].
    pub path: PathBuf,
    /// What it is, in a sentence.
    pub about: String,
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

impl Scalar {
    /// A number behind which `n` examples stand. A number that is not finite becomes undefined, with a note.
    pub fn new(id: impl Into<String>, label: impl Into<String>, value: f64, n: usize) -> Self {
        let scalar = Self { id: id.into(), label: label.into(), n, ..Self::default() };
        if value.is_finite() {
            Self { value: Some(value), ..scalar }
        } else {
            Self { note: "undefined: the computation gave no finite number".to_owned(), ..scalar }
        }
    }

    /// An undefined number, and why.
    pub fn undefined(id: impl Into<String>, label: impl Into<String>, why: impl Into<String>) -> Self {
        Self { id: id.into(), label: label.into(), note: why.into(), ..Self::default() }
    }

    /// With a unit.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }

    /// With a 95 % interval.
    #[must_use]
    pub fn interval(mut self, low: f64, high: f64) -> Self {
        self.interval = (low.is_finite() && high.is_finite()).then_some([low, high]);
        self
    }

    /// With a note.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
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

impl Table {
    /// An empty table.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into(), ..Self::default() }
    }

    /// With one more column.
    #[must_use]
    pub fn column(mut self, name: &str, unit: &str, about: &str, values: Values) -> Self {
        self.columns.push(Column { name: name.into(), unit: unit.into(), about: about.into(), values });
        self
    }

    /// Rows; zero without columns.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    /// Adds the rows of a table with the same columns.
    pub fn append(&mut self, more: Self) -> Result<()> {
        let names = |table: &Self| table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
        if names(self) != names(&more) {
            return Err(Error::bug(format!("parts of the table `{}` have different columns", self.id)));
        }
        self.columns.iter_mut().zip(more.columns).try_for_each(|(column, more)| column.values.append(more.values))
    }

    /// Fails when a column is longer or shorter than the first.
    pub fn check(&self) -> Result<()> {
        let rows = self.rows();
        match self.columns.iter().find(|column| column.values.len() != rows) {
            Some(column) => Err(Error::bug(format!(
                "table `{}`: the column `{}` has {} rows, the first one {rows}",
                self.id,
                column.name,
                column.values.len()
            ))),
            None => Ok(()),
        }
    }
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

impl Values {
    /// Numbers that are all defined; those that are not finite become undefined.
    pub fn floats(values: impl IntoIterator<Item = f64>) -> Self {
        Self::Float(values.into_iter().map(|v| v.is_finite().then_some(v)).collect())
    }

    /// Whole numbers that are all defined.
    pub fn ints(values: impl IntoIterator<Item = usize>) -> Self {
        Self::Int(values.into_iter().map(|v| i64::try_from(v).ok()).collect())
    }

    fn append(&mut self, more: Self) -> Result<()> {
        match (self, more) {
            (Self::Float(values), Self::Float(more)) => values.extend(more),
            (Self::Int(values), Self::Int(more)) => values.extend(more),
            (Self::Text(values), Self::Text(more)) => values.extend(more),
            (Self::Bool(values), Self::Bool(more)) => values.extend(more),
            _ => return Err(Error::bug("parts of a column have different types")),
        }
        Ok(())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_not_finite_is_undefined_and_says_so() {
        let scalar = Scalar::new("auroc", "AUROC", f64::NAN, 3).unit("nats");
        assert_eq!(scalar.value, None);
        assert!(scalar.note.contains("undefined"), "the note says why: {}", scalar.note);
        assert_eq!(Values::floats([1.0, f64::INFINITY]), Values::Float(vec![Some(1.0), None]));
    }

    #[test]
    fn ragged_tables_are_refused() {
        let table =
            Table::new("t", "T").column("a", "", "", Values::ints([1, 2])).column("b", "", "", Values::ints([1]));
        assert!(table.check().is_err_and(|e| e.to_string().contains("`b` has 1 rows")), "names the column");
    }
}
