//! Data files and tokenizers, good and hostile.

mod fixtures;

use std::path::PathBuf;

/// The folder of real inputs, or `None` with a line that says so.
pub(crate) fn fixtures() -> Option<PathBuf> {
    let folder = std::env::var_os("MEMOSCOPE_FIXTURES")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no fixtures at {}", folder.display());
    None
}
