//! Files in memory: mapped when large, read when small. Only regular files are opened.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::Path;

use memmap2::Mmap;

use crate::error::{Error, Result};

/// A regular file and what the file system says about it. Anything else (a folder, a pipe, a device)
/// is refused before it is opened, because opening a pipe waits for ever.
pub(super) fn open_regular(path: &Path) -> Result<(File, Metadata)> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(_) if std::fs::symlink_metadata(path).is_ok() => {
            return Err(Error::data("the file is a link to something that is not there or cannot be reached")
                .hint("download the model again, or mend the link")
                .at(path));
        }
        Err(error) => return Err(Error::io("opening", path, &error)),
    };
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "not a regular file" };
        return Err(Error::data(format!("this is {what}; a file is needed"))
            .hint("download the model again, or mend the link")
            .at(path));
    }
    let file = File::open(path).map_err(|e| Error::io("opening", path, &e))?;
    let metadata = file.metadata().map_err(|e| Error::io("opening", path, &e))?;
    Ok((file, metadata))
}

/// Maps a whole file.
#[expect(unsafe_code, reason = "mapping is unsafe: another program may change the file under us")]
pub(super) fn map(path: &Path) -> Result<(Mmap, Metadata)> {
    let (file, metadata) = open_regular(path)?;
    // SAFETY: the map is private and read-only, and its bytes are only ever read as numbers, for which
    // every bit pattern is valid. A file that is cut while mapped stops the process with SIGBUS, as any
    // mapping does, or reads as zeros (`guard`); `Stamp::check_unchanged` finds it where work begins and ends.
    let map = unsafe { Mmap::map(&file) }.map_err(|e| Error::io("mapping", path, &e))?;
    Ok((map, metadata))
}

/// The bytes of a file that must not be larger than `max`.
pub(super) fn read_small(path: &Path, max: u64) -> Result<Vec<u8>> {
    let (file, metadata) = open_regular(path)?;
    let mut bytes = Vec::with_capacity(metadata.len().min(max) as usize);
    file.take(max + 1).read_to_end(&mut bytes).map_err(|e| Error::io("reading", path, &e))?;
    if bytes.len() as u64 > max {
        return Err(Error::data(format!("the file is larger than {} MiB, which is absurd for its kind", max >> 20))
            .hint("check that this is the right file, or download it again")
            .at(path));
    }
    Ok(bytes)
}
