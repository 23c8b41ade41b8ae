//! Models and data that an experiment names become loaded ones.

use std::path::{Path, PathBuf};

use super::experiment::{DataRef, ModelRef};
use crate::data::{DataSpec, Dataset, Tokenizer, load};
use crate::engine::{Device, weights};
use crate::error::{Error, Result};
use crate::methods::LoadedModel;

/// The folder of a model; one on the hub is downloaded unless it is there already.
pub fn model_folder(model: &ModelRef) -> Result<PathBuf> {
    match (&model.path, &model.hub) {
        (Some(path), None) => Ok(path.clone()),
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
    let decoder = weights::load(folder, device)?.decoder;
    let tokenizer = if has_tokenizer(folder) { Some(Tokenizer::load(folder)?) } else { None };
    Ok(LoadedModel { name: name.to_owned(), path: folder.to_owned(), decoder, tokenizer })
}

/// Whether tokenizer files are in a model folder.
pub fn has_tokenizer(folder: &Path) -> bool {
    folder.join("tokenizer.json").exists() || folder.join("merges.txt").exists()
}

/// Reads a data set; one on the hub is downloaded unless it is there already.
pub fn load_data(data: &DataRef) -> Result<Dataset> {
    let spec = DataSpec { columns: data.columns.clone(), limit: data.limit, format: data.format };
    match (&data.path, &data.hub) {
        (Some(path), None) => load(path, &spec),
        _ => Err(needs_source()),
    }
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

fn needs_source() -> Error {
    Error::config("needs either `path` or `hub`").hint("`path` is a folder or file, `hub` an id on the hub")
}
