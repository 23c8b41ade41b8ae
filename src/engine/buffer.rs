//! Numbers in main memory that come from, and return to, a pool.
//!
//! The loops of training and scoring ask for the same sizes again and again, and fresh pages are slow: the
//! system clears each of them first. Large buffers lie on large pages where the system has them, because a
//! product walks through many places of them at once.

use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

use memmap2::MmapMut;
use rayon::prelude::*;

use crate::tensor::Real;

/// Bytes from which a buffer gets pages of its own.
const LARGE: usize = 1 << 21;
/// Numbers that a task fills or copies.
const BLOCK: usize = 1 << 17;
/// Numbers below which a buffer is freed instead of kept.
const SMALL: usize = 1 << 10;
/// Bytes at rest in the pool.
const AT_REST: usize = 2 << 30;

/// Where the numbers are.
#[derive(Debug)]
enum Memory {
    Heap(Vec<Real>),
    /// Large pages, all of them in use or to be used.
    Pages(MmapMut),
}

impl Memory {
    /// Zeros, as many as `len`.
    fn fresh(len: usize) -> Self {
        let bytes = len * size_of::<Real>();
        if bytes >= LARGE
            && let Ok(pages) = MmapMut::map_anon(bytes.next_multiple_of(LARGE))
        {
            #[cfg(target_os = "linux")]
            let _ = pages.advise(memmap2::Advice::HugePage); // only a hint
            return Self::Pages(pages);
        }
        Self::Heap(vec![0.0; len])
    }

    /// How many numbers there is room for.
    fn room(&self) -> usize {
        match self {
            Self::Heap(values) => values.len(),
            Self::Pages(pages) => pages.len() / size_of::<Real>(),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::Heap(Vec::new())
    }
}

/// Memory at rest, the oldest first.
struct Pool {
    rest: Vec<Memory>,
    bytes: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { rest: Vec::new(), bytes: 0 });

impl Pool {
    /// The latest memory that has room for `len` numbers and not for twice as many.
    fn take(&mut self, len: usize) -> Option<Memory> {
        let fits = |m: &Memory| m.room() >= len && m.room() <= len.saturating_mul(2);
        let found = self.rest.iter().rposition(fits)?;
        let memory = self.rest.remove(found);
        self.bytes -= memory.room() * size_of::<Real>();
        Some(memory)
    }

    /// Gives memory back, and hands out what has no place any more.
    fn put(&mut self, memory: Memory) -> Vec<Memory> {
        self.bytes += memory.room() * size_of::<Real>();
        self.rest.push(memory);
        let mut too_many = 0;
        while self.bytes > AT_REST && too_many < self.rest.len() {
            self.bytes -= self.rest[too_many].room() * size_of::<Real>();
            too_many += 1;
        }
        self.rest.drain(..too_many).collect()
    }
}

/// Numbers in main memory.
#[derive(Debug, Default)]
pub struct Buffer {
    memory: Memory,
    len: usize,
}

impl Buffer {
    /// `len` numbers of any value; write before reading.
    pub fn stale(len: usize) -> Self {
        let found = if len < SMALL { None } else { POOL.lock().ok().and_then(|mut pool| pool.take(len)) };
        Self { memory: found.unwrap_or_else(|| Memory::fresh(len)), len }
    }

    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut buffer = Self::stale(len);
        clear(&mut buffer);
        buffer
    }
}

/// Writes zeros, on all threads if it pays.
pub fn clear(values: &mut [Real]) {
    if values.len() <= BLOCK {
        values.fill(0.0);
    } else {
        values.par_chunks_mut(BLOCK).for_each(|block| block.fill(0.0));
    }
}

/// Copies `from`, on all threads if it pays.
///
/// # Panics
/// If the lengths differ: a bug of the caller.
pub fn copy(to: &mut [Real], from: &[Real]) {
    if to.len() <= BLOCK || to.len() != from.len() {
        to.copy_from_slice(from);
    } else {
        to.par_chunks_mut(BLOCK).zip(from.par_chunks(BLOCK)).for_each(|(to, from)| to.copy_from_slice(from));
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        if memory.room() < SMALL {
            return;
        }
        // what leaves the pool is freed after the lock
        let _left = POOL.lock().map(|mut pool| pool.put(memory));
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut twin = Self::stale(self.len);
        copy(&mut twin, self);
        twin
    }
}

impl From<Vec<Real>> for Buffer {
    fn from(values: Vec<Real>) -> Self {
        let len = values.len();
        Self { memory: Memory::Heap(values), len }
    }
}

impl Deref for Buffer {
    type Target = [Real];
    fn deref(&self) -> &[Real] {
        match &self.memory {
            Memory::Heap(values) => &values[..self.len],
            Memory::Pages(pages) => bytemuck::cast_slice(&pages[..self.len * size_of::<Real>()]),
        }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [Real] {
        match &mut self.memory {
            Memory::Heap(values) => &mut values[..self.len],
            Memory::Pages(pages) => bytemuck::cast_slice_mut(&mut pages[..self.len * size_of::<Real>()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_zeros_also_from_the_pool() {
        for len in [0, 1, SMALL, BLOCK + 3, LARGE] {
            let mut dirty = Buffer::stale(len);
            dirty.fill(7.0);
            drop(dirty);
            let clean = Buffer::zeros(len);
            assert!(clean.len() == len && clean.iter().all(|x| *x == 0.0), "{len} numbers");
        }
    }

    #[test]
    fn the_pool_keeps_a_bounded_number_of_bytes() {
        let mut pool = Pool { rest: Vec::new(), bytes: 0 };
        let memory = || Memory::Heap(vec![0.0; SMALL]);
        let each = SMALL * size_of::<Real>();
        assert!(pool.put(memory()).is_empty());
        pool.bytes = AT_REST; // as if much were there
        assert_eq!(pool.put(memory()).len(), 1, "the oldest leaves");
        assert_eq!(pool.bytes, AT_REST);
        pool.bytes = each;
        assert!(pool.take(SMALL / 2 - 1).is_none(), "twice the room would be wasted");
        assert!(pool.take(SMALL).is_some() && pool.bytes == 0 && pool.rest.is_empty());
    }

    #[test]
    fn a_long_copy_is_the_original() {
        let original = Buffer::from((0..3 * BLOCK + 5).map(|i| i as Real).collect::<Vec<_>>());
        assert_eq!(&*original.clone(), &*original);
    }
}
