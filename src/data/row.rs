//! A row's columns become a record.

use std::collections::BTreeMap;

use serde_json::Value;

use super::collect::Row;
use super::columns::Mapping;
use super::record::{Excluded, Record};
use super::spec::Role;

/// The value of `column`; a dot reaches into nested objects unless a column has that very name.
pub(super) fn cell<'a>(row: &'a Row, column: &str) -> Option<&'a Value> {
    if let Some(value) = row.get(column) {
        return Some(value);
    }
    let (head, rest) = column.split_once('.')?;
    cell(row.get(head)?.as_object()?, rest)
}

/// The records of a row: one, or two for a row with a member and a non-member. An error is the reason why it is bad.
pub(super) fn records(mapping: &Mapping, index: usize, row: &Row) -> Result<Vec<Record>, String> {
    let base = Record {
        row: index,
        id: optional(mapping, row, Role::Id).map(name).transpose()?,
        label: match optional(mapping, row, Role::Label).map(label) {
            Some(Err(reason)) if mapping.is_label_asked => return Err(reason),
            label => label.and_then(Result::ok),
        },
        source: optional(mapping, row, Role::Source).map(name).transpose()?,
        part: optional(mapping, row, Role::Part).map(name).transpose()?,
        group: optional(mapping, row, Role::Group).map(name).transpose()?,
        copies: optional(mapping, row, Role::Copies).map_or(Ok(1), copies)?,
        twin: optional(mapping, row, Role::Twin).map(twin).transpose()?,
        facts: optional(mapping, row, Role::Facts).map_or_else(|| Ok(answers(row)), facts)?,
        ..Record::default()
    };
    if mapping.get(Role::Member).is_some() {
        return member_pair(mapping, row, &base);
    }
    if mapping.get(Role::Prompt).is_some() && mapping.get(Role::Text).is_none() {
        return split_row(mapping, row, base).map(|record| vec![record]);
    }
    if let Some(Value::Array(texts)) = optional(mapping, row, Role::Text) {
        return several_texts(texts, &base);
    }
    let mut record = base;
    if let Some(value) = optional(mapping, row, Role::TokenIds) {
        record.token_ids = Some(non_empty_ids(token_ids(value)?)?);
    }
    if mapping.get(Role::Text).is_some() && (record.token_ids.is_none() || optional(mapping, row, Role::Text).is_some())
    {
        record.text = Some(text(required(mapping, row, Role::Text)?)?);
    }
    if record.text.is_none() && record.token_ids.is_none() {
        return Err(absent(mapping.get(Role::TokenIds).unwrap_or("text")));
    }
    if let (Some(value), Some(original)) = (optional(mapping, row, Role::Paraphrases), &record.text) {
        (record.paraphrases, record.excluded) = paraphrases(original, value)?;
    }
    Ok(vec![record])
}

/// One record for each text of a list.
fn several_texts(texts: &[Value], base: &Record) -> Result<Vec<Record>, String> {
    if texts.is_empty() {
        return Err("the list of texts is empty".to_owned());
    }
    let record = |(i, value): (usize, &Value)| {
        let id = base.id.as_ref().map(|id| format!("{id}/{}", i + 1));
        Ok(Record { id, text: Some(text(value)?), ..base.clone() })
    };
    texts.iter().enumerate().map(record).collect()
}

/// Facts of rows with columns of questions and answers, such as `major_q` and `major_a`: answers by field, questions
/// by their column, and the name of the person.
fn answers(row: &Row) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for (column, value) in row {
        let Some(field) = column.strip_suffix("_a").filter(|field| !field.is_empty()) else { continue };
        let question = format!("{field}_q");
        if let (Some(answer), Some(asked)) = (value.as_str(), row.get(&question).and_then(Value::as_str)) {
            facts.insert(field.to_owned(), answer.to_owned());
            facts.insert(question, asked.to_owned());
        }
    }
    if let (false, Some(name)) = (facts.is_empty(), row.get("name").and_then(Value::as_str)) {
        facts.insert("name".to_owned(), name.to_owned());
    }
    facts
}

fn member_pair(mapping: &Mapping, row: &Row, base: &Record) -> Result<Vec<Record>, String> {
    let mut pair = Vec::with_capacity(2);
    for (role, label) in [(Role::Member, 1), (Role::Nonmember, 0)] {
        pair.push(Record {
            id: base.id.as_ref().map(|id| format!("{id}/{}", role.name())),
            text: Some(text(required(mapping, row, role)?)?),
            label: Some(label),
            ..base.clone()
        });
    }
    Ok(pair)
}

fn split_row(mapping: &Mapping, row: &Row, mut record: Record) -> Result<Record, String> {
    let prompt = required(mapping, row, Role::Prompt)?;
    let continuation = required(mapping, row, Role::Continuation)?;
    match (prompt, continuation) {
        (Value::String(prompt), Value::String(rest)) if !prompt.starts_with('[') || !rest.starts_with('[') => {
            if rest.is_empty() {
                return Err("the continuation is empty".to_owned());
            }
            record.split_byte = Some(prompt.len());
            record.text = Some(format!("{prompt}{rest}"));
            if let Some(value) = optional(mapping, row, Role::Paraphrases) {
                let (answers, excluded) = paraphrases(rest, value)?;
                // An answer is put behind the prompt; a whole text has it already.
                let whole =
                    |answer: String| if answer.starts_with(prompt) { answer } else { format!("{prompt}{answer}") };
                record.paraphrases = answers.into_iter().map(whole).collect();
                record.excluded = excluded;
            }
        }
        _ => {
            let mut ids = token_ids(prompt).map_err(|reason| format!("prompt: {reason}"))?;
            let rest = token_ids(continuation).map_err(|reason| format!("continuation: {reason}"))?;
            if ids.is_empty() || rest.is_empty() {
                return Err("the prompt or the continuation has no tokens".to_owned());
            }
            record.split_at = Some(ids.len());
            ids.extend(rest);
            record.token_ids = Some(ids);
        }
    }
    Ok(record)
}

