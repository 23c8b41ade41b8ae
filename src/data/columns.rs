//! Finds which column plays which role.

use std::collections::BTreeMap;

use serde_json::Value;

use super::collect::Row;
use super::row as cells;
use super::spec::{DataSpec, Role};
use crate::error::{Error, Result};

/// Usual names of a role's column, best first.
const fn usual(role: Role) -> &'static [&'static str] {
    match role {
        Role::Text => &[
            "text",
            "input",
            "original_text",
            "original",
            "content",
            "sentence",
            "passage",
            "document",
            "body",
            "biography",
            "bioS",
            "Question",
        ],
        Role::Prompt => &["prompt", "prefix"],
        Role::Continuation => &["continuation", "suffix", "completion"],
        Role::TokenIds => &["token_ids", "input_ids", "ids", "tokens"],
        Role::Label => &["label", "is_member", "membership", "member"],
        Role::Id => &["id", "pair_id", "uid", "guid", "idx"],
        Role::Source => &["source", "domain", "subset", "meta.pile_set_name"],
        Role::Paraphrases => {
            &["paraphrases", "paraphrase", "neighbors", "neighbours", "ParaphraseResults", "bioS_multi5_permutes"]
        }
        Role::Member => &["member"],
        Role::Nonmember => &["nonmember", "non_member", "non-member"],
        Role::Part => &["part", "split"],
        Role::Group => &["group"],
        Role::Copies => &["copies"],
        Role::Twin => &["twin"],
        Role::Facts => &["facts"],
    }
}

/// Which column plays which role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) roles: BTreeMap<Role, String>,
    /// The user named the column of the label; else `label` may mean a class of another task.
    pub(super) is_label_asked: bool,
}

impl Mapping {
    /// The column of `role`.
    pub(super) fn get(&self, role: Role) -> Option<&str> {
        self.roles.get(&role).map(String::as_str)
    }

    /// In words, such as "text from column `input`, label".
    pub(super) fn describe(&self) -> String {
        let parts: Vec<String> = self
            .roles
            .iter()
            .map(|(role, column)| {
                if role.name() == column { role.name().to_owned() } else { format!("{} from `{column}`", role.name()) }
            })
            .collect();
        parts.join(", ")
    }
}

/// The roles that the user named.
pub(super) fn asked(spec: &DataSpec) -> Result<BTreeMap<Role, String>> {
    let mut asked = BTreeMap::new();
    for (name, column) in &spec.columns {
        let role = Role::from_name(name).ok_or_else(|| {
            let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
            Error::config(format!("`{name}` is not a role of a column"))
                .hint(format!("the roles are {}", names.join(", ")))
        })?;
        asked.insert(role, column.clone());
    }
    Ok(asked)
}

/// Finds the columns from the first row; `asked` comes before what is usual.
pub(super) fn find(asked: &BTreeMap<Role, String>, first: &Row) -> Result<Mapping> {
    let mut roles = asked.clone();
    find_content(&mut roles, first)?;
    find_optional(&mut roles, first);
    Ok(Mapping { roles, is_label_asked: asked.contains_key(&Role::Label) })
}

/// What may stand beside the example itself.
const BESIDE: [Role; 9] = [
    Role::Label,
    Role::Id,
    Role::Source,
    Role::Paraphrases,
    Role::Part,
    Role::Group,
    Role::Copies,
    Role::Twin,
    Role::Facts,
];

/// Finds the columns beside the example itself; called again when a later row has new columns.
pub(super) fn find_optional(roles: &mut BTreeMap<Role, String>, row: &Row) {
    for role in BESIDE {
        if roles.contains_key(&role) {
            continue;
        }
        let taken: Vec<&String> = roles.values().collect();
        let name = usual(role).iter().find(|name| {
            !taken.iter().any(|column| column == *name)
                && cells::cell(row, name).is_some_and(|value| suits(role, value))
        });
        if let Some(name) = name {
            roles.insert(role, (*name).to_owned());
        }
    }
}

