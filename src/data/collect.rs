//! Gathers rows into records, and bad rows into their list.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::columns::{self, Mapping};
use super::record::{BadLine, Record};
use super::row;
use super::spec::{DataSpec, Role};
use crate::error::{Error, Result};

/// A row as an object of its columns.
pub(super) type Row = Map<String, Value>;

/// After so many bad rows with no good one, the file is of another kind.
const HOPELESS: usize = 1_000;

/// So many bad rows are kept; a file with more is refused.
const MAX_BAD: usize = 100_000;

/// Where a reader puts rows. Every method returns whether to read on.
pub(super) struct Collector<'a> {
    spec: &'a DataSpec,
    asked: BTreeMap<Role, String>,
    mapping: Option<Mapping>,
    /// Columns in the order in which they were first seen, of the first rows.
    pub(super) columns: Vec<String>,
    unseen: BTreeMap<Role, String>,
    /// Rows so far, good and bad.
    pub(super) rows: usize,
    pub(super) records: Vec<Record>,
    pub(super) bad: Vec<BadLine>,
    failure: Option<Error>,
}

/// What was gathered.
pub(super) struct Collected {
    pub(super) records: Vec<Record>,
    pub(super) bad: Vec<BadLine>,
    /// Found columns in words.
    pub(super) schema: String,
    pub(super) columns: Vec<String>,
    pub(super) mapping: BTreeMap<Role, String>,
}

impl<'a> Collector<'a> {
    /// Checks the roles of `spec`.
    pub(super) fn new(spec: &'a DataSpec) -> Result<Self> {
        let asked = columns::asked(spec)?;
        Ok(Self {
            spec,
            unseen: asked.clone(),
            asked,
            mapping: None,
            columns: Vec::new(),
            rows: 0,
            records: Vec::new(),
            bad: Vec::new(),
            failure: None,
        })
    }

    /// Takes a row that was parsed; `line` is one-based.
    pub(super) fn row(&mut self, line: usize, row: &Row) -> bool {
        self.see_columns(row);
        let mapping = match &self.mapping {
            Some(mapping) => mapping,
            None => match columns::find(&self.asked, row) {
                Ok(mapping) => self.mapping.insert(mapping),
                Err(error) => return self.fail(error),
            },
        };
        match row::records(mapping, self.rows, row) {
            Ok(records) => {
                self.rows += 1;
                self.records.extend(records);
                self.wants_more()
            }
            Err(reason) => self.bad(line, reason),
        }
    }

    /// Takes a row that is damaged.
    pub(super) fn bad(&mut self, line: usize, reason: impl Into<String>) -> bool {
        self.rows += 1;
        self.bad.push(BadLine { line, reason: reason.into() });
        let good = self.records.len();
        if (good == 0 && self.bad.len() >= HOPELESS) || self.bad.len() >= MAX_BAD {
            let message = format!("{} of the first {} rows cannot be used", self.bad.len(), self.rows);
            let error = self.with_first_reason(message);
            return self.fail(error);
        }
        true
    }

    /// Stops the reading with an error.
    pub(super) fn fail(&mut self, error: Error) -> bool {
        self.failure.get_or_insert(error);
        false
    }

    fn wants_more(&self) -> bool {
        self.spec.limit.is_none_or(|limit| self.records.len() < limit)
    }

    fn see_columns(&mut self, row: &Row) {
        self.unseen.retain(|_, column| row::cell(row, column).is_none());
        if self.rows < 100 {
            for column in row.keys() {
                if !self.columns.contains(column) && self.columns.len() < 1_000 {
                    self.columns.push(column.clone());
                }
            }
        }
    }

    fn with_first_reason(&self, message: String) -> Error {
        match self.bad.first() {
            Some(first) => Error::data(format!("{message}; line {}: {}", first.line, first.reason))
                .hint("check the format and the column names of this file"),
            None => Error::data(message),
        }
    }

    /// The result, or what was wrong with the file as a whole.
    pub(super) fn finish(mut self) -> Result<Collected> {
        if let Some((role, column)) = self.unseen.pop_first().filter(|_| self.columns.iter().len() > 0) {
            return Err(columns::missing(role, &column, &self.columns));
        }
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if let Some(limit) = self.spec.limit {
            self.records.truncate(limit);
        }
        if self.records.is_empty() {
            return Err(match self.bad.len() {
                0 => Error::data("no rows: the file is empty").hint("choose a file with at least one example"),
                n => self.with_first_reason(format!("no rows: none of the {n} rows can be used")),
            });
        }
        let mapping = self.mapping.unwrap_or_default();
        Ok(Collected {
            records: self.records,
            bad: self.bad,
            schema: mapping.describe(),
            columns: self.columns,
            mapping: mapping.roles,
        })
    }
}
