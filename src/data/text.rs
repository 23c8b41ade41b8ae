//! Examples of a plain text file: lines, or paragraphs.

use std::io;

use serde_json::Value;

use super::collect::{Collector, Row};
use super::source::{MAX_ROW_BYTES, Source};
use super::{detect, lines};

/// The name of the only column.
pub(super) const COLUMN: &str = "text";

/// One example a line; blank lines are skipped, white space inside a line is kept.
pub(super) fn read_lines(source: &mut Source, collector: &mut Collector<'_>) -> io::Result<()> {
    lines::each(source, collector, |collector, number, bytes| {
        lines::is_blank(bytes) || example(collector, number, bytes)
    })
}

/// Examples separated by blank lines; the lines of one are joined by line breaks.
pub(super) fn read_paragraphs(source: &mut Source, collector: &mut Collector<'_>) -> io::Result<()> {
    let mut paragraph: Vec<u8> = Vec::new();
    let mut first = 1;
    lines::each(source, collector, |collector, number, bytes| {
        if lines::is_blank(bytes) {
            return flush(collector, first, &mut paragraph);
        }
        if paragraph.len() + bytes.len() > MAX_ROW_BYTES {
            paragraph.clear();
            return collector.bad(first, format!("the paragraph is longer than {} MiB", MAX_ROW_BYTES >> 20));
        }
        if paragraph.is_empty() {
            first = number;
        } else {
            paragraph.push(b'\n');
        }
        paragraph.extend_from_slice(bytes);
        true
    })?;
    flush(collector, first, &mut paragraph);
    Ok(())
}

fn flush(collector: &mut Collector<'_>, first: usize, paragraph: &mut Vec<u8>) -> bool {
    if paragraph.is_empty() {
        return true;
    }
    let go_on = example(collector, first, paragraph);
    paragraph.clear();
    go_on
}

fn example(collector: &mut Collector<'_>, number: usize, bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains('\0') => collector.bad(number, "a NUL byte: is this a text file?"),
        Ok(text) => {
            let row = Row::from_iter([(COLUMN.to_owned(), Value::String(text.to_owned()))]);
            collector.row(number, &row)
        }
        Err(error) => collector.bad(number, detect::not_utf8(bytes, &error)),
    }
}
