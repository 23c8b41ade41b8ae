//! `report.json`: what a run found. Written again after every step, so that a finished step is never lost.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{RunDir, files, tables};
use crate::error::{Error, Result};
use crate::figures::Figure;
use crate::methods::{Card, Column, Made, Report, Scalar, Table, Values};

/// The schema number of `report.json`.
const SCHEMA: u32 = 1;

/// The content of `report.json`. It holds no times, so that equal runs have equal reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedReport {
    /// Version of the file format.
    pub schema: u32,
    /// Name of the experiment.
    pub name: String,
    /// Program version that computed it.
    pub program: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Device that computed it.
    #[serde(default)]
    pub device: String,
    /// Numbers in which it computed products and attention.
    #[serde(default)]
    pub precision: String,
    /// Whether all steps are in it.
    pub complete: bool,
    /// The finished steps in order.
    pub steps: Vec<SavedStep>,
}

/// What one step found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedStep {
    /// Id of the method.
    pub method: String,
    /// Its card: formula, conventions, source, version.
    pub card: Value,
    /// The full configuration.
    pub config: Value,
    /// Headline numbers.
    pub scalars: Vec<Scalar>,
    /// What the reader has to know.
    pub notes: Vec<String>,
    /// Tables.
    pub tables: Vec<SavedTable>,
    /// Figures.
    pub figures: Vec<SavedFigure>,
    /// Models that were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<SavedMade>,
    /// Data sets that were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<SavedMade>,
}

/// Where a model folder or a data file is that a step made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedMade {
    /// Stable name.
    pub name: String,
    /// Folder or file, relative to the folder of the run.
    pub path: String,
    /// What it is, in a sentence.
    pub about: String,
}

impl SavedMade {
    /// Where it is.
    pub fn path(&self, run: &RunDir) -> Result<std::path::PathBuf> {
        inside(run, &self.path)
    }

    fn new(run: &RunDir, made: &Made) -> Result<Self> {
        let outside = |_| Error::bug(format!("`{}` was not made in the folder of its step", made.name)).at(&made.path);
        let relative = made.path.strip_prefix(run.path()).map_err(outside)?;
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        Ok(Self { name: made.name.clone(), path: parts.join("/"), about: made.about.clone() })
    }
}

/// Where a table is and what its columns mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedTable {
    /// Stable name.
    pub id: String,
    /// Shown title.
    pub title: String,
    /// File, relative to the folder of the run.
    pub file: String,
    /// Number of rows.
    pub rows: usize,
    /// Columns in order.
    pub columns: Vec<SavedColumn>,
}

/// What a column means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedColumn {
    /// Stable name.
    pub name: String,
    /// Unit; empty for pure numbers and text.
    pub unit: String,
    /// What it holds.
    pub about: String,
    /// Type of its values.
    pub kind: ColumnKind,
}

/// The type of the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Real numbers.
    Float,
    /// Whole numbers.
    Int,
    /// Text.
    Text,
    /// Yes or no.
    Bool,
}

/// Where a figure is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedFigure {
    /// Stable name.
    pub id: String,
    /// Shown title.
    pub title: String,
    /// File, relative to the folder of the run.
    pub file: String,
}

impl SavedReport {
    /// A report without steps.
    pub fn new(name: &str, seed: u64) -> Self {
        let program = env!("CARGO_PKG_VERSION").to_owned();
        Self { schema: SCHEMA, name: name.to_owned(), program, seed, ..Self::default() }
    }

    /// Reads the report of a run; none when no step is finished yet.
    pub fn read(run: &RunDir) -> Result<Option<Self>> {
        if !run.report_path().exists() {
            return Ok(None);
        }
        files::read_json(&run.report_path()).map(Some)
    }

    /// All tables, over all steps.
    pub fn tables(&self) -> impl Iterator<Item = &SavedTable> {
        self.steps.iter().flat_map(|step| &step.tables)
    }

    /// All figures, over all steps.
    pub fn figures(&self) -> impl Iterator<Item = &SavedFigure> {
        self.steps.iter().flat_map(|step| &step.figures)
    }

    /// All headline numbers, over all steps.
    pub fn scalars(&self) -> impl Iterator<Item = &Scalar> {
        self.steps.iter().flat_map(|step| &step.scalars)
    }

    /// All headline numbers under names of their own: the id, with the index of the step before it where several steps
    /// have a number of that id.
    pub fn named_scalars(&self) -> Vec<(String, &Scalar)> {
        let mut steps_with = std::collections::BTreeMap::<&str, usize>::new();
        for scalar in self.scalars() {
            *steps_with.entry(&scalar.id).or_default() += 1;
        }
        let is_shared = |id: &str| steps_with.get(id).is_some_and(|n| *n > 1);
        let name = |at: usize, id: &str| if is_shared(id) { format!("{at}.{id}") } else { id.to_owned() };
        let steps = self.steps.iter().enumerate();
        steps
            .flat_map(|(at, step)| step.scalars.iter().map(move |s| (at, s)))
            .map(|(at, s)| (name(at, &s.id), s))
            .collect()
    }
}

impl SavedTable {
    /// The description of `table`, which is in `file`.
    pub fn new(table: &Table, file: String) -> Self {
        let column = |c: &Column| SavedColumn {
            name: c.name.clone(),
            unit: c.unit.clone(),
            about: c.about.clone(),
            kind: ColumnKind::of(&c.values),
        };
        let columns = table.columns.iter().map(column).collect();
        Self { id: table.id.clone(), title: table.title.clone(), file, rows: table.rows(), columns }
    }

