//! A decoder becomes a folder that transformers reads.
//!
//! Everything is written to a hidden neighbor of the folder, synced, and renamed: the folder is there
//! completely or not at all, and files that are mapped are never written to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Display;
use std::fs::File;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::View;
use serde_json::Value;

use super::folder::{CONFIG, SINGLE};
use crate::error::{Error, Result};
use crate::model::{Decoder, StoredType, Weight};

/// Files of the original folder that belong to the copy too.
const COMPANIONS: &[&str] = &[
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
    "LICENSE",
];

/// Saves a decoder as the folder `dir`, which must not exist or be empty.
///
/// Parameters still in their file keep their stored type; changed ones are written as f32 (f64 in the
/// gradient-check build). `config` is the config.json the model was made from; only its dtype is brought up
/// to date. Tokenizer files are copied from `companions`, the folder the model came from, if there is one.
///
/// # Errors
/// A model with an adapter, an existing folder, a full disk, a missing permission; nothing is left behind.
pub fn save(dir: &Path, model: &Decoder, config: &Value, companions: Option<&Path>) -> Result<()> {
    save_with(dir, model, config, companions, &mut |_| Ok(()))
}

/// As [`save`], with more files in the folder: `more` writes them, before the folder gets its name.
///
/// # Errors
/// As [`save`], and those of `more`.
pub fn save_with(
    dir: &Path,
    model: &Decoder,
    config: &Value,
    companions: Option<&Path>,
    more: &mut dyn FnMut(&Path) -> Result<()>,
) -> Result<()> {
    if std::fs::read_dir(dir).is_ok_and(|mut items| items.next().is_some()) || dir.is_file() {
        return Err(Error::config("the folder to save to exists already")
            .hint("choose another name; nothing is ever overwritten")
            .at(dir));
    }
    if !model.adapters.is_empty() {
        return Err(Error::bug("a model with an adapter has no files of its own: it must be merged first"));
    }
    let (parent, partial) = neighbor(dir)?;
    std::fs::create_dir_all(&parent).map_err(|e| Error::io("making the folder", &parent, &e))?;
    if partial.exists() {
        std::fs::remove_dir_all(&partial).map_err(|e| Error::io("removing an unfinished save", &partial, &e))?;
    }
    let done = write_all(&partial, model, config, companions)
        .and_then(|()| more(&partial))
        .and_then(|()| sync(&partial))
        .and_then(|()| std::fs::rename(&partial, dir).map_err(|e| Error::io("renaming", dir, &e)))
        .and_then(|()| sync(&parent));
    if done.is_err() && partial.exists() {
        // The first error is the one to tell; what could not be removed is removed by the next save.
        drop(std::fs::remove_dir_all(&partial));
    }
    done
}

/// The parent of a folder, and the hidden name beside it that is written first.
fn neighbor(dir: &Path) -> Result<(PathBuf, PathBuf)> {
    let Some(name) = dir.file_name() else {
        return Err(Error::config("the folder to save to has no name").at(dir));
    };
    let parent = match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let partial = parent.join(format!(".{}.partial", name.to_string_lossy()));
    Ok((parent, partial))
}

fn write_all(dir: &Path, model: &Decoder, config: &Value, companions: Option<&Path>) -> Result<()> {
    std::fs::create_dir(dir).map_err(|e| Error::io("making the folder", dir, &e))?;
    let path = dir.join(SINGLE);
    write_tensors(&path, model.params.iter().map(|(_, weight)| weight))?;
    for name in COMPANIONS {
        let Some(source) = companions.map(|c| c.join(name)).filter(|s| s.is_file()) else { continue };
        let target = dir.join(name);
        std::fs::copy(&source, &target).map_err(|e| Error::io("copying", &source, &e))?;
        sync(&target)?;
    }
    write_json(&dir.join(CONFIG), &with_dtype(config, model))?;
    sync(dir)
}

/// Writes parameters under their names as a safetensors file, over what is there.
///
/// # Errors
/// `Data` when the disk is full or the file cannot be written.
pub fn write_tensors<'a>(path: &Path, weights: impl Iterator<Item = &'a Weight>) -> Result<()> {
    write_views(path, weights.map(|weight| (weight.name.as_str(), Plain(weight))))
}

/// Writes named tensors as a safetensors file, over what is there. The folder is made if it is not there.
///
/// # Errors
/// `Data` when the disk is full or the file cannot be written.
pub fn write_views<N: AsRef<str> + Ord + Display, V: View>(
    path: &Path,
    tensors: impl IntoIterator<Item = (N, V)>,
) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|e| Error::io("making the folder", parent, &e))?;
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(tensors, Some(metadata), path)
        .map_err(|e| Error::data(format!("writing the tensors failed: {e}")).at(path))?;
    sync(path)
}

/// Writes a JSON value, over what is there.
///
/// # Errors
/// `Data` when the disk is full or the file cannot be written.
pub fn write_json(path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::bug(format!("a value cannot be written as JSON: {e}")).at(path))?;
    std::fs::write(path, text + "\n").map_err(|e| Error::io("writing", path, &e))?;
    sync(path)
}

/// config.json with the widest type among the parameters.
fn with_dtype(config: &Value, model: &Decoder) -> Value {
    let width = |kind: StoredType| (kind.bytes(), kind == StoredType::Bf16);
    let widest = model.params.iter().map(|(_, weight)| stored(weight)).max_by_key(|kind| width(*kind));
    let name = match widest {
        Some(StoredType::F64) => "float64",
        Some(StoredType::F16) => "float16",
        Some(StoredType::Bf16) => "bfloat16",
        Some(StoredType::F32) | None => "float32",
    };
    let mut config = config.clone();
    if let Value::Object(map) = &mut config {
        let key = if map.contains_key("torch_dtype") { "torch_dtype" } else { "dtype" };
        map.insert(key.to_owned(), name.into());
    }
    config
}

fn stored(weight: &Weight) -> StoredType {
    let memory = if cfg!(feature = "f64") { StoredType::F64 } else { StoredType::F32 };
    weight.stored_type().unwrap_or(memory)
}

fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|e| Error::io("syncing", path, &e))
}

/// A parameter as safetensors sees it.
struct Plain<'a>(&'a Weight);

impl View for Plain<'_> {
    fn dtype(&self) -> Dtype {
        match stored(self.0) {
            StoredType::F64 => Dtype::F64,
            StoredType::F32 => Dtype::F32,
            StoredType::F16 => Dtype::F16,
            StoredType::Bf16 => Dtype::BF16,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.0.bytes()
    }

    fn data_len(&self) -> usize {
        self.0.len() * stored(self.0).bytes()
    }
}
