//! The tests of the kernels again: threads in another order, and with the sanitizers of g++.

use std::process::Command;

use super::build::SANITIZE;
use super::driver::device;

/// Runs the tests of the kernels in a process of their own.
fn again(prepare: impl FnOnce(&mut Command)) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.arg("cuda::kernels::").env_remove("RUST_TEST_THREADS");
    prepare(&mut child);
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("test result: ok"), "{text}\n{errors}");
}

/// The library of a sanitizer, which must be there before anything else allocates.
fn sanitizer(name: &str) -> Option<String> {
    let output = Command::new("g++").arg(format!("-print-file-name={name}")).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    // g++ gives the bare name back where it has no such file
    path.contains('/').then_some(path)
}

#[test]
fn no_result_depends_on_the_order_of_threads() {
    if device().is_some() {
        again(|child| {
            child.env("MEMOSCOPE_SHIM_SEED", "7");
        });
    }
}

#[test]
fn nothing_is_read_or_written_out_of_bounds() {
    if device().is_none() {
        return;
    }
    let (Some(address), Some(undefined)) = (sanitizer("libasan.so"), sanitizer("libubsan.so")) else {
        println!("skipped: g++ has no sanitizers here");
        return;
    };
    again(|child| {
        child.env(SANITIZE, "1").env("LD_PRELOAD", format!("{address}:{undefined}"));
        child.env("ASAN_OPTIONS", "detect_leaks=0");
    });
}
