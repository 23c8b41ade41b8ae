//! A file that another program cuts while it is mapped.

use std::io::Write as _;

use memoscope::engine::weights::{TensorFile, cut_pages, survive_cut_files};

/// Missing pages are counted for the whole process, and windows of other tests would close their models.
#[test]
fn what_is_cut_away_reads_as_zeros_and_is_noticed() {
    let arguments = ["--exact", "malformed::cut::in_a_process_of_its_own", "--ignored"];
    let this = std::env::current_exe().expect("this program");
    let output = std::process::Command::new(this).args(arguments).output().expect("a process");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "started by the test above"]
fn in_a_process_of_its_own() {
    const N: usize = 1 << 18;
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("model.safetensors");
    let header = format!("{{\"w\":{{\"dtype\":\"F32\",\"shape\":[{N}],\"data_offsets\":[0,{}]}}}}", 4 * N);
    let mut file = std::fs::File::create(&path).expect("a file");
    file.write_all(&(header.len() as u64).to_le_bytes()).expect("written");
    file.write_all(header.as_bytes()).expect("written");
    for _ in 0..N {
        file.write_all(&1f32.to_le_bytes()).expect("written");
    }
    survive_cut_files().expect("a handler");
    let weights = TensorFile::open(&path).expect("a file of tensors");
    let sum = || weights.numbers(weights.find("w").expect("a tensor")).expect("numbers").iter().sum::<f64>();
    let before = cut_pages();
    assert_eq!((sum(), cut_pages()), (N as f64, before), "whole");
    file.set_len(1 << 16).expect("a cut");
    let left = (1 << 16) - header.len() - 8;
    assert_eq!(sum(), (left / 4) as f64, "what is left, and zeros");
    assert!(cut_pages() > before, "it is counted");
    assert!(weights.stamp().check_unchanged().is_err(), "and the file is known to have changed");
}
