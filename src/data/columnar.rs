//! Rows of a Parquet file.

use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};

use arrow::array::{Array, AsArray as _, StructArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow::datatypes::{UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::collect::{Collector, Row};
use crate::error::{Error, Result};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 256;

/// Reads every row; its number is its place in the file.
///
/// The decoder trusts what a page says of itself and panics on some damaged ones. It therefore works on a thread of
/// its own, whose end by a panic is an error of the file here.
pub(super) fn read(path: &Path, collector: &mut Collector<'_>) -> Result<()> {
    let file = File::open(path).map_err(|error| Error::io("opening", path, &error))?;
    let (sender, receiver) = sync_channel(2);
    let decoder = std::thread::Builder::new()
        .name("parquet".to_owned())
        .spawn(move || decode(file, &sender))
        .map_err(|error| Error::bug(format!("no thread for decoding: {error}")))?;
    let mut number = 0;
    for part in &receiver {
        match part? {
            Part::Header(names) => collector.see_header(&names),
            Part::Rows(rows) => {
                for row in rows {
                    number += 1;
                    if !collector.row(number, &row) {
                        return Ok(());
                    }
                }
            }
        }
    }
    decoder.join().map_err(|_panic| {
        Error::data(format!("not a readable Parquet file: a page is damaged after row {number}"))
            .hint("fetch or write it again")
    })
}

/// What the decoder hands over.
enum Part {
    Header(Vec<String>),
    Rows(Vec<Row>),
}

/// Decodes the file until its end, an error, or a receiver that wants no more.
fn decode(file: File, sender: &SyncSender<Result<Part>>) {
    let result = (|| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| damaged(&error))?;
        let names = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        if sender.send(Ok(Part::Header(names))).is_err() {
            return Ok(());
        }
        for batch in builder.with_batch_size(BATCH_ROWS).build().map_err(|error| damaged(&error))? {
            let batch = StructArray::from(batch.map_err(|error| damaged(&error))?);
            let rows = (0..batch.len()).map(|i| object(&batch, i)).collect();
            if sender.send(Ok(Part::Rows(rows))).is_err() {
                return Ok(());
            }
        }
        Ok(())
    })();
    if let Err(error) = result {
        // Nobody is left to tell when the receiver is gone.
        let _ = sender.send(Err(error));
    }
}

fn damaged(error: &dyn std::error::Error) -> Error {
    Error::data(format!("not a readable Parquet file: {error}"))
        .hint("fetch or write it again; supported compressions are none, snappy and zstd")
}

fn object(fields: &StructArray, i: usize) -> Row {
    let columns = fields.column_names().into_iter().zip(fields.columns());
    columns.map(|(name, column)| (name.to_owned(), value(column.as_ref(), i))).collect()
}

/// One cell; what has no counterpart in JSON becomes the text that Arrow shows for it.
fn value(array: &dyn Array, i: usize) -> Value {
    if array.is_null(i) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(i).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(i).into(),
        DataType::Utf8View => array.as_string_view().value(i).into(),
        DataType::Boolean => array.as_boolean().value(i).into(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(i).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(i).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(i).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(i).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(i).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(i).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(i).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(i).into(),
        DataType::Float32 => array.as_primitive::<Float32Type>().value(i).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(i).into(),
        DataType::List(_) => values(array.as_list::<i32>().value(i).as_ref()),
        DataType::LargeList(_) => values(array.as_list::<i64>().value(i).as_ref()),
        DataType::FixedSizeList(..) => values(array.as_fixed_size_list().value(i).as_ref()),
        DataType::Struct(_) => Value::Object(object(array.as_struct(), i)),
        _ => arrow::util::display::array_value_to_string(array, i).map_or(Value::Null, Value::String),
    }
}

fn values(list: &dyn Array) -> Value {
    (0..list.len()).map(|i| value(list, i)).collect()
}
