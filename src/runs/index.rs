//! The table of all runs in a folder, fast: `runs.sqlite` remembers what was read from each run.
//!
//! The folders of the runs are the truth. The index is asked only about runs whose files did not change
//! since it read them, is written again when they did, and is thrown away and rebuilt when it is damaged. Where none
//! can be kept, as in a folder that may only be read, the folders are read every time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::clock::now;
use super::lineage::{Studied, studied};
use super::store::{self, Notes, SavedReport, State, Status, list_runs};
use super::sweep::point_of;
use super::unlearned::outcomes;
use super::{Experiment, RunDir};
use crate::error::{Error, Result};
use crate::methods::unlearn::pareto::Outcome;

/// Raised whenever [`Row`] changes; an index of another version is rebuilt.
const VERSION: i64 = 3;
/// Another program at the same index is waited for so long; then the folders are read.
const PATIENCE: Duration = Duration::from_millis(300);

/// A row of the table of runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Folder.
    pub path: PathBuf,
    /// What was asked for.
    pub experiment: Experiment,
    /// How far it is; a run whose process is gone is interrupted.
    pub status: Status,
    /// Why something of it cannot be read.
    pub trouble: Option<String>,
    /// Headline numbers by name ([`SavedReport::named_scalars`]), in order; absent where undefined.
    pub numbers: Vec<(String, Option<f64>)>,
    /// The first headline number in words: label and value.
    pub headline: Option<(String, Option<f64>)>,
    /// Ids and versions of the methods whose results it has.
    pub versions: Vec<(String, u64)>,
    /// What its finished steps did with models.
    pub studied: Vec<Studied>,
    /// What its steps of unlearning did, by their index.
    pub unlearned: Vec<(usize, Outcome)>,
    /// Sweep that it belongs to, and what is special about it there.
    pub point: Option<(String, Map<String, Value>)>,
    /// What the user wrote about it.
    pub notes: Notes,
}

impl Row {
    /// Name of the folder.
    pub fn name(&self) -> String {
        RunDir::of_results(&self.path).name()
    }

    /// Reads everything from the folder of a run; what cannot be read is missing, and `trouble` says why.
    pub fn read(run: &RunDir) -> Self {
        let mut row = Self { path: run.path().to_owned(), point: point_of(run), ..Self::default() };
        let failed = |e: Error| Some(e.to_string());
        match run.experiment() {
            Ok(experiment) => row.experiment = experiment,
            Err(error) => row.trouble = failed(error),
        }
        match run.status(now()) {
            Ok(status) => row.status = status,
            Err(error) => {
                row.status = Status { state: State::Failed, ..Status::default() };
                row.trouble = failed(error);
            }
        }
        match SavedReport::read(run) {
            Ok(report) => row.take_report(&report.unwrap_or_default()),
            Err(error) => row.trouble = failed(error),
        }
        if !row.versions.is_empty() {
            row.studied = studied(run).unwrap_or_default();
        }
        match Notes::read(run) {
            Ok(notes) => row.notes = notes,
            Err(error) => row.trouble = failed(error),
        }
        row
    }

    fn take_report(&mut self, report: &SavedReport) {
        self.numbers = report.named_scalars().into_iter().map(|(name, scalar)| (name, scalar.value)).collect();
        self.unlearned = outcomes(report);
        self.headline = report.scalars().next().map(|scalar| (scalar.label.clone(), scalar.value));
        let version = |card: &Value| card.get("version").and_then(Value::as_u64).unwrap_or(0);
        self.versions = report.steps.iter().map(|step| (step.method.clone(), version(&step.card))).collect();
    }
}

/// The rows of the runs in a folder, oldest first; an index that is there already spares reading them.
///
/// # Errors
/// The folder cannot be listed.
pub fn rows(root: &Path) -> Result<Vec<Row>> {
    let runs = list_runs(root)?;
    let index = if root.join(FILE).is_file() { Index::open(root).ok() } else { None };
    Ok(runs.iter().map(|run| index.as_ref().map_or_else(|| Row::read(run), |index| index.row(run))).collect())
}

const FILE: &str = "runs.sqlite";

/// The index of the runs in one folder.
pub struct Index {
    connection: Connection,
}

impl Index {
    /// Opens or makes `runs.sqlite` in `root`; a damaged one is made anew.
    ///
    /// # Errors
    /// The file can neither be opened nor made, as on a medium that may only be read.
    pub fn open(root: &Path) -> Result<Self> {
        let path = root.join(FILE);
        let connection = connect(&path).or_else(|_| {
            store::remove_if_there(&path);
            connect(&path)
        });
        let fault = |e: rusqlite::Error| Error::data(format!("the index of the runs: {e}")).at(&path);
        Ok(Self { connection: connection.map_err(fault)? })
    }

