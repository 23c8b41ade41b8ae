//! Model folders for tests: golden ones copied, or written by hand.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// The golden models: one or more of every family.
pub(crate) const GOLDEN: [&str; 11] = [
    "gpt2",
    "gpt2_variant",
    "gpt_neo",
    "gptj",
    "gpt_neox",
    "gpt_neox_sequential",
    "llama",
    "llama3_tied",
    "llama_biases",
    "mistral",
    "qwen2",
];

/// A golden model folder.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models").join(name)
}

/// A scratch copy of a golden model folder.
pub(crate) fn copy(name: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for item in fs::read_dir(golden(name)).unwrap() {
        let item = item.unwrap();
        fs::copy(item.path(), dir.path().join(item.file_name())).unwrap();
    }
    dir
}

/// Sets (or with null removes) keys of a scratch config.json.
pub(crate) fn edit_config(dir: &Path, changes: &Value) {
    let path = dir.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            config.as_object_mut().unwrap().remove(key);
        } else {
            config[key] = value.clone();
        }
    }
    fs::write(path, config.to_string()).unwrap();
}

/// A header and its length, for data of any kind.
pub(crate) fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

/// The header of f32 tensors that follow each other, and the bytes they need.
pub(crate) fn header_of(tensors: &[(String, Vec<usize>)]) -> (String, u64) {
    let mut map = Map::new();
    let mut end = 0_u64;
    for (name, shape) in tensors {
        let begin = end;
        end += 4 * shape.iter().product::<usize>() as u64;
        map.insert(name.clone(), json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}));
    }
    (Value::Object(map).to_string(), end)
}

/// A safetensors file of f32 tensors.
pub(crate) fn write_f32(path: &Path, tensors: &[(String, Vec<usize>, Vec<f32>)]) {
    let shapes: Vec<_> = tensors.iter().map(|(name, shape, _)| (name.clone(), shape.clone())).collect();
    let data: Vec<u8> = tensors.iter().flat_map(|(_, _, values)| values).flat_map(|x| x.to_le_bytes()).collect();
    fs::write(path, with_header(&header_of(&shapes).0, &data)).unwrap();
}
