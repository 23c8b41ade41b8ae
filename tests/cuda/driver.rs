//! The shim's driver, as the program's own code calls a driver: memory, modules, launches.
#![expect(unsafe_code, reason = "a C library is called")]

use std::collections::HashMap;
use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::sync::{Mutex, OnceLock};

use libloading::os::unix::Library;

use super::build::{self, KERNELS};
use super::compiler::{compile, source};

type Address = *mut c_void;
type Launch = unsafe extern "C" fn(
    Address,
    c_uint,
    c_uint,
    c_uint,
    c_uint,
    c_uint,
    c_uint,
    c_uint,
    Address,
    *mut *mut c_void,
    *mut *mut c_void,
) -> c_int;

/// Threads of every block.
const THREADS: usize = 256;

/// An open device.
pub(super) struct Device {
    driver: &'static Library,
    functions: Mutex<HashMap<String, usize>>,
}

/// Memory of the device, freed with the value.
pub(super) struct Memory {
    address: usize,
    bytes: usize,
}

/// An argument of a kernel.
#[derive(Clone, Copy)]
pub(super) enum Arg {
    Pointer(usize),
    Size(u64),
    Flag(i32),
    Real(f32),
    Double(f64),
}

impl Arg {
    pub(super) const NULL: Self = Self::Pointer(0);

    pub(super) fn size(n: usize) -> Self {
        Self::Size(n as u64)
    }

    /// Value and tangent.
    pub(super) fn pair(value: &Memory, tangent: Option<&Memory>) -> [Self; 2] {
        [value.arg(), tangent.map_or(Self::NULL, Memory::arg)]
    }
}

impl Memory {
    pub(super) fn arg(&self) -> Arg {
        Arg::Pointer(self.address)
    }

    /// From this number (of 4 bytes) on.
    pub(super) fn after(&self, numbers: usize) -> Arg {
        Arg::Pointer(self.address + 4 * numbers)
    }

    /// What lies there.
    pub(super) fn read<T: Copy + Default>(&self) -> Vec<T> {
        let mut out = vec![T::default(); self.bytes / size_of::<T>()];
        let device = device().unwrap();
        type Copy = unsafe extern "C" fn(*mut c_void, Address, usize) -> c_int;
        // SAFETY: `out` has as many bytes as are copied.
        let code = unsafe {
            let copy = device.driver.get::<Copy>(b"cuMemcpyDtoH_v2\0").unwrap();
            copy(out.as_mut_ptr().cast(), self.address as Address, out.len() * size_of::<T>())
        };
        assert_eq!(code, 0, "copy from the device");
        out
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        type Free = unsafe extern "C" fn(Address) -> c_int;
        let Some(device) = device() else { return };
        // SAFETY: nothing uses the memory any more.
        let code = unsafe { device.driver.get::<Free>(b"cuMemFree_v2\0").unwrap()(self.address as Address) };
        assert_eq!(code, 0, "free");
    }
}

/// The device, if the shim can be built here.
pub(super) fn device() -> Option<&'static Device> {
    static DEVICE: OnceLock<Option<Device>> = OnceLock::new();
    DEVICE.get_or_init(Device::open).as_ref()
}

impl Device {
    fn open() -> Option<Self> {
        let [driver, nvrtc, _] = build::preload()?;
        let device = Self { driver, functions: Mutex::new(HashMap::new()) };
        for (stem, before) in KERNELS {
            let image = compile(nvrtc, &source(stem, before), &[], false).image.unwrap();
            device.load(&image);
        }
        let faulty = std::fs::read_to_string(crate::tidy::root().join("tests/cuda/faulty.cu")).unwrap();
        device.load(&compile(nvrtc, &faulty, &[], false).image.unwrap());
        Some(device)
    }

