//! Named tensors that are no model: scores, masks, differences. One safetensors file, and JSON beside it.
//!
//! Everything is written to a hidden neighbor, synced, and renamed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::View;
use serde_json::Value;

use crate::error::{Error, Result};

/// The numbers of a tensor.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// Real numbers.
    F32(&'a [f32]),
    /// Real numbers to the last bit.
    F64(&'a [f64]),
    /// Places.
    U32(&'a [u32]),
}

/// Writes tensors (name, shape, numbers) to `path`, over what is there.
///
/// # Errors
/// A full disk, a missing permission; what was there stays then.
pub fn write_numbers(path: &Path, tensors: &[(String, Vec<usize>, Numbers<'_>)]) -> Result<()> {
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let views = tensors.iter().map(|(name, shape, numbers)| (name.as_str(), Tensor { shape, numbers: *numbers }));
    replace(path, |partial| {
        safetensors::serialize_to_file(views, Some(metadata), partial)
            .map_err(|e| Error::data(format!("writing tensors failed: {e}")).at(path))
    })
}

/// Writes a value as JSON to `path`, over what is there.
///
/// # Errors
/// A full disk, a missing permission; what was there stays then.
pub fn replace_json(path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Error::bug(format!("a value is no JSON: {e}")))?;
    replace(path, |partial| std::fs::write(partial, text + "\n").map_err(|e| Error::io("writing", path, &e)))
}

fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|e| Error::io("making the folder", parent, &e))?;
    }
    let partial = partial(path);
    write(&partial)?;
    File::open(&partial)
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|e| Error::io("writing", path, &e))
}

fn partial(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.partial"))
}

struct Tensor<'a> {
    shape: &'a [usize],
    numbers: Numbers<'a>,
}

impl View for Tensor<'_> {
    fn dtype(&self) -> Dtype {
        match self.numbers {
            Numbers::F32(_) => Dtype::F32,
            Numbers::F64(_) => Dtype::F64,
            Numbers::U32(_) => Dtype::U32,
        }
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self.numbers {
            Numbers::F32(values) if cfg!(target_endian = "little") => Cow::Borrowed(bytemuck::cast_slice(values)),
            Numbers::F64(values) if cfg!(target_endian = "little") => Cow::Borrowed(bytemuck::cast_slice(values)),
            Numbers::U32(values) if cfg!(target_endian = "little") => Cow::Borrowed(bytemuck::cast_slice(values)),
            Numbers::F32(values) => Cow::Owned(values.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Numbers::F64(values) => Cow::Owned(values.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Numbers::U32(values) => Cow::Owned(values.iter().flat_map(|x| x.to_le_bytes()).collect()),
        }
    }

    fn data_len(&self) -> usize {
        match self.numbers {
            Numbers::F32(values) => size_of_val(values),
            Numbers::F64(values) => size_of_val(values),
            Numbers::U32(values) => size_of_val(values),
        }
    }
}
