//! An open card with its memory and its kernels. There is one for each card, shared by all models on it.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use cudarc::driver::{CudaFunction, CudaModule, DriverError};

use super::blaslt::{self, BlasLt, Places, Shape};
use super::constants::Constants;
use super::device::{self, Trouble};
use super::launch::{Arg, Block, Card, THREADS};
use super::memory::{DeviceBuffer, Pool};
use super::module::KernelFile;
use super::product;
use crate::error::{Error, Result};
use crate::model::Weight;
use crate::precision::Precision;
use crate::tensor::{Device, Real, Tensor};

/// Blocks of the grid of a kernel where a thread takes several elements.
const ELEMENT_BLOCKS: usize = 65535 * 16;
/// First compute capability with tensor cores for tf32 and bf16.
const TENSOR_CORES: i32 = 8;
/// Rows of a block of a kernel where a warp takes a row.
const WARPS: usize = 8;

static OPEN: Mutex<Vec<(usize, Weak<Gpu>)>> = Mutex::new(Vec::new());

/// An open card.
pub(super) struct Gpu {
    number: usize,
    card: Arc<Card>,
    capability: [i32; 2],
    pool: Pool,
    constants: Constants,
    /// Opened when a precision first needs it.
    blas: Mutex<Option<Arc<BlasLt>>>,
    /// By stem of the kernel file.
    modules: Mutex<HashMap<&'static str, Arc<CudaModule>>>,
    /// By name, and whether it carries tangents.
    kernels: RwLock<HashMap<(&'static str, bool), CudaFunction>>,
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cuda:{}", self.number)
    }
}

/// A value and its tangent in the memory of a card.
#[derive(Clone, Copy)]
pub(super) struct Planes<'a> {
    pub(super) value: &'a DeviceBuffer,
    pub(super) tangent: Option<&'a DeviceBuffer>,
}

impl<'a> Planes<'a> {
    pub(super) fn of(tensor: &'a Tensor) -> Result<Self> {
        let (value, tangent) = tensor.card_planes()?;
        Ok(Self { value, tangent })
    }

    /// The tangent only if it is of interest.
    pub(super) fn if_dual(tensor: &'a Tensor, dual: bool) -> Result<Self> {
        let planes = Self::of(tensor)?;
        Ok(Self { tangent: planes.tangent.filter(|_| dual), ..planes })
    }

    /// Both planes, the value first.
    pub(super) fn each(self) -> impl Iterator<Item = &'a DeviceBuffer> {
        std::iter::once(self.value).chain(self.tangent)
    }
}

/// Arguments of a kernel, in order.
#[derive(Default)]
pub(super) struct Args(Vec<Arg>);

impl Args {
    /// Value and tangent.
    pub(super) fn planes(self, planes: Planes<'_>) -> Result<Self> {
        self.buffer(planes.value, 0)?.optional(planes.tangent)
    }

    /// Value and tangent, or nothing at all.
    pub(super) fn optional_planes(self, planes: Option<Planes<'_>>) -> Result<Self> {
        match planes {
            Some(planes) => self.planes(planes),
            None => self.optional(None)?.optional(None),
        }
    }

    /// A buffer from number `at` on.
    pub(super) fn buffer(mut self, buffer: &DeviceBuffer, at: usize) -> Result<Self> {
        self.0.push(buffer.at(at)?);
        Ok(self)
    }

    /// A whole block.
    pub(super) fn block(mut self, block: &Block) -> Result<Self> {
        self.0.push(Arg::Address(block.at(0)?));
        Ok(self)
    }

    /// A buffer, or none.
    pub(super) fn optional(mut self, buffer: Option<&DeviceBuffer>) -> Result<Self> {
        self.0.push(buffer.map_or(Ok(Arg::Address(0)), |b| b.at(0))?);
        Ok(self)
    }

    pub(super) fn sizes<const N: usize>(mut self, sizes: [usize; N]) -> Self {
        self.0.extend(sizes.map(|n| Arg::Size(n as u64)));
        self
    }

    pub(super) fn flag(mut self, flag: impl Into<i32>) -> Self {
        self.0.push(Arg::Flag(flag.into()));
        self
    }

