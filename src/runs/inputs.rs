//! Models and data that an experiment names become loaded ones.

use std::path::{Path, PathBuf};

use super::experiment::{DataRef, ModelRef, ONE_SOURCE, SOURCES};
use crate::data::hub::{self, Hub};
use crate::data::make::Make;
use crate::data::{DataSpec, Dataset, Tokenizer, load};
use crate::engine::kernels::kernels;
use crate::engine::{Device, Place, Precision, weights};
use crate::error::{Error, Result};
use crate::methods::LoadedModel;

/// How inputs on the hub are reached.
pub struct Access {
    /// Where they are fetched.
    pub hub: Hub,
    /// Told how far a download is; answers whether to go on.
    pub watch: Box<dyn FnMut(&hub::Progress) -> bool + Send>,
}

impl Access {
    /// The hub as the environment describes it, with nobody watching.
    pub fn from_env() -> Self {
        Self { hub: Hub::from_env(), watch: Box::new(|_| true) }
    }
}

/// A model as it is written on a command line: a folder, or an id on the hub when there is no such folder, with `@` and
/// a revision where one is wanted.
pub fn model_ref(place: &str) -> ModelRef {
    match hub_id(place) {
        Some((hub, revision)) => ModelRef { hub: Some(hub), revision, ..ModelRef::default() },
        None => ModelRef { path: Some(PathBuf::from(place)), ..ModelRef::default() },
    }
}

/// Data as it is written on a command line; the rest is as in `template`.
pub fn data_ref(place: &str, template: &DataRef) -> DataRef {
    match hub_id(place).filter(|_| !is_data_file(place)) {
        Some((hub, revision)) => DataRef { hub: Some(hub), revision, path: None, ..template.clone() },
        None => DataRef { path: Some(PathBuf::from(place)), hub: None, ..template.clone() },
    }
}

/// The folder of a model; one on the hub is downloaded unless it is there already.
pub fn model_folder(model: &ModelRef, access: &mut Access) -> Result<PathBuf> {
    fetch_model(model, access).map(|(folder, _)| folder)
}

/// As [`model_folder`], with what was not as asked, such as an older copy because the hub could not be reached.
pub fn fetch_model(model: &ModelRef, access: &mut Access) -> Result<(PathBuf, Option<String>)> {
    match (&model.path, &model.hub) {
        (Some(path), None) => Ok((path.clone(), None)),
        (None, Some(id)) => {
            let fetched = access.hub.model(id, model.revision.as_deref(), &mut access.watch)?;
            Ok((fetched.folder, fetched.note))
        }
        _ => Err(needs_source()),
    }
}

/// Shown name of a model: its hub id, with the revision that tells checkpoints apart, or the name of its folder.
pub fn model_name(model: &ModelRef, folder: &Path) -> String {
    let from_path = || folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    match (&model.hub, &model.revision) {
        (Some(id), Some(revision)) => format!("{id}@{revision}"),
        (Some(id), None) => id.clone(),
        (None, _) => from_path(),
    }
}

/// Loads a model with its tokenizer; a folder without tokenizer files gives a model without one.
pub fn load_model(name: &str, folder: &Path, place: impl Into<Place>) -> Result<LoadedModel> {
    load_watched(name, folder, place).map(|(model, _)| model)
}

/// As [`load_model`], with what tells whether its files change while they are in use: weights stay on the disk and
/// are read when they are needed.
pub fn load_watched(name: &str, folder: &Path, place: impl Into<Place>) -> Result<(LoadedModel, weights::LoadReport)> {
    let weights::Loaded { decoder, report } = weights::load(folder, place)?;
    let tokenizer = if has_tokenizer(folder) { Some(Tokenizer::load(folder)?) } else { None };
    Ok((LoadedModel { name: name.to_owned(), path: folder.to_owned(), decoder, tokenizer }, report))
}

/// Whether tokenizer files are in a model folder.
pub fn has_tokenizer(folder: &Path) -> bool {
    folder.join("tokenizer.json").exists() || folder.join("merges.txt").exists()
}

/// The file of a data set; one on the hub is downloaded unless it is there already.
pub fn data_file(data: &DataRef, access: &mut Access) -> Result<PathBuf> {
    fetch_data(data, access).map(|(file, _)| file)
}

/// As [`data_file`], with what was not as asked.
pub fn fetch_data(data: &DataRef, access: &mut Access) -> Result<(PathBuf, Option<String>)> {
    let id = match (&data.path, &data.hub) {
        (Some(path), None) => return Ok((path.clone(), None)),
        (None, Some(id)) => id,
        _ => return Err(needs_source()),
    };
    let wanted: Vec<String> = data.file.iter().cloned().collect();
    let fetched = access.hub.dataset(id, data.revision.as_deref(), &wanted, &mut access.watch)?;
    match fetched.files.as_slice() {
        [file] => Ok((file.clone(), fetched.note)),
        files => {
            let inside = |file: &PathBuf| file.strip_prefix(&fetched.folder).unwrap_or(file).display().to_string();
            let names: Vec<String> = files.iter().map(inside).collect();
            Err(Error::config(format!("the data set `{id}` has {} files", files.len()))
                .hint(format!("name one of them as `file`: {}", names.join(", "))))
        }
    }
}

