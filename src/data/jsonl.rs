//! Rows of a JSONL file: one object a line.

use std::io;

use serde_json::Value;

use super::collect::Collector;
use super::detect;
use super::row::kind;
use super::source::{Line, MAX_ROW_BYTES, Source};

/// Reads every line; blank ones are skipped.
pub(super) fn read(source: &mut Source, collector: &mut Collector<'_>) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut number = 0;
    while let Some(line) = source.line(&mut buffer)? {
        number += 1;
        let go_on = match line {
            Line::TooLong(bytes) => collector.bad(number, too_long(bytes)),
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

/// Why a line was skipped unread.
pub(super) fn too_long(bytes: u64) -> String {
    format!("{} MiB in one line, more than the {} MiB that are read", bytes >> 20, MAX_ROW_BYTES >> 20)
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
        m if m.contains("surrogate") => "half of a surrogate pair (\\uD800 to \\uDFFF), which is no character",
        m if m.contains("control character") => "a raw control character inside a string (a NUL byte or line break)",
        m if m.starts_with("EOF") => "the row is cut off",
        m => m,
    };
    format!("not valid JSON at column {}: {message}", error.column())
}