    /// Its columns without values.
    pub fn empty_columns(&self) -> Vec<Column> {
        let empty = |c: &SavedColumn| Column {
            name: c.name.clone(),
            unit: c.unit.clone(),
            about: c.about.clone(),
            values: c.kind.empty(),
        };
        self.columns.iter().map(empty).collect()
    }

    /// Reads the table of a run.
    pub fn read(&self, run: &RunDir) -> Result<Table> {
        self.read_rows(run, &[0..usize::MAX])
    }

    /// Reads the rows of the table of a run that lie in `wanted`: ranges in ascending order that do not overlap.
    /// What lies beyond the end is left out.
    pub fn read_rows(&self, run: &RunDir, wanted: &[Range<usize>]) -> Result<Table> {
        tables::read_table(&inside(run, &self.file)?, self, wanted)
    }
}

/// The file of a figure or table without folder and extension: unlike the id, unique among all steps.
pub(crate) fn stem(file: &str) -> &str {
    let name = file.rsplit_once('/').map_or(file, |(_, name)| name);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

impl SavedFigure {
    /// Whether `name` means it: the id, or the name of its file, which is unique among all steps.
    pub fn is_named(&self, name: &str) -> bool {
        self.id == name || stem(&self.file) == name
    }

    /// Reads the figure of a run.
    pub fn read(&self, run: &RunDir) -> Result<Figure> {
        files::read_json(&inside(run, &self.file)?)
    }
}

impl ColumnKind {
    fn of(values: &Values) -> Self {
        match values {
            Values::Float(_) => Self::Float,
            Values::Int(_) => Self::Int,
            Values::Text(_) => Self::Text,
            Values::Bool(_) => Self::Bool,
        }
    }

    fn empty(self) -> Values {
        match self {
            Self::Float => Values::Float(Vec::new()),
            Self::Int => Values::Int(Vec::new()),
            Self::Text => Values::Text(Vec::new()),
            Self::Bool => Values::Bool(Vec::new()),
        }
    }
}

/// Writes the tables and figures of a step and describes them. `prefix` keeps the files of several steps apart.
pub fn save_step(run: &RunDir, prefix: &str, card: &Card, config: &Value, report: &Report) -> Result<SavedStep> {
    let card_value = serde_json::to_value(card).map_err(|e| Error::bug(format!("method card: {e}")))?;
    let mut saved = SavedStep {
        method: card.id.to_owned(),
        card: card_value,
        config: config.clone(),
        scalars: report.scalars.clone(),
        notes: report.notes.clone(),
        models: report.models.iter().map(|made| SavedMade::new(run, made)).collect::<Result<_>>()?,
        data: report.data.iter().map(|made| SavedMade::new(run, made)).collect::<Result<_>>()?,
        ..SavedStep::default()
    };
    for table in &report.tables {
        let extension = if table.parquet { "parquet" } else { "csv" };
        let file = format!("tables/{prefix}{}.{extension}", table.id);
        tables::write_table(&inside(run, &file)?, table)?;
        saved.tables.push(SavedTable::new(table, file));
    }
    for figure in &report.figures {
        let file = format!("figures/{prefix}{}.json", figure.id);
        files::write_json(&inside(run, &file)?, figure)?;
        saved.figures.push(SavedFigure { id: figure.id.clone(), title: figure.title.clone(), file });
    }
    Ok(saved)
}

/// A path of a report inside its run; a report from elsewhere must not point outside.
fn inside(run: &RunDir, file: &str) -> Result<std::path::PathBuf> {
    let relative = std::path::Path::new(file);
    if relative.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
        return Ok(run.path().join(relative));
    }
    Err(Error::data(format!("the report names a file outside its run: `{file}`")).at(&run.report_path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::Experiment;

    const CARD: Card =
        Card { id: "m", group: "score", title: "M", about: "", formula: "", conventions: "", source: "", version: 1 };

    #[test]
    fn steps_read_back_and_undefined_numbers_are_null() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(&root.path().join("r"), &Experiment::default(), 0.0).unwrap();
        let report = Report {
            scalars: vec![Scalar::new("x", "X", f64::NAN, 0)],
            tables: vec![Table::new("rows", "Rows").column("a", "", "", Values::ints([1]))],
            figures: vec![Figure { id: "roc".to_owned(), ..Figure::default() }],
            notes: vec!["n".to_owned()],
            models: vec![Made {
                name: "final".to_owned(),
                path: run.step_folder("0-m").unwrap().join("final"),
                about: "it".to_owned(),
            }],
            data: Vec::new(),
        };
        let step = save_step(&run, "", &CARD, &Value::Null, &report).unwrap();
        let whole = SavedReport { steps: vec![step], ..SavedReport::new("r", 3) };
        files::write_json(&run.report_path(), &whole).unwrap();
        let read = SavedReport::read(&run).unwrap().unwrap();
        assert_eq!(read, whole);
        assert_eq!(read.steps[0].tables[0].read(&run).unwrap(), report.tables[0]);
        assert_eq!(read.steps[0].models[0].path(&run).unwrap(), report.models[0].path);
        assert_eq!(read.steps[0].figures[0].read(&run).unwrap(), report.figures[0]);
        let text = std::fs::read_to_string(run.report_path()).unwrap();
        assert!(text.contains("\"value\": null") && !text.contains("NaN"), "{text}");
    }

    #[test]
    fn reports_cannot_point_outside_their_run() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(&root.path().join("r"), &Experiment::default(), 0.0).unwrap();
        let figure = SavedFigure { file: "../../etc/passwd".to_owned(), ..SavedFigure::default() };
        assert!(figure.read(&run).is_err_and(|e| e.to_string().contains("outside its run")), "refused");
    }
}
