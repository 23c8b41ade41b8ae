//! Short names for what is varied: as much of a dotted path as tells it from the others.

use std::path::Path;

use serde_json::Value;

/// A short name for each path, none twice.
pub fn labels<S: AsRef<str>>(paths: &[S]) -> Vec<String> {
    let parts: Vec<Vec<&str>> = paths.iter().map(|path| telling(path.as_ref())).collect();
    let tail = |parts: &[&str], n: usize| parts.get(parts.len().saturating_sub(n)..).unwrap_or_default().join(".");
    let one = |(i, own): (usize, &Vec<&str>)| {
        let is_free = |n: &usize| {
            let mut others = parts.iter().enumerate().filter(|(j, _)| *j != i);
            others.all(|(_, other)| tail(other, *n) != tail(own, *n))
        };
        let n = (1..=own.len()).find(is_free).unwrap_or(own.len());
        tail(own, n)
    };
    parts.iter().enumerate().map(one).collect()
}

/// `k=16 seed=1`.
pub fn label<'a>(labels: &[String], values: impl Iterator<Item = &'a Value>) -> String {
    labels.iter().zip(values).map(|(name, value)| format!("{name}={}", shown(value))).collect::<Vec<_>>().join(" ")
}

/// A value in few letters: numbers and words as they are, of paths the last part.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let last = Path::new(text).file_name().map(|name| name.to_string_lossy().into_owned());
            last.unwrap_or_else(|| text.clone())
        }
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join("+"),
        Value::Object(map) => map.values().map(shown).collect::<Vec<_>>().join("+"),
        other => other.to_string(),
    }
}

/// The parts of a path without those that every path of its kind has.
fn telling(path: &str) -> Vec<&str> {
    let parts: Vec<&str> = path.split('.').filter(|part| !matches!(*part, "steps" | "config")).collect();
    match parts.split_last() {
        Some((&("path" | "hub"), rest)) if !rest.is_empty() => rest.to_vec(),
        _ => parts,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_are_short_and_differ() {
        let paths = ["steps.0.config.k", "seed", "model.path", "steps.1.config.l"];
        assert_eq!(labels(&paths), ["k", "seed", "model", "l"]);
        assert_eq!(labels(&["steps.0.config.k", "steps.1.config.k"]), ["0.k", "1.k"]);
        assert_eq!(labels(&["data.members.limit", "data.nonmembers.limit"]), ["members.limit", "nonmembers.limit"]);
    }

    #[test]
    fn values_are_short() {
        let values = [json!(1e-4), json!("/a/pythia-70m"), json!("head"), json!([1, 2]), json!(true)];
        assert_eq!(values.each_ref().map(shown), ["0.0001", "pythia-70m", "head", "1+2", "true"]);
    }
}
