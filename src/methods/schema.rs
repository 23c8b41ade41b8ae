//! JSON schemas of configurations: what is wrong with a value, and which fields there are.
//!
//! Doc comments become descriptions, `#[schemars(range(min = …, max = …))]` becomes `minimum` and
//! `maximum`, `#[schemars(extend("x-unit" = "tokens"))]` names the unit, `extend("x-path" = true)` says that the text
//! is the path of a file or folder. From this one declaration
//! come validation, the command line, and the form in the window.

use schemars::Schema;
use serde::Serialize;
use serde_json::{Map, Value};

/// One thing that is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Dotted path of the wrong field, such as `optimizer.lr` or `steps.0.config`; empty for the whole value.
    pub path: String,
    /// What is wrong, with the value and what is allowed.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    fn new(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), message: message.into(), hint: None }
    }

    /// The problem as an error of the user's.
    pub fn into_error(self) -> crate::error::Error {
        let message = if self.path.is_empty() { self.message } else { format!("{}: {}", self.path, self.message) };
        let error = crate::error::Error::config(message);
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl From<crate::error::Error> for Problem {
    fn from(error: crate::error::Error) -> Self {
        let fault = error.fault().cloned().unwrap_or_default();
        Self { path: String::new(), message: fault.message, hint: fault.hint }
    }
}

/// A field that takes one value, for forms and command lines.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    /// Dotted path from the configuration, such as `k` or `optimizer.lr`.
    pub path: String,
    /// Doc comment.
    pub about: String,
    /// What it takes.
    pub kind: FieldKind,
    /// Whether it may be left undefined (`null`).
    pub optional: bool,
    /// Smallest allowed number.
    pub min: Option<f64>,
    /// Largest allowed number.
    pub max: Option<f64>,
    /// Unit; empty for pure numbers.
    pub unit: String,
    /// Whether its text is the path of a file or folder, relative to the file of the experiment.
    pub is_path: bool,
    /// Value when not given.
    pub default: Value,
}

/// What a field takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// Text.
    Text,
    /// One of these words, each with what it means.
    Choice(Vec<(String, String)>),
    /// Several of another kind, separated by commas on the command line.
    List(Box<Self>),
    /// Anything else, written as JSON.
    Json,
}

/// Everything that is wrong with `value` under `schema`; empty when it is good.
pub fn problems(schema: &Schema, value: &Value) -> Vec<Problem> {
    let mut found = Vec::new();
    let root = schema.as_value();
    Checker { root, found: &mut found }.check(root, value, "");
    found
}

/// The fields of a configuration in declared order, nested ones flattened, with their defaults.
pub fn fields(schema: &Schema, defaults: &Value) -> Vec<Field> {
    let mut out = Vec::new();
    collect_fields(schema.as_value(), schema.as_value(), defaults, "", &mut out);
    out
}

/// `value` with every field that it leaves out taken from `defaults`; only plain objects are filled.
pub fn fill(value: &Value, defaults: &Value, schema: &Schema) -> Value {
    fill_node(value, defaults, schema.as_value(), schema.as_value())
}

/// The word of `known` nearest to `word`, when it is near enough to be a slip.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let score = |candidate: &str| strsim::jaro_winkler(&word.to_lowercase(), &candidate.to_lowercase());
    let best = known.into_iter().map(|k| (score(k), k)).max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))?;
    (best.0 > 0.75).then_some(best.1)
}

fn fill_node(value: &Value, defaults: &Value, node: &Value, root: &Value) -> Value {
    let (Value::Object(given), Value::Object(base)) = (value, defaults) else { return value.clone() };
    let Some(properties) = properties(resolve(root, node)) else { return value.clone() };
    let mut out = base.clone();
    for (key, item) in given {
        let filled = match (base.get(key), properties.get(key)) {
            (Some(base), Some(node)) => fill_node(item, base, node, root),
            _ => item.clone(),
        };
        out.insert(key.clone(), filled);
    }
    Value::Object(out)
}

