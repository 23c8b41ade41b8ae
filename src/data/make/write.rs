//! Made records as lines of JSON.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::data::Record;
use crate::data::source::hexadecimal;
use crate::error::{Error, Result};

/// A record as one line, with its line break; reads back as the same record.
pub fn line(record: &Record) -> Result<String> {
    let mut row = Map::new();
    let mut put = |name: &str, value: Value| {
        row.insert(name.to_owned(), value);
    };
    if let Some(id) = &record.id {
        put("id", json!(id));
    }
    if let Some(text) = &record.text {
        put("text", json!(text));
    }
    match (&record.token_ids, record.split_at) {
        (Some(ids), Some(at)) => {
            let (prompt, continuation) = ids.split_at(at.min(ids.len()));
            put("prompt", json!(prompt));
            put("continuation", json!(continuation));
        }
        (Some(ids), None) => put("token_ids", json!(ids)),
        (None, _) => {}
    }
    if let Some(label) = record.label {
        put("label", json!(label));
    }
    for (name, value) in [("source", &record.source), ("part", &record.part), ("group", &record.group)] {
        if let Some(value) = value {
            put(name, json!(value));
        }
    }
    if record.copies != 1 {
        put("copies", json!(record.copies));
    }
    if let Some(twin) = &record.twin {
        put("twin", json!(twin));
    }
    if !record.paraphrases.is_empty() {
        put("paraphrases", json!(record.paraphrases));
    }
    if !record.facts.is_empty() {
        put("facts", json!(record.facts));
    }
    let mut line = serde_json::to_string(&row).map_err(|e| Error::bug(e.to_string()))?;
    line.push('\n');
    Ok(line)
}

/// The hash of the lines.
#[derive(Default)]
pub struct Hash(Sha256);

impl Hash {
    /// Takes the next line.
    pub fn add(&mut self, line: &str) {
        self.0.update(line.as_bytes());
    }

    /// SHA-256 of all lines, in hexadecimal.
    pub fn finish(self) -> String {
        hexadecimal(&self.0.finalize())
    }
}
