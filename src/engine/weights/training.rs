//! Checkpoints of a training run: model folders named `step-N`, with what training needs to go on.
//!
//! `training.json` holds the state and, for every other file of the folder that going on depends on, its length and a
//! checksum, so that a damaged checkpoint is found out before anything is computed with it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// What an optimizer needs to go on, in a checkpoint.
pub const MOMENTS: &str = "training.safetensors";
/// The rest of what training needs to go on, in a checkpoint.
pub const STATE: &str = "training.json";
const PREFIX: &str = "step-";
const REMEDY: &str = "the checkpoint is damaged; an older one or a new run is needed";

/// The checkpoints in `folder` by number of steps, the newest last.
///
/// # Errors
/// A folder that cannot be read.
pub fn checkpoints(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let io = |e: std::io::Error| Error::io("reading the folder", folder, &e);
    let mut found = Vec::new();
    for item in std::fs::read_dir(folder).map_err(io)? {
        let path = item.map_err(io)?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_prefix(PREFIX)?.parse().ok());
        found.extend(number.map(|number: u64| (number, path)));
    }
    found.sort();
    Ok(found)
}

/// The name of the checkpoint after `steps` steps.
pub fn checkpoint_name(steps: u64) -> String {
    format!("{PREFIX}{steps:08}")
}

/// Whether a folder has a `training.json`.
pub fn has_state(dir: &Path) -> bool {
    dir.join(STATE).is_file()
}

/// Removes the checkpoint `dir`, if it is there, so that it can be written anew.
///
/// # Errors
/// A file that cannot be removed.
pub fn replace(dir: &Path) -> Result<()> {
    if dir.exists() { discard(dir) } else { Ok(()) }
}

/// Writes `training.json` into `dir`: the state, and checksums of the `files` that belong to it.
///
/// # Errors
/// A file that is not there, a full disk.
pub fn seal(dir: &Path, state: &Value, files: &[&str]) -> Result<()> {
    let mut sums = Map::new();
    for name in files {
        sums.insert((*name).to_owned(), json!(checksum(&dir.join(name))?));
    }
    let path = dir.join(STATE);
    let text = serde_json::to_string_pretty(&json!({"state": state, "files": sums}))
        .map_err(|e| Error::bug(format!("the state of training cannot be written: {e}")))?;
    std::fs::write(&path, text + "\n")
        .and_then(|()| File::open(&path)?.sync_all())
        .map_err(|e| Error::io("writing", &path, &e))
}

/// The state in `dir`, when every file that belongs to it is whole.
///
/// # Errors
/// No state, or a file that was cut, changed or removed since.
pub fn read_state(dir: &Path) -> Result<Value> {
    let path = dir.join(STATE);
    let text = std::fs::read(&path).map_err(|e| Error::io("reading", &path, &e))?;
    let mut value: Value = serde_json::from_slice(&text)
        .map_err(|e| Error::data(format!("the file is not valid JSON: {e}")).hint(REMEDY).at(&path))?;
    let Some(files) = value.get("files").and_then(Value::as_object) else {
        return Err(Error::data("the list of files is missing").hint(REMEDY).at(&path));
    };
    for (name, wanted) in files {
        let file = dir.join(name);
        if json!(checksum(&file)?) != *wanted {
            return Err(Error::data("the file is not what was written").hint(REMEDY).at(&file));
        }
    }
    match value.get_mut("state").map(Value::take) {
        Some(state) => Ok(state),
        None => Err(Error::data("the state is missing").hint(REMEDY).at(&path)),
    }
}

/// Leaves only the model in a checkpoint: training cannot go on from it any more.
///
/// # Errors
/// A file that cannot be removed.
pub fn strip(dir: &Path) -> Result<()> {
    for name in [STATE, MOMENTS] {
        let path = dir.join(name);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("removing", &path, &e)),
            _ => {}
        }
    }
    Ok(())
}

/// Removes a checkpoint.
///
/// # Errors
/// A file that cannot be removed.
pub fn discard(dir: &Path) -> Result<()> {
    std::fs::remove_dir_all(dir).map_err(|e| Error::io("removing", dir, &e))
}

/// Length and checksum of a file: FNV-1a over words of eight bytes, which notices every single change.
fn checksum(path: &Path) -> Result<String> {
    const CHUNK: usize = 1 << 20;
    let io = |e: std::io::Error| Error::io("reading", path, &e);
    let mut file = File::open(path).map_err(io)?;
    let (mut hash, mut length, mut chunk) = (0xcbf2_9ce4_8422_2325_u64, 0_u64, Vec::with_capacity(CHUNK));
    loop {
        chunk.clear();
        let n = file.by_ref().take(CHUNK as u64).read_to_end(&mut chunk).map_err(io)?;
        length += n as u64;
        let (words, rest) = chunk.as_chunks::<8>();
        let last = rest.iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        for word in words.iter().map(|bytes| u64::from_le_bytes(*bytes)).chain((!rest.is_empty()).then_some(last)) {
            hash = (hash ^ word).wrapping_mul(0x0100_0000_01b3);
        }
        if n < CHUNK {
            return Ok(format!("{length} {hash:016x}"));
        }
    }
}
