//! Files and folders that the configuration of a step names: directions, edits, tokenizers.
//!
//! Like models and data they are relative to the file of the experiment, have to be there when a run is planned, and
//! must not change while it is interrupted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::experiment::Step;
use super::store::{fingerprint, sha256};
use crate::error::{Error, Result};
use crate::methods::registry;

/// Dotted paths of such fields, by method.
static FIELDS: LazyLock<BTreeMap<&'static str, Vec<String>>> = LazyLock::new(|| {
    let fields = |method: &&'static dyn crate::methods::Method| {
        let fields = method.fields().into_iter().filter(|field| field.is_path).map(|field| field.path);
        (method.card().id, fields.collect())
    };
    registry().iter().map(fields).collect()
});

fn fields(method: &str) -> &'static [String] {
    FIELDS.get(method).map_or(&[], Vec::as_slice)
}

/// Replaces every path in the configuration of `step`.
pub(super) fn change(step: &mut Step, change: &dyn Fn(&Path) -> PathBuf) {
    for field in fields(&step.method) {
        for text in texts(&mut step.config, field) {
            *text = change(Path::new(&*text)).to_string_lossy().into_owned();
        }
    }
}

/// The fingerprint of every file and folder that `step` names, by its path.
///
/// # Errors
/// One of them is not there or cannot be read; the message names the field.
pub(super) fn fingerprints(at: usize, step: &Step) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut config = step.config.clone();
    for field in fields(&step.method) {
        for text in texts(&mut config, field) {
            let print = one(Path::new(text)).map_err(|e| {
                e.into_config("paths are relative to the file of the experiment")
                    .context(&format!("steps.{at}.config.{field}"))
            })?;
            found.insert(text.clone(), print);
        }
    }
    Ok(found)
}

/// Of a folder the fingerprint of all files directly in it.
fn one(path: &Path) -> Result<String> {
    if !path.is_dir() {
        return fingerprint(path);
    }
    let io = |e: std::io::Error| Error::io("reading the folder", path, &e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io)? {
        let file = entry.map_err(io)?.path();
        if file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    let print = |file: &PathBuf| Ok(format!("{} {}", file.display(), fingerprint(file)?));
    let prints = files.iter().map(print).collect::<Result<Vec<_>>>()?;
    Ok(format!("folder:{}", sha256(prints.join("\n").as_bytes())))
}

/// The texts of a field: one, or those of a list.
fn texts<'a>(config: &'a mut Map<String, Value>, field: &str) -> Vec<&'a mut String> {
    let mut parts = field.split('.');
    let first = parts.next().and_then(|part| config.get_mut(part));
    let value = parts.fold(first, |value, part| value?.get_mut(part));
    value.map(inside).unwrap_or_default()
}

/// The texts that a value is or lists.
pub(super) fn inside(value: &mut Value) -> Vec<&mut String> {
    let values = match value {
        Value::Array(items) => items.iter_mut().collect(),
        value => vec![value],
    };
    let texts = values.into_iter().filter_map(|value| match value {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    });
    texts.collect()
}

/// Whether a dotted path of an experiment, such as `steps.0.config.directions`, is such a field.
pub(super) fn is_field(path: &str) -> bool {
    let Some((_, field)) = path.split_once(".config.") else { return false };
    FIELDS.values().flatten().any(|known| known == field)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(method: &str, config: Value) -> Step {
        let Value::Object(config) = config else { panic!("a configuration is an object") };
        Step { method: method.to_owned(), config, ..Step::default() }
    }

    #[test]
    fn paths_are_found_at_the_top_in_lists_and_inside_of_other_options() {
        let base = |path: &Path| Path::new("/base").join(path);
        let changed = |method: &str, config: Value| {
            let mut step = step(method, config);
            change(&mut step, &base);
            Value::Object(step.config)
        };
        assert_eq!(
            changed("landscape", json!({"directions": "d", "steps": 3})),
            json!({"directions": "/base/d", "steps": 3})
        );
        assert_eq!(changed("unlearn", json!({"apply": ["a", "/b"]})), json!({"apply": ["/base/a", "/b"]}));
        assert_eq!(changed("train", json!({"tokenizer": {"path": "t"}})), json!({"tokenizer": {"path": "/base/t"}}));
        assert_eq!(changed("train", json!({"tokenizer": {"path": null}})), json!({"tokenizer": {"path": null}}));
    }

    #[test]
    fn what_changes_has_another_fingerprint_and_what_is_missing_is_named() {
        let root = tempfile::tempdir().unwrap();
        let (file, folder) = (root.path().join("d.safetensors"), root.path().join("edit"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(&file, "1").unwrap();
        std::fs::write(folder.join("edit.json"), "1").unwrap();
        let steps = [
            step("landscape", json!({"directions": file.clone()})),
            step("unlearn", json!({"apply": [folder.clone()]})),
        ];
        let before = steps.clone().map(|step| fingerprints(0, &step).unwrap());
        assert!(before.iter().all(|prints| prints.len() == 1));
        std::fs::write(&file, "2").unwrap();
        std::fs::write(folder.join("edit.json"), "2").unwrap();
        let after = steps.clone().map(|step| fingerprints(0, &step).unwrap());
        assert!(before[0] != after[0] && before[1] != after[1]);
        std::fs::remove_file(&file).unwrap();
        let error = fingerprints(3, &steps[0]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("steps.3.config.directions"), "{error}");
    }
}
