//! Kernel files, compiled for a card when they are first used and kept for the next program.
//!
//! A kept image is named by the hash of source, architecture, options and compiler. One that was cut, or that the card
//! refuses, is compiled again.
#![expect(unsafe_code, reason = "the compiler is a C library")]

use std::ffi::{CString, c_int};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};

use cudarc::nvrtc::{result, sys};

use crate::error::{Error, Result};

/// A kernel file and what is put before it.
#[derive(Debug)]
pub(super) struct KernelFile {
    pub(super) stem: &'static str,
    parts: &'static [&'static str],
}

macro_rules! kernel_files {
    ($($name:ident = $stem:literal after [$($before:literal),*];)*) => {
        $(pub(super) static $name: KernelFile = KernelFile {
            stem: $stem,
            parts: &[
                $(include_str!(concat!("../../../kernels/", $before)),)*
                include_str!(concat!("../../../kernels/", $stem, ".cu")),
            ],
        };)*
    };
}

kernel_files! {
    LINEAR = "linear" after ["prelude.cuh"];
    NARROW = "narrow" after ["prelude.cuh"];
    REDUCE = "reduce" after ["prelude.cuh"];
    NORM = "norm" after ["prelude.cuh"];
    ACTIVATION = "activation" after ["prelude.cuh"];
    ROPE = "rope" after ["prelude.cuh"];
    HEADS = "heads" after ["prelude.cuh"];
    EMBEDDING = "embedding" after ["prelude.cuh"];
    ATTENTION = "attention" after ["prelude.cuh", "attention_tiles.cuh"];
    TENSOR_ATTENTION_32 = "tensor_attention_32" after ["prelude.cuh", "attention_tiles.cuh", "tensor_cores.cuh", "tensor_tiles.cuh", "tensor_attention.cuh"];
    TENSOR_ATTENTION_64 = "tensor_attention_64" after ["prelude.cuh", "attention_tiles.cuh", "tensor_cores.cuh", "tensor_tiles.cuh", "tensor_attention.cuh"];
    TENSOR_ATTENTION_96 = "tensor_attention_96" after ["prelude.cuh", "attention_tiles.cuh", "tensor_cores.cuh", "tensor_tiles.cuh", "tensor_attention.cuh"];
    TENSOR_ATTENTION_128 = "tensor_attention_128" after ["prelude.cuh", "attention_tiles.cuh", "tensor_cores.cuh", "tensor_tiles.cuh", "tensor_attention.cuh"];
    TENSOR_ATTENTION_256 = "tensor_attention_256" after ["prelude.cuh", "attention_tiles.cuh", "tensor_cores.cuh", "tensor_tiles.cuh", "tensor_attention.cuh"];
    PATTERN = "pattern" after ["prelude.cuh", "attention_tiles.cuh"];
    CROSS_ENTROPY = "cross_entropy" after ["prelude.cuh"];
    HEAD = "head" after ["prelude.cuh"];
    HEAD_GRAM = "head_gram" after ["prelude.cuh"];
    OPTIMIZER = "optimizer" after ["prelude.cuh"];
}

/// IEEE arithmetic: the kernels say where a fused multiply-add belongs.
const OPTIONS: [&str; 2] = ["--std=c++17", "--fmad=false"];

/// Keeps compiled kernels from one program to the next.
pub trait KernelStore: Send + Sync {
    /// What was put under this name, if it is still there.
    fn get(&self, name: &str) -> Option<Vec<u8>>;
    /// Keeps an image; a failure costs only time. Two programs may put the same name at once.
    fn put(&self, name: &str, image: &[u8]);
}

static STORE: Mutex<Option<Arc<dyn KernelStore>>> = Mutex::new(None);

/// Compiled kernels are kept there from now on; without a store every program compiles them.
pub fn keep_kernels(store: Arc<dyn KernelStore>) {
    if let Ok(mut place) = STORE.lock() {
        *place = Some(store);
    }
}

/// Whether the compiler's library is there.
pub(super) fn compiler_is_present() -> bool {
    // SAFETY: opening the library runs only its own initializers.
    unsafe { sys::is_culib_present() }
}

/// Version of the compiler.
pub(super) fn compiler_version() -> Option<[i32; 2]> {
    if !compiler_is_present() {
        return None;
    }
    let (mut major, mut minor): (c_int, c_int) = (0, 0);
    // SAFETY: both numbers are written.
    unsafe { sys::nvrtcVersion(&raw mut major, &raw mut minor) }.result().ok()?;
    Some([major, minor])
}

/// What to do without the compiler.
pub(super) const COMPILER_HINT: &str = "install NVIDIA's run-time compiler: `pip install nvidia-cuda-nvrtc`, or the CUDA \
     toolkit, and put its folder of libraries on the search path (LD_LIBRARY_PATH)";

impl KernelFile {
    /// The compiled file for a card of this compute capability: the one that was kept, unless a `fresh` one is wanted.
    ///
    /// # Errors
    /// `Device` when there is no compiler, or none for this card.
    pub(super) fn image(&self, capability: [i32; 2], fresh: bool) -> Result<Vec<u8>> {
        let Some(version) = compiler_version() else {
            return Err(Error::device("the compiler of the kernels (NVRTC) is not there").hint(COMPILER_HINT));
        };
        let target = target(capability, version)?;
        let source = self.parts.join("\n");
        let mut hash = DefaultHasher::new();
        (&source, &target, OPTIONS, version, env!("CARGO_PKG_VERSION")).hash(&mut hash);
        let name = format!("{}-{:016x}", self.stem, hash.finish());
        let store = STORE.lock().ok().and_then(|store| store.clone());
        let kept = store.as_ref().filter(|_| !fresh).and_then(|store| whole(store.get(&name)?));
        if let Some(image) = kept {
            return Ok(image);
        }
        let image = self.compile(&source, &target)?;
        if let Some(store) = store {
            store.put(&name, &[&image, END].concat());
        }
        Ok(image)
    }

