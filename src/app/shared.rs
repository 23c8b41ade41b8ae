//! The same samples in several runs: rows of tables that mean the same.

use std::collections::HashMap;
use std::sync::Arc;

use super::runs::RunDetails;
use crate::methods::{Table, Values};

/// Columns that name a row, if a table has them.
const NAMES: [&str; 5] = ["set", "row", "id", "paraphrase", "position"];

/// Rows that tables of several runs share.
#[derive(Debug, Default)]
pub struct SharedRows {
    /// Ids of the runs, in order.
    pub runs: Vec<String>,
    /// Id of the tables.
    pub table: String,
    /// The tables, run by run.
    pub tables: Vec<Arc<Table>>,
    /// Names of the shared rows, in the order of the first run.
    pub keys: Vec<String>,
    /// Of each shared row its place in every table.
    pub places: Vec<Vec<usize>>,
}

impl SharedRows {
    /// Finds the rows that have the same name in the tables `table` of all `runs`. A name that occurs
    /// twice in a table means its first row.
    pub fn find(runs: &[Arc<RunDetails>], table: &str) -> Self {
        let mut shared =
            Self { runs: runs.iter().map(|r| r.id.clone()).collect(), table: table.to_owned(), ..Self::default() };
        let tables: Vec<_> = runs.iter().filter_map(|r| r.tables.iter().find(|t| t.id == table).cloned()).collect();
        let Some(first) = tables.first().filter(|_| tables.len() == runs.len()) else { return shared };
        let names: Vec<&str> = NAMES.into_iter().filter(|n| tables.iter().all(|t| column(t, n).is_some())).collect();
        if names.is_empty() {
            return shared;
        }
        let others: Vec<HashMap<String, usize>> = tables.iter().skip(1).map(|t| places(t, &names)).collect();
        let mut seen = std::collections::HashSet::new();
        for row in 0..first.rows() {
            let key = key(first, &names, row);
            let found: Option<Vec<usize>> = others.iter().map(|o| o.get(&key).copied()).collect();
            if let Some(found) = found.filter(|_| !seen.contains(&key)) {
                shared.places.push(std::iter::once(row).chain(found).collect());
                seen.insert(key.clone());
                shared.keys.push(key);
            }
        }
        shared.tables = tables;
        shared
    }

    /// Tables that all runs have and that name their rows.
    pub fn tables_of(runs: &[&Arc<RunDetails>]) -> Vec<String> {
        let Some(first) = runs.first() else { return Vec::new() };
        let has_names = |t: &Arc<Table>| NAMES.iter().any(|n| column(t, n).is_some());
        let ids = first.tables.iter().filter(|t| has_names(t)).map(|t| t.id.clone());
        ids.filter(|id| runs.iter().all(|r| r.tables.iter().any(|t| t.id == *id))).collect()
    }

    /// Text columns that all tables have, the most telling first: what a model said.
    pub fn texts(&self) -> Vec<&str> {
        let Some(first) = self.tables.first() else { return Vec::new() };
        let names = first.columns.iter().filter(|c| matches!(c.values, Values::Text(_))).map(|c| c.name.as_str());
        let mut names: Vec<&str> =
            names.filter(|n| self.tables.iter().all(|t| column(t, n).is_some()) && !NAMES.contains(n)).collect();
        names.sort_by_key(|n| !n.contains("generated"));
        names
    }

    /// Number columns that all tables have.
    pub fn numbers(&self) -> Vec<&str> {
        let Some(first) = self.tables.first() else { return Vec::new() };
        let names = first.columns.iter().filter(|c| matches!(c.values, Values::Float(_))).map(|c| c.name.as_str());
        names.filter(|n| self.tables.iter().all(|t| column(t, n).is_some())).collect()
    }

    /// Text of a column in a shared row of a run.
    pub fn text(&self, row: usize, run: usize, name: &str) -> Option<&str> {
        let place = *self.places.get(row)?.get(run)?;
        match column(self.tables.get(run)?, name)? {
            Values::Text(texts) => texts.get(place).map(String::as_str),
            _ => None,
        }
    }

    /// Number of a column in a shared row of a run.
    pub fn number(&self, row: usize, run: usize, name: &str) -> Option<f64> {
        let place = *self.places.get(row)?.get(run)?;
        match column(self.tables.get(run)?, name)? {
            Values::Float(numbers) => numbers.get(place).copied().flatten(),
            _ => None,
        }
    }
}

fn column<'a>(table: &'a Table, name: &str) -> Option<&'a Values> {
    table.columns.iter().find(|c| c.name == name).map(|c| &c.values)
}

fn places(table: &Table, names: &[&str]) -> HashMap<String, usize> {
    let mut places = HashMap::with_capacity(table.rows());
    for row in 0..table.rows() {
        places.entry(key(table, names, row)).or_insert(row);
    }
    places
}

fn key(table: &Table, names: &[&str], row: usize) -> String {
    let cell = |name: &&str| match column(table, name) {
        Some(Values::Text(v)) => v.get(row).cloned().unwrap_or_default(),
        Some(Values::Int(v)) => v.get(row).copied().flatten().map_or_else(String::new, |i| i.to_string()),
        Some(Values::Float(v)) => v.get(row).copied().flatten().map_or_else(String::new, |x| x.to_string()),
        Some(Values::Bool(v)) => v.get(row).map(ToString::to_string).unwrap_or_default(),
        None => String::new(),
    };
    let parts: Vec<String> = names.iter().map(cell).filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str, rows: &[usize], texts: &[&str]) -> Arc<RunDetails> {
        let table = Table::new("rows", "Rows")
            .column("row", "", "", Values::ints(rows.iter().copied()))
            .column("score", "", "", Values::floats(rows.iter().map(|r| *r as f64 / 2.0)))
            .column("prefix_text", "", "", Values::Text(texts.iter().map(|t| (*t).to_owned()).collect()))
            .column("generated_text", "", "", Values::Text(texts.iter().map(|t| t.to_uppercase()).collect()));
        Arc::new(RunDetails { id: id.to_owned(), tables: vec![Arc::new(table)], ..RunDetails::default() })
    }

    #[test]
    fn rows_are_matched_by_their_names() {
        let runs = [run("a", &[3, 1, 2], &["x", "y", "z"]), run("b", &[2, 3, 9], &["p", "q", "r"])];
        let shared = SharedRows::find(&runs, "rows");
        assert_eq!(shared.keys, ["3", "2"]);
        assert_eq!(shared.places, [[0, 1], [2, 0]]);
        assert_eq!(shared.texts(), ["generated_text", "prefix_text"]);
        assert_eq!([shared.text(1, 0, "prefix_text"), shared.text(1, 1, "prefix_text")], [Some("z"), Some("p")]);
        assert_eq!(shared.number(0, 1, "score"), Some(1.5));
        assert_eq!(SharedRows::tables_of(&[&runs[0], &runs[1]]), ["rows"]);
        assert!(SharedRows::find(&runs, "other").keys.is_empty());
    }
}