fn optional<'a>(mapping: &Mapping, row: &'a Row, role: Role) -> Option<&'a Value> {
    cell(row, mapping.get(role)?).filter(|value| !value.is_null())
}

fn required<'a>(mapping: &Mapping, row: &'a Row, role: Role) -> Result<&'a Value, String> {
    optional(mapping, row, role).ok_or_else(|| absent(mapping.get(role).unwrap_or_else(|| role.name())))
}

fn absent(column: &str) -> String {
    format!("column `{column}` is missing or empty")
}

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) if text.trim().is_empty() => Err("the text is empty".to_owned()),
        Value::String(text) => Ok(text.clone()),
        other => Err(format!("the text is {}, not a string", kind(other))),
    }
}

fn name(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        other => Err(format!("the id, source, part or group is {}, not a string or number", kind(other))),
    }
}

/// How often a row is seen: a whole number from 1 on, also as text (a CSV cell).
pub(super) fn copies(value: &Value) -> Result<u32, String> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64(),
    };
    match number.and_then(|n| u32::try_from(n).ok()) {
        Some(copies) if copies > 0 => Ok(copies),
        _ => {
            let shown: String = value.to_string().chars().take(40).collect();
            Err(format!("copies is {shown}, not a whole number from 1 on"))
        }
    }
}

/// Field → value, from an object or from one as text (a CSV cell).
pub(super) fn facts(value: &Value) -> Result<BTreeMap<String, String>, String> {
    let refused = |value: &Value| format!("the facts are {}, not an object of texts", kind(value));
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(field, value)| match value {
                Value::String(text) => Ok((field.clone(), text.clone())),
                Value::Number(number) => Ok((field.clone(), number.to_string())),
                other => Err(format!("the fact `{field}` is {}, not a text", kind(other))),
            })
            .collect(),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(object @ Value::Object(_)) => facts(&object),
            _ => Err(refused(value)),
        },
        other => Err(refused(other)),
    }
}

fn twin(value: &Value) -> Result<Vec<u32>, String> {
    token_ids(value).and_then(non_empty_ids).map_err(|reason| format!("twin: {reason}"))
}

/// Member 1 or non-member 0, from the ways in which files spell it.
pub(super) fn label(value: &Value) -> Result<u8, String> {
    let refused = |shown: &str| format!("label {shown} is not 0, 1, true, false, member, nonmember, train or test");
    match value {
        Value::Bool(flag) => Ok(u8::from(*flag)),
        Value::Number(number) if number.as_f64() == Some(0.0) => Ok(0),
        Value::Number(number) if number.as_f64() == Some(1.0) => Ok(1),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "1" | "1.0" | "true" | "member" | "train" | "training" => Ok(1),
            "0" | "0.0" | "false" | "nonmember" | "non-member" | "non_member" | "test" => Ok(0),
            _ => Err(refused(&format!("{:?}", text.chars().take(40).collect::<String>()))),
        },
        Value::Number(number) => Err(refused(&number.to_string())),
        other => Err(refused(&format!("({})", kind(other)))),
    }
}

fn non_empty_ids(ids: Vec<u32>) -> Result<Vec<u32>, String> {
    if ids.is_empty() { Err("the row has no tokens".to_owned()) } else { Ok(ids) }
}

/// Token ids from a list of numbers, or from such a list as text (a CSV cell).
fn token_ids(value: &Value) -> Result<Vec<u32>, String> {
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(i, item)| {
                item.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(|| {
                    let shown: String = item.to_string().chars().take(40).collect();
                    format!("token {i} is {shown}, not a token id")
                })
            })
            .collect(),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(list @ Value::Array(_)) => token_ids(&list),
            _ => Err("a text where a list of token ids was expected".to_owned()),
        },
        other => Err(format!("{} where a list of token ids was expected", kind(other))),
    }
}

/// The paraphrases that can be compared with their original, and how many cannot.
fn paraphrases(original: &str, value: &Value) -> Result<(Vec<String>, Excluded), String> {
    let single;
    let items = match value {
        Value::Array(items) => items.as_slice(),
        Value::String(text) if text.starts_with('[') && serde_json::from_str::<Vec<Value>>(text).is_ok() => {
            return paraphrases(original, &serde_json::from_str(text).unwrap_or_default());
        }
        Value::String(_) => {
            single = [value.clone()];
            single.as_slice()
        }
        other => return Err(format!("the paraphrases are {}, not a list", kind(other))),
    };
    let mut kept = Vec::with_capacity(items.len());
    let mut excluded = Excluded::default();
    for item in items {
        let text = match item {
            Value::String(text) => text.as_str(),
            Value::Null => "",
            Value::Object(fields) => {
                let field = ["paraphrased_question", "paraphrase", "text"].iter().find_map(|name| fields.get(*name));
                field.and_then(Value::as_str).unwrap_or_default()
            }
            other => return Err(format!("a paraphrase is {}, not a string", kind(other))),
        };
        if text.trim().is_empty() {
            excluded.empty += 1;
        } else if text.trim() == original.trim() {
            excluded.identical += 1;
        } else {
            kept.push(text.to_owned());
        }
    }
    Ok((kept, excluded))
}

/// What a JSON value is, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
