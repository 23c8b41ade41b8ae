//! Gathers rows into records, and bad rows into their list.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::columns::{self, Mapping};
use super::kinds::Kinds;
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

/// So many different columns are remembered.
const MAX_COLUMNS: usize = 1_000;

/// Where a reader puts rows. Every method returns whether to read on.
pub(super) struct Collector<'a> {
    spec: &'a DataSpec,
    asked: BTreeMap<Role, String>,
    mapping: Option<Mapping>,
    /// Columns in the order in which they were first seen.
    pub(super) columns: Vec<String>,
    unseen: BTreeMap<Role, String>,
    /// Rows so far, good and bad.
    pub(super) rows: usize,
    pub(super) records: Vec<Record>,
    pub(super) bad: Vec<BadLine>,
    failure: Option<Error>,
    /// Rows whose label is neither member nor non-member, where nobody said that it should be.
    odd_labels: usize,
    kinds: Kinds,
    /// The first rows as they are, when previewing; all of them, when only these are wanted.
    pub(super) raw: Vec<Row>,
    preview: Option<usize>,
    /// Every row is kept as it is, and none becomes a record.
    is_raw: bool,
}

/// What was gathered.
pub(super) struct Collected {
    pub(super) records: Vec<Record>,
    pub(super) bad: Vec<BadLine>,
    /// Rows with a label of some other meaning, which they were kept without.
    pub(super) odd_labels: usize,
    /// Found columns in words.
    pub(super) schema: String,
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
            odd_labels: 0,
            kinds: Kinds::default(),
            raw: Vec::new(),
            preview: None,
            is_raw: false,
        })
    }

    /// Keeps the first `n` rows as they are, and reads no more.
    pub(super) fn previewing(mut self, n: usize) -> Self {
        self.preview = Some(n);
        self
    }

    /// Keeps every row as it is, whatever its columns; a bad one is an empty row in its place.
    pub(super) fn raw(mut self) -> Self {
        self.is_raw = true;
        self
    }

    /// Takes the columns of a file that names them before its rows.
    pub(super) fn see_header(&mut self, names: &[String]) {
        self.unseen.retain(|_, column| !names.contains(column));
        self.columns = names.to_vec();
    }

    /// Takes a row that was parsed; `line` is one-based.
    pub(super) fn row(&mut self, line: usize, row: &Row) -> bool {
        if self.is_raw {
            self.rows += 1;
            self.raw.push(row.clone());
            return true;
        }
        let is_new = self.see_columns(row);
        if self.preview.is_some() {
            self.raw.push(row.clone());
        }
        let mapping = match &mut self.mapping {
            Some(mapping) => mapping,
            None => match columns::find(&self.asked, row) {
                Ok(mapping) => self.mapping.insert(mapping),
                Err(error) => return self.fail(error),
            },
        };
        if is_new {
            columns::find_optional(&mut mapping.roles, row);
        }
        match row::records(mapping, self.rows, row) {
            Ok(records) => {
                self.rows += 1;
                let label = mapping.get(Role::Label).and_then(|column| row::cell(row, column));
                let is_odd = label.is_some_and(|value| row::label(value).is_err() && !value.is_null());
                self.odd_labels += usize::from(is_odd);
                self.kinds.see(&records);
                self.records.extend(records.into_iter().filter(|record| self.spec.wants(record)));
                self.wants_more()
            }
            Err(reason) => self.bad(line, reason),
        }
    }

    /// Takes a row that is damaged.
    pub(super) fn bad(&mut self, line: usize, reason: impl Into<String>) -> bool {
        self.rows += 1;
        self.bad.push(BadLine { line, reason: reason.into() });
        let good = if self.is_raw { self.rows - self.bad.len() } else { self.records.len() };
        if self.is_raw {
            self.raw.push(Row::new());
        }
        if (good == 0 && self.bad.len() >= HOPELESS) || self.bad.len() >= MAX_BAD {
            let message = format!("{} of the first {} rows cannot be used", self.bad.len(), self.rows);
            let error = self.with_first_reason(message);
            return self.fail(error);
        }
        self.preview.is_none() || self.wants_preview()
    }

    /// Stops the reading with an error.
    pub(super) fn fail(&mut self, error: Error) -> bool {
        self.failure.get_or_insert(error);
        self.wants_preview()
    }

    fn wants_more(&self) -> bool {
        match self.preview {
            Some(_) => self.wants_preview(),
            None => self.spec.limit.is_none_or(|limit| self.records.len() < limit),
        }
    }

    /// Whether a preview has too few rows yet; one goes on after errors to show what the file holds.
    fn wants_preview(&self) -> bool {
        self.preview.is_some_and(|n| self.raw.len() < n && self.bad.len() < n)
    }

    /// Notes the columns of a row; returns whether there were new ones.
    fn see_columns(&mut self, row: &Row) -> bool {
        self.unseen.retain(|_, column| row::cell(row, column).is_none());
        let before = self.columns.len();
        for column in row.keys() {
            if self.columns.len() < MAX_COLUMNS && !self.columns.contains(column) {
                self.columns.push(column.clone());
            }
        }
        self.columns.len() > before
    }

    fn with_first_reason(&self, message: String) -> Error {
        match self.bad.first() {
            Some(first) => Error::data(format!("{message}; line {}: {}", first.line, first.reason))
                .hint("check the format and the column names of this file"),
            None => Error::data(message),
        }
    }

    fn no_rows(&self) -> Error {
        match self.bad.len() {
            0 => Error::data("no rows: the file is empty").hint("choose a file with at least one example"),
            1 => self.with_first_reason("no rows: the only row cannot be used".to_owned()),
            n => self.with_first_reason(format!("no rows: none of the {n} rows can be used")),
        }
    }

    /// All rows as they are and what is wrong with the bad ones, or what was wrong with the file as a whole.
    pub(super) fn finish_raw(self) -> Result<(Vec<Row>, Vec<BadLine>)> {
        if self.raw.len() == self.bad.len() && self.failure.is_none() {
            return Err(self.no_rows());
        }
        match self.failure {
            Some(error) => Err(error),
            None => Ok((self.raw, self.bad)),
        }
    }

    /// The result, or what was wrong with the file as a whole.
    pub(super) fn finish(mut self) -> Result<Collected> {
        if let Some((role, column)) = self.unseen.pop_first().filter(|_| !self.columns.is_empty()) {
            return Err(columns::missing(role, &column, &self.columns));
        }
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if let Some(limit) = self.spec.limit {
            self.records.truncate(limit);
        }
        if self.records.is_empty() {
            self.kinds.check(self.spec)?;
            return Err(self.no_rows());
        }
        let mapping = self.mapping.unwrap_or_default();
        Ok(Collected {
            records: self.records,
            bad: self.bad,
            odd_labels: self.odd_labels,
            schema: mapping.describe(),
            mapping: mapping.roles,
        })
    }
}