fn collect_fields(root: &Value, node: &Value, defaults: &Value, prefix: &str, out: &mut Vec<Field>) {
    let Some(properties) = properties(resolve(root, node)) else { return };
    for (key, raw) in properties {
        let path = join(prefix, key);
        let default = defaults.get(key).cloned().unwrap_or(Value::Null);
        let (inner, optional) = unwrap_optional(root, raw);
        if self::properties(inner).is_some() && default.is_object() {
            collect_fields(root, inner, &default, &path, out);
            continue;
        }
        let about = text(raw, "description").or_else(|| text(inner, "description")).unwrap_or_default();
        let unit = text(raw, "x-unit").unwrap_or_default();
        let number = |name: &str| raw.get(name).or_else(|| inner.get(name)).and_then(Value::as_f64);
        let (min, max) = (number("minimum"), number("maximum"));
        let is_path = raw.get("x-path").and_then(Value::as_bool).unwrap_or(false);
        out.push(Field { path, about, kind: field_kind(root, inner), optional, min, max, unit, is_path, default });
    }
}

fn field_kind(root: &Value, node: &Value) -> FieldKind {
    if let Some(choices) = choices(root, node) {
        return FieldKind::Choice(choices);
    }
    match type_name(node) {
        Some("boolean") => FieldKind::Bool,
        Some("integer") => FieldKind::Int,
        Some("number") => FieldKind::Float,
        Some("string") => FieldKind::Text,
        Some("array") => match node.get("items") {
            Some(items) => FieldKind::List(Box::new(field_kind(root, resolve(root, items)))),
            None => FieldKind::Json,
        },
        _ => FieldKind::Json,
    }
}

/// The words of a choice with their meanings; none when the node is no choice of words.
fn choices(root: &Value, node: &Value) -> Option<Vec<(String, String)>> {
    if let Some(Value::Array(words)) = node.get("enum") {
        return words.iter().map(|w| Some((w.as_str()?.to_owned(), String::new()))).collect();
    }
    let Some(Value::Array(variants)) = node.get("oneOf") else { return None };
    let mut out = Vec::new();
    for variant in variants {
        let variant = resolve(root, variant);
        if let Some(word) = variant.get("const").and_then(Value::as_str) {
            out.push((word.to_owned(), text(variant, "description").unwrap_or_default()));
        } else {
            out.extend(choices(root, variant)?);
        }
    }
    Some(out)
}

/// The node behind an `Option`, and whether it was one.
fn unwrap_optional<'a>(root: &'a Value, node: &'a Value) -> (&'a Value, bool) {
    if let Some(Value::Array(variants)) = node.get("anyOf") {
        let others: Vec<&Value> = variants.iter().filter(|v| type_name(v) != Some("null")).collect();
        if let [only] = others[..] {
            return (resolve(root, only), variants.len() > 1);
        }
    }
    let nullable = matches!(node.get("type"), Some(Value::Array(types)) if types.iter().any(|t| t == "null"));
    (resolve(root, node), nullable)
}

struct Checker<'a> {
    root: &'a Value,
    found: &'a mut Vec<Problem>,
}

