//! The folder of a run.
//!
//! ```text
//! experiment.json  what was asked, with absolute paths
//! plan.json        everything resolved: version, device, seeds, hashes of models and data
//! status.json      state and progress
//! events.jsonl     what happened, append-only
//! report.json      headline numbers, notes, method cards, lists of tables and figures
//! tables/          per-row and per-token values: CSV and Parquet
//! figures/         charts as data
//! partial.json     charts of the step at work, as far as they are known
//! checkpoints/     the journal of partial results, and a folder a step for models and what else a method keeps
//! notes.json       title, tags, star and notes of the user
//! lock             held by the process that works on the run
//! cancel           asks that process to stop
//! ```

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::{Journal, State, Status, files};
use crate::error::{Error, Result};
use crate::runs::Experiment;

/// Seconds without a heartbeat after which a run on a file system without locks counts as interrupted.
const HEARTBEAT_LOST_SECS: f64 = 30.0;

/// Enough for the last words of a run.
const RESERVE_BYTES: usize = 1 << 16;

/// The folder of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunDir {
    path: PathBuf,
}

/// Held while a process works on a run; freed by the system when the process ends, however it ends.
pub struct RunLock {
    _file: File,
}

impl RunDir {
    /// The run at `path`; fails when no run is there.
    pub fn open(path: &Path) -> Result<Self> {
        let run = Self { path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()) };
        if run.experiment_path().is_file() {
            return Ok(run);
        }
        Err(Error::config("no run is here").hint("give the folder that holds `experiment.json`").at(path))
    }

    /// Makes the folder of a new run in state queued. `path` must not exist or be empty; a run that failed before it
    /// kept anything, such as one with a wrong option, makes room.
    pub fn create(path: &Path, experiment: &Experiment, now: f64) -> Result<Self> {
        let run = Self { path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()) };
        files::make_folder(&run.path)?;
        // Two programs that want the same folder: one gets it, the other is told.
        let _lock = run.lock()?;
        run.clear_if_worthless();
        let mut entries = fs::read_dir(&run.path).map_err(|e| Error::io("reading the folder", path, &e))?;
        if !entries.all(|entry| entry.is_ok_and(|entry| is_unfinished(&entry.file_name().to_string_lossy()))) {
            return Err(Error::config("the folder for the run is not empty")
                .hint("choose another `--out`, or go on with `memoscope resume`")
                .at(path));
        }
        for folder in [run.tables(), run.figures(), run.checkpoints()] {
            files::make_folder(&folder)?;
        }
        run.write_status(&Status { created: now, ..Status::default() })?;
        // Last, because it is what makes the folder a run.
        files::write_json(&run.experiment_path(), experiment)?;
        Ok(run)
    }

    /// Removes a run that failed and holds neither results, nor parts of them, nor words of the user.
    fn clear_if_worthless(&self) {
        let has_records = fs::metadata(self.journal_path()).is_ok_and(|data| data.len() > Journal::EMPTY_BYTES);
        let mut kept = fs::read_dir(self.checkpoints()).into_iter().flatten().flatten();
        let has_records = has_records || kept.any(|entry| entry.path() != self.journal_path());
        let is_worthless = self.experiment_path().is_file()
            && !self.report_path().exists()
            && !self.path.join("notes.json").exists()
            && !has_records
            && self.status(0.0).is_ok_and(|status| status.state == State::Failed);
        if !is_worthless {
            return;
        }
        // What makes the folder a run goes last, so that a process killed here leaves the failed run.
        let files =
            [self.events_path(), self.plan_path(), self.partial_path(), self.journal_path(), self.status_path()];
        files.iter().chain([&self.experiment_path()]).for_each(|path| files::remove_if_there(path));
    }

    /// Makes a run below `root` named `<date>-<name>-<hash>`; a number is added when that exists.
    pub fn create_below(root: &Path, experiment: &Experiment, date: &str, now: f64) -> Result<Self> {
        let path = new_folder(root, experiment, date, "")?;
        Self::create(&path, experiment, now)
    }

    /// A run, or another folder with a report like that of a run.
    ///
    /// # Errors
    /// Neither is at `path`.
    pub fn with_results(path: &Path) -> Result<Self> {
        let folder = Self::of_results(path);
        if folder.report_path().is_file() { Ok(folder) } else { Self::open(path) }
    }

    /// A folder that holds results like those of a run without being one.
    pub fn of_results(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its last part.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// `experiment.json`.
    pub fn experiment_path(&self) -> PathBuf {
        self.path.join("experiment.json")
    }

    /// `plan.json`.
    pub fn plan_path(&self) -> PathBuf {
        self.path.join("plan.json")
    }

    /// `report.json`.
    pub fn report_path(&self) -> PathBuf {
        self.path.join("report.json")
    }

    /// `events.jsonl`.
    pub fn events_path(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// `partial.json`.
    pub fn partial_path(&self) -> PathBuf {
        self.path.join("partial.json")
    }

    /// `tables/`.
    pub fn tables(&self) -> PathBuf {
        self.path.join("tables")
    }

    /// `figures/`.
    pub fn figures(&self) -> PathBuf {
        self.path.join("figures")
    }

    /// `checkpoints/`.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// Takes some room on the disk, so that the last words of the run fit when it is full.
    pub fn reserve_space(&self) -> Result<()> {
        files::write_atomic(&self.reserve_path(), &vec![0; RESERVE_BYTES])
    }

    /// Gives that room back.
    pub fn release_space(&self) {
        files::remove_if_there(&self.reserve_path());
    }

    /// The folder of a step's own files, made when it is not there.
    pub fn step_folder(&self, step: &str) -> Result<PathBuf> {
        let folder = self.checkpoints().join(step);
        files::make_folder(&folder)?;
        Ok(folder)
    }

    /// The journal of partial results.
    pub fn journal_path(&self) -> PathBuf {
        self.checkpoints().join("journal.bin")
    }

    /// Removes half-written files of a killed process. Only for the holder of the lock.
    pub fn remove_leftovers(&self) -> Result<()> {
        for folder in [self.path.clone(), self.tables(), self.figures(), self.checkpoints()] {
            files::make_folder(&folder)?;
            files::remove_temporary(&folder)?;
        }
        Ok(())
    }

    /// What was asked.
    pub fn experiment(&self) -> Result<Experiment> {
        Experiment::read(&self.experiment_path())
    }

    /// The state now: a run whose process is gone is interrupted, whatever its file says.
    pub fn status(&self, now: f64) -> Result<Status> {
        let mut status: Status = files::read_json(&self.status_path())?;
        if status.state == State::Running && !self.is_worked_on(&status, now) {
            status.state = State::Interrupted;
        }
        Ok(status)
    }

    /// Replaces `status.json`.
    pub fn write_status(&self, status: &Status) -> Result<()> {
        files::write_json(&self.status_path(), status)
    }

    /// Takes the lock; fails when another process works on the run.
    pub fn lock(&self) -> Result<RunLock> {
        let path = self.lock_path();
        let file = File::create(&path).map_err(|e| Error::io("locking the run", &path, &e))?;
        match file.try_lock() {
            Ok(()) => Ok(RunLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::config("another process works on this run")
                .hint("wait for it, or stop it with `memoscope cancel`")
                .at(&self.path)),
            Err(TryLockError::Error(e)) => Err(Error::io("locking the run", &path, &e)),
        }
    }

    /// Asks the process that works on the run to stop; asked a second time, to stop at once.
    pub fn request_cancel(&self) -> Result<()> {
        let urgent = self.cancel_path().exists();
        files::write_atomic(&self.cancel_path(), if urgent { b"now" } else { b"soon" })
    }

    /// Whether somebody asked to stop, and whether at once.
    pub fn cancel_request(&self) -> Option<CancelRequest> {
        let text = fs::read(self.cancel_path()).ok()?;
        Some(if text == b"now" { CancelRequest::AtOnce } else { CancelRequest::Soon })
    }

    /// Forgets an old request to stop.
    pub fn clear_cancel(&self) -> Result<()> {
        match fs::remove_file(self.cancel_path()) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("removing the file", &self.cancel_path(), &e))
            }
            _ => Ok(()),
        }
    }

    fn is_worked_on(&self, status: &Status, now: f64) -> bool {
        let Ok(file) = File::open(self.lock_path()) else { return false };
        match file.try_lock_shared() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(_)) => status.heartbeat.is_some_and(|beat| now - beat < HEARTBEAT_LOST_SECS),
        }
    }

    fn reserve_path(&self) -> PathBuf {
        self.checkpoints().join("reserve")
    }

    fn status_path(&self) -> PathBuf {
        self.path.join("status.json")
    }

    fn lock_path(&self) -> PathBuf {
        self.path.join("lock")
    }

    fn cancel_path(&self) -> PathBuf {
        self.path.join("cancel")
    }
}

