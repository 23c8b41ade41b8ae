//! Values at dotted paths of an experiment's JSON.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Sets the value at a dotted path, such as `steps.0.config.k`, in an experiment's JSON. The text is
/// read as JSON when it is JSON and as a word otherwise.
pub fn set(root: &mut Value, assignment: &str) -> Result<()> {
    let Some((path, text)) = assignment.split_once('=') else {
        return Err(Error::config(format!("--set {assignment}: there is no `=`"))
            .hint("write it as PATH=VALUE, such as `--set steps.0.config.k=16`"));
    };
    put(root, path, typed(text)).map_err(|e| e.context(&format!("--set {assignment}")))
}

/// A value as it is typed: JSON when it is JSON and a word otherwise.
pub(super) fn typed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Puts a value at a dotted path.
pub(super) fn put(root: &mut Value, path: &str, value: Value) -> Result<()> {
    let mut node = root;
    let mut walked = String::new();
    for key in path.split('.') {
        if key.is_empty() {
            return Err(Error::config(format!("the path `{path}` has an empty part")));
        }
        if node.is_null() {
            *node = Value::Object(Map::new());
        }
        let known_keys = keys_of(node);
        node = match node {
            Value::Object(map) => map.entry(key).or_insert(Value::Null),
            Value::Array(items) => match key.parse::<usize>().ok().and_then(|i| items.get_mut(i)) {
                Some(item) => item,
                None => return Err(no_such_entry(&walked, key, known_keys)),
            },
            _ => return Err(Error::config(format!("`{walked}` is a value and has no `{key}`"))),
        };
        walked = if walked.is_empty() { key.to_owned() } else { format!("{walked}.{key}") };
    }
    *node = value;
    Ok(())
}

fn keys_of(node: &Value) -> usize {
    node.as_array().map_or(0, Vec::len)
}

fn no_such_entry(walked: &str, key: &str, n: usize) -> Error {
    Error::config(format!("`{walked}` has no entry `{key}`")).hint(match n {
        0 => "the list is empty".to_owned(),
        n => format!("its entries are 0 to {}", n - 1),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn set_writes_values_and_explains_what_it_cannot() {
        let mut value = json!({"steps": [{"method": "mia", "config": {}}]});
        set(&mut value, "steps.0.config.k=0.1").unwrap();
        set(&mut value, "steps.0.config.scope=head").unwrap();
        set(&mut value, "data.d.path=x=y.txt").unwrap();
        assert_eq!(value["steps"][0]["config"], json!({"k": 0.1, "scope": "head"}));
        assert_eq!(value["data"]["d"]["path"], "x=y.txt");
        let message = |text: &str| set(&mut value.clone(), text).unwrap_err().to_string();
        assert!(message("steps.3.method=x").contains("`steps` has no entry `3`\n  hint: its entries are 0 to 0"));
        assert!(message("seed").contains("there is no `=`"));
        assert!(message("steps.0.method.x=1").contains("`steps.0.method` is a value and has no `x`"));
    }
}
