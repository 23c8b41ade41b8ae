//! Large tables as Parquet files, written and read part by part.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::properties::WriterProperties;

use super::SavedTable;
use super::files::Replacement;
use crate::error::{Error, Result};
use crate::methods::{Column, Table, Values};

/// Rows that are handed to the file at once: the file does not depend on how the table was cut into parts.
const BLOCK_ROWS: usize = 1 << 14;
/// Rows that the writer holds back before they go to the disk.
const GROUP_ROWS: usize = 1 << 18;

/// A table that is being written; it appears under its name when it is finished.
pub(super) struct ParquetWriter {
    path: PathBuf,
    schema: Arc<Schema>,
    replacement: Replacement,
    writer: ArrowWriter<File>,
    /// Less than a block of rows.
    pending: RecordBatch,
}

impl ParquetWriter {
    /// Begins a table with the columns of `table`, whose rows are not written.
    pub(super) fn begin(path: &Path, table: &Table) -> Result<Self> {
        let schema = Arc::new(Schema::new(table.columns.iter().map(field).collect::<Vec<_>>()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let (replacement, file) = Replacement::begin(path)?;
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).map_err(|e| fault(path, &e))?;
        let pending = RecordBatch::new_empty(Arc::clone(&schema));
        Ok(Self { path: path.to_owned(), schema, replacement, writer, pending })
    }

    /// Adds the rows of `part`, which has the columns of the first.
    pub(super) fn write(&mut self, part: &Table) -> Result<()> {
        part.check()?;
        let broken = |e: arrow::error::ArrowError| Error::bug(format!("table `{}`: {e}", part.id)).at(&self.path);
        let arrays = part.columns.iter().map(|column| array(&column.values)).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(broken)?;
        let mut rows = concat_batches(&self.schema, [&self.pending, &batch]).map_err(broken)?;
        while rows.num_rows() >= BLOCK_ROWS {
            self.writer.write(&rows.slice(0, BLOCK_ROWS)).map_err(|e| fault(&self.path, &e))?;
            rows = rows.slice(BLOCK_ROWS, rows.num_rows() - BLOCK_ROWS);
        }
        // A copy of its own, so that the rows already written are freed.
        self.pending = concat_batches(&self.schema, [&rows])
            .map_err(|e| Error::bug(format!("table `{}`: {e}", part.id)).at(&self.path))?;
        Ok(())
    }

    /// Writes the rest and puts the file in its place.
    pub(super) fn finish(mut self) -> Result<()> {
        self.writer.write(&self.pending).map_err(|e| fault(&self.path, &e))?;
        let file = self.writer.into_inner().map_err(|e| fault(&self.path, &e))?;
        self.replacement.commit(&file)
    }
}

/// A failed write of the disk stays one; anything else is a table that cannot be one.
fn fault(path: &Path, error: &ParquetError) -> Error {
    if let ParquetError::External(inner) = error
        && let Some(io) = inner.downcast_ref::<std::io::Error>()
    {
        return Error::io("writing", path, io);
    }
    Error::bug(format!("the table cannot be written: {error}")).at(path)
}

fn field(column: &Column) -> Field {
    let kind = match column.values {
        Values::Float(_) => DataType::Float64,
        Values::Int(_) => DataType::Int64,
        Values::Text(_) => DataType::Utf8,
        Values::Bool(_) => DataType::Boolean,
    };
    let about = [("unit".to_owned(), column.unit.clone()), ("about".to_owned(), column.about.clone())];
    Field::new(&column.name, kind, true).with_metadata(HashMap::from(about))
}

fn array(values: &Values) -> ArrayRef {
    match values {
        Values::Float(values) => Arc::new(Float64Array::from(values.clone())),
        Values::Int(values) => Arc::new(Int64Array::from(values.clone())),
        Values::Text(values) => Arc::new(StringArray::from_iter_values(values)),
        Values::Bool(values) => Arc::new(BooleanArray::from(values.clone())),
    }
}

/// The columns of a table that `saved` describes, the rows in `wanted`. Groups of rows without any of them are not
/// touched, and in the others only the pages that hold some.
pub(super) fn read(path: &Path, saved: &SavedTable, wanted: &[Range<usize>]) -> Result<Vec<Column>> {
    let fault = |e: &dyn std::fmt::Display| Error::data(format!("the table cannot be read: {e}"));
    let file = File::open(path).map_err(|e| Error::io("reading", path, &e))?;
    let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(|e| fault(&e))?;
    let sizes: Vec<usize> = builder.metadata().row_groups().iter().map(|g| g.num_rows().max(0) as usize).collect();
    let (groups, ranges) = of_groups(&sizes, wanted);
    let selection =
        RowSelection::from_consecutive_ranges(ranges.into_iter(), groups.iter().filter_map(|g| sizes.get(*g)).sum());
    let reader = builder.with_row_groups(groups).with_row_selection(selection).build().map_err(|e| fault(&e))?;
    let mut columns = saved.empty_columns();
    for batch in reader {
        let batch = batch.map_err(|e| fault(&e))?;
        for column in &mut columns {
            let array = batch.column_by_name(&column.name);
            let array = array.ok_or_else(|| fault(&format!("there is no column `{}`", column.name)))?;
            append(&mut column.values, array).ok_or_else(|| fault(&format!("column `{}` changed", column.name)))?;
        }
    }
    Ok(columns)
}

/// The groups of `sizes` rows that hold some of the `wanted` ones, and where these lie among the rows of those groups.
fn of_groups(sizes: &[usize], wanted: &[Range<usize>]) -> (Vec<usize>, Vec<Range<usize>>) {
    let (mut groups, mut ranges) = (Vec::new(), Vec::new());
    let (mut start, mut kept) = (0, 0);
    for (group, size) in sizes.iter().enumerate() {
        let inside = wanted.iter().map(|r| r.start.max(start)..r.end.min(start + size)).filter(|r| !r.is_empty());
        let before = ranges.len();
        ranges.extend(inside.map(|r| r.start - start + kept..r.end - start + kept));
        if ranges.len() > before {
            groups.push(group);
            kept += size;
        }
        start += size;
    }
    (groups, ranges)
}

fn append(values: &mut Values, array: &dyn Array) -> Option<()> {
    let any = array.as_any();
    match values {
        Values::Float(values) => values.extend(any.downcast_ref::<Float64Array>()?),
        Values::Int(values) => values.extend(any.downcast_ref::<Int64Array>()?),
        Values::Text(values) => {
            values.extend(any.downcast_ref::<StringArray>()?.iter().map(|v| v.unwrap_or_default().to_owned()));
        }
        Values::Bool(values) => {
            values.extend(any.downcast_ref::<BooleanArray>()?.iter().map(Option::unwrap_or_default));
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(rows: Range<usize>) -> Table {
        let words = rows.clone().map(|i| format!("word {}", i % 97)).collect();
        Table { parquet: true, ..Table::new("t", "T") }
            .column("i", "", "Number.", Values::ints(rows.clone()))
            .column("x", "", "Third.", Values::floats(rows.map(|i| i as f64 / 3.0)))
            .column("word", "", "Word.", Values::Text(words))
    }

    #[test]
    fn the_file_does_not_depend_on_the_parts() {
        const N: usize = 3 * BLOCK_ROWS + 5;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, size: usize| {
            let path = folder.path().join(name);
            let mut writer = ParquetWriter::begin(&path, &part(0..0)).unwrap();
            for start in (0..N).step_by(size) {
                writer.write(&part(start..(start + size).min(N))).unwrap();
            }
            assert!(!path.exists(), "not before it is whole");
            writer.finish().unwrap();
            let saved = SavedTable::new(&part(0..0), name.to_owned());
            assert_eq!(read(&path, &saved, &[0..usize::MAX]).unwrap(), part(0..N).columns);
            std::fs::read(path).unwrap()
        };
        let whole = write("whole", N);
        for size in [1000, BLOCK_ROWS, 2 * BLOCK_ROWS + 1] {
            assert!(write(&size.to_string(), size) == whole, "parts of {size} rows");
        }
    }

    #[test]
    fn rows_are_found_in_their_groups() {
        let sizes = [10, 10, 5];
        assert_eq!(of_groups(&sizes, &[0..usize::MAX]), (vec![0, 1, 2], vec![0..10, 10..20, 20..25]));
        assert_eq!(of_groups(&sizes, &[12..14, 21..99]), (vec![1, 2], vec![2..4, 11..15]));
        assert_eq!(of_groups(&sizes, &[8..11]), (vec![0, 1], vec![8..10, 10..11]));
        assert_eq!(of_groups(&sizes, &[25..30]), (vec![], vec![]));
    }

    #[test]
    fn rows_of_a_long_table_are_read_alone() {
        const N: usize = GROUP_ROWS + 3 * BLOCK_ROWS;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        let mut writer = ParquetWriter::begin(&path, &part(0..0)).unwrap();
        writer.write(&part(0..N)).unwrap();
        writer.finish().unwrap();
        let saved = SavedTable::new(&part(0..0), "t.parquet".to_owned());
        let wanted = [5..7, GROUP_ROWS - 1..GROUP_ROWS + 2, N - 1..N + 9];
        let Values::Int(read) = read(&path, &saved, &wanted).unwrap()[0].values.clone() else { panic!("no ints") };
        let want = [5, 6, GROUP_ROWS - 1, GROUP_ROWS, GROUP_ROWS + 1, N - 1].map(|i| Some(i as i64));
        assert_eq!(read, want);
    }

    #[test]
    fn a_writer_that_is_dropped_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        let mut writer = ParquetWriter::begin(&path, &part(0..0)).unwrap();
        writer.write(&part(0..10)).unwrap();
        drop(writer);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
