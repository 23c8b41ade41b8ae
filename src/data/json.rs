//! Rows of one JSON document: an array, an object with the rows under a known key, or a paraphrase file.
//!
//! Three generations of Paramem's paraphrase files are read: `GeneratedParaphrases` (a list of original and
//! paraphrases), the older `original_texts` and `paraphrases` side by side, and `results` of the TOFU study
//! (`Question`, `ParaphraseResults[].paraphrased_question`).
//! Rows are taken one by one from the stream, so that memory stays near the size of the texts.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::collect::{Collector, Row};
use super::jsonl::json_reason;
use super::row::kind;
use super::source::{MAX_ROW_BYTES, Source};
use super::text::COLUMN;
use crate::error::Error;

/// Keys under which an object keeps its rows.
const LISTS: [&str; 6] = ["GeneratedParaphrases", "results", "data", "rows", "examples", "instances"];

/// Bytes that may still be read before a row must end.
struct Bounded<'a> {
    source: &'a mut Source,
    left: &'a Cell<usize>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            return Err(io::Error::other(format!("a row longer than {} MiB", MAX_ROW_BYTES >> 20)));
        }
        let end = buffer.len().min(left);
        let n = self.source.read(buffer.get_mut(..end).unwrap_or_default())?;
        self.left.set(left - n);
        Ok(n)
    }
}

struct Document<'a, 'b> {
    collector: &'a mut Collector<'b>,
    left: &'a Cell<usize>,
    number: usize,
    /// The key that holds the rows.
    key: Option<&'static str>,
    stopped: bool,
}

/// Reads the document; returns the key that held the rows.
pub(super) fn read(source: &mut Source, collector: &mut Collector<'_>) -> io::Result<Option<&'static str>> {
    let left = Cell::new(MAX_ROW_BYTES);
    let reader = BufReader::new(Bounded { source, left: &left });
    let mut json = serde_json::Deserializer::from_reader(reader);
    let mut document = Document { collector, left: &left, number: 0, key: None, stopped: false };
    let outcome = json.deserialize_any(&mut document);
    let (stopped, rows, key) = (document.stopped, document.number, document.key);
    if stopped {
        return Ok(key);
    }
    match outcome.and_then(|()| json.end()) {
        Ok(()) => Ok(key),
        Err(error) if error.is_io() => Err(error.into()),
        Err(error) => {
            let message = error.to_string();
            let hint = if message.contains("trailing characters") {
                "several JSON values: if the file has one object a line, set the format to jsonl"
            } else if error.is_eof() {
                "the file is cut off; fetch or write it again"
            } else {
                "correct the file at that place"
            };
            collector.fail(Error::data(format!("not valid JSON after {rows} rows: {message}")).hint(hint));
            Ok(key)
        }
    }
}

impl Document<'_, '_> {
    fn row(&mut self, raw: &RawValue) -> bool {
        self.number += 1;
        self.left.set(MAX_ROW_BYTES);
        let row = match serde_json::from_str::<Value>(raw.get()) {
            Ok(Value::Object(row)) => row,
            Ok(text @ Value::String(_)) => Row::from_iter([(COLUMN.to_owned(), text)]),
            Ok(other) => {
                let reason = format!("the row is {}, not an object or a text", kind(&other));
                return self.collector.bad(self.number, reason);
            }
            Err(error) => return self.collector.bad(self.number, json_reason(&error)),
        };
        self.collector.row(self.number, &row)
    }

    /// The oldest schema: two lists of equal length.
    fn pairs(&mut self, originals: &[Box<RawValue>], paraphrases: &[Box<RawValue>]) {
        for i in 0..originals.len().max(paraphrases.len()) {
            self.number += 1;
            let (Some(original), Some(list)) = (originals.get(i), paraphrases.get(i)) else {
                let missing = if i < originals.len() { "paraphrases" } else { "original_texts" };
                if !self.collector.bad(self.number, format!("`{missing}` has no entry for this row")) {
                    return;
                }
                continue;
            };
            let parsed = serde_json::from_str(original.get())
                .and_then(|original: Value| serde_json::from_str(list.get()).map(|list: Value| (original, list)));
            let go_on = match parsed {
                Ok((original, list)) => {
                    let pair = [("original_text".to_owned(), original), ("paraphrases".to_owned(), list)];
                    self.collector.row(self.number, &Row::from_iter(pair))
                }
                Err(error) => self.collector.bad(self.number, json_reason(&error)),
            };
            if !go_on {
                self.stopped = true;
                return;
            }
        }
    }
}

impl<'de> Visitor<'de> for &mut Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows or an object that holds one")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while let Some(raw) = list.next_element::<Box<RawValue>>()? {
            if !self.row(&raw) {
                self.stopped = true;
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        let (mut originals, mut paraphrases) = (Vec::new(), Vec::new());
        while let Some(key) = map.next_key::<String>()? {
            self.left.set(MAX_ROW_BYTES);
            match (key.as_str(), LISTS.iter().find(|list| **list == key)) {
                (_, Some(list)) if self.key.is_none() => {
                    self.key = Some(list);
                    map.next_value_seed(Rows(&mut *self))?;
                }
                ("original_texts", _) => originals = map.next_value_seed(Entries(self.left))?,
                ("paraphrases", _) => paraphrases = map.next_value_seed(Entries(self.left))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            keys.push(key);
        }
        if self.key.is_none() && !originals.is_empty() {
            self.key = Some("original_texts");
            self.pairs(&originals, &paraphrases);
        } else if self.key.is_none() {
            let shown: Vec<String> = keys.iter().take(20).map(|key| format!("`{key}`")).collect();
            let message = format!("no list of rows in this object; its keys are {}", shown.join(", "));
            let hint = format!("rows are looked for under {}, or write one object a line (JSONL)", LISTS.join(", "));
            self.stopped = true;
            self.collector.fail(Error::data(message).hint(hint));
        }
        Ok(())
    }
}

/// The rows under a key.
struct Rows<'a, 'b, 'c>(&'a mut Document<'b, 'c>);

impl<'de> DeserializeSeed<'de> for Rows<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_seq(self.0)
    }
}

/// The unparsed entries of a list.
struct Entries<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = Vec<Box<RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        value.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = Vec<Box<RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element()? {
            self.0.set(MAX_ROW_BYTES);
            entries.push(entry);
        }
        Ok(entries)
    }
}
