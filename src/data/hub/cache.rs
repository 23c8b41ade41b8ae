//! The cache folder in the layout of Python's `huggingface_hub`: blobs by hash, snapshots that link to them.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::Kind;

/// The cache of one repository.
pub(super) struct Repository {
    root: PathBuf,
    locks: PathBuf,
}

impl Repository {
    pub(super) fn new(cache: &Path, kind: Kind, id: &str) -> Self {
        let plural = match kind {
            Kind::Model => "models",
            Kind::Dataset => "datasets",
        };
        let folder = format!("{plural}--{}", id.replace('/', "--"));
        Self { root: cache.join(&folder), locks: cache.join(".locks").join(folder) }
    }

    /// The commit that the cache knows for `revision`.
    pub(super) fn commit(&self, revision: &str) -> Option<String> {
        let noted = fs::read_to_string(self.root.join("refs").join(revision)).ok();
        let commit = noted.map(|text| text.trim().to_owned()).unwrap_or_else(|| revision.to_owned());
        Some(commit).filter(|commit| is_inside(commit) && self.snapshot(commit).is_dir())
    }

    /// Notes which commit `revision` stands for.
    pub(super) fn note_commit(&self, revision: &str, commit: &str) -> io::Result<()> {
        if revision == commit {
            return Ok(());
        }
        let path = self.root.join("refs").join(revision);
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        fs::write(path, commit)
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.root.join("snapshots").join(commit)
    }

    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.root.join("blobs").join(etag)
    }

    /// What is there of a blob that is still being fetched.
    pub(super) fn incomplete(&self, etag: &str) -> PathBuf {
        self.root.join("blobs").join(format!("{etag}.incomplete"))
    }

    /// The file whose lock keeps two programs from fetching the same blob.
    pub(super) fn lock(&self, etag: &str) -> io::Result<fs::File> {
        fs::create_dir_all(&self.locks)?;
        fs::create_dir_all(self.root.join("blobs"))?;
        fs::File::create(self.locks.join(format!("{etag}.lock")))
    }

    /// Makes `file` of the snapshot point to its blob.
    pub(super) fn link(&self, commit: &str, file: &str, etag: &str) -> io::Result<PathBuf> {
        let pointer = self.snapshot(commit).join(file);
        if let Some(parent) = pointer.parent() {
            fs::create_dir_all(parent)?;
        }
        match fs::remove_file(&pointer) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let up = "../".repeat(file.matches('/').count() + 2);
        make_link(Path::new(&format!("{up}blobs/{etag}")), &self.blob(etag), &pointer)?;
        Ok(pointer)
    }

    /// The files of a snapshot by their names in the repository, sorted.
    pub(super) fn files(&self, commit: &str) -> Vec<String> {
        let root = self.snapshot(commit);
        let (mut names, mut folders) = (Vec::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.is_file()
                    && let Ok(name) = path.strip_prefix(&root)
                {
                    names.push(name.to_string_lossy().replace('\\', "/"));
                }
            }
        }
        names.sort();
        names
    }
}

#[cfg(unix)]
fn make_link(relative: &Path, _blob: &Path, pointer: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(relative, pointer)
}

/// Links need rights that users of Windows do not have; Python copies there too.
#[cfg(not(unix))]
fn make_link(_relative: &Path, blob: &Path, pointer: &Path) -> io::Result<()> {
    fs::hard_link(blob, pointer).or_else(|_| fs::copy(blob, pointer).map(|_| ()))
}

/// Whether a name from outside stays inside its folder.
pub(super) fn is_inside(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['\\', '\0'])
        && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}
