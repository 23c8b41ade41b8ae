//! Rows of a JSONL file: one object a line.

use std::io;

use serde_json::Value;

use super::collect::Collector;
use super::detect;
use super::row::kind;
use super::source::{Line, MAX_ROW_BYTES, Source};
use crate::error::Error;

/// Reads every line; blank ones are skipped.
pub(super) fn read(source: &mut Source, collector: &mut Collector<'_>) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut number = 0;
    while let Some(line) = source.line(&mut buffer)? {
        number += 1;
        let go_on = match line {
            Line::TooLong => too_long(source, collector, number)?,
            Line::Whole(bytes) if bytes.trim_ascii().is_empty() => true,
            Line::Whole(bytes) => match parse(bytes) {
                Ok(Value::Object(row)) => collector.row(number, &row),
                Ok(other) => collector.bad(number, format!("the line is {}, not an object", kind(&other))),
                Err(reason) => collector.bad(number, reason),
            },
        };
        if !go_on {
            break;
        }
    }
    Ok(())
}

/// Skips a line that is too long; as the first row it means that the file is of another kind.
pub(super) fn too_long(source: &mut Source, collector: &mut Collector<'_>, number: usize) -> io::Result<bool> {
    let reason = format!("the line is longer than {} MiB", MAX_ROW_BYTES >> 20);
    if collector.rows == 0 {
        let error = Error::data(format!("line {number}: {reason}"));
        return Ok(collector.fail(error.hint("this may be a file of another kind; write one example a line")));
    }
    source.skip_line()?;
    Ok(collector.bad(number, reason))
}

fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| detect::not_utf8(bytes, &error))?;
    serde_json::from_str(text).map_err(|error| json_reason(&error))
}

/// What is wrong with one JSON value; its position within the line is the column.
pub(super) fn json_reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text);
    let message = match message {
        m if m.contains("surrogate") || m.contains("hex escape") => {
            "half of a surrogate pair (\\uD800 to \\uDFFF), which is no character"
        }
        m if m.contains("control character") => "a raw control character inside a string (a NUL byte or line break)",
        m if m.starts_with("EOF") => "the row is cut off",
        m => m,
    };
    format!("not valid JSON at column {}: {message}", error.column())
}
