//! Rows of a JSONL file: one object a line.

use std::io;

use serde_json::Value;

use super::collect::Collector;
use super::row::kind;
use super::source::Source;
use super::{detect, lines};

/// Reads every line; blank ones are skipped.
pub(super) fn read(source: &mut Source, collector: &mut Collector<'_>) -> io::Result<()> {
    lines::each(source, collector, |collector, number, bytes| match parse(bytes) {
        _ if lines::is_blank(bytes) => true,
        Ok(Value::Object(row)) => collector.row(number, &row),
        Ok(other) => collector.bad(number, format!("the line is {}, not an object", kind(&other))),
        Err(reason) => collector.bad(number, reason),
    })
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