    /// The row of one run, read from its folder when that changed. Whatever happens to the index, the row is true.
    pub fn row(&self, run: &RunDir) -> Row {
        let stamp = store::change_stamp(run);
        // A working run changes without its files when its process dies.
        if let Some(row) = self.known(run, &stamp).filter(|row| row.status.state.is_over()) {
            return row;
        }
        let row = Row::read(run);
        if let Ok(text) = serde_json::to_string(&row) {
            let insert = "INSERT OR REPLACE INTO runs (name, stamp, row) VALUES (?1, ?2, ?3)";
            // An index that cannot be written costs time, and nothing else.
            drop(self.connection.execute(insert, params![run.name(), stamp, text]));
        }
        row
    }

    /// Does all of `work` as one change of the index: thousands of rows are written at once.
    pub fn at_once<T>(&self, work: impl FnOnce(&Self) -> T) -> T {
        let is_open = self.connection.execute_batch("BEGIN").is_ok();
        let done = work(self);
        if is_open {
            drop(self.connection.execute_batch("COMMIT"));
        }
        done
    }

    /// Forgets the runs that are not among these.
    pub fn keep_only(&self, runs: &[RunDir]) {
        let names: Vec<String> = runs.iter().map(RunDir::name).collect();
        if let Ok(names) = serde_json::to_string(&names) {
            let delete = "DELETE FROM runs WHERE name NOT IN (SELECT value FROM json_each(?1))";
            drop(self.connection.execute(delete, params![names]));
        }
    }

    fn known(&self, run: &RunDir, stamp: &str) -> Option<Row> {
        let query = "SELECT row FROM runs WHERE name = ?1 AND stamp = ?2";
        let mut statement = self.connection.prepare_cached(query).ok()?;
        let text: Option<String> = statement.query_row(params![run.name(), stamp], |r| r.get(0)).optional().ok()?;
        // The folder of all runs may have been moved with its index.
        let row = serde_json::from_str::<Row>(&text?).ok()?;
        Some(Row { path: run.path().to_owned(), ..row })
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version != VERSION {
        connection.execute_batch("DROP TABLE IF EXISTS runs")?;
    }
    // It can be made again from the folders, so nothing waits for the disk.
    connection.execute_batch(&format!(
        "PRAGMA synchronous = OFF;
         CREATE TABLE IF NOT EXISTS runs (name TEXT PRIMARY KEY, stamp TEXT NOT NULL, row TEXT NOT NULL);
         PRAGMA user_version = {VERSION};"
    ))?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(root: &Path, name: &str) -> RunDir {
        let experiment = Experiment { name: name.to_owned(), ..Experiment::default() };
        let run = RunDir::create_below(root, &experiment, "2026-01-02", 0.0).unwrap();
        run.write_status(&Status { state: State::Done, ..Status::default() }).unwrap();
        run
    }

    #[test]
    fn a_row_comes_from_the_index_until_its_run_changes() {
        let root = tempfile::tempdir().unwrap();
        let run = made(root.path(), "a");
        let index = Index::open(root.path()).unwrap();
        let row = index.row(&run);
        assert_eq!((row.experiment.name.as_str(), row.status.state), ("a", State::Done));
        index.connection.execute("UPDATE runs SET row = replace(row, '\"name\":\"a\"', '\"name\":\"b\"')", []).unwrap();
        assert_eq!(index.row(&run).experiment.name, "b", "what the index remembers is believed");
        Notes { star: true, ..Notes::default() }.write(&run).unwrap();
        let row = index.row(&run);
        assert_eq!((row.experiment.name.as_str(), row.notes.star), ("a", true), "the folder changed and was read");
        assert_eq!(rows(root.path()).unwrap(), [row]);
    }

    #[test]
    fn runs_that_are_gone_are_forgotten() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (made(root.path(), "a"), made(root.path(), "b"));
        let index = Index::open(root.path()).unwrap();
        index.at_once(|index| [&a, &b].map(|run| index.row(run)));
        index.keep_only(std::slice::from_ref(&a));
        let n: i64 = index.connection.query_row("SELECT count(*) FROM runs", [], |r| r.get(0)).unwrap();
        assert_eq!(n, 1);
    }

    #[test]
    fn a_damaged_index_is_made_anew_and_a_missing_one_is_not_needed() {
        let root = tempfile::tempdir().unwrap();
        let run = made(root.path(), "a");
        assert_eq!(rows(root.path()).unwrap().len(), 1);
        assert!(!root.path().join(FILE).exists(), "listing leaves nothing behind");
        std::fs::write(root.path().join(FILE), [7; 5000]).unwrap();
        assert_eq!(Index::open(root.path()).unwrap().row(&run), Row::read(&run));
    }

    #[test]
    fn what_cannot_be_read_of_a_run_is_told_in_its_row() {
        let root = tempfile::tempdir().unwrap();
        let run = made(root.path(), "a");
        std::fs::write(run.path().join("status.json"), "{").unwrap();
        let row = Row::read(&run);
        assert_eq!(row.status.state, State::Failed);
        assert!(row.trouble.unwrap().contains("status.json"));
    }
}
