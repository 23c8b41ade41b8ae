//! Large checkpoints are opened without reading them.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use memoscope::engine::{Device, families, weights};
use serde_json::{Value, json};

use super::build::header_of;
use crate::malformed::child::{self, Outcome};

/// A Llama folder with a sparse file of about this many bytes.
fn sparse(dir: &Path, n_bytes: u64) -> u64 {
    let (d, f, v) = (4096_u64, 11_008_u64, 32_000_u64);
    let block = 4 * (4 * d * d + 3 * d * f);
    let n_layer = (n_bytes.saturating_sub(8 * v * d) / block).max(1);
    let config: Value = json!({"model_type": "llama", "vocab_size": v, "hidden_size": d, "intermediate_size": f,
        "num_hidden_layers": n_layer, "num_attention_heads": 32, "max_position_embeddings": 2048});
    std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
    let tensors: Vec<_> = families::blueprint(&config).unwrap().wanted.into_iter().map(|w| (w.name, w.shape)).collect();
    let (header, data) = header_of(&tensors);
    let mut file = File::create(dir.join("model.safetensors")).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    let total = 8 + header.len() as u64 + data;
    file.set_len(total).unwrap();
    total
}

/// Loads the folder it is told to; run in a process of its own, because memory is counted by process.
#[test]
#[ignore = "runs as a child process of the test below"]
fn load_in_child() {
    child::report(|dir| weights::load(dir, Device::Cpu).map(drop));
}

#[test]
fn two_gigabytes_open_at_once_and_stay_on_disk() {
    // MEMOSCOPE_SPARSE_GB=10 measures a larger one.
    let gigabytes: u64 = std::env::var("MEMOSCOPE_SPARSE_GB").map_or(2, |gb| gb.parse().unwrap());
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let total = sparse(dir.path(), gigabytes * 1_000_000_000);
    let start = Instant::now();
    let Some(Outcome { message, peak_bytes, seconds }) = child::run("models::large::load_in_child", dir.path()) else {
        return;
    };
    println!("{total} bytes: {seconds:.3} s, {peak_bytes} bytes of memory, {:?} with the process", start.elapsed());
    assert_eq!(message, "fine");
    assert!(seconds < 2.0, "{seconds} s");
    assert!(peak_bytes < 200_000_000, "{peak_bytes} bytes");
}
