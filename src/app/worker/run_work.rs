//! What is done with runs on the disk: start, stop, go on, note, throw away, export.

use std::path::Path;

use super::run_folder::{RunFolder, now, saved_table};
use crate::app::runs::{Checkpoint, NoteChange, QueueChange};
use crate::data::make::Make;
use crate::engine::weights;
use crate::error::{Error, Result};
use crate::figures::{self, ExportSpec, Figure, Format};
use crate::methods::common::tables::counted;
use crate::runs::queue::Queue;
use crate::runs::store::{
    Notes, SavedReport, list_runs, list_trash, make_folder, move_to_trash, restore_from_trash, write_atomic,
};
use crate::runs::sweep::{self, Executor, Sweep};
use crate::runs::unlearned::{self, Overlaps};
use crate::runs::{Experiment, Page, RunDir, cli, slurm};

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

/// Makes the folders of a sweep and its runs and puts them into the queue, or hands them to Slurm. Gives the names of the
/// folders of the runs.
pub(super) fn start_sweep(
    root: &Path,
    queue: &mut Queue,
    experiment: &Experiment,
    slurm: Option<slurm::Settings>,
) -> Result<Vec<String>> {
    if let Some(settings) = &slurm {
        settings.options.iter().try_for_each(|option| slurm::check_option(option))?;
    }
    let is_local = slurm.is_none();
    let executor = slurm.map_or_else(|| Executor::Local { jobs: queue.parallel() }, Executor::Slurm);
    let date = chrono::Local::now().format("%Y-%m-%d").to_string();
    let points = sweep::points(experiment)?;
    let mut sweep = Sweep::create(root, experiment, &points, executor, &date)?;
    // Runs that differ in their seed alone have the same color.
    for (color, group) in sweep::groups(&sweep.members).iter().enumerate() {
        let notes = Notes { color: Some(color % figures::palette::SERIES), ..Notes::default() };
        for member in group.members.iter().filter_map(|place| sweep.members.get(*place)) {
            notes.write(&sweep.run(member)?)?;
        }
    }
    let runs: Vec<RunDir> = sweep.runs().map(|(_, run)| run).collect();
    let names = runs.iter().map(RunDir::name).collect();
    if is_local {
        for run in runs {
            queue.add(run);
        }
    } else {
        slurm::submit(&mut sweep, queue.program())?;
    }
    Ok(names)
}

/// Asks a run to stop; the second time it stops at once.
pub(super) fn cancel(folder: &RunFolder, queue: &mut Queue, id: &str) -> Result<String> {
    queue.cancel(&folder.run(id)?)?;
    Ok(format!("Stopping {id}"))
}

/// Goes on from the last checkpoint.
pub(super) fn resume(folder: &RunFolder, queue: &mut Queue, id: &str) -> Result<String> {
    let run = folder.run(id)?;
    if let Some(mut sweep) = sweep::on_slurm(&run) {
        let n = slurm::submit(&mut sweep, queue.program())?;
        return Ok(format!("Slurm has {} of {}", counted(n, "run"), sweep.id()));
    }
    queue.add(run);
    Ok(format!("Resuming {id}"))
}

/// Moves a run to the trash beside the others.
pub(super) fn trash(folder: &RunFolder, id: &str) -> Result<String> {
    let place = move_to_trash(&folder.run(id)?)?;
    Ok(format!("Moved to the trash; undo brings it back\n{}", place.display()))
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

/// Writes rows that are made.
pub(super) fn make_data(make: &Make, seed: u64, path: &Path) -> Result<()> {
    cli::write_made(make, seed, path)
}

/// The models that the steps of a run have kept, the finished one last.
pub(super) fn checkpoints(run: &RunDir) -> Vec<Checkpoint> {
    let folders = std::fs::read_dir(run.checkpoints()).into_iter().flatten().flatten();
    let mut folders: Vec<_> = folders.map(|item| item.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    let mut found = Vec::new();
    for folder in folders {
        let kept = weights::checkpoints(&folder).unwrap_or_default();
        found.extend(kept.into_iter().map(|(steps, path)| Checkpoint { steps: Some(steps), path }));
        found.push(Checkpoint { steps: None, path: folder.join("final") });
    }
    found.retain(|checkpoint| checkpoint.path.join("config.json").is_file());
    found
}

/// Width and height, and red, green, blue and opacity of each pixel.
pub type Picture = ([usize; 2], Vec<u8>);

/// A page as it will be written, as a picture of so many pixels in width.
pub(super) fn preview(page: &Page, width: u32) -> Result<Picture> {
    const MM_PER_INCH: f64 = 25.4;
    let dpi = (f64::from(width) * MM_PER_INCH / page.spec.width_mm).clamp(36.0, 600.0);
    let spec = ExportSpec { format: Format::Png, dpi, ..page.spec.clone() };
    let png = Page { spec, ..page.clone() }.export()?.bytes;
    let image =
        image::load_from_memory(&png).map_err(|e| Error::bug(format!("the preview cannot be read: {e}")))?.to_rgba8();
    Ok(([image.width() as usize, image.height() as usize], image.into_raw()))
}

/// Writes a page, and its description beside it when asked to.
pub(super) fn export(page: &Page, path: &Path, with_page: bool) -> Result<String> {
    let exported = page.export()?;
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    write_atomic(path, &exported.bytes)?;
    if with_page {
        page.write(&cli::spec_file(path))?;
    }
    let saved = format!("Saved {}", path.display());
    Ok(std::iter::once(saved).chain(exported.notices).collect::<Vec<_>>().join("\n"))
}

/// Writes a figure that belongs to several runs; the extension says how.
pub(super) fn export_across(figure: &Figure, runs: &[String], spec: &ExportSpec, path: &Path) -> Result<String> {
    let format = match path.extension().and_then(|e| e.to_str()) {
        Some(extension) => Format::parse(extension)?,
        None => spec.format,
    };
    let exported = unlearned::export_across(figure, runs, &ExportSpec { format, ..spec.clone() })?;
    write_atomic(path, &exported.bytes)?;
    let saved = format!("Saved {}", path.display());
    Ok(std::iter::once(saved).chain(exported.notices).collect::<Vec<_>>().join("\n"))
}

/// Edits of steps of runs, and how much they overlap.
pub(super) fn overlaps(folder: &RunFolder, steps: &[(String, usize)]) -> Result<Overlaps> {
    let steps = steps.iter().map(|(id, step)| Ok((folder.run(id)?, *step))).collect::<Result<Vec<_>>>()?;
    unlearned::overlaps(&steps)
}

/// Writes a whole table of a run as CSV.
pub(super) fn save_table(run: &RunDir, file: &str, path: &Path) -> Result<String> {
    let report = SavedReport::read(run)?.unwrap_or_default();
    cli::write_csv(run, saved_table(run, &report, file)?, path)?;
    Ok(format!("Saved {}", path.display()))
}

/// Writes every figure and table of a run into the folder `exports` of the run.
pub(super) fn export_all(run: &RunDir, spec: &ExportSpec) -> Result<String> {
    let report = SavedReport::read(run)?.ok_or_else(|| Error::config("the run has no results yet").at(run.path()))?;
    let folder = run.path().join("exports");
    let files = cli::export_run(run, &report, spec, &folder)?;
    Ok(format!("Saved {} files in {}", files.len(), folder.display()))
}
