//! The first rows of a file, for choosing columns before a run.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::collect::{Collector, Row};
use super::record::{BadLine, Record};
use super::spec::{DataSpec, Format, Role};
use super::{detect, load, row};
use crate::error::Result;

/// Longest shown cell, in characters.
const MAX_CELL: usize = 2_000;

/// What a file looks like from its first rows.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The detected format.
    pub format: Format,
    /// Columns in the order of the file.
    pub columns: Vec<String>,
    /// Which role each column would play, as role → column.
    pub mapping: BTreeMap<Role, String>,
    /// Cells of the first rows as text, in the order of `columns`; long ones are cut and end in `…`.
    pub rows: Vec<Vec<String>>,
    /// The records that these rows become.
    pub records: Vec<Record>,
    /// Rows among them that cannot be used.
    pub bad: Vec<BadLine>,
    /// Why [`load()`](super::load()) would refuse the file as it is, such as a column that has to be named.
    pub problem: Option<String>,
    /// Size of the file in bytes.
    pub bytes: u64,
}

/// Reads the first `n` rows of `path` as `spec` says, without reading the rest.
///
/// # Errors
/// The file cannot be opened or is of another kind. A wrong mapping is no error here but a [`Preview::problem`].
pub fn preview(path: &Path, spec: &DataSpec, n: usize) -> Result<Preview> {
    let format = detect::format(path, spec.format)?;
    let bytes = std::fs::metadata(path).map(|meta| meta.len()).unwrap_or_default();
    let spec = DataSpec { limit: None, ..spec.clone() };
    let mut collector = Collector::new(&spec)?.previewing(n);
    load::read_rows(path, format, &mut collector)?;
    let raw = std::mem::take(&mut collector.raw);
    let columns = collector.columns.clone();
    let bad = collector.bad.clone();
    let rows = raw.iter().map(|row| columns.iter().map(|column| shown(row, column)).collect()).collect();
    let (mapping, records, problem) = match collector.finish() {
        Ok(collected) => (collected.mapping, collected.records, None),
        Err(error) => (BTreeMap::new(), Vec::new(), Some(error.to_string())),
    };
    Ok(Preview { format, columns, mapping, rows, records, bad, problem, bytes })
}

fn shown(row: &Row, column: &str) -> String {
    let text = match row::cell(row, column) {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match text.char_indices().nth(MAX_CELL) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
