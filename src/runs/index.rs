//! The table of all runs in a folder, fast: `runs.sqlite` remembers what was read from each run.
//!
//! The folders of the runs are the truth. The index is asked only about runs whose files did not change
//! since it read them, is written again when they did, and is thrown away and rebuilt when it is damaged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::RunDir;
use super::clock::now;
use super::store::{self, Notes, SavedReport, State, list_runs};
use crate::error::{Error, Result};

/// Raised whenever [`Row`] changes; an index of another version is rebuilt.
const VERSION: i64 = 1;

/// A row of the table of runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Folder.
    pub path: PathBuf,
    /// Name of the experiment.
    pub name: String,
    /// Ids of the methods, in order.
    pub methods: Vec<String>,
    /// State; a run whose process is gone is interrupted.
    pub state: State,
    /// Device, and the precision where it is not f32.
    pub device: String,
    /// What is being done.
    pub stage: String,
    /// Finished share of the stage, 0 to 1; absent before anything is known.
    pub progress: Option<f64>,
    /// Units a second.
    pub rate: Option<f64>,
    /// Seconds left in the stage.
    pub eta_secs: Option<f64>,
    /// When work began, seconds since 1970.
    pub started: Option<f64>,
    /// Seconds of work.
    pub worked_secs: f64,
    /// Why it failed.
    pub error: Option<String>,
    /// Headline numbers by id; undefined ones are left out.
    pub scalars: BTreeMap<String, f64>,
    /// What the user wrote about it.
    pub notes: Notes,
}

/// The index of the runs in one folder.
pub struct Index {
    root: PathBuf,
    connection: Connection,
}

impl Index {
    /// Opens or makes `runs.sqlite` in `root`; a damaged one is made anew.
    pub fn open(root: &Path) -> Result<Self> {
        store::make_folder(root)?;
        let path = root.join("runs.sqlite");
        let connection = connect(&path).or_else(|_| {
            store::remove_if_there(&path);
            connect(&path).map_err(|e| fault(&e).at(&path))
        })?;
        Ok(Self { root: root.to_owned(), connection })
    }

    /// All runs, oldest first. Reads only the folders that changed since the last call.
    pub fn rows(&mut self) -> Result<Vec<Row>> {
        let runs = list_runs(&self.root)?;
        let rows = runs.iter().filter_map(|run| self.row(run).transpose()).collect::<Result<Vec<_>>>()?;
        self.forget_missing(&runs)?;
        Ok(rows)
    }

    /// Forgets everything and reads all folders again.
    pub fn rebuild(&mut self) -> Result<Vec<Row>> {
        self.connection.execute("DELETE FROM runs", []).map_err(|e| fault(&e))?;
        self.rows()
    }

    /// The row of one run; none when its folder cannot be read, as while it is being deleted.
    fn row(&self, run: &RunDir) -> Result<Option<Row>> {
        let stamp = store::change_stamp(run);
        let known: Option<String> = self
            .connection
            .query_row("SELECT row FROM runs WHERE name = ?1 AND stamp = ?2", params![run.name(), stamp], |r| r.get(0))
            .optional()
            .map_err(|e| fault(&e))?;
        let known = known.and_then(|text| serde_json::from_str::<Row>(&text).ok());
        // A working run changes without its files when its process dies.
        if let Some(row) = known.filter(|row| row.state != State::Running) {
            return Ok(Some(row));
        }
        let Ok(row) = Row::read(run) else { return Ok(None) };
        let text = serde_json::to_string(&row).map_err(|e| Error::bug(e.to_string()))?;
        self.connection
            .execute(
                "INSERT OR REPLACE INTO runs (name, stamp, row) VALUES (?1, ?2, ?3)",
                params![run.name(), stamp, text],
            )
            .map_err(|e| fault(&e))?;
        Ok(Some(row))
    }

    fn forget_missing(&self, runs: &[RunDir]) -> Result<()> {
        let names: Vec<String> = runs.iter().map(RunDir::name).collect();
        let names = serde_json::to_string(&names).map_err(|e| Error::bug(e.to_string()))?;
        self.connection
            .execute("DELETE FROM runs WHERE name NOT IN (SELECT value FROM json_each(?1))", params![names])
            .map_err(|e| fault(&e))?;
        Ok(())
    }
}

impl Row {
    /// Reads everything from the folder of a run.
    pub fn read(run: &RunDir) -> Result<Self> {
        let (experiment, status) = (run.experiment()?, run.status(now())?);
        let report = SavedReport::read(run)?.unwrap_or_default();
        let scalars = report.scalars().filter_map(|scalar| Some((scalar.id.clone(), scalar.value?))).collect();
        Ok(Self {
            path: run.path().to_owned(),
            name: experiment.name,
            methods: experiment.steps.into_iter().map(|step| step.method).collect(),
            state: status.state,
            device: match experiment.precision.as_str() {
                "f32" => experiment.device,
                precision => format!("{} {precision}", experiment.device),
            },
            stage: status.stage,
            progress: (status.total > 0).then(|| status.done as f64 / status.total as f64),
            rate: status.rate,
            eta_secs: status.eta_secs,
            started: status.started,
            worked_secs: status.worked_secs,
            error: status.error,
            scalars,
            notes: Notes::read(run)?,
        })
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    // Another program at the same index is waited for, not failed on.
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version != VERSION {
        connection.execute_batch("DROP TABLE IF EXISTS runs")?;
    }
    connection.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS runs (name TEXT PRIMARY KEY, stamp TEXT NOT NULL, row TEXT NOT NULL);
         PRAGMA user_version = {VERSION};"
    ))?;
    Ok(connection)
}

fn fault(error: &rusqlite::Error) -> Error {
    Error::data(format!("the index of the runs: {error}")).hint("delete runs.sqlite; it is made again from the runs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::Experiment;

    fn made(root: &Path, name: &str) -> RunDir {
        let experiment = Experiment { name: name.to_owned(), ..Experiment::default() };
        RunDir::create_below(root, &experiment, "2026-01-02", 0.0).unwrap()
    }

    #[test]
    fn the_index_follows_the_folders() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (made(root.path(), "a"), made(root.path(), "b"));
        let mut index = Index::open(root.path()).unwrap();
        assert_eq!(index.rows().unwrap().len(), 2);
        Notes { star: true, ..Notes::default() }.write(&a).unwrap();
        store::move_to_trash(&b).unwrap();
        let rows = index.rows().unwrap();
        assert_eq!((rows.len(), rows[0].notes.star), (1, true));
        assert_eq!(index.rebuild().unwrap(), rows);
    }

    #[test]
    fn a_damaged_index_is_made_anew() {
        let root = tempfile::tempdir().unwrap();
        made(root.path(), "a");
        std::fs::write(root.path().join("runs.sqlite"), [7; 5000]).unwrap();
        assert_eq!(Index::open(root.path()).unwrap().rows().unwrap().len(), 1);
    }

    #[test]
    fn a_run_that_cannot_be_read_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        let run = made(root.path(), "a");
        std::fs::write(run.path().join("status.json"), "{").unwrap();
        assert_eq!(Index::open(root.path()).unwrap().rows().unwrap(), []);
    }
}
