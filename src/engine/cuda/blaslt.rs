//! Matrix products by NVIDIA's cuBLASLt, opened at run time: for `tf32` and `bf16`.
//!
//! A product's plan (descriptors and algorithm) depends on its shape alone and is made once, so the same call gives the
//! same bytes. The algorithm may differ between numbers of rows: that is why `f32` takes our own kernel.
#![expect(unsafe_code, reason = "cuBLASLt is a C library")]

use std::collections::HashMap;
use std::ffi::c_void;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use cudarc::cublaslt::result::{self, CublasError};
use cudarc::cublaslt::sys;
use cudarc::driver::sys::CUstream;

use crate::error::{Error, Result};
use crate::precision::Precision;

/// Bytes of scratch that an algorithm may ask for: what NVIDIA recommends for its largest cards.
pub(super) const WORKSPACE: usize = 32 << 20;
/// Addresses are known to be multiples of at most this.
const ALIGNMENT: u64 = 256;

/// What to do without the library.
pub const HINT: &str = "install NVIDIA's cuBLAS: `pip install nvidia-cublas`, or the CUDA toolkit, and put its folder \
     of libraries on the search path (LD_LIBRARY_PATH); or use the precision `f32`, which needs none";

/// Version of the library, such as 13.0.2; none when it is not there.
pub(super) fn version() -> Option<String> {
    // SAFETY: opening the library runs only its own initializers.
    if !unsafe { sys::is_culib_present() } {
        return None;
    }
    // SAFETY: takes nothing, gives a number.
    let number = unsafe { sys::cublasLtGetVersion() };
    Some(format!("{}.{}.{}", number / 10000, number / 100 % 100, number % 100))
}

/// A factor as the library sees it: columns one after another, `ld` numbers from one to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Factor {
    pub(super) transposed: bool,
    pub(super) ld: usize,
}

/// What a plan depends on. D (rows, columns) = op(A)·op(B) over `inner` steps, columns one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) precision: Precision,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) inner: usize,
    pub(super) factors: [Factor; 2],
    pub(super) ld: usize,
    /// One number a row is added.
    pub(super) bias: bool,
}

/// Where everything lies; 0 where there is no bias.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) factors: [u64; 2],
    pub(super) out: u64,
    pub(super) bias: u64,
    pub(super) workspace: u64,
}

/// What a plan is made for: a shape, and what divides the addresses. Where the library has no algorithm there is none.
type Case = (Shape, [u32; 3]);

/// The open library.
pub(super) struct BlasLt {
    handle: sys::cublasLtHandle_t,
    plans: Mutex<HashMap<Case, Option<Plan>>>,
}

// SAFETY: the library's handle may be used by all threads, and plans are only touched under their lock.
unsafe impl Send for BlasLt {}
// SAFETY: as above.
unsafe impl Sync for BlasLt {}

impl fmt::Debug for BlasLt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cuBLASLt")
    }
}

fn failed(doing: &str, error: CublasError) -> Error {
    Error::device(format!("cuBLASLt failed while {doing}: {error}"))
        .hint("update cuBLAS or the driver, or use the precision `f32`, which does not need it")
}

impl BlasLt {
    /// Opens the library for the card that is bound to this thread.
    pub(super) fn open() -> Result<Self> {
        let handle = result::create_handle().map_err(|e| failed("being opened", e))?;
        Ok(Self { handle, plans: Mutex::default() })
    }

    /// D = op(A)·op(B) + bias, or D += op(A)·op(B) if `add`. Gives false, and does nothing, where the library has no
    /// algorithm for the shape.
    pub(super) fn multiply(&self, shape: &Shape, places: Places, add: bool, stream: CUstream) -> Result<bool> {
        let Places { factors: [a, b], out, bias, workspace } = places;
        let alignment = [a, b, out].map(aligned);
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = match plans.entry((*shape, alignment)) {
            std::collections::hash_map::Entry::Occupied(found) => found.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => place.insert(self.plan(shape, alignment)?),
        };
        let Some(plan) = plan else { return Ok(false) };
        if shape.bias {
            plan.set(sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias)?;
        }
        let (one, beta) = (1.0f32, if add { 1.0f32 } else { 0.0 });
        let pointer = |address: u64| address as *const c_void;
        // SAFETY: the plan was made for these matrices; the caller checked that they lie in blocks that live until the
        // stream is through. C and D are the same matrix, as the library allows.
        let code = unsafe {
            sys::cublasLtMatmul(
                self.handle,
                plan.desc,
                (&raw const one).cast(),
                pointer(a),
                plan.layouts[0],
                pointer(b),
                plan.layouts[1],
                (&raw const beta).cast(),
                pointer(out),
                plan.layouts[2],
                out as *mut c_void,
                plan.layouts[2],
                &raw const plan.algorithm,
                workspace as *mut c_void,
                WORKSPACE,
                stream.cast(),
            )
        };
        code.result().map(|()| true).map_err(|e| failed("multiplying", e))
    }

