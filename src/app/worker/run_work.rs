//! What is done with runs on the disk: start, stop, go on, note, throw away, export.

use std::path::Path;

use super::run_folder::{RunFolder, now};
use crate::app::runs::{NoteChange, QueueChange};
use crate::error::{Error, Result};
use crate::figures::{self, ExportSpec, Figure, Format};
use crate::runs::queue::Queue;
use crate::runs::store::{Notes, list_runs, list_trash, move_to_trash, restore_from_trash, write_atomic};
use crate::runs::{Experiment, RunDir};

/// Makes the folder of a run and puts it into the queue. Gives the name of the folder.
pub(super) fn start(root: &Path, queue: &mut Queue, experiment: &Experiment) -> Result<String> {
    let date = chrono::Local::now().format("%Y-%m-%d").to_string();
    let run = RunDir::create_below(root, experiment, &date, now())?;
    // Runs that are started one after the other get different colors, and keep them.
    let color = Some(list_runs(root)?.len() % figures::palette::SERIES);
    Notes { color, ..Notes::default() }.write(&run)?;
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

/// The runs in the trash: id and name.
pub(super) fn trashed(root: &Path) -> Result<Vec<(String, String)>> {
    let name = |run: &RunDir| run.experiment().map_or_else(|_| run.name(), |e| e.name);
    Ok(list_trash(root)?.iter().map(|run| (run.name(), name(run))).collect())
}

/// Takes a run out of the trash.
pub(super) fn restore(root: &Path, id: &str) -> Result<String> {
    let trash = list_trash(root)?;
    let gone = || Error::data(format!("{id} is not in the trash")).at(root);
    let run = trash.iter().find(|run| run.name() == id).ok_or_else(gone)?;
    Ok(format!("Restored {}", restore_from_trash(run.path())?.name()))
}

/// Keeps what the user wrote.
pub(super) fn note(folder: &RunFolder, id: &str, change: NoteChange) -> Result<()> {
    let run = folder.run(id)?;
    let mut notes = Notes::read(&run)?;
    match change {
        NoteChange::Star(star) => notes.star = star,
        NoteChange::Text(text) => notes.text = text,
        NoteChange::Tags(tags) => notes.tags = tags,
        NoteChange::Archive(archived) => notes.archived = archived,
        NoteChange::Title(title) => notes.title = title,
        NoteChange::Color(color) => notes.color = Some(color),
    }
    notes.write(&run)
}

/// Changes order, pause or width of the queue.
pub(super) fn change_queue(folder: &RunFolder, queue: &mut Queue, change: QueueChange) -> Result<()> {
    match change {
        QueueChange::Pause(is_paused) => queue.pause(is_paused),
        QueueChange::Move(id, place) => queue.move_to(&folder.run(&id)?, place),
        QueueChange::Parallel(n) => {
            queue.set_parallel(n);
            Ok(())
        }
    }
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
