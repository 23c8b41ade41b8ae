//! Short ways to write columns, scalars and captions.

use crate::methods::{Card, Column, Scalar, Values};

/// A column of real numbers; `None` and what is not finite become empty cells.
pub fn float(name: &str, unit: &str, about: &str, values: impl IntoIterator<Item = Option<f64>>) -> Column {
    let values = values.into_iter().map(|v| v.filter(|v| v.is_finite())).collect();
    column(name, unit, about, Values::Float(values))
}

/// A column of whole numbers.
pub fn int(name: &str, unit: &str, about: &str, values: impl IntoIterator<Item = usize>) -> Column {
    column(name, unit, about, Values::Int(values.into_iter().map(|v| Some(v as i64)).collect()))
}

/// A column of whole numbers with empty cells.
pub fn some_int(name: &str, unit: &str, about: &str, values: impl IntoIterator<Item = Option<usize>>) -> Column {
    column(name, unit, about, Values::Int(values.into_iter().map(|v| v.map(|v| v as i64)).collect()))
}

/// A column of text.
pub fn text(name: &str, about: &str, values: impl IntoIterator<Item = String>) -> Column {
    column(name, "", about, Values::Text(values.into_iter().collect()))
}

/// A column of yes and no.
pub fn flag(name: &str, about: &str, values: impl IntoIterator<Item = bool>) -> Column {
    column(name, "", about, Values::Bool(values.into_iter().collect()))
}

fn column(name: &str, unit: &str, about: &str, values: Values) -> Column {
    Column { name: name.to_owned(), unit: unit.to_owned(), about: about.to_owned(), values }
}

/// A scalar without interval; undefined ones get `note`.
pub fn scalar(id: &str, label: &str, unit: &str, value: Option<f64>, n: usize, note: &str) -> Scalar {
    let value = value.filter(|v| v.is_finite());
    let note = if value.is_some() { "" } else { note };
    Scalar {
        id: id.to_owned(),
        label: label.to_owned(),
        unit: unit.to_owned(),
        value,
        interval: None,
        n,
        note: note.to_owned(),
    }
}

/// "what; n = 12; method id, version 1."
pub fn caption(card: &Card, what: &str, n: usize) -> String {
    format!("{what} n = {n}; {} version {}.", card.id, card.version)
}

/// A count with its noun: "1 row", "3 rows".
pub fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// The first numbers of a list: "3, 8, 12, …".
pub fn listed(numbers: &[usize]) -> String {
    const SHOWN: usize = 8;
    let mut text = numbers.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if numbers.len() > SHOWN {
        text += ", …";
    }
    text
}
