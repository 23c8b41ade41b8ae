//! Calls of the driver: memory, modules and launches. All `unsafe` of computing on a card is here.
//!
//! Everything goes through one stream in the order of the calls, so memory that is given back may be used again at
//! once: what still runs runs before what comes.
#![expect(unsafe_code, reason = "the driver is a C library")]

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use cudarc::driver::sys::{CUresult, CUstream};
use cudarc::driver::{
    CudaContext, CudaFunction, CudaModule, CudaStream, DriverError, LaunchConfig, PushKernelArg as _, result,
};
use cudarc::nvrtc::Ptx;

use crate::error::{Error, Result};

/// Threads of a block of every kernel.
pub(super) const THREADS: u32 = 256;

/// Whether the driver's library is there.
pub(super) fn driver_is_present() -> bool {
    // SAFETY: opening the library runs only its own initializers.
    unsafe { cudarc::driver::sys::is_culib_present() }
}

/// An open card.
pub(super) struct Card {
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "card {}", self.context.ordinal())
    }
}

/// Memory of a card, freed when dropped.
#[derive(Debug)]
pub(super) struct Block {
    card: Arc<Card>,
    address: u64,
    bytes: usize,
}

/// An argument of a kernel.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arg {
    Address(u64),
    Size(u64),
    Flag(i32),
    Single(f32),
    Double(f64),
}

/// A failure of the driver in words.
fn failed(doing: &str, error: DriverError) -> Error {
    let hint = "`memoscope devices` shows the state of the cards; a driver that failed may need a restart";
    Error::device(format!("the card failed while {doing}: {error}")).hint(hint)
}

impl Card {
    /// Opens card `number`.
    pub(super) fn open(number: usize) -> Result<Self, DriverError> {
        let context = CudaContext::new(number)?;
        let stream = context.default_stream();
        Ok(Self { context, stream })
    }

    pub(super) fn context(&self) -> &CudaContext {
        &self.context
    }

    /// Free and total bytes.
    pub(super) fn memory(&self) -> Result<[usize; 2]> {
        let (free, total) = self.context.mem_get_info().map_err(|e| failed("asking for its memory", e))?;
        Ok([free, total])
    }

    /// Waits until everything is done.
    pub(super) fn wait(&self) -> Result<()> {
        self.context.synchronize().map_err(|e| failed("computing", e))
    }

    /// Memory of any content; `None` when there is not enough.
    pub(super) fn allocate(self: &Arc<Self>, bytes: usize) -> Result<Option<Block>> {
        self.bind()?;
        // SAFETY: the block alone knows the address, and checks what is read and written there.
        match unsafe { result::malloc_sync(bytes) } {
            Ok(address) => Ok(Some(Block { card: Arc::clone(self), address, bytes })),
            Err(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => Ok(None),
            Err(error) => Err(failed("giving memory", error)),
        }
    }

    /// The kernels of a compiled file.
    pub(super) fn load(&self, image: Vec<u8>) -> Result<Arc<CudaModule>, DriverError> {
        self.context.load_module(Ptx::from_binary(image))
    }

    /// Starts a kernel.
    pub(super) fn launch(&self, kernel: &CudaFunction, name: &str, grid: [u32; 3], args: &[Arg]) -> Result<()> {
        let mut builder = self.stream.launch_builder(kernel);
        for arg in args {
            match arg {
                Arg::Address(x) | Arg::Size(x) => builder.arg(x),
                Arg::Flag(x) => builder.arg(x),
                Arg::Single(x) => builder.arg(x),
                Arg::Double(x) => builder.arg(x),
            };
        }
        let [x, y, z] = grid;
        let config = LaunchConfig { grid_dim: (x, y, z), block_dim: (THREADS, 1, 1), shared_mem_bytes: 0 };
        // SAFETY: the arguments are those of the kernel's signature, addresses lie in blocks that live until the stream
        // is through, and sizes were checked where the operation began.
        unsafe { builder.launch(config) }.map(drop).map_err(|e| failed(&format!("starting `{name}`"), e))
    }

    /// The stream of everything, for libraries that start their own kernels.
    pub(super) fn stream(&self) -> CUstream {
        self.stream.cu_stream()
    }

    /// Makes the card the one that this thread's calls of libraries mean.
    pub(super) fn use_by_this_thread(&self) -> Result<()> {
        self.bind()
    }

    fn bind(&self) -> Result<()> {
        self.context.bind_to_thread().map_err(|e| failed("being addressed", e))
    }
}

impl Block {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn inside(&self, range: &Range<usize>) -> Result<()> {
        if range.start <= range.end && range.end <= self.bytes {
            return Ok(());
        }
        Err(Error::bug(format!("bytes {range:?} of {} on a card", self.bytes)))
    }

    /// The address of a byte.
    pub(super) fn at(&self, byte: usize) -> Result<u64> {
        self.inside(&(byte..self.bytes))?;
        Ok(self.address + byte as u64)
    }

    /// Writes `values` from byte `at` on.
    pub(super) fn write<T: bytemuck::Pod>(&self, at: usize, values: &[T]) -> Result<()> {
        self.inside(&(at..at + size_of_val(values)))?;
        if values.is_empty() {
            return Ok(());
        }
        self.card.bind()?;
        // SAFETY: the bytes lie in this block.
        unsafe { result::memcpy_htod_sync(self.address + at as u64, values) }.map_err(|e| failed("being written to", e))
    }

    /// Reads `values` from byte `at` on, when all that was started before is done.
    pub(super) fn read<T: bytemuck::Pod>(&self, at: usize, values: &mut [T]) -> Result<()> {
        self.inside(&(at..at + size_of_val(values)))?;
        if values.is_empty() {
            return Ok(());
        }
        self.card.bind()?;
        // SAFETY: the bytes lie in this block, and every pattern of bytes is a value.
        unsafe { result::memcpy_dtoh_sync(values, self.address + at as u64) }.map_err(|e| failed("being read", e))
    }

    /// Writes zeros.
    pub(super) fn clear(&self, range: Range<usize>) -> Result<()> {
        self.inside(&range)?;
        if range.is_empty() {
            return Ok(());
        }
        self.card.bind()?;
        let stream = self.card.stream.cu_stream();
        // SAFETY: the bytes lie in this block.
        unsafe { result::memset_d8_async(self.address + range.start as u64, 0, range.len(), stream) }
            .map_err(|e| failed("being cleared", e))
    }

    /// Copies bytes of `from`, which may be this block if they lie apart, to byte `at`.
    pub(super) fn copy(&self, at: usize, from: &Self, range: Range<usize>) -> Result<()> {
        from.inside(&range)?;
        self.inside(&(at..at + range.len()))?;
        if range.is_empty() {
            return Ok(());
        }
        self.card.bind()?;
        let stream = self.card.stream.cu_stream();
        let (to, from) = (self.address + at as u64, from.address + range.start as u64);
        // SAFETY: the bytes lie in these blocks.
        unsafe { result::memcpy_dtod_async(to, from, range.len(), stream) }.map_err(|e| failed("copying", e))
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.card.bind().is_ok() {
            // SAFETY: nobody else knows the address. A failure leaves nothing to be done.
            let _ = unsafe { result::free_sync(self.address) };
        }
    }
}