    pub(super) fn single(mut self, x: f32) -> Self {
        self.0.push(Arg::Single(x));
        self
    }

    pub(super) fn double(mut self, x: f64) -> Self {
        self.0.push(Arg::Double(x));
        self
    }
}

/// The grid where a thread has an element.
pub(super) fn elements(n: usize) -> [usize; 3] {
    [n.div_ceil(THREADS as usize).min(ELEMENT_BLOCKS), 1, 1]
}

/// The grid where a warp has a row.
pub(super) fn warps(rows: usize) -> [usize; 3] {
    [rows.div_ceil(WARPS), 1, 1]
}

impl Gpu {
    /// Card `number`, opened unless it is open.
    ///
    /// # Errors
    /// `Device` when there is no driver, no such card, or no compiler for its kernels.
    pub(super) fn open(number: usize) -> Result<Arc<Self>> {
        if size_of::<Real>() != size_of::<f32>() {
            return Err(Error::device("a program with 64-bit numbers computes on the processor alone"));
        }
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let found = open.iter().find(|(own, _)| *own == number);
        if let Some(gpu) = found.and_then(|(_, gpu)| gpu.upgrade()) {
            return Ok(gpu);
        }
        let gpu = Arc::new(Self::start(number)?);
        open.retain(|(own, gpu)| *own != number && gpu.strong_count() > 0);
        open.push((number, Arc::downgrade(&gpu)));
        Ok(gpu)
    }

    fn start(number: usize) -> Result<Self> {
        device::check(number)?;
        // a symbol that an old driver lacks is a panic of the library
        let started = catch_unwind(AssertUnwindSafe(|| {
            let card = Card::open(number)?;
            let (major, minor) = card.context().compute_capability()?;
            Ok((card, [major, minor]))
        }));
        let (card, capability) =
            started.map_err(|_panic| Trouble::OldDriver.error())?.map_err(|error| Trouble::Refused(error).error())?;
        Ok(Self {
            number,
            card: Arc::new(card),
            capability,
            pool: Pool::default(),
            constants: Constants::default(),
            blas: Mutex::default(),
            modules: Mutex::default(),
            kernels: RwLock::default(),
        })
    }

    /// Fails where the card or the machine lacks what a precision needs.
    pub(super) fn check_precision(&self, precision: Precision) -> Result<()> {
        let [major, minor] = self.capability;
        if major < TENSOR_CORES {
            return Err(Error::device(format!(
                "{self:?} has compute capability {major}.{minor}, and {precision} needs {TENSOR_CORES}.0 or later"
            ))
            .hint("use the precision `f32`"));
        }
        self.blas().map(drop)
    }

    fn blas(&self) -> Result<Arc<BlasLt>> {
        let mut place = self.blas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = &*place {
            return Ok(Arc::clone(open));
        }
        let missing = || Error::device("the library of matrix products (cuBLASLt) is not there").hint(blaslt::HINT);
        // a symbol that an old library lacks is a panic
        let opened = catch_unwind(AssertUnwindSafe(|| {
            if blaslt::version().is_none() {
                return Err(missing());
            }
            self.card.use_by_this_thread()?;
            BlasLt::open()
        }));
        let too_old = |_| Error::device("the library of matrix products (cuBLASLt) is too old").hint(blaslt::HINT);
        let open = Arc::new(opened.map_err(too_old)??);
        *place = Some(Arc::clone(&open));
        Ok(open)
    }

    /// A product by cuBLASLt; false where it has no algorithm.
    pub(super) fn multiply(&self, shape: &Shape, places: Places, add: bool) -> Result<bool> {
        self.card.use_by_this_thread()?;
        self.blas()?.multiply(shape, places, add, self.card.stream())
    }

