//! One mapped safetensors file.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use memmap2::Mmap;
use safetensors::Dtype;

use super::{header, map};
use crate::error::{Error, Result};
use crate::model::{Store, StoredType};

/// A tensor in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub kind: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its bytes in the file.
    pub range: Range<usize>,
}

impl Entry {
    /// The element type, if the decoder can compute with it.
    pub fn stored_type(&self) -> Option<StoredType> {
        match self.kind {
            Dtype::F64 => Some(StoredType::F64),
            Dtype::F32 => Some(StoredType::F32),
            Dtype::F16 => Some(StoredType::F16),
            Dtype::BF16 => Some(StoredType::Bf16),
            _ => None,
        }
    }
}

/// What a file was when it was mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    path: PathBuf,
    n_bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// Whether the file is still what was mapped. A file that is cut while it is mapped stops the process when
    /// the missing part is read, so this is asked where work begins.
    ///
    /// # Errors
    /// The file was cut, replaced, changed or removed since.
    pub fn check_unchanged(&self) -> Result<()> {
        let now = std::fs::metadata(&self.path).map_err(|e| Error::io("checking", &self.path, &e))?;
        if now.len() == self.n_bytes && now.modified().ok() == self.modified {
            return Ok(());
        }
        Err(Error::data("the file was changed while it was in use")
            .hint("open the model again once nothing writes to it")
            .at(&self.path))
    }
}

/// A mapped safetensors file whose header was checked.
#[derive(Debug)]
pub struct TensorFile {
    stamp: Stamp,
    map: Arc<Mmap>,
    /// Sorted by name.
    entries: Vec<Entry>,
}

impl TensorFile {
    /// Maps a file and reads its header.
    ///
    /// # Errors
    /// Anything that is not exactly a safetensors file, with what is wrong, where and what to do.
    pub fn open(path: &Path) -> Result<Self> {
        let (map, metadata) = map::map(path)?;
        let entries = header::parse(&map).map_err(|e| e.at(path))?;
        let stamp = Stamp { path: path.to_owned(), n_bytes: map.len() as u64, modified: metadata.modified().ok() };
        Ok(Self { stamp, map: Arc::new(map), entries })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.stamp.path
    }

    /// What it was when it was mapped.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// Its size in bytes.
    pub fn n_bytes(&self) -> usize {
        self.map.len()
    }

    /// Its tensors, sorted by name.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The tensor with this name.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.binary_search_by(|e| e.name.as_str().cmp(name)).ok().and_then(|i| self.entries.get(i))
    }

    /// The bytes of a tensor, little endian.
    pub fn bytes(&self, entry: &Entry) -> &[u8] {
        header::bytes(&self.map, entry.range.clone())
    }

    /// The numbers of a tensor as a parameter's store, still in the file, at whatever address they lie.
    /// `None` for types without arithmetic here.
    pub fn store(&self, entry: &Entry) -> Option<Store> {
        let kind = entry.stored_type()?;
        Some(Store::Mapped { file: Arc::clone(&self.map), offset: entry.range.start, kind })
    }

    /// A floating-point tensor as f64; `None` for other types.
    pub fn numbers(&self, entry: &Entry) -> Option<Vec<f64>> {
        let bytes = self.bytes(entry);
        Some(match entry.stored_type()? {
            StoredType::F64 => words(bytes).map(f64::from_le_bytes).collect(),
            StoredType::F32 => words(bytes).map(|b| f64::from(f32::from_le_bytes(b))).collect(),
            StoredType::F16 => words(bytes).map(|b| half::f16::from_le_bytes(b).to_f64()).collect(),
            StoredType::Bf16 => words(bytes).map(|b| half::bf16::from_le_bytes(b).to_f64()).collect(),
        })
    }

    /// An integer tensor (I32, U32 or I64); `None` for other types.
    pub fn integers(&self, entry: &Entry) -> Option<Vec<i64>> {
        let bytes = self.bytes(entry);
        match entry.kind {
            Dtype::I64 => Some(words(bytes).map(i64::from_le_bytes).collect()),
            Dtype::I32 => Some(words(bytes).map(|b| i64::from(i32::from_le_bytes(b))).collect()),
            Dtype::U32 => Some(words(bytes).map(|b| i64::from(u32::from_le_bytes(b))).collect()),
            _ => None,
        }
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.as_chunks::<N>().0.iter().copied()
}