    /// Loads a module and all of its kernels.
    fn load(&self, image: &[u8]) {
        type Load = unsafe extern "C" fn(*mut Address, *const c_void) -> c_int;
        type Find = unsafe extern "C" fn(*mut Address, Address, *const c_char) -> c_int;
        let mut functions = self.functions.lock().unwrap();
        let names = String::from_utf8_lossy(image);
        // SAFETY: the image ends in 0, as do the names.
        unsafe {
            let mut module: Address = std::ptr::null_mut();
            let load = self.driver.get::<Load>(b"cuModuleLoadData\0").unwrap();
            assert_eq!(load(&raw mut module, image.as_ptr().cast()), 0, "load {names}");
            let find = self.driver.get::<Find>(b"cuModuleGetFunction\0").unwrap();
            for name in names.trim_end_matches('\0').lines().skip(1) {
                let mut function: Address = std::ptr::null_mut();
                let text = CString::new(name).unwrap();
                assert_eq!(find(&raw mut function, module, text.as_ptr()), 0, "find {name}");
                functions.insert(name.to_owned(), function as usize);
            }
        }
    }

    /// New memory: full of NaN.
    pub(super) fn stale(&self, bytes: usize) -> Memory {
        type Alloc = unsafe extern "C" fn(*mut Address, usize) -> c_int;
        let mut address: Address = std::ptr::null_mut();
        // SAFETY: the address is written by the call.
        let code = unsafe { self.driver.get::<Alloc>(b"cuMemAlloc_v2\0").unwrap()(&raw mut address, bytes.max(1)) };
        assert_eq!(code, 0, "allocate {bytes} bytes");
        Memory { address: address as usize, bytes }
    }

    /// These numbers on the device.
    pub(super) fn upload<T: Copy>(&self, values: &[T]) -> Memory {
        type Copy = unsafe extern "C" fn(Address, *const c_void, usize) -> c_int;
        let memory = self.stale(size_of_val(values));
        // SAFETY: both sides have the bytes of `values`.
        let code = unsafe {
            let copy = self.driver.get::<Copy>(b"cuMemcpyHtoD_v2\0").unwrap();
            copy(memory.address as Address, values.as_ptr().cast(), memory.bytes)
        };
        assert_eq!(code, 0, "copy to the device");
        memory
    }

    /// Runs a kernel; the result is the driver's.
    pub(super) fn try_launch(&self, name: &str, grid: [usize; 3], args: &[Arg]) -> c_int {
        let function = self.functions.lock().unwrap()[name];
        let mut args = args.to_vec();
        let mut places: Vec<*mut c_void> = args
            .iter_mut()
            .map(|arg| match arg {
                Arg::Pointer(x) => std::ptr::from_mut(x).cast(),
                Arg::Size(x) => std::ptr::from_mut(x).cast(),
                Arg::Flag(x) => std::ptr::from_mut(x).cast(),
                Arg::Real(x) => std::ptr::from_mut(x).cast(),
                Arg::Double(x) => std::ptr::from_mut(x).cast(),
            })
            .collect();
        let [x, y, z] = grid.map(|g| g as c_uint);
        let null = std::ptr::null_mut();
        // SAFETY: the arguments are those of the kernel, as the signatures of kernels/README.md say.
        unsafe {
            let launch = self.driver.get::<Launch>(b"cuLaunchKernel\0").unwrap();
            let block = THREADS as c_uint;
            launch(function as Address, x, y, z, block, 1, 1, 0, null, places.as_mut_ptr(), std::ptr::null_mut())
        }
    }

    pub(super) fn launch(&self, name: &str, grid: [usize; 3], args: &[Arg]) {
        assert_eq!(self.try_launch(name, grid, args), 0, "launch {name} on {grid:?}");
    }
}

/// The grid where a thread has an element: fewer threads than elements, so that each has several.
pub(super) fn elements(n: usize) -> [usize; 3] {
    [n.div_ceil(THREADS).div_ceil(2).max(1), 1, 1]
}

/// The grid where a warp has a row.
pub(super) fn warps(rows: usize) -> [usize; 3] {
    [rows.div_ceil(THREADS / 32), 1, 1]
}
