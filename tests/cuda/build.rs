//! Builds the kernels for the processor, the driver that launches them, and the compiler that only lists them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::tidy::root;

/// What is put before attention on tensor cores.
const TENSOR: [&str; 5] =
    ["prelude.cuh", "attention_tiles.cuh", "tensor_cores.cuh", "tensor_tiles.cuh", "tensor_attention.cuh"];

/// Kernel files and what is put before them, as the program does before it compiles them.
pub(super) const KERNELS: [(&str, &[&str]); 19] = [
    ("linear", &["prelude.cuh"]),
    ("narrow", &["prelude.cuh"]),
    ("reduce", &["prelude.cuh"]),
    ("norm", &["prelude.cuh"]),
    ("activation", &["prelude.cuh"]),
    ("rope", &["prelude.cuh"]),
    ("heads", &["prelude.cuh"]),
    ("embedding", &["prelude.cuh"]),
    ("attention", &["prelude.cuh", "attention_tiles.cuh"]),
    ("pattern", &["prelude.cuh", "attention_tiles.cuh"]),
    ("tensor_attention_32", &TENSOR),
    ("tensor_attention_64", &TENSOR),
    ("tensor_attention_96", &TENSOR),
    ("tensor_attention_128", &TENSOR),
    ("tensor_attention_256", &TENSOR),
    ("cross_entropy", &["prelude.cuh"]),
    ("head", &["prelude.cuh"]),
    ("head_gram", &["prelude.cuh"]),
    ("optimizer", &["prelude.cuh"]),
];

/// Set by a test that runs others again with the sanitizers of g++.
pub(super) const SANITIZE: &str = "MEMOSCOPE_SHIM_SANITIZE";

/// Numbers are those of the card: no contraction to fused products, no types read as others by accident.
const FLAGS: [&str; 7] =
    ["-std=c++17", "-O2", "-g1", "-fPIC", "-ffp-contract=off", "-fno-strict-aliasing", "-fno-threadsafe-statics"];
const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-Wno-unused-function"];
const SANITIZERS: [&str; 4] =
    ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-O1"];

/// A kernel file.
pub(super) fn kernel_folder() -> PathBuf {
    root().join("kernels")
}

fn test_folder() -> PathBuf {
    root().join("tests/cuda")
}

/// The folder with `libcuda.so.1`, `libnvrtc.so` and `libcublasLt.so` of the shim, built when first asked for; `None`, and a line that
/// says so, where they cannot be built.
pub(super) fn libraries() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER.get_or_init(build).as_deref()
}

/// Opens the shim's libraries so that a later `dlopen` of theirs in this process finds them.
pub(super) fn preload() -> Option<&'static [Library; 3]> {
    static OPEN: OnceLock<Option<[Library; 3]>> = OnceLock::new();
    OPEN.get_or_init(|| {
        let folder = libraries()?;
        Some(["libcuda.so.1", "libnvrtc.so", "libcublasLt.so"].map(|name| open(&folder.join(name)).unwrap()))
    })
    .as_ref()
}

/// Opens a library without lending its symbols to others: the shim's NVRTC has those of the real one.
#[expect(unsafe_code, reason = "a library runs code when it is opened")]
pub(super) fn open(path: &Path) -> Result<Library, libloading::Error> {
    // SAFETY: the shim's libraries and NVRTC only set up their own variables.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
}

/// The names that a file declares by `KERNEL(name)`; one that ends in `##suffix` has a dual twin.
pub(super) fn kernel_names(source: &str) -> Vec<String> {
    let declared = source.lines().filter_map(|line| line.trim_start().strip_prefix("KERNEL(")?.split(')').next());
    declared
        .flat_map(|name| match name.strip_suffix("##suffix") {
            Some(name) => vec![name.to_owned(), format!("{name}_dual")],
            None => vec![name.to_owned()],
        })
        .collect()
}

fn build() -> Option<PathBuf> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        println!("skipped: the shim of the CUDA kernels runs on x86-64 Linux");
        return None;
    }
    let Ok(version) = Command::new("g++").arg("--version").output() else {
        println!("skipped: the CUDA kernels need g++ to run on the processor");
        return None;
    };
    let sanitize = std::env::var_os(SANITIZE).is_some();
    let mut hash = DefaultHasher::new();
    (version.stdout, FLAGS, WARNINGS, SANITIZERS, sanitize).hash(&mut hash);
    for folder in [kernel_folder(), test_folder()] {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
        files.sort();
        for file in files {
            std::fs::read(file).unwrap().hash(&mut hash);
        }
    }
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = all.join(format!("cuda-shim-{:016x}", hash.finish()));
    if !folder.exists() {
        let scratch = tempfile::tempdir_in(all).unwrap();
        compile(scratch.path(), sanitize);
        // another process may have been faster
        if let Err(error) = std::fs::rename(scratch.path(), &folder) {
            assert!(folder.exists(), "{}: {error}", folder.display());
        }
    }
    Some(folder)
}

/// What g++ compiles for one kernel file: shim, kernels, and a launcher for each.
fn wrapper(file: &Path, before: &[&str]) -> String {
    let folder = kernel_folder();
    let included = [test_folder().join("cpu_shim.h")].into_iter().chain(before.iter().map(|name| folder.join(name)));
    let includes = included.chain([file.to_owned()]).map(|path| format!("#include \"{}\"\n", path.display()));
    let names = kernel_names(&std::fs::read_to_string(file).unwrap());
    includes.chain(names.iter().map(|name| format!("SHIM_EXPORT({name})\n"))).collect()
}

fn compile(folder: &Path, sanitize: bool) {
    let mut sources = vec![("fake_driver".to_owned(), test_folder().join("fake_driver.cpp"))];
    let faulty = ("faulty".to_owned(), test_folder().join("faulty.cu"), &["prelude.cuh"][..]);
    let kernels =
        KERNELS.iter().map(|(stem, before)| ((*stem).to_owned(), kernel_folder().join(format!("{stem}.cu")), *before));
    for (stem, file, before) in kernels.chain([faulty]) {
        let path = folder.join(format!("{stem}.cpp"));
        std::fs::write(&path, wrapper(&file, before)).unwrap();
        sources.push((stem, path));
    }
    let gcc = |arguments: &[&str], files: &[PathBuf], out: &str| {
        let mut command = Command::new("g++");
        command.args(FLAGS).args(if sanitize { &SANITIZERS[..] } else { &[] }).args(WARNINGS).args(arguments);
        command.args(files).arg("-o").arg(folder.join(out));
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    let finish = |child: std::process::Child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "g++: {}", String::from_utf8_lossy(&output.stderr));
    };
    let running: Vec<_> =
        sources.iter().map(|(stem, file)| gcc(&["-c"], std::slice::from_ref(file), &format!("{stem}.o"))).collect();
    running.into_iter().for_each(finish);
    let objects: Vec<PathBuf> = sources.iter().map(|(stem, _)| folder.join(format!("{stem}.o"))).collect();
    finish(gcc(&["-shared", "-Wl,-soname,libcuda.so"], &objects, "libcuda.so.1"));
    for (name, source) in [("nvrtc", "fake_nvrtc.cpp"), ("cublasLt", "fake_blaslt.cpp")] {
        let (soname, library) = (format!("-Wl,-soname,lib{name}.so"), format!("lib{name}.so"));
        finish(gcc(&["-shared", &soname], &[test_folder().join(source)], &library));
    }
}
