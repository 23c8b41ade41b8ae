//! Data files and tokenizers, good and hostile.

mod fixtures;
mod formats;
mod hostile;
mod made;
mod saved_tokenizers;
mod tinymem;
mod tokenizer_files;
mod tokenizer_golden;

use std::path::PathBuf;

use memoscope::data::{DataSpec, Dataset, load};
use memoscope::error::Error;
use tempfile::TempDir;

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

/// A file of that name and content in a folder of its own.
pub(crate) fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

/// Loads a file of that name and content with the columns `role=column`.
fn read(name: &str, content: impl AsRef<[u8]>, columns: &[(&str, &str)]) -> Result<Dataset, Error> {
    let (_folder, path) = file(name, content);
    let columns = columns.iter().map(|&(role, column)| (role.to_owned(), column.to_owned())).collect();
    load(&path, &DataSpec { columns, ..DataSpec::default() })
}

/// The texts of the records.
fn texts(data: &Dataset) -> Vec<&str> {
    data.records.iter().map(|record| record.text.as_deref().unwrap_or("<none>")).collect()
}

/// The message of a refusal, which must name the file.
fn refusal(name: &str, content: impl AsRef<[u8]>) -> String {
    let error = read(name, content, &[]).expect_err("the file must be refused").to_string();
    assert!(error.contains(name), "the error must name the file: {error}");
    error
}
