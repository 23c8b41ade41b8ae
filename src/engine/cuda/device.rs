//! Which cards there are, and why not. Asking never fails and never panics.

use std::panic::catch_unwind;

use cudarc::driver::sys::CUresult;
use cudarc::driver::{CudaContext, DriverError, result, sys};
use serde::Serialize;

use super::blaslt;
use super::launch::driver_is_present;
use super::module::{COMPILER_HINT, compiler_version};
use crate::error::{Error, Result};

/// A card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CardInfo {
    /// Its number: `cuda:0` is the first.
    pub number: usize,
    /// Name.
    pub name: String,
    /// All of its memory, in bytes.
    pub memory: u64,
    /// Bytes of it that nobody has; none when the card cannot be opened.
    pub free: Option<u64>,
    /// Compute capability, such as 9.0.
    pub capability: String,
}

/// The cards of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cards {
    /// Those that are there.
    pub cards: Vec<CardInfo>,
    /// The latest CUDA version that the driver knows, such as 13.0.
    pub driver: Option<String>,
    /// Version of the compiler of the kernels (NVRTC).
    pub compiler: Option<String>,
    /// Version of the library of matrix products (cuBLASLt), which the precisions tf32 and bf16 need.
    pub products: Option<String>,
    /// Why nothing can be computed on a card.
    pub trouble: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// Why nothing can be computed on a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    NoDriver,
    OldDriver,
    NoCard,
    NoCompiler,
    Refused(DriverError),
}

impl Trouble {
    fn message(self) -> String {
        match self {
            Self::NoDriver => "no NVIDIA driver is installed".to_owned(),
            Self::OldDriver => "the NVIDIA driver is too old".to_owned(),
            Self::NoCard => "the NVIDIA driver finds no card".to_owned(),
            Self::NoCompiler => "the compiler of the kernels (NVRTC) is not there".to_owned(),
            Self::Refused(error) => format!("the NVIDIA driver refuses: {error}"),
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::NoDriver => {
                "install the driver of your card (its library libcuda.so.1 or nvcuda.dll must be found), or use the device `cpu`"
            }
            Self::OldDriver => "install a driver of CUDA 12 or later, or use the device `cpu`",
            Self::NoCard => {
                "check that the card is visible (nvidia-smi, CUDA_VISIBLE_DEVICES), or use the device `cpu`"
            }
            Self::NoCompiler => COMPILER_HINT,
            Self::Refused(_) => "check the card with nvidia-smi; driver and kernel module must be of one version",
        }
    }

    pub(super) fn error(self) -> Error {
        Error::device(self.message()).hint(self.remedy())
    }
}

/// The cards of this machine, or the reason why there are none.
pub fn cards() -> Cards {
    let (cards, driver, trouble) = match probe() {
        Ok((cards, driver)) => (cards, Some(driver), None),
        Err(trouble) => (Vec::new(), None, Some(trouble)),
    };
    let compiler = catch_unwind(compiler_version).ok().flatten();
    let trouble = trouble.or_else(|| compiler.is_none().then_some(Trouble::NoCompiler));
    let products = catch_unwind(blaslt::version).ok().flatten();
    Cards {
        cards,
        driver,
        products,
        compiler: compiler.map(|[major, minor]| format!("{major}.{minor}")),
        trouble: trouble.map(Trouble::message),
        remedy: trouble.map(|t| t.remedy().to_owned()),
    }
}

/// Whether card `number` can be opened.
pub(super) fn check(number: usize) -> Result<()> {
    let (cards, _) = probe().map_err(Trouble::error)?;
    if cards.get(number).is_none() {
        let names: Vec<String> = cards.iter().map(|c| format!("`cuda:{}` ({})", c.number, c.name)).collect();
        return Err(Error::device(format!("there is no card `cuda:{number}`"))
            .hint(format!("this machine has {}", names.join(", "))));
    }
    if catch_unwind(compiler_version).ok().flatten().is_none() {
        return Err(Trouble::NoCompiler.error());
    }
    Ok(())
}

/// The cards and the version of the driver.
fn probe() -> Result<(Vec<CardInfo>, String), Trouble> {
    if !driver_is_present() {
        return Err(Trouble::NoDriver);
    }
    // a symbol that an old driver lacks is a panic of the library
    let found = catch_unwind(|| {
        result::init()?;
        let n = usize::try_from(result::device::get_count()?).unwrap_or(0);
        let cards = (0..n).map(card).collect::<Result<Vec<_>, DriverError>>()?;
        Ok((cards, driver_version()))
    });
    match found {
        Err(_) => Err(Trouble::OldDriver),
        Ok(Ok((cards, _))) if cards.is_empty() => Err(Trouble::NoCard),
        Ok(Ok(found)) => Ok(found),
        Ok(Err(DriverError(CUresult::CUDA_ERROR_NO_DEVICE))) => Err(Trouble::NoCard),
        Ok(Err(error)) => Err(Trouble::Refused(error)),
    }
}

fn card(number: usize) -> Result<CardInfo, DriverError> {
    let context = CudaContext::new(number)?;
    let (major, minor) = context.compute_capability()?;
    Ok(CardInfo {
        number,
        name: context.name()?,
        memory: context.total_mem()? as u64,
        free: context.mem_get_info().ok().map(|(free, _)| free as u64),
        capability: format!("{major}.{minor}"),
    })
}

#[expect(unsafe_code, reason = "the driver is a C library")]
fn driver_version() -> String {
    let mut version = 0;
    // SAFETY: the version is written.
    let asked = unsafe { sys::cuDriverGetVersion(&raw mut version) }.result();
    asked.map_or_else(|_| "unknown".to_owned(), |()| format!("{}.{}", version / 1000, version % 1000 / 10))
}
