//! Compiled kernels of cards, kept in the user's cache.

use std::path::PathBuf;
use std::sync::{Arc, Once};

use super::store::write_atomic;
use crate::engine::cuda::{KernelStore, keep_kernels};

/// A folder with a file for each image.
struct Folder(PathBuf);

impl KernelStore for Folder {
    fn get(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.0.join(name)).ok()
    }

    fn put(&self, name: &str, image: &[u8]) {
        // a cache that cannot be written is no reason to stop
        let _ = std::fs::create_dir_all(&self.0).map(|()| write_atomic(&self.0.join(name), image));
    }
}

/// Keeps compiled kernels in the user's cache from now on.
pub(super) fn use_folder() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        if let Some(folders) = directories::ProjectDirs::from("", "", "memoscope") {
            keep_kernels(Arc::new(Folder(folders.cache_dir().join("kernels"))));
        }
    });
}