/// Finds the columns that hold the example itself; text comes before ids, which fit one tokenizer only.
fn find_content(roles: &mut BTreeMap<Role, String>, first: &Row) -> Result<()> {
    complete(roles, Role::Prompt, Role::Continuation, first)?;
    complete(roles, Role::Member, Role::Nonmember, first)?;
    if [Role::Text, Role::TokenIds, Role::Prompt, Role::Member].iter().any(|role| roles.contains_key(role)) {
        return Ok(());
    }
    for (role, partner) in [
        (Role::Prompt, Some(Role::Continuation)),
        (Role::Member, Some(Role::Nonmember)),
        (Role::Text, None),
        (Role::TokenIds, None),
    ] {
        let Some(column) = usual_in(role, first) else { continue };
        if let Some(partner) = partner {
            let Some(second) = usual_in(partner, first) else { continue };
            roles.insert(partner, second);
        }
        roles.insert(role, column);
        return Ok(());
    }
    let mut texts = first.iter().filter(|(name, value)| {
        value.is_string() && !roles.values().any(|taken| taken == *name) && usual(Role::Id).iter().all(|id| id != name)
    });
    match (texts.next(), texts.next()) {
        (Some((only, _)), None) => {
            roles.insert(Role::Text, only.clone());
            Ok(())
        }
        _ => Err(no_content(first)),
    }
}

/// A pair of roles needs both: the second is found when the user named one.
fn complete(roles: &mut BTreeMap<Role, String>, one: Role, other: Role, first: &Row) -> Result<()> {
    let (have, want) = match (roles.contains_key(&one), roles.contains_key(&other)) {
        (true, false) => (one, other),
        (false, true) => (other, one),
        _ => return Ok(()),
    };
    match usual_in(want, first) {
        Some(column) => {
            roles.insert(want, column);
            Ok(())
        }
        None => Err(Error::config(format!("a column for {} needs one for {} too", have.name(), want.name()))
            .hint(format!("columns found: {}", list(first.keys())))),
    }
}

fn usual_in(role: Role, first: &Row) -> Option<String> {
    usual(role).iter().find(|name| first.get(**name).is_some_and(|value| suits(role, value))).map(|&s| s.to_owned())
}

/// Whether a value could belong to the role: names such as `tokens` and `member` mean several things.
fn suits(role: Role, value: &Value) -> bool {
    let ids = |value: &Value| match value {
        Value::Array(items) => items.first().is_none_or(Value::is_number),
        Value::String(text) => text.starts_with('['),
        _ => false,
    };
    match role {
        Role::TokenIds => ids(value),
        Role::Twin => !value.is_null() && ids(value),
        Role::Part | Role::Group => value.is_string(),
        Role::Copies => cells::copies(value).is_ok(),
        Role::Facts => cells::facts(value).is_ok(),
        Role::Label if value.is_null() => false,
        _ if value.is_null() => role != Role::Member,
        Role::Text | Role::Member | Role::Nonmember | Role::Source => value.is_string(),
        Role::Prompt | Role::Continuation => value.is_string() || ids(value),
        Role::Label => matches!(value, Value::Number(_) | Value::Bool(_)) || cells::label(value).is_ok(),
        Role::Id => value.is_string() || value.is_number(),
        Role::Paraphrases => value.is_array() || value.is_string(),
    }
}

fn no_content(first: &Row) -> Error {
    let hint = if first.is_empty() {
        "the first row has no columns".to_owned()
    } else {
        "name the column of the text, for example {\"columns\": {\"text\": \"my_column\"}}".to_owned()
    };
    Error::config(format!("which column holds the text? columns found: {}", list(first.keys()))).hint(hint)
}

/// The error of a column that no row has.
pub(super) fn missing(role: Role, column: &str, found: &[String]) -> Error {
    Error::config(format!("there is no column `{column}` (asked for {})", role.name()))
        .hint(format!("columns found: {}", list(found.iter())))
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.take(40).map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