    fn compile(&self, source: &str, target: &Target) -> Result<Vec<u8>> {
        let zero = |_| Error::bug(format!("a zero byte in the kernel file {}", self.stem));
        let source = CString::new(source).map_err(zero)?;
        let name = CString::new(format!("{}.cu", self.stem)).map_err(zero)?;
        let failed = |error: result::NvrtcError| Error::device(format!("compiling {}: {error:?}", self.stem));
        let program = Program(result::create_program(&source, Some(&name)).map_err(failed)?);
        let options: Vec<String> =
            OPTIONS.iter().map(|o| (*o).to_owned()).chain([format!("--gpu-architecture={}", target.name())]).collect();
        // SAFETY: the program was created above and lives until it is dropped.
        if let Err(error) = unsafe { result::compile_program(program.0, &options) } {
            // SAFETY: as above.
            let log = unsafe { result::get_program_log(program.0) }.map(text).unwrap_or_default();
            return Err(Error::device(format!("compiling the kernels of {}: {error:?}\n{log}", self.stem))
                .hint("this is a bug, or a compiler that is too old: please report it with this message"));
        }
        let mut image = if target.is_exact { cubin(&program) } else { ptx(&program) }.map_err(failed)?;
        image.push(0);
        Ok(image)
    }
}

/// A program of the compiler, destroyed when dropped.
struct Program(sys::nvrtcProgram);

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: it was created and is not used any more.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

fn cubin(program: &Program) -> Result<Vec<u8>, result::NvrtcError> {
    let mut bytes = 0;
    // SAFETY: the size is written.
    unsafe { sys::nvrtcGetCUBINSize(program.0, &raw mut bytes) }.result()?;
    let mut image = vec![0u8; bytes];
    // SAFETY: as many bytes are there as will be written.
    unsafe { sys::nvrtcGetCUBIN(program.0, image.as_mut_ptr().cast()) }.result()?;
    Ok(image)
}

fn ptx(program: &Program) -> Result<Vec<u8>, result::NvrtcError> {
    // SAFETY: the program was compiled.
    unsafe { result::get_ptx(program.0) }.map(|text| text.into_iter().map(|c| c as u8).collect())
}

fn text(characters: Vec<std::ffi::c_char>) -> String {
    let bytes: Vec<u8> = characters.into_iter().map(|c| c as u8).take_while(|b| *b != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What is compiled for.
#[derive(Debug, Hash, PartialEq, Eq)]
struct Target {
    arch: i32,
    /// For this very architecture, not for an older one from which the driver goes on.
    is_exact: bool,
}

impl Target {
    fn name(&self) -> String {
        format!("{}_{}", if self.is_exact { "sm" } else { "compute" }, self.arch)
    }
}

/// The architecture of a card if the compiler knows it, else the latest before it.
fn target(capability: [i32; 2], version: [i32; 2]) -> Result<Target> {
    let own = capability[0] * 10 + capability[1];
    let known = known_architectures();
    if let Some(&arch) = known.iter().filter(|arch| **arch <= own).max() {
        return Ok(Target { arch, is_exact: arch == own });
    }
    let (card, [major, minor]) = (format!("{}.{}", capability[0], capability[1]), version);
    Err(Error::device(format!(
        "the compiler (NVRTC {major}.{minor}) knows no card as old as compute capability {card}"
    ))
    .hint("use an older NVRTC (12 compiles for 5.0 and later), or the device `cpu`"))
}

fn known_architectures() -> Vec<i32> {
    let mut count: c_int = 0;
    // SAFETY: the count is written.
    if unsafe { sys::nvrtcGetNumSupportedArchs(&raw mut count) }.result().is_err() {
        return Vec::new();
    }
    let mut known = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: as many numbers are there as were announced.
    if unsafe { sys::nvrtcGetSupportedArchs(known.as_mut_ptr()) }.result().is_err() {
        return Vec::new();
    }
    known
}

/// Marks an image that was kept to its end.
const END: &[u8] = b"memoscope kernels\n";

/// An image without its mark, if it is whole.
fn whole(mut kept: Vec<u8>) -> Option<Vec<u8>> {
    let len = kept.strip_suffix(END)?.len();
    kept.truncate(len);
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_was_cut_is_not_used() {
        let image = b"\x7fELF\0";
        assert_eq!(whole([&image[..], END].concat()).as_deref(), Some(&image[..]));
        assert_eq!(whole([&image[..], &END[1..]].concat()), None);
        assert_eq!(whole([&image[..], &END[..END.len() - 1]].concat()), None);
    }

    #[test]
    fn a_card_gets_its_own_code_and_a_later_one_that_of_an_earlier() {
        if compiler_version().is_none() {
            println!("skipped: no NVRTC on the search path of libraries");
            return;
        }
        assert!(LINEAR.image([8, 0], true).unwrap().starts_with(b"\x7fELF"), "machine code");
        let later = LINEAR.image([99, 0], true).unwrap();
        assert!(String::from_utf8_lossy(&later).contains(".version"), "PTX, from which the driver goes on");
        let error = LINEAR.image([1, 0], true).unwrap_err().to_string();
        assert!(error.contains("knows no card as old as compute capability 1.0"), "{error}");
    }
}
