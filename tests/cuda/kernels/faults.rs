//! What the shim and the driver refuse.

use std::process::Command;

use super::super::build::SANITIZE;
use super::{Arg, device};

/// Set in the process that runs a faulty kernel.
const CHILD: &str = "MEMOSCOPE_SHIM_FAULT";

/// Runs a faulty kernel in a process of its own: what it writes before it dies.
fn last_words(kernel: &str) -> Option<String> {
    device()?;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["cuda::kernels::faults::child", "--exact", "--nocapture"]).env(CHILD, kernel);
    let output = child.output().unwrap();
    assert!(!output.status.success(), "{kernel} went through");
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn child() {
    let Ok(kernel) = std::env::var(CHILD) else { return };
    let Some(device) = device() else { return };
    let x = device.upload(&vec![0.0f32; 256]);
    device.launch(&kernel, [1, 1, 1], &[x.arg(), Arg::size(256)]);
}

#[test]
fn a_barrier_that_some_threads_miss_ends_the_process() {
    let Some(words) = last_words("divergent_barrier") else { return };
    assert!(words.contains("cuda shim: deadlock"), "{words}");
}

#[test]
fn a_lane_that_has_left_cannot_be_read() {
    let Some(words) = last_words("exited_lanes") else { return };
    assert!(words.contains("names a lane that has exited"), "{words}");
}

/// Where the tests run again with sanitizers: they do look at the kernels.
#[test]
fn a_write_past_the_end_ends_the_process() {
    if std::env::var_os(SANITIZE).is_none() {
        return;
    }
    let Some(words) = last_words("out_of_bounds") else { return };
    assert!(words.contains("heap-buffer-overflow") && words.contains("faulty.cu"), "{words}");
}

/// In order unless asked otherwise: where the tests run again in another order, a race shows.
#[test]
fn a_race_is_decided_by_the_order_of_threads() {
    let Some(device) = device() else { return };
    let x = device.upload(&vec![0.0f32; 256]);
    device.launch("race", [1, 1, 1], &[x.arg()]);
    let is_in_order = x.read::<f32>()[0] == 255.0;
    assert_eq!(is_in_order, std::env::var_os("MEMOSCOPE_SHIM_SEED").is_none(), "the last writer");
}

/// Also in the second block, after the first has written there.
#[test]
fn unwritten_shared_memory_is_nan() {
    let Some(device) = device() else { return };
    let x = device.upload(&vec![0.0f32; 512]);
    device.launch("stale_shared", [2, 1, 1], &[x.arg()]);
    assert!(x.read::<f32>().iter().all(|x| x.is_nan()), "shared memory held numbers");
}

#[test]
fn new_memory_is_nan() {
    let Some(device) = device() else { return };
    assert!(device.stale(64).read::<f32>().iter().all(|x| x.is_nan()), "new memory held numbers");
}

#[test]
fn launches_that_no_card_takes_are_refused() {
    let Some(device) = device() else { return };
    let x = device.upload(&[1.0f32]);
    for grid in [[0, 1, 1], [1, 65536, 1], [1, 1, 65536]] {
        let code = device.try_launch("fill", grid, &[x.arg(), Arg::Real(0.0), Arg::size(1)]);
        assert_eq!(code, 1, "grid {grid:?}");
    }
    assert_eq!(x.read::<f32>(), [1.0], "a refused launch ran");
}
