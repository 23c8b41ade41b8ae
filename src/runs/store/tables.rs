//! Tables of a run as files: CSV, and Parquet for large ones.
//!
//! CSV has a header line of column names, numbers in the shortest form that reads back to the same
//! value, and an empty cell where a number is undefined. Units and meanings of the columns are in
//! `report.json`, and in the Parquet file's own metadata.

use std::ops::Range;
use std::path::Path;

use super::SavedTable;
use super::parquet::{self, ParquetWriter};
use crate::error::{Error, Result};
use crate::methods::{Column, Table, Values};

/// Writes `table` to `path`, as its `parquet` flag says; whole or not at all.
pub fn write_table(path: &Path, table: &Table) -> Result<()> {
    table.check()?;
    if table.parquet {
        let mut writer = ParquetWriter::begin(path, table)?;
        writer.write(table)?;
        return writer.finish();
    }
    super::write_atomic(path, &csv_bytes(table).map_err(|e| e.at(path))?)
}

/// Reads a table of a run back, the rows in `wanted`; `saved` says which columns it has. The ranges are in ascending
/// order and do not overlap; what they hold beyond the end of the table is left out.
pub fn read_table(path: &Path, saved: &SavedTable, wanted: &[Range<usize>]) -> Result<Table> {
    let columns = if path.extension().is_some_and(|e| e == "parquet") {
        parquet::read(path, saved, wanted)
    } else {
        read_csv(path, saved, wanted)
    };
    let parquet = path.extension().is_some_and(|e| e == "parquet");
    Ok(Table { id: saved.id.clone(), title: saved.title.clone(), columns: columns.map_err(|e| e.at(path))?, parquet })
}

/// A number in the shortest form that reads back to the same value.
pub fn shortest(value: f64) -> String {
    format!("{value:?}")
}

fn csv_bytes(table: &Table) -> Result<Vec<u8>> {
    let fault = |e: csv::Error| Error::bug(format!("table `{}`: {e}", table.id));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(table.columns.iter().map(|c| c.name.as_str())).map_err(fault)?;
    for row in 0..table.rows() {
        writer.write_record(table.columns.iter().map(|c| cell(&c.values, row))).map_err(fault)?;
    }
    writer.into_inner().map_err(|e| Error::bug(format!("table `{}`: {e}", table.id)))
}

fn cell(values: &Values, row: usize) -> String {
    match values {
        Values::Float(values) => values.get(row).copied().flatten().map(shortest).unwrap_or_default(),
        Values::Int(values) => values.get(row).copied().flatten().map(|v| v.to_string()).unwrap_or_default(),
        Values::Text(values) => values.get(row).cloned().unwrap_or_default(),
        Values::Bool(values) => values.get(row).map(bool::to_string).unwrap_or_default(),
    }
}

fn read_csv(path: &Path, saved: &SavedTable, wanted: &[Range<usize>]) -> Result<Vec<Column>> {
    let fault = |e: csv::Error| Error::data(format!("the table cannot be read: {e}"));
    let mut reader = csv::Reader::from_path(path).map_err(fault)?;
    let mut columns = saved.empty_columns();
    let (mut record, mut row) = (csv::StringRecord::new(), 0);
    let mut ranges = wanted.iter().filter(|range| !range.is_empty());
    let mut range = ranges.next();
    while let Some(now) = range {
        if !reader.read_record(&mut record).map_err(fault)? {
            break;
        }
        let at = row;
        row += 1;
        if row >= now.end {
            range = ranges.next();
        }
        if at < now.start {
            continue;
        }
        let row = at;
        if record.len() != columns.len() {
            let message = format!("row {} has {} cells, expected {}", row + 1, record.len(), columns.len());
            return Err(Error::data(message));
        }
        for (column, text) in columns.iter_mut().zip(&record) {
            let wrong = || Error::data(format!("row {}: `{text}` in column `{}` is no value", row + 1, column.name));
            match &mut column.values {
                Values::Float(values) => values.push(parsed(text).ok().ok_or_else(wrong)?),
                Values::Int(values) => values.push(parsed(text).ok().ok_or_else(wrong)?),
                Values::Bool(values) => values.push(text.parse().ok().ok_or_else(wrong)?),
                Values::Text(values) => values.push(text.to_owned()),
            }
        }
    }
    Ok(columns)
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<Option<T>, T::Err> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(parquet: bool) -> Table {
        let floats = vec![Some(0.1), None, Some(1e-300), Some(-0.0)];
        let text = ["a,\"b\"\n", "", "한국어 🙂", "x"].map(str::to_owned).to_vec();
        let mut table = Table::new("t", "T")
            .column("loss", "nats", "Mean loss.", Values::Float(floats))
            .column("n", "", "", Values::Int(vec![Some(i64::MIN), None, Some(0), Some(7)]))
            .column("text", "", "", Values::Text(text))
            .column("ok", "", "", Values::Bool(vec![true, false, true, false]));
        table.parquet = parquet;
        table
    }

    #[test]
    fn tables_read_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        for (parquet, name) in [(false, "t.csv"), (true, "t.parquet")] {
            let path = folder.path().join(name);
            let table = table(parquet);
            write_table(&path, &table).unwrap();
            let saved = SavedTable::new(&table, format!("tables/{name}"));
            let everything = 0..usize::MAX;
            assert_eq!(read_table(&path, &saved, &[everything]).unwrap(), table, "{name}");
            let ints = |wanted: &[Range<usize>]| {
                let read = read_table(&path, &saved, wanted).unwrap();
                read.check().unwrap();
                let Values::Int(values) = read.columns[1].values.clone() else { panic!("{name}") };
                values
            };
            assert_eq!(ints(&[0..2]), [Some(i64::MIN), None], "{name}");
            assert_eq!(ints(&[1..2, 3..9]), [None, Some(7)], "{name}: what lies beyond the end is left out");
            assert_eq!(ints(&[2..2, 2..3]), [Some(0)], "{name}");
            assert_eq!(ints(&[4..9]), [], "{name}");
        }
    }

    #[test]
    fn csv_is_short_and_has_empty_cells_for_undefined_values() {
        let text = String::from_utf8(csv_bytes(&table(false)).unwrap()).unwrap();
        assert!(
            text.starts_with("loss,n,text,ok\n0.1,-9223372036854775808,\"a,\"\"b\"\"\n\",true\n,,,false\n1e-300,0,")
        );
    }

    #[test]
    fn a_damaged_table_is_explained() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let saved = SavedTable::new(&table(false), "tables/t.csv".to_owned());
        std::fs::write(&path, "loss,n,text,ok\nx,1,a,true\n").unwrap();
        let message = read_table(&path, &saved, &[0..1]).unwrap_err().to_string();
        assert!(message.contains("row 1: `x` in column `loss` is no value"), "{message}");
    }
}
