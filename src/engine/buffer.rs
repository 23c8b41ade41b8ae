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
/// Bytes at rest in the pool, unless a loop runs.
const AT_REST: usize = 2 << 30;

/// Where the numbers are.
#[derive(Debug)]
enum Memory {
    Heap(Vec<Real>),
    /// Large pages, all of them in use or to be used.
    Pages(MmapMut),
}

impl Memory {
    /// Zeros, as many as `len` and some more.
    fn fresh(len: usize) -> Self {
        let room = room_for(len);
        if room * size_of::<Real>() >= LARGE
            && let Ok(pages) = MmapMut::map_anon(room * size_of::<Real>())
        {
            #[cfg(target_os = "linux")]
            let _ = pages.advise(memmap2::Advice::HugePage); // only a hint
            return Self::Pages(pages);
        }
        Self::Heap(vec![0.0; room])
    }

    /// Bytes of the room.
    fn bytes(&self) -> usize {
        self.room() * size_of::<Real>()
    }

    /// How many numbers there is room for.
    fn room(&self) -> usize {
        match self {
            Self::Heap(values) => values.len(),
            Self::Pages(pages) => pages.len() / size_of::<Real>(),
        }
    }
}

/// Sizes are rounded up by at most a quarter or to a whole large page, so that those that nearly agree share memory;
/// large pages that nobody writes to take none.
fn room_for(len: usize) -> usize {
    const PAGES: usize = LARGE / size_of::<Real>();
    if len < SMALL {
        return len;
    }
    let step = len.next_power_of_two() / 8;
    len.next_multiple_of(if len < PAGES { step } else { step.max(PAGES) })
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
    /// Bytes in use, and the most that were since a loop began.
    live: usize,
    peak: usize,
    loops: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool::new());

impl Pool {
    const fn new() -> Self {
        Self { rest: Vec::new(), bytes: 0, live: 0, peak: 0, loops: 0 }
    }

    /// The latest memory that was made for as many numbers as `len`, to the precision of [`room_for`]. Where no loop will
    /// ask again, also the smallest that has room for them and not for twice as many.
    fn take(&mut self, len: usize) -> Option<Memory> {
        let wanted = room_for(len);
        let fits = |m: &Memory| m.room() >= len && m.room() <= len.saturating_mul(2);
        let found = self.rest.iter().rposition(|m| m.room() == wanted).or_else(|| {
            let all = self.rest.iter().enumerate().rev().filter(|_| self.loops == 0);
            all.filter(|(_, m)| fits(m)).min_by_key(|(_, m)| m.room()).map(|(found, _)| found)
        })?;
        let memory = self.rest.remove(found);
        self.bytes -= memory.bytes();
        Some(memory)
    }

    /// Gives memory back, and hands out what has no place any more.
    fn put(&mut self, memory: Memory) -> Vec<Memory> {
        self.bytes += memory.bytes();
        self.rest.push(memory);
        self.trim()
    }

    /// Hands out the oldest until the rest is no more than allowed: while a loop runs, half as much again as it had
    /// in use at once, because sizes that do not recur pile up.
    fn trim(&mut self) -> Vec<Memory> {
        let limit = if self.loops > 0 { AT_REST.max(self.peak + self.peak / 2) } else { AT_REST };
        let mut too_many = 0;
        while self.bytes > limit && too_many < self.rest.len() {
            self.bytes -= self.rest[too_many].bytes();
            too_many += 1;
        }
        self.rest.drain(..too_many).collect()
    }

    fn in_use(&mut self, bytes: usize) {
        self.live += bytes;
        self.peak = self.peak.max(self.live);
    }
}

/// While one of these lives, memory of any size comes back to be used again: for loops whose every step asks for what
/// the last one gave back, such as training.
#[derive(Debug)]
pub struct Reuse(());

impl Reuse {
    /// A loop begins.
    pub fn begin() -> Self {
        if let Ok(mut pool) = POOL.lock() {
            pool.loops += 1;
            pool.peak = pool.live;
        }
        Self(())
    }
}

impl Drop for Reuse {
    fn drop(&mut self) {
        let _left = POOL.lock().map(|mut pool| {
            pool.loops = pool.loops.saturating_sub(1);
            pool.trim()
        });
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
        Self::of(found.unwrap_or_else(|| Memory::fresh(len)), len)
    }

    /// Takes memory into use.
    fn of(memory: Memory, len: usize) -> Self {
        if memory.room() >= SMALL
            && let Ok(mut pool) = POOL.lock()
        {
            pool.in_use(memory.bytes());
        }
        Self { memory, len }
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
        let _left = POOL.lock().map(|mut pool| {
            pool.live = pool.live.saturating_sub(memory.bytes());
            pool.put(memory)
        });
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
        Self::of(Memory::Heap(values), len)
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
        let mut pool = Pool::new();
        let memory = || Memory::Heap(vec![0.0; SMALL]);
        let each = SMALL * size_of::<Real>();
        assert!(pool.put(memory()).is_empty());
        pool.bytes = AT_REST; // as if much were there
        assert_eq!(pool.put(memory()).len(), 1, "the oldest leaves");
        assert_eq!(pool.bytes, AT_REST);
        pool.bytes = each;
        assert!(pool.take(SMALL / 2 - 1).is_none(), "twice the room would be wasted");
        assert!(pool.take(SMALL).is_some() && pool.bytes == 0 && pool.rest.is_empty());
        pool.loops = 1;
        pool.peak = AT_REST + 2 * each;
        pool.bytes = AT_REST;
        assert!(pool.put(memory()).is_empty(), "a loop keeps what it had");
        pool.loops = 0;
        assert_eq!(pool.trim().len(), 1, "and no longer than it runs");
    }

    #[test]
    fn the_smallest_that_fits_is_taken() {
        let mut pool = Pool::new();
        for room in [3 * SMALL, 2 * SMALL, 4 * SMALL] {
            pool.put(Memory::Heap(vec![0.0; room]));
        }
        assert_eq!(pool.take(2 * SMALL).map(|m| m.room()), Some(2 * SMALL));
        assert_eq!(pool.take(2 * SMALL).map(|m| m.room()), Some(3 * SMALL));
    }

    #[test]
    fn a_long_copy_is_the_original() {
        let original = Buffer::from((0..3 * BLOCK + 5).map(|i| i as Real).collect::<Vec<_>>());
        assert_eq!(&*original.clone(), &*original);
    }
}
