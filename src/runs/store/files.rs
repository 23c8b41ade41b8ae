//! Files that are whole or absent: written beside the target, synced, renamed.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Writes `bytes` to `path` so that a reader sees the old file or the new one, never a part:
/// temporary file in the same folder, sync, rename, sync of the folder.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let (replacement, mut file) = Replacement::begin(path)?;
    let written = file.write_all(bytes).map_err(|e| Error::io("writing", path, &e));
    written.and_then(|()| replacement.commit(&file))
}

/// Like [`write_atomic`] for what does not fit into memory: `write` puts it into the file bit by bit.
pub fn write_bit_by_bit(path: &Path, write: impl FnOnce(&mut dyn std::io::Write) -> Result<()>) -> Result<()> {
    let (replacement, file) = Replacement::begin(path)?;
    let mut buffer = std::io::BufWriter::new(file);
    write(&mut buffer)?;
    let file = buffer.into_inner().map_err(|e| Error::io("writing", path, e.error()))?;
    replacement.commit(&file)
}

/// A file that is being written beside the one that it will replace. Dropped before it is committed, it leaves
/// nothing behind.
pub(super) struct Replacement {
    path: PathBuf,
    temporary: PathBuf,
}

impl Replacement {
    /// Begins to replace `path`; the caller writes into the file.
    pub(super) fn begin(path: &Path) -> Result<(Self, File)> {
        let replacement = Self { path: path.to_owned(), temporary: temporary_name(path) };
        let file = File::create(&replacement.temporary).map_err(|e| Error::io("writing", path, &e))?;
        Ok((replacement, file))
    }

    /// Makes what was written durable and puts it in its place.
    pub(super) fn commit(self, file: &File) -> Result<()> {
        let done = file
            .sync_all()
            .and_then(|()| fs::rename(&self.temporary, &self.path))
            .and_then(|()| sync_folder(self.path.parent().unwrap_or_else(|| Path::new("."))));
        done.map_err(|e| Error::io("writing", &self.path, &e))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // After a commit nothing is there; after a failure there is nothing more to say.
        remove_if_there(&self.temporary);
    }
}

/// Writes a value as indented JSON, as a whole or not at all.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|e| Error::bug(format!("a file cannot be written as JSON: {e}")).at(path))?;
    text.push(b'\n');
    write_atomic(path, &text)
}

/// Reads a JSON file; the error names line and column.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).map_err(|e| Error::io("reading", path, &e))?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    serde_json::from_slice(text).map_err(|e| Error::data(format!("not the expected JSON: {e}")).at(path))
}

/// Makes a folder and the ones above it.
pub fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| Error::io("making the folder", path, &e))
}

/// An empty file for the standard error of a process.
pub fn create_log(path: &Path) -> Result<File> {
    File::create(path).map_err(|e| Error::io("writing", path, &e))
}

/// Names of the files of a model folder that decide about numbers, sorted: configuration, tokenizer, weights. Notes
/// and the like may come and go.
pub fn model_files(folder: &Path) -> Result<Vec<String>> {
    let io = |e: std::io::Error| Error::io("reading the folder", folder, &e);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name().to_string_lossy().into_owned();
        let is_weights = name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json");
        if is_weights || MODEL_FILES.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// What is read of a model folder beside weights.
const MODEL_FILES: [&str; 10] = [
    "adapter_config.json",
    "added_tokens.json",
    "config.json",
    "generation_config.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
];

/// Whether this is the name of a file that is being written or was left half-written.
pub(super) fn is_temporary(name: &str) -> bool {
    name.rsplit_once(".tmp").is_some_and(|(_, pid)| !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()))
}

/// Removes half-written files from a folder.
pub(super) fn remove_temporary(folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|e| Error::io("reading the folder", folder, &e))?;
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if path.file_name().is_some_and(|name| is_temporary(&name.to_string_lossy())) {
            remove_if_there(&path);
        }
    }
    Ok(())
}

/// Removes a file that nobody misses.
pub fn remove_if_there(path: &Path) {
    let _ = fs::remove_file(path);
}

fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".tmp{}", std::process::id()));
    path.with_file_name(name)
}

/// Makes a rename durable. Windows has no such call and needs none.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_no_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_json(&path, &1).unwrap();
        let blocked = folder.path().join("gone").join("a.json");
        assert!(write_json(&blocked, &2).unwrap_err().to_string().contains("writing failed"), "says what failed");
        assert_eq!(read_json::<u32>(&path).unwrap(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn bad_json_names_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(&path, "{\n\"a\": }").unwrap();
        let message = read_json::<serde_json::Value>(&path).unwrap_err().to_string();
        assert!(message.contains("line 2") && message.contains("a.json"), "{message}");
    }
}
