//! What a path given by the user means.

use std::path::{Path, PathBuf};

use super::command::Command;

/// The command that opens a path, whatever it is.
pub(super) fn recognize(path: &Path) -> Command {
    let path = full(path);
    if is_run(&path) {
        return Command::OpenRun(path);
    }
    if path.is_dir() && path.join("experiment.json").is_file() {
        return Command::OpenExperiment(path.join("experiment.json"));
    }
    let is_model_file = path.extension().is_some_and(|e| ["safetensors", "bin", "pt", "gguf"].iter().any(|m| e == *m));
    if !path.is_file() || is_model_file || path.file_name().is_some_and(|n| n == "config.json") {
        return Command::OpenModel(path);
    }
    match small_json(&path) {
        Some(value) if value.get("steps").is_some() => Command::OpenExperiment(path),
        Some(value) if value.get("panels").is_some() => Command::OpenPage(path),
        _ => Command::OpenData(path),
    }
}

/// Whether it is the folder of a run.
pub(super) fn is_run(path: &Path) -> bool {
    path.join("experiment.json").is_file() && path.join("status.json").is_file()
}

/// What exists gets its full path, so that it is found from other folders and in other sessions; what does not may be
/// a hub id.
pub(in crate::app) fn full(path: &Path) -> PathBuf {
    let path = expand_home(path);
    if path.exists() { std::path::absolute(&path).unwrap_or(path) } else { path }
}

/// `~` is the user's folder.
fn expand_home(path: &Path) -> PathBuf {
    let home = directories::BaseDirs::new().map(|d| d.home_dir().to_owned());
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// The content of a small JSON file: experiments and pages are small, data need not be.
fn small_json(path: &Path) -> Option<serde_json::Value> {
    const LARGEST: u64 = 1 << 20;
    let is_small = path.extension().is_some_and(|e| e == "json") && path.metadata().is_ok_and(|m| m.len() <= LARGEST);
    if is_small { crate::runs::store::read_json(path).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exists_gets_its_full_path() {
        assert!(full(Path::new("Cargo.toml")).is_absolute());
        assert_eq!(full(Path::new("owner/name")), Path::new("owner/name"));
    }

    #[test]
    fn files_are_recognized_by_what_they_hold() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).unwrap();
            dir.path().join(name)
        };
        assert!(matches!(recognize(dir.path()), Command::OpenModel(_)));
        assert!(matches!(recognize(&write("a.json", r#"{"steps": []}"#)), Command::OpenExperiment(_)));
        assert!(matches!(recognize(&write("b.json", r#"{"panels": []}"#)), Command::OpenPage(_)));
        assert!(matches!(recognize(&write("c.json", r#"[{"text": "a"}]"#)), Command::OpenData(_)));
        assert!(matches!(recognize(&write("model.safetensors", "")), Command::OpenModel(_)));
        assert!(matches!(recognize(&write("experiment.json", "{}")), Command::OpenData(_)));
        assert!(matches!(recognize(dir.path()), Command::OpenExperiment(_)), "a folder with an experiment");
        write("status.json", "{}");
        assert!(matches!(recognize(dir.path()), Command::OpenRun(_)), "a run");
        assert!(matches!(recognize(Path::new("owner/name")), Command::OpenModel(p) if p == Path::new("owner/name")));
    }
}