    fn plan(&self, shape: &Shape, alignment: [u32; 3]) -> Result<Option<Plan>> {
        let mut plan = Plan::describe(shape).map_err(|e| failed("planning a product", e))?;
        let preference = Preference::new(alignment).map_err(|e| failed("planning a product", e))?;
        let [a, b, c] = plan.layouts;
        // SAFETY: all descriptors were made above and live.
        let found = unsafe { result::get_matmul_algo_heuristic(self.handle, plan.desc, a, b, c, c, preference.0) };
        match found {
            Ok(found) => {
                plan.algorithm = found.algo;
                Ok(Some(plan))
            }
            Err(CublasError(sys::cublasStatus_t::CUBLAS_STATUS_NOT_SUPPORTED)) => Ok(None),
            Err(error) => Err(failed("choosing an algorithm", error)),
        }
    }
}

impl Drop for BlasLt {
    fn drop(&mut self) {
        // SAFETY: nobody uses the handle any more.
        let _ = unsafe { result::destroy_handle(self.handle) };
    }
}

/// The largest power of two, up to what is of use, that divides an address.
fn aligned(address: u64) -> u32 {
    1 << (address | ALIGNMENT).trailing_zeros()
}

/// Descriptors of a product, destroyed when dropped.
struct Plan {
    desc: sys::cublasLtMatmulDesc_t,
    layouts: [sys::cublasLtMatrixLayout_t; 3],
    algorithm: sys::cublasLtMatmulAlgo_t,
}

impl Plan {
    fn describe(shape: &Shape) -> Result<Self, CublasError> {
        let (number, compute) = match shape.precision {
            Precision::Bf16 => (sys::cudaDataType::CUDA_R_16BF, sys::cublasComputeType_t::CUBLAS_COMPUTE_32F),
            Precision::Tf32 => (sys::cudaDataType::CUDA_R_32F, sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32),
            Precision::F32 => (sys::cudaDataType::CUDA_R_32F, sys::cublasComputeType_t::CUBLAS_COMPUTE_32F),
        };
        let single = sys::cudaDataType::CUDA_R_32F;
        let null = std::ptr::null_mut();
        let algorithm = sys::cublasLtMatmulAlgo_t { data: [0; 8] };
        let desc = result::create_matmul_desc(compute, single)?;
        let mut plan = Self { desc, layouts: [null; 3], algorithm };
        let stored = |factor: Factor, [rows, columns]: [usize; 2]| {
            let [rows, columns] = if factor.transposed { [columns, rows] } else { [rows, columns] };
            result::create_matrix_layout(number, rows as u64, columns as u64, factor.ld as i64)
        };
        let [a, b] = shape.factors;
        plan.layouts[0] = stored(a, [shape.rows, shape.inner])?;
        plan.layouts[1] = stored(b, [shape.inner, shape.columns])?;
        plan.layouts[2] =
            result::create_matrix_layout(single, shape.rows as u64, shape.columns as u64, shape.ld as i64)?;
        use sys::cublasLtMatmulDescAttributes_t as Attribute;
        plan.put(Attribute::CUBLASLT_MATMUL_DESC_TRANSA, &i32::from(a.transposed))?;
        plan.put(Attribute::CUBLASLT_MATMUL_DESC_TRANSB, &i32::from(b.transposed))?;
        if shape.bias {
            plan.put(
                Attribute::CUBLASLT_MATMUL_DESC_EPILOGUE,
                &(sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_BIAS as u32),
            )?;
            plan.put(Attribute::CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &(single as u32))?;
        }
        Ok(plan)
    }

    /// Sets an attribute to the bytes of a value of the type that the library expects.
    fn put<T>(&self, attribute: sys::cublasLtMatmulDescAttributes_t, value: &T) -> Result<(), CublasError> {
        let from: *const T = value;
        // SAFETY: the descriptor lives, and as many bytes are read as the value has.
        unsafe { result::set_matmul_desc_attribute(self.desc, attribute, from.cast(), size_of::<T>()) }
    }

    fn set<T>(&self, attribute: sys::cublasLtMatmulDescAttributes_t, value: &T) -> Result<()> {
        self.put(attribute, value).map_err(|e| failed("planning a product", e))
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        for layout in self.layouts.into_iter().filter(|layout| !layout.is_null()) {
            // SAFETY: it was made in `describe` and is not used any more.
            let _ = unsafe { result::destroy_matrix_layout(layout) };
        }
        // SAFETY: as above.
        let _ = unsafe { result::destroy_matmul_desc(self.desc) };
    }
}

/// What an algorithm may use, destroyed when dropped.
struct Preference(sys::cublasLtMatmulPreference_t);

impl Preference {
    fn new([a, b, c]: [u32; 3]) -> Result<Self, CublasError> {
        use sys::cublasLtMatmulPreferenceAttributes_t as Attribute;
        let preference = Self(result::create_matmul_pref()?);
        preference.put(Attribute::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &WORKSPACE)?;
        preference.put(Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &a)?;
        preference.put(Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &b)?;
        preference.put(Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &c)?;
        preference.put(Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &c)?;
        Ok(preference)
    }

    fn put<T>(&self, attribute: sys::cublasLtMatmulPreferenceAttributes_t, value: &T) -> Result<(), CublasError> {
        let from: *const T = value;
        // SAFETY: the preference lives, and as many bytes are read as the value has.
        unsafe { result::set_matmul_pref_attribute(self.0, attribute, from.cast(), size_of::<T>()) }
    }
}

impl Drop for Preference {
    fn drop(&mut self) {
        // SAFETY: it was made in `new` and is not used any more.
        let _ = unsafe { result::destroy_matmul_pref(self.0) };
    }
}
