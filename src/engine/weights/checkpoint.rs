//! All tensors of a model folder, in one file or in shards.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use super::folder::{Layout, layout};
use super::tensor_file::{Entry, TensorFile};
use super::{json, map};
use crate::error::{Error, Result};

/// The weight files of a model.
#[derive(Debug)]
pub struct Checkpoint {
    files: Vec<TensorFile>,
    /// Name → (file, position among its entries).
    index: BTreeMap<String, (usize, usize)>,
}

impl Checkpoint {
    /// Maps all weight files of a folder and reads their headers.
    ///
    /// # Errors
    /// No safetensors weights, a damaged file, or shards that disagree with their index.
    pub fn open(dir: &Path) -> Result<Self> {
        match layout(dir)? {
            Layout::Single(path) => Self::collect(vec![TensorFile::open(&path)?]),
            Layout::Sharded(path) => Self::open_shards(dir, &path),
        }
    }

    fn open_shards(dir: &Path, index_path: &Path) -> Result<Self> {
        let map = weight_map(index_path)?;
        let names: BTreeSet<&str> = map.values().map(String::as_str).collect();
        let missing: Vec<&str> =
            names.iter().copied().filter(|name| dir.join(name).symlink_metadata().is_err()).collect();
        if !missing.is_empty() {
            return Err(Error::data(format!("the index names files that are not there: {}", shorten(&missing)))
                .hint("download the folder completely")
                .at(index_path));
        }
        let files = names.iter().map(|name| TensorFile::open(&dir.join(name))).collect::<Result<Vec<_>>>()?;
        let checkpoint = Self::collect(files)?;
        for (tensor, shard) in &map {
            let found = checkpoint.index.get(tensor).and_then(|&(file, _)| checkpoint.files.get(file));
            if found.is_none_or(|file| !file.path().ends_with(shard)) {
                return Err(Error::data(format!("the index says that {shard} holds \"{tensor}\", but it does not"))
                    .hint("the index belongs to other files; download the folder again")
                    .at(index_path));
            }
        }
        Ok(checkpoint)
    }

    fn collect(files: Vec<TensorFile>) -> Result<Self> {
        let mut index = BTreeMap::new();
        for (file_index, file) in files.iter().enumerate() {
            for (entry_index, entry) in file.entries().iter().enumerate() {
                let before = index.insert(entry.name.clone(), (file_index, entry_index));
                if let Some(other) = before.and_then(|(i, _)| files.get(i)) {
                    return Err(Error::data(format!(
                        "the tensor \"{}\" is in two files; the other is {}",
                        entry.name,
                        other.path().display()
                    ))
                    .hint("files of different checkpoints are mixed; download the folder again")
                    .at(file.path()));
                }
            }
        }
        Ok(Self { files, index })
    }

    /// The tensor with this name, and its file.
    pub fn find(&self, name: &str) -> Option<(&TensorFile, &Entry)> {
        let &(file, entry) = self.index.get(name)?;
        let file = self.files.get(file)?;
        Some((file, file.entries().get(entry)?))
    }

    /// All tensors by name.
    pub fn iter(&self) -> impl Iterator<Item = (&TensorFile, &Entry)> {
        self.index.keys().filter_map(|name| self.find(name))
    }

    /// The files, sorted by name.
    pub fn files(&self) -> &[TensorFile] {
        &self.files
    }
}

/// Largest index that is read; the largest models have some 10 MB.
const MAX_INDEX: u64 = 64 << 20;

/// The part of an index that matters.
#[derive(serde::Deserialize)]
struct Index {
    weight_map: WeightMap,
}

/// Tensor → file name.
struct WeightMap(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for WeightMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(WeightMapVisitor)
    }
}

struct WeightMapVisitor;

impl<'de> Visitor<'de> for WeightMapVisitor {
    type Value = WeightMap;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a file name for each tensor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WeightMap, A::Error> {
        let mut names = BTreeMap::new();
        while let Some((tensor, name)) = map.next_entry::<String, String>()? {
            if names.contains_key(&tensor) {
                return Err(A::Error::custom(format!("the tensor \"{tensor}\" occurs twice")));
            }
            names.insert(tensor, name);
        }
        Ok(WeightMap(names))
    }
}

/// Tensor → file name, every file name checked to be a plain name inside the folder.
fn weight_map(path: &Path) -> Result<BTreeMap<String, String>> {
    let wrong = |message: String| Error::data(message).hint("download the folder again").at(path);
    let index: Index = json::parse_as(&map::read_small(path, MAX_INDEX)?).map_err(|e| e.at(path))?;
    let WeightMap(names) = index.weight_map;
    if names.is_empty() {
        return Err(wrong("the weight_map of the index is empty".to_owned()));
    }
    let is_plain = |name: &str| {
        name.strip_suffix(".safetensors")
            .is_some_and(|stem| !stem.is_empty() && !stem.starts_with('.') && !name.contains(['/', '\\', ':', '\0']))
    };
    if let Some(name) = names.values().find(|name| !is_plain(name)) {
        return Err(wrong(format!(
            "the index names the file \"{}\"; only .safetensors files of the same folder are opened",
            name.escape_debug()
        )));
    }
    Ok(names)
}

/// The first names of a list, and how many more there are.
pub(super) fn shorten<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
