//! Every kernel compiles for every card: with NVRTC where `MEMOSCOPE_NVRTC` names its library.

use std::path::PathBuf;

use libloading::os::unix::Library;
use rayon::prelude::*;

use super::build::{self, KERNELS, kernel_names};
use super::compiler::{compile, open_nvrtc, source};

/// As the program compiles them.
const OPTIONS: [&str; 2] = ["--std=c++17", "--fmad=false"];

const ARCHITECTURES: [&str; 4] = ["compute_75", "sm_75", "sm_80", "sm_90"];

/// Bytes a kernel may keep outside registers: the assembler moves a few numbers of the attention kernels there to
/// fit a second or a third block on a multiprocessor.
const SPILL_LIMIT: usize = 32;

#[test]
fn every_kernel_compiles_for_every_card() {
    let Some(path) = std::env::var_os("MEMOSCOPE_NVRTC").map(PathBuf::from) else {
        println!("skipped: MEMOSCOPE_NVRTC does not name libnvrtc.so (pip install nvidia-cuda-nvrtc==13.0.88)");
        return;
    };
    let (nvrtc, _builtins) = open_nvrtc(&path);
    // the longest first, so that none is left alone at the end
    let mut jobs: Vec<_> = KERNELS.iter().flat_map(|file| ARCHITECTURES.map(|arch| (file, arch))).collect();
    jobs.sort_by_key(|((stem, _), _)| !stem.starts_with("tensor"));
    jobs.par_iter().with_max_len(1).for_each(|((stem, before), arch)| check(&nvrtc, stem, &source(stem, before), arch));
}

fn check(nvrtc: &Library, stem: &str, source: &str, arch: &str) {
    let cubin = arch.starts_with("sm_");
    let arch_option = format!("--gpu-architecture={arch}");
    let mut options = vec![&*arch_option];
    options.extend(OPTIONS);
    if cubin {
        options.push("--ptxas-options=-v");
    }
    let compiled = compile(nvrtc, source, &options, cubin);
    let image = compiled.image.unwrap_or_else(|error| panic!("{stem}.cu for {arch}: {error}"));
    assert!(!compiled.log.contains("warning"), "{stem}.cu for {arch}: {}", compiled.log);
    let text = String::from_utf8_lossy(&image);
    for name in kernel_names(source) {
        assert!(text.contains(&*name), "{stem}.cu for {arch}: {name} is missing");
    }
    check_spills(stem, arch, &compiled.log);
}

/// The assembler's report: `N bytes spill stores` after each kernel.
fn check_spills(stem: &str, arch: &str, log: &str) {
    for (before, _) in log.match_indices(" bytes spill stores").map(|(at, _)| log.split_at(at)) {
        let bytes: usize = before.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap();
        assert!(bytes <= SPILL_LIMIT, "{stem}.cu for {arch}: {bytes} bytes of registers are spilled\n{log}");
    }
}

#[test]
fn the_fake_compiler_lists_what_the_launchers_are_made_for() {
    let Some([_, nvrtc, _]) = build::preload() else { return };
    for (stem, before) in KERNELS {
        let source = source(stem, before);
        let image = compile(nvrtc, &source, &OPTIONS, false).image.unwrap();
        let listed = String::from_utf8(image).unwrap();
        let listed: Vec<&str> = listed.trim_end_matches('\0').lines().skip(1).collect();
        assert_eq!(listed, kernel_names(&source), "{stem}.cu");
    }
}

#[test]
fn a_broken_source_fails_with_a_log() {
    let Some([_, nvrtc, _]) = build::preload() else { return };
    let compiled = compile(nvrtc, "#error no\n", &OPTIONS, false);
    assert!(compiled.image.is_err() && compiled.log.contains("#error no"), "{}", compiled.log);
}
