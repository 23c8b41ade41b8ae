//! What is done with runs on the disk: start, stop, go on, note, throw away, export.

use std::path::Path;
use std::process::{Command, Stdio};

use super::run_folder::{RunFolder, now};
use crate::error::{Error, Result};
use crate::figures::{self, ExportSpec, Figure};
use crate::runs::store::{Notes, move_to_trash, write_atomic};
use crate::runs::{Experiment, RunDir};

/// Makes the folder of a run and starts its process. Gives the name of the folder.
pub fn start(root: &Path, experiment: &Experiment) -> Result<String> {
    let date = chrono::Local::now().format("%Y-%m-%d").to_string();
    let run = RunDir::create_below(root, experiment, &date, now())?;
    spawn(&run)?;
    Ok(run.name())
}

/// Asks a run to stop; the second time it stops at once.
pub fn cancel(folder: &RunFolder, id: &str) -> Result<String> {
    folder.run(id)?.request_cancel()?;
    Ok(format!("Stopping {id}"))
}

/// Goes on from the last checkpoint.
pub fn resume(folder: &RunFolder, id: &str) -> Result<String> {
    let run = folder.run(id)?;
    run.clear_cancel()?;
    spawn(&run)?;
    Ok(format!("Resuming {id}"))
}

/// Moves a run to the trash beside the others.
pub fn trash(folder: &RunFolder, id: &str) -> Result<String> {
    let place = move_to_trash(&folder.run(id)?)?;
    Ok(format!("Moved to {}", place.display()))
}

/// Keeps star and note.
pub fn note(folder: &RunFolder, id: &str, star: bool, text: String) -> Result<()> {
    let run = folder.run(id)?;
    let mut notes = Notes::read(&run)?;
    notes.star = star;
    notes.text = text;
    notes.write(&run)
}

/// Writes a figure.
pub fn export(spec: &ExportSpec, figure: &Figure, path: &Path) -> Result<String> {
    write_atomic(path, &figures::export(figure, spec)?)?;
    Ok(format!("Saved {}", path.display()))
}

/// A process of its own, that goes on when the window is closed.
fn spawn(run: &RunDir) -> Result<()> {
    let program = std::env::current_exe().map_err(|e| Error::bug(format!("where is this program? {e}")))?;
    let mut command = Command::new(program);
    command.arg("resume").arg(run.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| Error::bug(format!("the process of the run does not start: {e}")))?;
    // Somebody has to wait for it, or it stays behind as a zombie.
    let waiting = std::thread::Builder::new().name("memoscope-run".to_owned()).spawn(move || child.wait());
    waiting.map(drop).map_err(|e| Error::bug(format!("no thread to wait for the run: {e}")))
}
