//! Rows of a CSV or TSV file with a header line.

use std::cell::Cell;
use std::io::{self, Read};

use csv::ByteRecord;
use serde_json::Value;

use super::collect::{Collector, Row};
use super::detect;
use super::source::{MAX_ROW_BYTES, Source};
use crate::error::Error;

/// Refuses to read more than one row's worth without a row having ended: an unclosed quote would swallow the file.
struct Bounded<'a> {
    source: &'a mut Source,
    left: &'a Cell<usize>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            return Ok(0);
        }
        let end = buffer.len().min(left);
        let n = self.source.read(buffer.get_mut(..end).unwrap_or_default())?;
        self.left.set(left - n);
        Ok(n)
    }
}

/// Reads the header and every row; `delimiter` separates the fields.
pub(super) fn read(source: &mut Source, delimiter: u8, collector: &mut Collector<'_>) -> io::Result<()> {
    let delimiter = actual_delimiter(source.peek()?, delimiter);
    let left = Cell::new(MAX_ROW_BYTES);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(false)
        .from_reader(Bounded { source, left: &left });
    let mut record = ByteRecord::new();
    let mut header: Option<Vec<String>> = None;
    loop {
        left.set(MAX_ROW_BYTES);
        let more = reader.read_byte_record(&mut record).map_err(io::Error::from)?;
        let line = usize::try_from(record.position().map_or(0, csv::Position::line)).unwrap_or(usize::MAX);
        if left.get() == 0 {
            let message = format!("the row that begins at line {line} is longer than {} MiB", MAX_ROW_BYTES >> 20);
            collector.fail(Error::data(message).hint("a quotation mark that is not closed swallows all that follows"));
            return Ok(());
        }
        if !more {
            return Ok(());
        }
        let go_on = match &header {
            None => match names(&record) {
                Ok(names) => {
                    collector.see_header(&names);
                    header = Some(names);
                    true
                }
                Err(error) => collector.fail(error),
            },
            Some(names) => match row(names, &record) {
                Ok(row) if row.values().all(Value::is_null) => true,
                Ok(row) => collector.row(line, &row),
                Err(reason) => collector.bad(line, reason),
            },
        };
        if !go_on {
            return Ok(());
        }
    }
}

/// A header without the expected delimiter but with another usual one is separated by that.
fn actual_delimiter(start: &[u8], expected: u8) -> u8 {
    let header = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if header.contains(&expected) {
        return expected;
    }
    [b',', b';', b'\t'].into_iter().find(|delimiter| header.contains(delimiter)).unwrap_or(expected)
}

fn names(record: &ByteRecord) -> Result<Vec<String>, Error> {
    let mut names: Vec<String> = Vec::with_capacity(record.len());
    for field in record {
        let name = std::str::from_utf8(field)
            .map_err(|error| {
                let hint = "open a JSONL, JSON, CSV, TSV, text or Parquet file";
                Error::data(format!("the header is {}", detect::not_utf8(field, &error))).hint(hint)
            })?
            .trim();
        if names.iter().any(|other| other == name) {
            return Err(
                Error::data(format!("the column `{name}` occurs twice in the header")).hint("rename one of them")
            );
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn row(names: &[String], record: &ByteRecord) -> Result<Row, String> {
    if record.len() != names.len() {
        return Err(format!(
            "{} fields where the header has {} (a missing quotation mark or an unquoted delimiter?)",
            record.len(),
            names.len()
        ));
    }
    names
        .iter()
        .zip(record)
        .map(|(name, field)| {
            let text = std::str::from_utf8(field).map_err(|error| detect::not_utf8(field, &error))?;
            if text.contains('\0') {
                return Err(format!("a NUL byte in column `{name}`"));
            }
            let value = if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) };
            Ok((name.clone(), value))
        })
        .collect()
}