/// Makes a folder below `root` named `<date>-<name>-<hash>` and `ending`; a number is added when that exists.
pub fn new_folder(root: &Path, experiment: &Experiment, date: &str, ending: &str) -> Result<PathBuf> {
    let hash = experiment_hash(experiment)?;
    let stem = format!("{date}-{}-{}", slug(&experiment.name), hash.get(..8).unwrap_or(&hash));
    files::make_folder(root)?;
    for attempt in 1..10_000 {
        let name = if attempt == 1 { format!("{stem}{ending}") } else { format!("{stem}-{attempt}{ending}") };
        let path = root.join(name);
        match fs::create_dir(&path) {
            Ok(()) => return Ok(std::path::absolute(&path).unwrap_or(path)),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io("making the folder", &path, &e)),
        }
    }
    Err(Error::data(format!("there are ten thousand runs named `{stem}`")).at(root))
}

/// Whether a file is what a process leaves that was killed while it made the folder of a run.
fn is_unfinished(name: &str) -> bool {
    matches!(name, "tables" | "figures" | "checkpoints" | "status.json" | "lock") || files::is_temporary(name)
}

/// How urgently a run should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelRequest {
    /// Within a second, keeping what is done.
    Soon,
    /// Now.
    AtOnce,
}

/// The runs directly below `root`, sorted by name, so the oldest date first. A missing root has none.
pub fn list_runs(root: &Path) -> Result<Vec<RunDir>> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("reading the folder", root, &e)),
    };
    let folders = entries.filter_map(|entry| entry.ok().map(|e| e.path()));
    let mut runs: Vec<RunDir> = folders.filter_map(|path| RunDir::open(&path).ok()).collect();
    runs.sort();
    Ok(runs)
}

