//! Named tensors that are no model, such as directions in parameter space, with a description beside them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::View;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::tensor::Real;

/// A tensor to be written.
pub struct NamedTensor<'a> {
    /// Its name, unique in the file.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers, row-major.
    pub values: &'a [Real],
}

/// Writes `tensors` to `path` (safetensors) and what they are to the same name with `.json`. Both are written beside
/// their place first and renamed, the description last.
///
/// # Errors
/// A full disk, a missing permission, a shape that does not fit its numbers.
pub fn save_tensors(path: &Path, tensors: &[NamedTensor<'_>], about: &Value) -> Result<()> {
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let partial = path.with_extension("partial");
    let views = tensors.iter().map(|t| (t.name.as_str(), Plain(t)));
    safetensors::serialize_to_file(views, Some(metadata), &partial)
        .map_err(|e| Error::data(format!("writing the tensors failed: {e}")).at(&partial))?;
    std::fs::rename(&partial, path).map_err(|e| Error::io("renaming", path, &e))?;
    let text =
        serde_json::to_string_pretty(about).map_err(|e| Error::bug(format!("a description cannot be written: {e}")))?;
    std::fs::write(&partial, text + "\n").map_err(|e| Error::io("writing", &partial, &e))?;
    let described = path.with_extension("json");
    std::fs::rename(&partial, &described).map_err(|e| Error::io("renaming", &described, &e))
}

struct Plain<'a>(&'a NamedTensor<'a>);

impl View for Plain<'_> {
    fn dtype(&self) -> Dtype {
        if cfg!(feature = "f64") { Dtype::F64 } else { Dtype::F32 }
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        if cfg!(target_endian = "little") {
            Cow::Borrowed(bytemuck::cast_slice(self.0.values))
        } else {
            Cow::Owned(self.0.values.iter().flat_map(|x| x.to_le_bytes()).collect())
        }
    }

    fn data_len(&self) -> usize {
        size_of_val(self.0.values)
    }
}
