//! Small arrays that many calls are given again: positions, frequencies, bounds of sequences. They go to the card once.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::launch::Block;
use crate::error::Result;

/// Arrays that are kept; a pass over a batch needs about four.
const KEPT: usize = 16;

/// What was uploaded lately, the latest last.
#[derive(Default)]
pub(super) struct Constants {
    kept: Mutex<Vec<(Vec<u8>, Arc<Block>)>>,
}

impl fmt::Debug for Constants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("constants")
    }
}

impl Constants {
    /// These bytes on the card, which nobody overwrites; `upload` is called when they are not there.
    pub(super) fn get(&self, bytes: &[u8], upload: impl FnOnce() -> Result<Block>) -> Result<Arc<Block>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|(own, _)| own == bytes) {
            let found = kept.remove(at);
            let block = Arc::clone(&found.1);
            kept.push(found);
            return Ok(block);
        }
        let block = Arc::new(upload()?);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((bytes.to_vec(), Arc::clone(&block)));
        Ok(block)
    }
}
