//! JSON that must not surprise: no duplicate keys, bounded depth and size, clear about encodings.

use std::cell::Cell;
use std::fmt;
use std::path::Path;

use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};

use super::map::read_small;
use crate::error::{Error, Result};

/// Largest configuration that is read.
const MAX_BYTES: u64 = 2 << 20;

/// Values in a configuration at most: a tree of small values takes far more memory than its text.
const MAX_VALUES: usize = 20_000;

/// The JSON value in a file of at most 2 MiB.
///
/// # Errors
/// Names the file, and the line and column of what is wrong.
pub fn read(path: &Path) -> Result<Value> {
    parse(&read_small(path, MAX_BYTES)?).map_err(|e| e.at(path))
}

/// The JSON value in these bytes; a byte order mark is skipped, a duplicate key is an error.
pub fn parse(bytes: &[u8]) -> Result<Value> {
    let Strict(value) = parse_as(bytes)?;
    Ok(value)
}

/// As [`parse`], for any type; what is a duplicate is for the type to say.
pub(super) fn parse_as<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(Error::data("the file is UTF-16, but JSON must be UTF-8").hint("save it as UTF-8"));
    }
    let bytes = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::data("the file is empty").hint("download or save it again"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|e| Error::data(format!("the file is not UTF-8: {e}")).hint("save it as UTF-8"))?;
    serde_json::from_str(text).map_err(|e| {
        let what = if e.is_data() { "the file does not say what it must" } else { "the file is not valid JSON" };
        Error::data(format!("{what}: {e}")).hint("download it again, or mend it at that line")
    })
}

/// A value without duplicate keys.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let n_values = Cell::new(0);
        StrictSeed { n_values: &n_values }.deserialize(deserializer).map(Self)
    }
}

/// Reads a value while counting all of them.
#[derive(Clone, Copy)]
struct StrictSeed<'a> {
    n_values: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for StrictSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.n_values.set(self.n_values.get() + 1);
        if self.n_values.get() > MAX_VALUES {
            return Err(D::Error::custom(format!("more than {MAX_VALUES} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key \"{key}\" occurs twice")));
            }
            let value = access.next_value_seed(self)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_depth_and_encodings_are_refused() {
        let message = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
        assert!(message(br#"{"a": 1, "b": {"c": 1, "c": 2}}"#).contains("\"c\" occurs twice"));
        assert!(message("[".repeat(10_000).as_bytes()).contains("recursion limit"));
        assert!(message(b"\xFF\xFE{\0}\0").contains("UTF-16"));
        assert!(message(b" \r\n").contains("empty"));
        assert!(message(b"{\"a\": \"\xE9\"}").contains("not UTF-8"));
    }

    #[test]
    fn marks_and_carriage_returns_are_fine() {
        assert_eq!(parse(b"\xEF\xBB\xBF{\r\n\"a\": [1, null, -2, 0.5, \"x\"]\r\n}").unwrap()["a"][2], -2);
    }
}
