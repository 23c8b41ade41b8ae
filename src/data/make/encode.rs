//! Rows of dialogues, questions and translations become texts to train on.
//!
//! Source: "Exploring Memorization in Fine-tuned Language Models" (Zeng et al. 2024), its scripts `encode_dialogue_gpt`,
//! `encode_squad_gpt` and `encode_translation_gpt`: fields one after the other, a line of hyphens before what is to be
//! answered. Differs from the original: rows without a field are left out and counted, not kept as empty texts.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{About, Wrong, repr};
use crate::data::collect::{Collector, Row};
use crate::data::record::left_out;
use crate::data::{BadLine, DataSpec, Record, detect, load, row};
use crate::error::{Error, Result};

/// Before what is to be answered, in the published texts.
const SEPARATOR: &str = "\n ---------- \n";
/// Before the text that is to be translated, as it was published.
const TRANSLATE: &str = "Please translation the following paragraph to Germany: ";

/// What the rows are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// `instruction`, `input` and `output`, as HealthCareMagic has them.
    #[default]
    Dialogue,
    /// `context`, `question` and `answers`, as SQuAD has them; answers are written as a Python list.
    Squad,
    /// `translation` with `en` and `de`, as WMT16 has them.
    Translation,
    /// The columns `fields`, then the column `answer`.
    Fields,
}

/// Parameters of a set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Encode {
    /// What the rows are.
    pub task: Task,
    /// File of the rows to train on.
    pub rows: PathBuf,
    /// File of the rows to test with; the end of `rows` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_rows: Option<PathBuf>,
    /// Share of `rows` to train on, from the start; 0.9 for dialogues and 1 otherwise when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub train_share: Option<f64>,
    /// Columns in order, for the task `fields`; a dot reaches into objects.
    pub fields: Vec<String>,
    /// Column of what is to be answered, for the task `fields`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Before the fields; that of the task when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Before what is to be answered; a line of ten hyphens when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
}

/// What became of a row.
enum Cell {
    Text(String),
    /// It lacks a column.
    Absent,
    /// It is damaged; its place counts where rows are split.
    Unread,
}

impl Encode {
    /// What fields say against each other.
    pub(super) fn check(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        if self.rows.as_os_str().is_empty() {
            wrong.push(Wrong::new("rows", "is missing", "name the file of the rows"));
        }
        if self.task == Task::Fields && (self.fields.is_empty() || self.answer.is_none()) {
            let hint = "name `fields` and `answer`, such as [\"question\"] and \"reply\"";
            wrong.push(Wrong::new("fields", "the task `fields` needs columns", hint));
        }
        if self.task != Task::Fields && (!self.fields.is_empty() || self.answer.is_some()) {
            wrong.push(Wrong::new("fields", "only the task `fields` names its columns", "set `task` to `fields`"));
        }
        wrong
    }

    /// Files that it reads.
    pub(super) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        std::iter::once(&mut self.rows).chain(&mut self.test_rows)
    }

    fn columns(&self) -> (Vec<&str>, &str) {
        match self.task {
            Task::Dialogue => (vec!["instruction", "input"], "output"),
            Task::Squad => (vec!["context", "question"], "answers"),
            Task::Translation => (vec!["translation.en"], "translation.de"),
            Task::Fields => {
                (self.fields.iter().map(String::as_str).collect(), self.answer.as_deref().unwrap_or_default())
            }
        }
    }

    /// Hands out the texts in the order of the files.
    ///
    /// # Errors
    /// A file that cannot be read, or none of whose rows has every column.
    pub fn each(&self, take: &mut dyn FnMut(Record) -> Result<()>) -> Result<About> {
        let mut notes = Vec::new();
        let train = self.texts(&self.rows, &mut notes)?;
        let share = self.train_share.unwrap_or(if self.task == Task::Dialogue { 0.9 } else { 1.0 });
        // As Python's int(): down.
        let n_train = if self.test_rows.is_some() { train.len() } else { (train.len() as f64 * share) as usize };
        let test = self.test_rows.as_ref().map(|path| self.texts(path, &mut notes)).transpose()?.unwrap_or_default();
        let (mut row, mut counts) = (0, [0; 3]);
        for (place, text) in train.into_iter().chain(test).enumerate() {
            let text = match text {
                Cell::Text(text) if !text.trim().is_empty() => text,
                Cell::Unread => continue,
                Cell::Text(_) | Cell::Absent => {
                    counts[2] += 1;
                    continue;
                }
            };
            let is_test = place >= n_train;
            counts[usize::from(is_test)] += 1;
            let part = Some(if is_test { "test" } else { "train" }.to_owned());
            take(Record { row, text: Some(text), part, ..Record::default() })?;
            row += 1;
        }
        let [train, test, empty] = counts;
        let schema = format!("texts of rows: {train} training texts, {test} test texts");
        notes.extend((empty > 0).then(|| format!("{empty} rows lack a column or have no text and were left out")));
        let stem = self.rows.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(About { name: stem, schema, notes, tokenizer: None })
    }

    /// The text of every row of a file; `notes` gets the lines that could not be read.
    fn texts(&self, path: &Path, notes: &mut Vec<String>) -> Result<Vec<Cell>> {
        let (rows, bad) = raw_rows(path)?;
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        notes.extend(left_out(&bad).map(|what| format!("{file}: {what}")));
        let of =
            |row: &Row| if row.is_empty() { Cell::Unread } else { self.text(row).map_or(Cell::Absent, Cell::Text) };
        let texts: Vec<Cell> = rows.iter().map(of).collect();
        if !texts.iter().any(|cell| matches!(cell, Cell::Text(_))) {
            let (fields, answer) = self.columns();
            let wanted: Vec<String> = fields.iter().chain(&[answer]).map(|column| format!("`{column}`")).collect();
            let found = rows.iter().find(|row| !row.is_empty()).into_iter().flatten();
            let found: Vec<String> = found.map(|(name, _)| format!("`{name}`")).collect();
            return Err(Error::data(format!("no row has the columns {}", wanted.join(", ")))
                .hint(format!("columns found: {}; choose another `task`", found.join(", ")))
                .at(path));
        }
        Ok(texts)
    }

    fn text(&self, row: &Row) -> Option<String> {
        let (fields, answer) = self.columns();
        let prefix = if self.task == Task::Translation { TRANSLATE } else { "" };
        let mut text = self.prefix.as_deref().unwrap_or(prefix).to_owned();
        for field in fields {
            text += &cell(row, field)?;
        }
        text += self.separator.as_deref().unwrap_or(SEPARATOR);
        Some(text + &cell(row, answer)?)
    }
}

/// A cell as text. Lists, such as the answers of SQuAD, are written as Python does.
fn cell(row: &Row, column: &str) -> Option<String> {
    match row::cell(row, column)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) => repr::list(items),
        Value::Object(fields) => repr::list(fields.get("text")?.as_array()?),
        Value::Null | Value::Bool(_) => None,
    }
}

/// All rows of a file with all their columns, empty ones in place of the bad ones, and what is wrong with those.
fn raw_rows(path: &Path) -> Result<(Vec<Row>, Vec<BadLine>)> {
    let spec = DataSpec::default();
    let mut collector = Collector::new(&spec)?.raw();
    load::read_rows(path, detect::format(path, None)?, &mut collector)?;
    collector.finish_raw().map_err(|error| error.at(path))
}