impl Checker<'_> {
    fn check(&mut self, node: &Value, value: &Value, path: &str) {
        let (node, optional) = unwrap_optional(self.root, node);
        if optional && value.is_null() {
            return;
        }
        if let Some(words) = choices(self.root, node) {
            return self.check_choice(&words, value, path);
        }
        if let Some(Value::Array(variants)) = node.get("oneOf").or_else(|| node.get("anyOf")) {
            return self.check_variants(variants, value, path);
        }
        if let Some(wanted) = node.get("const") {
            if wanted != value {
                self.found.push(Problem::new(path, format!("is {value}; expected {wanted}")));
            }
            return;
        }
        if !has_type(node, value) {
            let wanted = article(type_name(node).unwrap_or("value"));
            return self.found.push(Problem::new(path, format!("is {}; expected {wanted}", shown(value))));
        }
        match value {
            Value::Object(object) => self.check_object(node, object, path),
            Value::Array(items) => self.check_array(node, items, path),
            Value::Number(_) => self.check_range(node, value, path),
            _ => {}
        }
    }

    fn check_choice(&mut self, words: &[(String, String)], value: &Value, path: &str) {
        if value.as_str().is_some_and(|word| words.iter().any(|(known, _)| known == word)) {
            return;
        }
        let list = quoted(words.iter().map(|(w, _)| w.as_str()));
        let mut problem = Problem::new(path, format!("is {}; expected one of {list}", shown(value)));
        let near = value.as_str().and_then(|word| nearest(word, words.iter().map(|(w, _)| w.as_str())));
        problem.hint = near.map(|word| format!("did you mean `{word}`?"));
        self.found.push(problem);
    }

    /// Alternatives of objects: the one with the fewest complaints speaks.
    fn check_variants(&mut self, variants: &[Value], value: &Value, path: &str) {
        let mut best: Option<Vec<Problem>> = None;
        for variant in variants {
            let mut found = Vec::new();
            Checker { root: self.root, found: &mut found }.check(variant, value, path);
            if best.as_ref().is_none_or(|b| found.len() < b.len()) {
                best = Some(found);
            }
        }
        self.found.extend(best.unwrap_or_default());
    }

    fn check_object(&mut self, node: &Value, object: &Map<String, Value>, path: &str) {
        let empty = Map::new();
        let known = properties(node).unwrap_or(&empty);
        for (key, value) in object {
            let others = node.get("additionalProperties").filter(|others| others.is_object());
            if let Some(node) = known.get(key).or(others) {
                self.check(node, value, &join(path, key));
            } else if properties(node).is_some() {
                self.found.push(unknown_field(known, key, path));
            }
        }
        let required = node.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str).filter(|name| !object.contains_key(*name)) {
            self.found.push(Problem::new(path, format!("the field `{name}` is missing")));
        }
    }

    fn check_array(&mut self, node: &Value, items: &[Value], path: &str) {
        let bound = |name: &str| node.get(name).and_then(Value::as_u64);
        let n = items.len() as u64;
        if bound("minItems").is_some_and(|min| n < min) || bound("maxItems").is_some_and(|max| n > max) {
            let wanted = range_text(bound("minItems").map(|v| v as f64), bound("maxItems").map(|v| v as f64));
            self.found.push(Problem::new(path, format!("has {n} entries; expected {wanted}")));
        }
        if let Some(item_node) = node.get("items") {
            for (i, item) in items.iter().enumerate() {
                self.check(item_node, item, &join(path, &i.to_string()));
            }
        }
    }

    fn check_range(&mut self, node: &Value, value: &Value, path: &str) {
        let bound = |name: &str| node.get(name).and_then(Value::as_f64);
        let Some(x) = value.as_f64() else { return };
        let low = bound("minimum").is_some_and(|min| x < min) || bound("exclusiveMinimum").is_some_and(|min| x <= min);
        let high = bound("maximum").is_some_and(|max| x > max) || bound("exclusiveMaximum").is_some_and(|max| x >= max);
        if low || high {
            let allowed = range_text(
                bound("minimum").or_else(|| bound("exclusiveMinimum")),
                bound("maximum").or_else(|| bound("exclusiveMaximum")),
            );
            self.found.push(Problem::new(path, format!("is {value}; allowed is {allowed}")));
        }
    }
}

fn unknown_field(known: &Map<String, Value>, key: &str, path: &str) -> Problem {
    let message = if known.is_empty() {
        format!("unknown field `{key}`; there are no fields here")
    } else {
        format!("unknown field `{key}`, expected one of {}", quoted(known.keys().map(String::as_str)))
    };
    let mut problem = Problem::new(path, message);
    problem.hint = nearest(key, known.keys().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
    problem
}

/// "1 to 4096", "at least 1", "at most 4096".
pub fn range_text(min: Option<f64>, max: Option<f64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "any number".to_owned(),
    }
}

fn properties(node: &Value) -> Option<&Map<String, Value>> {
    node.get("properties").and_then(Value::as_object)
}

/// Follows `$ref` into the definitions; ends at the first node without one.
fn resolve<'a>(root: &'a Value, mut node: &'a Value) -> &'a Value {
    const DEPTH: usize = 16;
    for _ in 0..DEPTH {
        let Some(target) = node.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#')) else { break };
        let Some(next) = root.pointer(target) else { break };
        node = next;
    }
    node
}

/// The one type of a node, without `null`.
fn type_name(node: &Value) -> Option<&str> {
    match node.get("type") {
        Some(Value::String(name)) => Some(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|n| *n != "null"),
        _ => None,
    }
}

fn has_type(node: &Value, value: &Value) -> bool {
    match type_name(node) {
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("null") => value.is_null(),
        _ => true,
    }
}

