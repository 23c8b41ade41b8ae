//! Files made to eat memory or time.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use memoscope::data::{DataSpec, Tokenizer, load};
use memoscope::engine::weights::{self, TensorFile};

use super::child;
use crate::models::build::{copy, with_header};

/// Room for the error, buffers of the allocator and pages of the program.
const SLACK: u64 = 2 << 20;

#[test]
#[ignore = "runs as a child process of the tests below"]
fn open_file_in_child() {
    child::report(|path| TensorFile::open(path).map(drop));
}

#[test]
#[ignore = "runs as a child process of the tests below"]
fn open_folder_in_child() {
    child::report(|path| weights::open(path).map(drop));
}

#[test]
#[ignore = "runs as a child process of the tests below"]
fn open_tokenizer_in_child() {
    child::report(|path| Tokenizer::load(path).map(drop));
}

#[test]
#[ignore = "runs as a child process of the tests below"]
fn read_rows_in_child() {
    child::report(|path| load(path, &DataSpec::default()).map(drop));
}

#[track_caller]
fn check(child: &str, path: &Path, n_bytes: usize, part: &str) {
    let Some(outcome) = child::run(&format!("malformed::memory::{child}"), path) else { return };
    assert!(outcome.message.contains(part), "{}", outcome.message);
    assert!(outcome.seconds < 1.0, "{part}: {} s", outcome.seconds);
    let limit = 2 * n_bytes as u64 + SLACK;
    assert!(outcome.peak_bytes < limit, "{part}: {} bytes of memory for a file of {n_bytes}", outcome.peak_bytes);
}

fn check_file(header: &str, n_data: usize, part: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    let bytes = with_header(header, &vec![0; n_data]);
    fs::write(&path, &bytes).unwrap();
    check("open_file_in_child", &path, bytes.len(), part);
}

#[test]
fn a_million_tensors_on_the_same_bytes() {
    let mut header = String::from("{");
    for i in 0..1_000_000 {
        write!(header, r#""{i}":{{"dtype":"U8","shape":[4],"data_offsets":[0,4]}},"#).unwrap();
    }
    header.pop();
    check_file(&(header + "}"), 4, "some overlap");
}

#[test]
fn a_million_tensors_of_nothing() {
    let mut header = String::from("{");
    for i in 0..1_000_000 {
        write!(header, r#""{i}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}},"#).unwrap();
    }
    header.pop();
    check_file(&(header + "}"), 0, "more than 100000 tensors");
}

#[test]
fn ninety_megabytes_of_header() {
    let n = 90 << 20;
    check_file(&format!("{{\"{}", "x".repeat(n)), 0, "EOF");
    check_file(&" ".repeat(n), 0, "EOF");
    check_file(&format!(r#"{{"__metadata__":{{"a":"{}"}}}}"#, "\\n".repeat(n / 2)), 1, "belong to none");
}

#[test]
fn a_hundred_megabytes_of_nested_objects_in_config_json() {
    let dir = copy("gpt2");
    let n = 100 << 20;
    fs::write(dir.path().join("config.json"), format!("{{\"a\":{}", "{\"b\":".repeat(n / 5))).unwrap();
    check("open_folder_in_child", dir.path(), n, "larger than 2 MiB");
}

#[test]
fn objects_instead_of_names_in_an_index() {
    let dir = copy("llama");
    let index = format!("{{\"metadata\":[{}0]}}", "{\"a\":1},".repeat(1 << 20));
    fs::write(dir.path().join("model.safetensors.index.json"), &index).unwrap();
    check("open_folder_in_child", dir.path(), index.len(), "missing field `weight_map`");
}

#[test]
fn two_megabytes_of_objects_in_config_json() {
    let dir = copy("gpt2");
    let config = format!("[{}0]", "{\"a\":1},".repeat(250_000));
    fs::write(dir.path().join("config.json"), &config).unwrap();
    let Some(outcome) = child::run("malformed::memory::open_folder_in_child", dir.path()) else { return };
    assert!(outcome.message.contains("more than 20000 values"), "{}", outcome.message);
    // Read whole once, and 20,000 values: twice the file would be less than a tree of that many.
    assert!(outcome.seconds < 1.0 && outcome.peak_bytes < 20 << 20, "{} s {}", outcome.seconds, outcome.peak_bytes);
}

#[test]
fn a_hundred_megabytes_of_nested_objects_in_tokenizer_json() {
    let dir = tempfile::tempdir().unwrap();
    let n = 100 << 20;
    fs::write(dir.path().join("tokenizer.json"), format!("{{\"model\":{}", "{\"b\":".repeat(n / 5))).unwrap();
    check("open_tokenizer_in_child", dir.path(), n, "tokenizer");
}

#[test]
fn a_row_that_never_ends() {
    let dir = tempfile::tempdir().unwrap();
    for (name, begin) in [("rows.jsonl", "{\"text\": \""), ("rows.txt", ""), ("rows.csv", "text\n\"")] {
        let path = dir.path().join(name);
        let n = 256 << 20;
        fs::write(&path, begin.to_owned() + &"x".repeat(n)).unwrap();
        // Reading stops at the longest row that is believed, far below the size of the file.
        check("read_rows_in_child", &path, n / 2, "longer than 64 MiB");
        fs::remove_file(&path).unwrap();
    }
}
