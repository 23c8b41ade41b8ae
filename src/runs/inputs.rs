//! Models and data that an experiment names become loaded ones.

use std::path::{Path, PathBuf};

use super::experiment::{DataRef, ModelRef};
use crate::data::hub::{self, Hub};
use crate::data::{DataSpec, Dataset, Tokenizer, load};
use crate::engine::{Device, weights};
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

/// A model as it is written on a command line: a folder, or an id on the hub when there is no such folder.
pub fn model_ref(place: &str) -> ModelRef {
    if is_hub_id(place) {
        ModelRef { hub: Some(place.to_owned()), ..ModelRef::default() }
    } else {
        ModelRef { path: Some(PathBuf::from(place)), ..ModelRef::default() }
    }
}

/// Data as it is written on a command line; the rest is as in `template`.
pub fn data_ref(place: &str, template: &DataRef) -> DataRef {
    let (path, hub) = if is_hub_id(place) && !is_data_file(place) {
        (None, Some(place.to_owned()))
    } else {
        (Some(PathBuf::from(place)), None)
    };
    DataRef { path, hub, ..template.clone() }
}

/// The folder of a model; one on the hub is downloaded unless it is there already.
pub fn model_folder(model: &ModelRef, access: &mut Access) -> Result<PathBuf> {
    match (&model.path, &model.hub) {
        (Some(path), None) => Ok(path.clone()),
        (None, Some(id)) => Ok(access.hub.model(id, model.revision.as_deref(), &mut access.watch)?.folder),
        _ => Err(needs_source()),
    }
}

/// Shown name of a model: its hub id or the name of its folder.
pub fn model_name(model: &ModelRef, folder: &Path) -> String {
    let from_path = || folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    model.hub.clone().unwrap_or_else(from_path)
}

/// Loads a model with its tokenizer; a folder without tokenizer files gives a model without one.
pub fn load_model(name: &str, folder: &Path, device: Device) -> Result<LoadedModel> {
    load_watched(name, folder, device).map(|(model, _)| model)
}

/// As [`load_model`], with what tells whether its files change while they are in use: weights stay on the disk and
/// are read when they are needed.
pub fn load_watched(name: &str, folder: &Path, device: Device) -> Result<(LoadedModel, weights::LoadReport)> {
    let weights::Loaded { decoder, report } = weights::load(folder, device)?;
    let tokenizer = if has_tokenizer(folder) { Some(Tokenizer::load(folder)?) } else { None };
    Ok((LoadedModel { name: name.to_owned(), path: folder.to_owned(), decoder, tokenizer }, report))
}

/// Whether tokenizer files are in a model folder.
pub fn has_tokenizer(folder: &Path) -> bool {
    folder.join("tokenizer.json").exists() || folder.join("merges.txt").exists()
}

/// The file of a data set; one on the hub is downloaded unless it is there already.
pub fn data_file(data: &DataRef, access: &mut Access) -> Result<PathBuf> {
    let id = match (&data.path, &data.hub) {
        (Some(path), None) => return Ok(path.clone()),
        (None, Some(id)) => id,
        _ => return Err(needs_source()),
    };
    let wanted: Vec<String> = data.file.iter().cloned().collect();
    let fetched = access.hub.dataset(id, data.revision.as_deref(), &wanted, &mut access.watch)?;
    match fetched.files.as_slice() {
        [file] => Ok(file.clone()),
        files => {
            let inside = |file: &PathBuf| file.strip_prefix(&fetched.folder).unwrap_or(file).display().to_string();
            let names: Vec<String> = files.iter().map(inside).collect();
            Err(Error::config(format!("the data set `{id}` has {} files", files.len()))
                .hint(format!("name one of them as `file`: {}", names.join(", "))))
        }
    }
}

/// Reads a data file as an experiment describes it.
pub fn load_data(data: &DataRef, file: &Path) -> Result<Dataset> {
    let spec = DataSpec { columns: data.columns.clone(), limit: data.limit, format: data.format };
    let mut set = load(file, &spec)?;
    if let Some(id) = &data.hub {
        set.name.clone_from(id);
    }
    Ok(set)
}

/// The device that an experiment names.
pub fn parse_device(name: &str) -> Result<Device> {
    match name {
        "cpu" => Ok(Device::Cpu),
        _ if name == "cuda" || name.starts_with("cuda:") => {
            Err(Error::device(format!("the device `{name}` is not available: this program computes on the processor"))
                .hint("use `cpu`"))
        }
        _ => Err(Error::config(format!("there is no device `{name}`")).hint("use `cpu`")),
    }
}

fn is_hub_id(place: &str) -> bool {
    !Path::new(place).exists() && !place.starts_with('.') && hub::is_id(place)
}

/// Whether this is the name of a data file: one that is missing is no id, and nothing is asked of the hub.
fn is_data_file(place: &str) -> bool {
    const EXTENSIONS: [&str; 9] = ["jsonl", "ndjson", "json", "csv", "tsv", "txt", "text", "parquet", "gz"];
    let extension = Path::new(place).extension().and_then(|e| e.to_str()).unwrap_or_default();
    EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str())
}

fn needs_source() -> Error {
    Error::config("needs either `path` or `hub`").hint("`path` is a folder or file, `hub` an id on the hub")
}