/// Makes the rows that an experiment describes; `seed` is its seed.
pub fn make_data(data: &DataRef, make: &Make, seed: u64) -> Result<Dataset> {
    make.dataset(seed, &spec(data))
}

fn spec(data: &DataRef) -> DataSpec {
    DataSpec {
        columns: data.columns.clone(),
        part: data.part.clone(),
        group: data.group.clone(),
        limit: data.limit,
        format: data.format,
    }
}

/// Reads a data file as an experiment describes it.
pub fn load_data(data: &DataRef, file: &Path) -> Result<Dataset> {
    let mut set = load(file, &spec(data))?;
    if let Some(id) = &data.hub {
        set.name.clone_from(id);
    }
    Ok(set)
}

/// The device that an experiment or an option names: `cpu`, `cuda` for the first card, or `cuda:N`.
///
/// # Errors
/// `Config` for another word, `Device` when the card cannot be used: why, and what to do.
pub fn parse_device(name: &str) -> Result<Device> {
    let unknown = || Error::config(format!("there is no device `{name}`")).hint("use `cpu`, `cuda` or `cuda:N`");
    let number = match name.strip_prefix("cuda") {
        None if name == "cpu" => return Ok(Device::Cpu),
        None => return Err(unknown()),
        Some("") => 0,
        Some(rest) => rest.strip_prefix(':').and_then(|n| n.parse().ok()).ok_or_else(unknown)?,
    };
    let device = Device::Cuda(number);
    super::kernel_cache::use_folder();
    // opening says at once, and in words, what hinders
    kernels(device).map(|_| device).map_err(|error| error.context(&format!("the device `{name}` is not available")))
}

/// The device and the precision that an experiment or options name.
///
/// # Errors
/// As [`parse_device`]; `Config` for an unknown precision or one that the device does not have.
pub fn parse_place(device: &str, precision: &str) -> Result<Place> {
    let precision = Precision::parse(precision).map_err(|e| e.context("precision"))?;
    if device == "cpu" {
        return Place { device: Device::Cpu, precision }.check().map_err(|e| e.context("precision"));
    }
    let place = Place { device: parse_device(device).map_err(|e| e.context("device"))?, precision };
    kernels(place).map(|_| place).map_err(|error| error.context("precision"))
}

/// The id and the revision of a place that is on the hub: `owner/name` or `owner/name@revision`.
fn hub_id(place: &str) -> Option<(String, Option<String>)> {
    if Path::new(place).exists() || place.starts_with('.') {
        return None;
    }
    let (id, revision) = match place.split_once('@') {
        Some((id, revision)) => (id, Some(revision.to_owned()).filter(|revision| !revision.is_empty())),
        None => (place, None),
    };
    hub::is_id(id).then(|| (id.to_owned(), revision))
}

/// Whether this is the name of a data file: one that is missing is no id, and nothing is asked of the hub.
fn is_data_file(place: &str) -> bool {
    const EXTENSIONS: [&str; 9] = ["jsonl", "ndjson", "json", "csv", "tsv", "txt", "text", "parquet", "gz"];
    let extension = Path::new(place).extension().and_then(|e| e.to_str()).unwrap_or_default();
    EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str())
}

fn needs_source() -> Error {
    Error::config(ONE_SOURCE).hint(SOURCES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_folders_files_or_ids_with_a_revision() {
        let hub = |place: &str| {
            let model = model_ref(place);
            model.hub.map(|id| (id, model.revision))
        };
        assert_eq!(hub("lab/tiny"), Some(("lab/tiny".to_owned(), None)));
        assert_eq!(hub("lab/tiny@step1000"), Some(("lab/tiny".to_owned(), Some("step1000".to_owned()))));
        assert_eq!(hub("src"), None, "a folder that is there");
        assert_eq!(hub("./lab/tiny"), None);
        assert_eq!(hub("a/b/c"), None);
        let data = data_ref("rows.jsonl", &DataRef::default());
        assert_eq!((data.hub, data.path), (None, Some("rows.jsonl".into())));
        assert_eq!(data_ref("lab/rows@v2", &DataRef::default()).revision.as_deref(), Some("v2"));
    }

    #[test]
    fn checkpoints_of_one_repository_have_different_names() {
        let names = ["lab/tiny@step1", "lab/tiny@step2", "lab/tiny"]
            .map(|place| model_name(&model_ref(place), Path::new("/cache/snapshots/0123")));
        assert_eq!(names, ["lab/tiny@step1", "lab/tiny@step2", "lab/tiny"]);
    }
}
