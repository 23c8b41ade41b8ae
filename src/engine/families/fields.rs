//! Checked reading of config.json: every number has a type and a range.
//!
//! `null` means absent, as in transformers.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// An object of config.json.
pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
}

/// Largest values that are believed; beyond them the file is damaged.
pub(super) const MAX_LAYERS: usize = 4096;
pub(super) const MAX_HEADS: usize = 1 << 14;
pub(super) const MAX_WIDTH: usize = 1 << 20;
pub(super) const MAX_VOCAB: usize = 1 << 26;
pub(super) const MAX_CONTEXT: usize = 1 << 31;

impl<'a> Fields<'a> {
    pub(super) fn new(map: &'a Map<String, Value>) -> Self {
        Self { map }
    }

    /// The value, unless it is absent or null.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|v| !v.is_null())
    }

    /// Whether the key is written at all, even as null.
    pub(super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// A whole number from 1 to `max`, if present.
    pub(super) fn maybe_size(&self, key: &str, max: usize) -> Result<Option<usize>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_u64().map(usize::try_from) {
            Some(Ok(n)) if (1..=max).contains(&n) => Ok(Some(n)),
            _ => Err(wrong(key, value, &format!("must be a whole number from 1 to {max}"))),
        }
    }

    /// A whole number from 1 to `max`.
    pub(super) fn size(&self, key: &str, max: usize) -> Result<usize> {
        self.maybe_size(key, max)?.ok_or_else(|| Error::data(format!("config.json has no {key}")))
    }

    /// A finite number above 0, if present.
    pub(super) fn maybe_positive(&self, key: &str) -> Result<Option<f64>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_f64() {
            Some(x) if x.is_finite() && x > 0.0 => Ok(Some(x)),
            _ => Err(wrong(key, value, "must be a number above 0")),
        }
    }

    /// A finite number above 0.
    pub(super) fn positive(&self, key: &str, default: f64) -> Result<f64> {
        Ok(self.maybe_positive(key)?.unwrap_or(default))
    }

    /// The small number that keeps a norm from dividing by zero.
    pub(super) fn epsilon(&self, key: &str, default: f64) -> Result<f64> {
        let eps = self.positive(key, default)?;
        if eps >= 1.0 {
            return Err(Error::data(format!("config.json: {key} is {eps} but must be below 1")));
        }
        Ok(eps)
    }

    /// true or false.
    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Bool(b)) => Ok(*b),
            Some(value) => Err(wrong(key, value, "must be true or false")),
        }
    }

    /// A text, if present.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(s)) => Ok(Some(s)),
            Some(value) => Err(wrong(key, value, "must be a text")),
        }
    }

    /// An object, if present.
    pub(super) fn object(&self, key: &str) -> Result<Option<Self>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self { map })),
            Some(value) => Err(wrong(key, value, "must be an object")),
        }
    }

    /// A list, if present.
    pub(super) fn list(&self, key: &str) -> Result<Option<&'a [Value]>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(value) => Err(wrong(key, value, "must be a list")),
        }
    }

    /// One token id or a list of them. `default` stands for an absent key; null is none.
    /// Ids beyond the vocabulary can never occur and are left out.
    pub(super) fn tokens(&self, key: &str, default: Option<u32>, vocab_size: usize) -> Result<Vec<u32>> {
        let ids = match self.map.get(key) {
            None => default.into_iter().collect(),
            Some(Value::Null) => Vec::new(),
            Some(value) => token_ids(value)
                .ok_or_else(|| wrong(key, value, "must be a token id or a list of token ids, each 0 or more"))?,
        };
        Ok(ids.into_iter().filter(|&id| (id as usize) < vocab_size).collect())
    }
}

/// One id or a list of ids; `None` if it is neither.
pub(crate) fn token_ids(value: &Value) -> Option<Vec<u32>> {
    let one = |v: &Value| v.as_u64().and_then(|id| u32::try_from(id).ok());
    match value {
        Value::Array(values) => values.iter().map(one).collect(),
        _ => one(value).map(|id| vec![id]),
    }
}

/// "config.json: n_layer is -3 but must be …"
pub(super) fn wrong(key: &str, value: &Value, must: &str) -> Error {
    let shown = match value {
        Value::Array(_) | Value::Object(_) => kind(value).to_owned(),
        _ => value.to_string().chars().take(60).collect(),
    };
    Error::data(format!("config.json: {key} is {shown} but {must}"))
}

/// What a value is, in words.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_have_a_range() {
        for bad in [json!(0), json!(-1), json!(1.5), json!("12"), json!(1e300), json!([3]), json!(u64::MAX)] {
            let value = json!({ "n_layer": bad });
            let fields = Fields::new(value.as_object().unwrap());
            assert!(fields.size("n_layer", MAX_LAYERS).unwrap_err().to_string().contains("n_layer is"), "{value}");
        }
        let value = json!({ "n_layer": 12, "n_inner": null });
        let fields = Fields::new(value.as_object().unwrap());
        assert_eq!(fields.size("n_layer", MAX_LAYERS).unwrap(), 12);
        assert_eq!(fields.maybe_size("n_inner", MAX_WIDTH).unwrap(), None);
        assert!(fields.size("n_head", MAX_HEADS).unwrap_err().to_string().contains("no n_head"));
    }

    #[test]
    fn end_of_text_is_one_id_or_several() {
        let value = json!({ "eos": [1, 2, 900], "one": 3, "none": null, "bad": -1 });
        let fields = Fields::new(value.as_object().unwrap());
        assert_eq!(fields.tokens("eos", None, 100).unwrap(), [1, 2]);
        assert_eq!(fields.tokens("one", None, 100).unwrap(), [3]);
        assert_eq!(fields.tokens("none", Some(7), 100).unwrap(), [0_u32; 0]);
        assert_eq!(fields.tokens("absent", Some(7), 100).unwrap(), [7]);
        assert!(fields.tokens("bad", None, 100).is_err());
    }
}
