//! What is done with runs on the disk: start, stop, go on, note, throw away, export.

use std::path::Path;

use super::run_folder::{RunFolder, now};
use crate::error::{Error, Result};
use crate::figures::{self, ExportSpec, Figure, Format};
use crate::runs::queue::Queue;
use crate::runs::store::{Notes, move_to_trash, write_atomic};
use crate::runs::{Experiment, RunDir};

/// Makes the folder of a run and puts it into the queue. Gives the name of the folder.
pub(super) fn start(root: &Path, queue: &mut Queue, experiment: &Experiment) -> Result<String> {
    let date = chrono::Local::now().format("%Y-%m-%d").to_string();
    let run = RunDir::create_below(root, experiment, &date, now())?;
    let name = run.name();
    queue.add(run);
    Ok(name)
}

/// Asks a run to stop; the second time it stops at once.
pub(super) fn cancel(folder: &RunFolder, queue: &mut Queue, id: &str) -> Result<String> {
    queue.cancel(&folder.run(id)?)?;
    Ok(format!("Stopping {id}"))
}

/// Goes on from the last checkpoint.
pub(super) fn resume(folder: &RunFolder, queue: &mut Queue, id: &str) -> Result<String> {
    queue.add(folder.run(id)?);
    Ok(format!("Resuming {id}"))
}

/// Moves a run to the trash beside the others.
pub(super) fn trash(folder: &RunFolder, id: &str) -> Result<String> {
    let place = move_to_trash(&folder.run(id)?)?;
    Ok(format!("Moved to {}", place.display()))
}

/// Keeps star and note.
pub(super) fn note(folder: &RunFolder, id: &str, star: bool, text: String) -> Result<()> {
    let run = folder.run(id)?;
    let mut notes = Notes::read(&run)?;
    notes.star = star;
    notes.text = text;
    notes.write(&run)
}

/// A figure as pixels: width and height, and red, green, blue and opacity of each.
pub(super) fn preview(spec: &ExportSpec, figure: &Figure) -> Result<([usize; 2], Vec<u8>)> {
    let spec = ExportSpec { format: Format::Png, dpi: 220.0, ..spec.clone() };
    let png = figures::export(figure, &spec)?;
    let image =
        image::load_from_memory(&png).map_err(|e| Error::bug(format!("the preview cannot be read: {e}")))?.to_rgba8();
    Ok(([image.width() as usize, image.height() as usize], image.into_raw()))
}

/// Writes a figure.
pub(super) fn export(spec: &ExportSpec, figure: &Figure, path: &Path) -> Result<String> {
    write_atomic(path, &figures::export(figure, spec)?)?;
    Ok(format!("Saved {}", path.display()))
}
