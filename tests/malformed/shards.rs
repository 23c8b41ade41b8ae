//! model.safetensors.index.json and its shards.

use std::fs;
use std::path::Path;

use memoscope::engine::{Device, weights};
use serde_json::{Value, json};

use super::assert_refused;
use crate::models::build::copy;

const INDEX: &str = "model.safetensors.index.json";
const FIRST: &str = "model-00001-of-00004.safetensors";
const SECOND: &str = "model-00002-of-00004.safetensors";

#[track_caller]
fn refuses(what: &str, dir: &Path, part: &str) {
    assert_refused(what, dir, part, || weights::load(dir, Device::Cpu));
}

fn with_index(edit: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let dir = copy("llama");
    let path = dir.path().join(INDEX);
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    edit(&mut index);
    fs::write(path, index.to_string()).unwrap();
    dir
}

#[test]
fn an_index_that_leads_out_of_the_folder() {
    let absolute = std::env::current_dir().unwrap().join("x.safetensors").display().to_string();
    for name in [
        "../x.safetensors",
        "..\\x.safetensors",
        "/etc/passwd",
        &absolute,
        "C:x.safetensors",
        "sub/x.safetensors",
        "x.bin",
        "",
        ".safetensors",
        "..safetensors",
        "a\0.safetensors",
    ] {
        let dir = with_index(|index| index["weight_map"]["model.norm.weight"] = json!(name));
        refuses(name, dir.path(), "only .safetensors files of the same folder");
    }
}

#[test]
fn an_index_that_is_wrong() {
    for (index, part) in [
        (json!({}), "missing field `weight_map`"),
        (json!([]), "invalid length 0"),
        (json!({"weight_map": []}), "a file name for each tensor"),
        (json!({"weight_map": {}}), "is empty"),
        (json!({"weight_map": {"a": 3}}), "integer `3`"),
    ] {
        let dir = copy("llama");
        fs::write(dir.path().join(INDEX), index.to_string()).unwrap();
        refuses(&index.to_string(), dir.path(), part);
    }
    let dir = copy("llama");
    fs::write(dir.path().join(INDEX), r#"{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}"#).unwrap();
    refuses("a tensor twice", dir.path(), "\"a\" occurs twice");
    let dir = copy("llama");
    fs::write(dir.path().join(INDEX), "{").unwrap();
    refuses("a cut index", dir.path(), "not valid JSON");
    let dir = with_index(|index| {
        let place = &mut index["weight_map"]["model.norm.weight"];
        *place = json!(if *place == FIRST { SECOND } else { FIRST });
    });
    refuses("a tensor in another shard", dir.path(), "holds \"model.norm.weight\", but it does not");
    let dir = with_index(|index| index["weight_map"]["no.such.tensor"] = json!(FIRST));
    refuses("a tensor that is nowhere", dir.path(), "holds \"no.such.tensor\", but it does not");
}

#[test]
fn shards_that_are_missing_or_mixed() {
    let dir = copy("llama");
    fs::remove_file(dir.path().join(SECOND)).unwrap();
    fs::remove_file(dir.path().join(FIRST)).unwrap();
    refuses("missing shards", dir.path(), &format!("not there: {FIRST}, {SECOND}"));
    let dir = copy("llama");
    fs::copy(dir.path().join(FIRST), dir.path().join(SECOND)).unwrap();
    refuses("a shard twice", dir.path(), "is in two files");
    let dir = copy("llama");
    fs::write(dir.path().join(SECOND), [0; 4]).unwrap();
    refuses("a cut shard", dir.path(), SECOND);
}