fn article(name: &str) -> String {
    match name {
        "integer" => "a whole number".to_owned(),
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => "a list".to_owned(),
        other => format!("{} {other}", if other.starts_with('o') { "an" } else { "a" }),
    }
}

/// A value as it is written, cut when long.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let written = value.to_string();
    match written.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", written.get(..end).unwrap_or_default()),
        None => written,
    }
}

fn quoted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn text(node: &Value, key: &str) -> Option<String> {
    node.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema, Default)]
    #[serde(rename_all = "snake_case")]
    enum Scope {
        /// The output head.
        #[default]
        Head,
        /// Every parameter.
        All,
    }

    #[derive(Serialize, Deserialize, JsonSchema, Default)]
    #[serde(default)]
    struct Inner {
        /// Step size.
        #[schemars(range(min = 0.0, max = 1.0))]
        lr: f64,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(default)]
    struct Config {
        /// Prefix length.
        #[schemars(range(min = 1, max = 4096), extend("x-unit" = "tokens"))]
        k: usize,
        scope: Scope,
        ratios: Vec<f64>,
        limit: Option<usize>,
        optimizer: Inner,
    }

    impl Default for Config {
        fn default() -> Self {
            Self { k: 32, scope: Scope::Head, ratios: vec![0.2], limit: None, optimizer: Inner { lr: 0.1 } }
        }
    }

    fn messages(value: &Value) -> Vec<String> {
        let found = problems(&schemars::schema_for!(Config), value);
        found.into_iter().map(|p| p.into_error().to_string()).collect()
    }

    #[test]
    fn good_values_pass() {
        let good = json!({"k": 1, "scope": "all", "ratios": [0.1, 1], "limit": null, "optimizer": {"lr": 1.0}});
        assert_eq!(messages(&good), Vec::<String>::new());
    }

    #[test]
    fn every_problem_names_its_field_and_what_is_allowed() {
        assert_eq!(messages(&json!({"k": 5000})), ["k: is 5000; allowed is 1 to 4096"]);
        assert_eq!(messages(&json!({"k": 1.5})), ["k: is 1.5; expected a whole number"]);
        assert_eq!(messages(&json!({"ratios": [0.1, "x"]})), ["ratios.1: is \"x\"; expected a number"]);
        assert_eq!(messages(&json!({"optimizer": {"lr": -1}})), ["optimizer.lr: is -1; allowed is 0 to 1"]);
        assert_eq!(
            messages(&json!({"scope": "heat"})),
            ["scope: is \"heat\"; expected one of `head`, `all`\n  hint: did you mean `head`?"]
        );
        assert_eq!(messages(&json!({"optimizer": {"rl": 1}})), ["optimizer: unknown field `rl`, expected one of `lr`"]);
        assert_eq!(messages(&json!([])), ["is []; expected an object"]);
    }

    #[test]
    fn fields_are_flat_and_carry_what_a_form_needs() {
        let schema = schemars::schema_for!(Config);
        let defaults = serde_json::to_value(Config::default()).unwrap();
        let fields = fields(&schema, &defaults);
        let paths: Vec<&str> = fields.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(paths, ["k", "scope", "ratios", "limit", "optimizer.lr"]);
        assert_eq!((fields[0].min, fields[0].max, fields[0].unit.as_str()), (Some(1.0), Some(4096.0), "tokens"));
        assert_eq!(fields[0].about, "Prefix length.");
        let words =
            vec![("head".to_owned(), "The output head.".to_owned()), ("all".to_owned(), "Every parameter.".to_owned())];
        assert_eq!(fields[1].kind, FieldKind::Choice(words));
        assert_eq!(fields[2].kind, FieldKind::List(Box::new(FieldKind::Float)));
        assert!(fields[3].optional, "an Option may be left out");
        assert_eq!(fields[4].default, json!(0.1));
    }

    #[test]
    fn missing_fields_come_from_the_defaults() {
        let schema = schemars::schema_for!(Config);
        let defaults = serde_json::to_value(Config::default()).unwrap();
        let filled = fill(&json!({"k": 8, "optimizer": {}}), &defaults, &schema);
        assert_eq!(filled["k"], json!(8));
        assert_eq!(filled["optimizer"]["lr"], json!(0.1));
        assert_eq!(filled["ratios"], json!([0.2]));
    }
}
