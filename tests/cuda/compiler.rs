//! NVRTC, the real one or the shim's, called through its library.
#![expect(unsafe_code, reason = "a C library is called")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;

use libloading::os::unix::Library;

use super::build;

type Program = *mut c_void;
type Strings = *const *const c_char;
type Create = unsafe extern "C" fn(*mut Program, *const c_char, *const c_char, c_int, Strings, Strings) -> c_int;
type Compile = unsafe extern "C" fn(Program, c_int, Strings) -> c_int;
type Size = unsafe extern "C" fn(Program, *mut usize) -> c_int;
type Give = unsafe extern "C" fn(Program, *mut c_char) -> c_int;
type Destroy = unsafe extern "C" fn(*mut Program) -> c_int;

/// What the compiler made of a source.
pub(super) struct Compiled {
    /// The image, or what stands in its place after an error.
    pub(super) image: Result<Vec<u8>, String>,
    pub(super) log: String,
}

/// A file of `kernels` with what is put before it.
pub(super) fn source(stem: &str, before: &[&str]) -> String {
    let read = |name: &str| std::fs::read_to_string(build::kernel_folder().join(name)).unwrap();
    let parts: Vec<String> = before.iter().copied().chain([&*format!("{stem}.cu")]).map(read).collect();
    parts.join("\n")
}

/// Compiles `source` with these options to PTX, or to machine code if `cubin`.
pub(super) fn compile(nvrtc: &Library, source: &str, options: &[&str], cubin: bool) -> Compiled {
    let source = CString::new(source).unwrap();
    let options: Vec<CString> = options.iter().map(|o| CString::new(*o).unwrap()).collect();
    let pointers: Vec<*const c_char> = options.iter().map(|o| o.as_ptr()).collect();
    let mut program: Program = std::ptr::null_mut();
    // SAFETY: signatures are those of nvrtc.h; strings end in 0 and outlive the calls, buffers have the size asked for.
    unsafe {
        let create = nvrtc.get::<Create>(b"nvrtcCreateProgram\0").unwrap();
        let none = std::ptr::null();
        assert_eq!(create(&raw mut program, source.as_ptr(), c"kernels.cu".as_ptr(), 0, none, none), 0, "create");
        let run = nvrtc.get::<Compile>(b"nvrtcCompileProgram\0").unwrap();
        let code = run(program, pointers.len() as c_int, pointers.as_ptr());
        let log = take(nvrtc, program, "nvrtcGetProgramLog");
        let log = CStr::from_bytes_until_nul(&log).map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let image = if code == 0 {
            Ok(take(nvrtc, program, if cubin { "nvrtcGetCUBIN" } else { "nvrtcGetPTX" }))
        } else {
            Err(format!("NVRTC result {code}: {log}"))
        };
        nvrtc.get::<Destroy>(b"nvrtcDestroyProgram\0").unwrap()(&raw mut program);
        Compiled { image, log }
    }
}

/// What the function `name` of a program gives; `name` + `Size` says how long it is.
unsafe fn take(nvrtc: &Library, program: Program, name: &str) -> Vec<u8> {
    let mut bytes = 0;
    // SAFETY: as promised by the caller.
    unsafe {
        let size = nvrtc.get::<Size>(format!("{name}Size\0").as_bytes()).unwrap();
        assert_eq!(size(program, &raw mut bytes), 0, "{name}Size");
        let mut text = vec![0u8; bytes];
        let give = nvrtc.get::<Give>(format!("{name}\0").as_bytes()).unwrap();
        assert_eq!(give(program, text.as_mut_ptr().cast()), 0, "{name}");
        text
    }
}

/// Opens NVRTC at a path. The others are its built-in functions, which lie beside it and must stay open.
pub(super) fn open_nvrtc(path: &Path) -> (Library, Vec<Library>) {
    let beside = path.parent().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let is_builtins =
        |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("libnvrtc-builtins.so");
    let builtins = beside.filter(is_builtins).map(|entry| build::open(&entry.path()).unwrap()).collect();
    let nvrtc = build::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (nvrtc, builtins)
}
