//! Memory of a card that comes from, and returns to, a pool: asking the driver is slow, and freeing waits for the card.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::gpu::Gpu;
use super::launch::{Arg, Block, Card};
use crate::error::{Error, Result};
use crate::tensor::Real;

/// Sizes are rounded up to this many bytes.
const STEP: usize = 512;

/// Blocks at rest, the oldest first.
#[derive(Default)]
pub(super) struct Pool {
    rest: Mutex<Vec<Block>>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pool")
    }
}

impl Pool {
    /// A block for `bytes`: the smallest at rest that is not twice as large, else a new one.
    pub(super) fn take(&self, card: &Arc<Card>, bytes: usize) -> Result<Block> {
        let bytes = bytes.max(1).next_multiple_of(STEP);
        if let Ok(mut rest) = self.rest.lock() {
            let fits =
                rest.iter().enumerate().filter(|(_, b)| b.bytes() >= bytes && b.bytes() <= bytes.saturating_mul(2));
            if let Some((found, _)) = fits.min_by_key(|(_, b)| b.bytes()) {
                return Ok(rest.swap_remove(found));
            }
        }
        if let Some(block) = card.allocate(bytes)? {
            return Ok(block);
        }
        // what rests is of the wrong sizes
        self.clear();
        card.allocate(bytes)?.map_or_else(|| Err(out_of_memory(card, bytes)), Ok)
    }

    fn put(&self, block: Block) {
        if let Ok(mut rest) = self.rest.lock() {
            rest.push(block);
        }
    }

    /// Frees what rests.
    fn clear(&self) {
        let rest = self.rest.lock().map(|mut rest| std::mem::take(&mut *rest));
        drop(rest);
    }
}

fn out_of_memory(card: &Card, bytes: usize) -> Error {
    const MIB: usize = 1 << 20;
    let state = match card.memory() {
        Ok([free, total]) => format!("{} MiB of {} MiB are free", free / MIB, total / MIB),
        Err(_) => "it does not say how much is free".to_owned(),
    };
    let wanted = bytes.div_ceil(MIB);
    Error::out_of_memory(format!("the card has not enough memory: {wanted} MiB more are wanted, {state}"))
        .hint("close other programs that use the card, take shorter texts or a smaller model, or use the device `cpu`")
}

/// Numbers in the memory of a card.
pub struct DeviceBuffer {
    gpu: Arc<Gpu>,
    /// Present until the buffer is dropped.
    block: Option<Block>,
    /// In bytes.
    len: usize,
}

impl fmt::Debug for DeviceBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes on {:?}", self.len, self.gpu)
    }
}

impl DeviceBuffer {
    /// Room for `n` values of any content.
    pub(super) fn stale<T: bytemuck::Pod>(gpu: &Arc<Gpu>, n: usize) -> Result<Self> {
        let len = n.checked_mul(size_of::<T>()).ok_or_else(|| Error::bug(format!("{n} numbers for a card")))?;
        Ok(Self { gpu: Arc::clone(gpu), block: Some(gpu.block(len)?), len })
    }

    /// These values.
    pub(super) fn of<T: bytemuck::Pod>(gpu: &Arc<Gpu>, values: &[T]) -> Result<Self> {
        let buffer = Self::stale::<T>(gpu, values.len())?;
        buffer.block()?.write(0, values)?;
        Ok(buffer)
    }

    /// Zeros.
    pub(super) fn zeros(gpu: &Arc<Gpu>, n: usize) -> Result<Self> {
        let buffer = Self::stale::<Real>(gpu, n)?;
        buffer.clear(0..n)?;
        Ok(buffer)
    }

    fn block(&self) -> Result<&Block> {
        self.block.as_ref().ok_or_else(|| Error::bug("memory of a card is used after its end"))
    }

    /// Which card it is on.
    pub(super) fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// The address of number `n`, for kernels.
    pub(super) fn at(&self, n: usize) -> Result<Arg> {
        self.address(n * size_of::<Real>()).map(Arg::Address)
    }

    /// The address of a byte, for libraries.
    pub(super) fn address(&self, byte: usize) -> Result<u64> {
        self.block()?.at(byte)
    }

    /// Writes zeros over these numbers.
    pub(super) fn clear(&self, range: Range<usize>) -> Result<()> {
        self.block()?.clear(bytes(&range))
    }

    /// Copies numbers of `from` to number `at` on.
    pub(super) fn copy(&self, at: usize, from: &Self, range: Range<usize>) -> Result<()> {
        self.block()?.copy(at * size_of::<Real>(), from.block()?, bytes(&range))
    }

    /// A second buffer with the same content.
    pub(crate) fn copied(&self) -> Result<Self> {
        let twin = Self::stale::<u8>(&self.gpu, self.len)?;
        twin.block()?.copy(0, self.block()?, 0..self.len)?;
        Ok(twin)
    }

    /// Overwrites the content.
    pub(crate) fn write(&self, values: &[Real]) -> Result<()> {
        self.block()?.write(0, values)
    }

    /// The numbers, on the host.
    pub(crate) fn to_host(&self) -> Result<Vec<Real>> {
        self.read(self.len / size_of::<Real>())
    }

    /// The first `n` values, on the host.
    pub(super) fn read<T: bytemuck::Pod>(&self, n: usize) -> Result<Vec<T>> {
        let mut values = vec![T::zeroed(); n];
        self.block()?.read(0, &mut values)?;
        Ok(values)
    }
}

fn bytes(range: &Range<usize>) -> Range<usize> {
    range.start * size_of::<Real>()..range.end * size_of::<Real>()
}

impl Drop for DeviceBuffer {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.gpu.pool().put(block);
        }
    }
}
