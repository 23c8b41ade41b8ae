//! The rows of a table behind the marks of a series, so that a click on a mark can show them.

use serde::{Deserialize, Serialize};

/// Rows behind each mark, in the order of the marks. Empty when there is no table behind the series.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rows {
    /// Id of the table in the same report.
    pub table: String,
    /// Rows of all marks, one mark after the other.
    rows: Vec<usize>,
    /// Where the rows of each mark end in `rows`.
    ends: Vec<usize>,
}

impl Rows {
    /// The rows of each mark.
    pub fn new(table: &str, marks: impl IntoIterator<Item = Vec<usize>>) -> Self {
        let mut found = Self { table: table.to_owned(), ..Self::default() };
        for mark in marks {
            found.rows.extend(mark);
            found.ends.push(found.rows.len());
        }
        found
    }

    /// One row a mark.
    pub fn one_each(table: &str, rows: Vec<usize>) -> Self {
        let ends = (1..=rows.len()).collect();
        Self { table: table.to_owned(), rows, ends }
    }

    /// Rows of the mark `index`; empty when it has none.
    pub fn of(&self, index: usize) -> &[usize] {
        let start = index.checked_sub(1).and_then(|i| self.ends.get(i)).copied().unwrap_or(0);
        let end = self.ends.get(index).copied().unwrap_or(start);
        self.rows.get(start..end).unwrap_or_default()
    }

    /// Number of marks that have rows to show.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no table behind the series.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_knows_its_rows() {
        let rows = Rows::new("texts", [vec![4, 5], vec![], vec![1]]);
        assert_eq!([rows.of(0), rows.of(1), rows.of(2), rows.of(3)], [&[4, 5][..], &[], &[1], &[]]);
        assert_eq!(Rows::one_each("t", vec![7, 8]).of(1), [8]);
        let text = serde_json::to_string(&rows).unwrap();
        assert_eq!(serde_json::from_str::<Rows>(&text).unwrap(), rows);
        assert!(Rows::default().is_empty() && Rows::default().of(0).is_empty());
    }

    #[test]
    fn a_damaged_file_gives_no_rows_and_no_panic() {
        let rows: Rows = serde_json::from_str(r#"{"table":"t","rows":[1],"ends":[9,2]}"#).unwrap();
        assert!(rows.of(0).is_empty() && rows.of(1).is_empty());
    }
}