/// Changes whenever one of the small files of a run is replaced.
pub fn change_stamp(run: &RunDir) -> String {
    let stamp = |name: &str| {
        let data = fs::metadata(run.path.join(name)).ok()?;
        let modified = data.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(format!("{}:{}", data.len(), modified.as_nanos()))
    };
    let files = ["experiment.json", "status.json", "report.json", "notes.json"];
    files.map(|name| stamp(name).unwrap_or_default()).join(" ")
}

fn experiment_hash(experiment: &Experiment) -> Result<String> {
    let text = serde_json::to_vec(experiment).map_err(|e| Error::bug(e.to_string()))?;
    Ok(super::hash::sha256(&text))
}

/// A name that every file system takes: letters, digits, `-`, `_` and `.`; other characters become `-`.
pub fn slug(name: &str) -> String {
    const LONGEST: usize = 48;
    let safe = |c: char| if c.is_alphanumeric() || matches!(c, '_' | '.') { c } else { '-' };
    let cut: String = name.chars().map(safe).take(LONGEST).collect();
    let trimmed = cut.trim_matches(['-', '.']);
    if trimmed.is_empty() { "run".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(root: &Path, name: &str) -> RunDir {
        let experiment = Experiment { name: name.to_owned(), ..Experiment::default() };
        RunDir::create_below(root, &experiment, "2026-01-02", 1.0).unwrap()
    }

    #[test]
    fn equal_experiments_get_different_folders() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (made(root.path(), "my run/ü"), made(root.path(), "my run/ü"));
        assert!(a.name().starts_with("2026-01-02-my-run-ü-"), "{}", a.name());
        assert_eq!(b.name(), format!("{}-2", a.name()));
        assert_eq!(list_runs(root.path()).unwrap(), [a, b]);
    }

    #[test]
    fn a_running_run_without_a_process_is_interrupted() {
        let root = tempfile::tempdir().unwrap();
        let run = made(root.path(), "a");
        run.write_status(&Status { state: State::Running, ..Status::default() }).unwrap();
        assert_eq!(run.status(0.0).unwrap().state, State::Interrupted);
        let lock = run.lock().unwrap();
        assert_eq!(run.status(0.0).unwrap().state, State::Running);
        assert!(run.lock().is_err_and(|e| e.to_string().contains("another process")), "the lock is exclusive");
        drop(lock);
        run.lock().unwrap();
    }

    #[test]
    fn a_second_request_to_stop_is_urgent() {
        let root = tempfile::tempdir().unwrap();
        let run = made(root.path(), "a");
        assert_eq!(run.cancel_request(), None);
        run.request_cancel().unwrap();
        assert_eq!(run.cancel_request(), Some(CancelRequest::Soon));
        run.request_cancel().unwrap();
        assert_eq!(run.cancel_request(), Some(CancelRequest::AtOnce));
        run.clear_cancel().unwrap();
        assert_eq!(run.cancel_request(), None);
    }

    #[test]
    fn a_folder_that_a_killed_process_began_is_taken() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("tables")).unwrap();
        fs::write(root.path().join("experiment.json.tmp7"), "{").unwrap();
        let run = RunDir::create(root.path(), &Experiment::default(), 0.0).unwrap();
        run.remove_leftovers().unwrap();
        assert!(!root.path().join("experiment.json.tmp7").exists(), "half-written files are removed");
    }

    #[test]
    fn folders_that_hold_something_are_not_taken() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("thesis.tex"), "").unwrap();
        let error = RunDir::create(root.path(), &Experiment::default(), 0.0).unwrap_err().to_string();
        assert!(error.contains("not empty"), "{error}");
    }
}
