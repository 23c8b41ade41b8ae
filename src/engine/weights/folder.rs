//! What lies in a model folder: which weight files, or which foreign format.

use std::path::{Path, PathBuf};

use super::header::PICKLE_HINT;
use crate::error::{Error, Result};

pub(super) const CONFIG: &str = "config.json";
pub(super) const GENERATION: &str = "generation_config.json";
pub(super) const SINGLE: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// How the weights are stored.
pub(super) enum Layout {
    /// One file.
    Single(PathBuf),
    /// Several files and their index.
    Sharded(PathBuf),
}

/// Finds the weights in a folder; one file wins over an index, as in transformers.
pub(super) fn layout(dir: &Path) -> Result<Layout> {
    refuse_foreign(dir)?;
    if !dir.is_dir() {
        let error = if dir.exists() {
            Error::data("this is a file; a model is a folder with config.json and model.safetensors")
                .hint("give the folder that holds it")
        } else {
            Error::data("there is no such folder")
                .hint("check the path, or give a hub id such as EleutherAI/pythia-70m")
        };
        return Err(error.at(dir));
    }
    let exists = |name: &str| dir.join(name).symlink_metadata().is_ok();
    if exists(SINGLE) {
        return Ok(Layout::Single(dir.join(SINGLE)));
    }
    if exists(INDEX) {
        return Ok(Layout::Sharded(dir.join(INDEX)));
    }
    Err(nothing_usable(dir)?)
}

/// Refuses single files in formats that are not read.
pub fn refuse_foreign(path: &Path) -> Result<()> {
    match path.extension().and_then(|e| e.to_str()) {
        Some("bin" | "pt" | "pth" | "ckpt" | "pkl") if path.is_file() => {
            Err(Error::data("this is a pickle file").hint(PICKLE_HINT).at(path))
        }
        Some("gguf") if path.is_file() => Err(gguf().at(path)),
        _ => Ok(()),
    }
}

fn gguf() -> Error {
    Error::data("the weights are in GGUF, which is not read")
        .hint("use the original safetensors checkpoint; GGUF weights are usually quantized")
}

/// The error for a folder without safetensors weights under the usual names.
fn nothing_usable(dir: &Path) -> Result<Error> {
    let mut names = Vec::new();
    for item in std::fs::read_dir(dir).map_err(|e| Error::io("reading the folder", dir, &e))? {
        let item = item.map_err(|e| Error::io("reading the folder", dir, &e))?;
        names.push(item.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let has = |endings: &[&str]| names.iter().find(|n| endings.iter().any(|e| n.ends_with(e)));
    let error = if let Some(shard) = has(&[".safetensors"]) {
        Error::data(format!("the folder has {shard} but neither {SINGLE} nor {INDEX}"))
            .hint("download the folder completely, or rename a single file to model.safetensors")
    } else if let Some(pickle) = has(&[".bin", ".bin.index.json", ".pt", ".pth", ".ckpt"]) {
        Error::data(format!("the folder has only pickle weights ({pickle})")).hint(PICKLE_HINT)
    } else if has(&[".gguf"]).is_some() {
        gguf()
    } else {
        Error::data(format!("the folder has no {SINGLE} and no {INDEX}")).hint("download the folder completely")
    };
    Ok(error.at(dir))
}
