//! What a path given by the user means.

use std::path::{Path, PathBuf};

/// `~` is the user's folder.
pub(super) fn expand_home(path: &Path) -> PathBuf {
    let home = directories::BaseDirs::new().map(|d| d.home_dir().to_owned());
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// An experiment is a small JSON file with steps.
pub(super) fn is_experiment(path: &Path) -> bool {
    const LARGEST: u64 = 1 << 20;
    path.extension().is_some_and(|e| e == "json")
        && std::fs::metadata(path).is_ok_and(|m| m.len() <= LARGEST)
        && crate::runs::store::read_json::<serde_json::Value>(path).is_ok_and(|v| v.get("steps").is_some())
}
