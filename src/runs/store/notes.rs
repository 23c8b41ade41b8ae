//! `notes.json`: what the user wrote about a run; and the trash.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{RunDir, files};
use crate::error::{Error, Result};

/// Folder of thrown away runs, beside the others.
const TRASH: &str = ".trash";

/// What the user wrote about a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notes {
    /// Shown instead of the name of the experiment; empty for none.
    pub title: String,
    /// Whether the run is starred.
    pub star: bool,
    /// Tags in the order of the user.
    pub tags: Vec<String>,
    /// Free text.
    pub text: String,
    /// Kept out of the usual list.
    pub archived: bool,
    /// Place of its color in the palette; absent for the one that follows from its name.
    pub color: Option<usize>,
}

impl Notes {
    /// The notes of a run; none are empty ones.
    pub fn read(run: &RunDir) -> Result<Self> {
        let path = path(run);
        if path.exists() { files::read_json(&path) } else { Ok(Self::default()) }
    }

    /// Replaces the notes of a run.
    pub fn write(&self, run: &RunDir) -> Result<()> {
        files::write_json(&path(run), self)
    }
}

/// Moves a run into the folder `.trash` beside it and gives its new place; refuses while a process works on it.
pub fn move_to_trash(run: &RunDir) -> Result<PathBuf> {
    let lock = run.lock()?;
    let root = run.path().parent().unwrap_or_else(|| Path::new("."));
    let target = free_name(&root.join(TRASH), &run.name())?;
    drop(lock);
    fs::rename(run.path(), &target).map_err(|e| Error::io("moving to the trash", run.path(), &e))?;
    Ok(target)
}

/// The runs in the trash below `root`, by name.
pub fn list_trash(root: &Path) -> Result<Vec<RunDir>> {
    super::list_runs(&root.join(TRASH))
}

/// Moves a run out of the trash, back beside the others.
pub fn restore_from_trash(trashed: &Path) -> Result<RunDir> {
    let root = trashed.parent().and_then(Path::parent).unwrap_or_else(|| Path::new("."));
    let name = trashed.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let target = free_name(root, &name)?;
    fs::rename(trashed, &target).map_err(|e| Error::io("restoring", trashed, &e))?;
    RunDir::open(&target)
}

fn free_name(folder: &Path, name: &str) -> Result<PathBuf> {
    files::make_folder(folder)?;
    let mut target = folder.join(name);
    let mut n = 2;
    while target.exists() {
        target = folder.join(format!("{name}-{n}"));
        n += 1;
    }
    Ok(target)
}

fn path(run: &RunDir) -> PathBuf {
    run.path().join("notes.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::Experiment;
    use crate::runs::store::list_runs;

    #[test]
    fn trashed_runs_come_back_with_their_notes() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(&root.path().join("r"), &Experiment::default(), 0.0).unwrap();
        assert_eq!(Notes::read(&run).unwrap(), Notes::default());
        let notes = Notes { star: true, tags: vec!["a".to_owned()], ..Notes::default() };
        notes.write(&run).unwrap();
        let trashed = move_to_trash(&run).unwrap();
        assert_eq!(list_runs(root.path()).unwrap(), []);
        assert_eq!(list_trash(root.path()).unwrap(), [RunDir::open(&trashed).unwrap()]);
        let back = restore_from_trash(&trashed).unwrap();
        assert_eq!((back.clone(), Notes::read(&back).unwrap()), (run, notes));
    }

    #[test]
    fn a_run_in_work_is_not_trashed() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(&root.path().join("r"), &Experiment::default(), 0.0).unwrap();
        let _lock = run.lock().unwrap();
        assert!(move_to_trash(&run).is_err(), "a process works on it");
    }
}
