//! Examples of a plain text file: lines, or paragraphs.

use std::io;

use serde_json::Value;

use super::collect::{Collector, Row};
use super::detect;
use super::jsonl::too_long;
use super::source::{Line, MAX_ROW_BYTES, Source};

/// The name of the only column.
pub(super) const COLUMN: &str = "text";

/// One example a line; blank lines are skipped, white space inside a line is kept.
pub(super) fn read_lines(source: &mut Source, collector: &mut Collector<'_>) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut number = 0;
    while let Some(line) = source.line(&mut buffer)? {
        number += 1;
        let go_on = match line {
            Line::TooLong => too_long(source, collector, number)?,
            Line::Whole(bytes) if bytes.trim_ascii().is_empty() => true,
            Line::Whole(bytes) => example(collector, number, bytes),
        };
        if !go_on {
            break;
        }
    }
    Ok(())
}

/// Examples separated by blank lines; the lines of one are joined by line breaks.
pub(super) fn read_paragraphs(source: &mut Source, collector: &mut Collector<'_>) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut paragraph: Vec<u8> = Vec::new();
    let (mut number, mut first) = (0, 1);
    while let Some(line) = source.line(&mut buffer)? {
        number += 1;
        let go_on = match line {
            Line::TooLong => too_long(source, collector, number)?,
            Line::Whole(bytes) if bytes.trim_ascii().is_empty() => flush(collector, first, &mut paragraph),
            Line::Whole(bytes) if paragraph.len() + bytes.len() > MAX_ROW_BYTES => {
                paragraph.clear();
                collector.bad(first, format!("the paragraph is longer than {} MiB", MAX_ROW_BYTES >> 20))
            }
            Line::Whole(bytes) => {
                if paragraph.is_empty() {
                    first = number;
                } else {
                    paragraph.push(b'\n');
                }
                paragraph.extend_from_slice(bytes);
                true
            }
        };
        if !go_on {
            return Ok(());
        }
    }
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