    pub(super) fn device(&self) -> Device {
        Device::Cuda(self.number)
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Memory of any content.
    pub(super) fn block(&self, bytes: usize) -> Result<Block> {
        self.pool.take(&self.card, bytes)
    }

    /// These values on the card, where they may be from an earlier call; nobody overwrites them.
    pub(super) fn constant<T: bytemuck::Pod>(&self, values: &[T]) -> Result<Arc<Block>> {
        self.constants.get(bytemuck::cast_slice(values), || {
            let block = self.block(size_of_val(values))?;
            block.write(0, values)?;
            Ok(block)
        })
    }

    /// Waits until everything is done.
    pub(super) fn wait(&self) -> Result<()> {
        self.card.wait()
    }

    /// Starts a kernel of a file; an empty grid is nothing to do.
    pub(super) fn launch(
        &self,
        file: &'static KernelFile,
        name: &'static str,
        dual: bool,
        grid: [usize; 3],
        Args(args): Args,
    ) -> Result<()> {
        if grid.contains(&0) {
            return Ok(());
        }
        let too_large = |_| Error::device(format!("`{name}` on {grid:?} blocks is more than a card can do at once"));
        let [x, y, z] = [u32::try_from(grid[0]), u32::try_from(grid[1]), u32::try_from(grid[2])];
        let grid = [x.map_err(too_large)?, y.map_err(too_large)?, z.map_err(too_large)?];
        let kernel = self.kernel(file, name, dual)?;
        self.card.launch(&kernel, name, grid, &args)
    }

    fn kernel(&self, file: &'static KernelFile, name: &'static str, dual: bool) -> Result<CudaFunction> {
        if let Some(found) = self.kernels.read().unwrap_or_else(PoisonError::into_inner).get(&(name, dual)) {
            return Ok(found.clone());
        }
        let full = if dual { format!("{name}_dual") } else { name.to_owned() };
        let kernel = self.module(file)?.load_function(&full).map_err(|e| refused(file, e))?;
        let mut kernels = self.kernels.write().unwrap_or_else(PoisonError::into_inner);
        Ok(kernels.entry((name, dual)).or_insert(kernel).clone())
    }

    /// A kernel file on the card, compiled if need be. Other threads wait: they need it too.
    fn module(&self, file: &'static KernelFile) -> Result<Arc<CudaModule>> {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = modules.get(file.stem) {
            return Ok(Arc::clone(found));
        }
        let loaded = match self.card.load(file.image(self.capability, false)?) {
            // a kept image may be damaged
            Err(_) => self.card.load(file.image(self.capability, true)?),
            found => found,
        };
        let module = loaded.map_err(|e| refused(file, e))?;
        modules.insert(file.stem, Arc::clone(&module));
        Ok(module)
    }

    /// A parameter as bf16, made when it is first used so.
    pub(super) fn narrow_weight<'w>(self: &Arc<Self>, w: &'w Weight) -> Result<&'w DeviceBuffer> {
        kept(&w.repacked().narrow, self, &w.name, || product::narrowed(self, self.weight(w)?.value, w.len()))
    }

    /// A parameter, copied to the card when it is first used.
    pub(super) fn weight<'w>(self: &Arc<Self>, w: &'w Weight) -> Result<Planes<'w>> {
        let value = kept(&w.on_card, self, &w.name, || DeviceBuffer::of(self, &w.values()))?;
        let tangent = match w.tangent() {
            Some(tangent) => Some(kept(&w.tangent_on_card, self, &w.name, || DeviceBuffer::of(self, tangent))?),
            None => None,
        };
        Ok(Planes { value, tangent })
    }
}

fn refused(file: &KernelFile, error: DriverError) -> Error {
    Error::device(format!("the card refuses the kernels of {}: {error}", file.stem)).hint(
        "the compiler must not be newer than the driver: update the driver, or take NVRTC of its major version \
               (`pip install nvidia-cuda-nvrtc-cu12` for CUDA 12)",
    )
}

/// What is in `place`, made if it is empty. Two threads may both make it; one result is kept.
fn kept<'w>(
    place: &'w std::sync::OnceLock<DeviceBuffer>,
    gpu: &Arc<Gpu>,
    name: &str,
    make: impl FnOnce() -> Result<DeviceBuffer>,
) -> Result<&'w DeviceBuffer> {
    let found = if let Some(found) = place.get() {
        found
    } else {
        let made = make()?;
        place.get_or_init(|| made)
    };
    if found.gpu().number == gpu.number {
        return Ok(found);
    }
    Err(Error::bug(format!("{name} is on {:?} and used on {gpu:?}", found.gpu())))
}
