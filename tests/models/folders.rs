//! Folders in and out: names some files use, buffers, tied heads, end-of-text tokens, saving.

use std::fs;
use std::path::Path;

use memoscope::engine::Device;
use memoscope::engine::weights::{self, TensorFile};
use memoscope::runs::inspect::inspect;
use memoscope::runs::verify::verify;
use serde_json::json;

use super::build::{copy, edit_config, golden, write_f32};

/// All tensors of a single-file folder as f32.
fn tensors(dir: &Path) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let file = TensorFile::open(&dir.join("model.safetensors")).unwrap();
    let numbers = |entry| file.numbers(entry).unwrap().into_iter().map(|x| x as f32).collect();
    file.entries().iter().map(|e| (e.name.clone(), e.shape.clone(), numbers(e))).collect()
}

fn refusal(dir: &Path) -> String {
    weights::load(dir, Device::Cpu).err().map(|e| e.to_string()).unwrap_or_default()
}

#[test]
fn names_without_prefix_and_old_buffers_are_accepted() {
    let dir = copy("gpt2");
    let mut renamed: Vec<_> = tensors(dir.path())
        .into_iter()
        .map(|(name, shape, values)| (name.strip_prefix("transformer.").unwrap().to_owned(), shape, values))
        .collect();
    renamed.push(("h.0.attn.bias".to_owned(), vec![1, 1, 2, 2], vec![1.0; 4]));
    renamed.push(("h.1.attn.masked_bias".to_owned(), vec![], vec![-1e4]));
    write_f32(&dir.path().join("model.safetensors"), &renamed);
    let loaded = weights::load(dir.path(), Device::Cpu).unwrap();
    assert_eq!(loaded.report.ignored, ["h.0.attn.bias", "h.1.attn.masked_bias"]);
    assert!(loaded.report.unused.is_empty());
    let original = weights::load(&golden("gpt2"), Device::Cpu).unwrap().decoder;
    for ((_, a), (_, b)) in loaded.decoder.params.iter().zip(original.params.iter()) {
        assert_eq!(a.values(), b.values(), "{}", a.name);
    }
}

#[test]
fn the_head_of_neox_has_two_names() {
    let dir = copy("gpt_neox");
    let mut renamed = tensors(dir.path());
    for (name, _, _) in &mut renamed {
        if name == "embed_out.weight" {
            "lm_head.weight".clone_into(name);
        }
    }
    write_f32(&dir.path().join("model.safetensors"), &renamed);
    assert!(weights::load(dir.path(), Device::Cpu).unwrap().decoder.params.find("lm_head.weight").is_some());
}

#[test]
fn a_tied_head_may_be_written_but_must_be_the_embedding() {
    let dir = copy("gpt2");
    let path = dir.path().join("model.safetensors");
    let mut all = tensors(dir.path());
    let (_, shape, values) = all.iter().find(|(name, _, _)| name == "transformer.wte.weight").unwrap().clone();
    all.push(("lm_head.weight".to_owned(), shape, values));
    write_f32(&path, &all);
    assert_eq!(weights::load(dir.path(), Device::Cpu).unwrap().report.ignored, ["lm_head.weight"]);
    all.last_mut().unwrap().2[7] += 1.0;
    write_f32(&path, &all);
    let message = refusal(dir.path());
    assert!(message.contains("differs from \"transformer.wte.weight\"") && message.contains("hint"), "{message}");
}

#[test]
fn end_of_text_comes_from_either_file() {
    let dir = copy("llama");
    let eos = || weights::open(dir.path()).unwrap().blueprint.config.eos;
    assert_eq!(eos(), [2]);
    fs::write(dir.path().join("generation_config.json"), r#"{"eos_token_id": [3, 4, 9999]}"#).unwrap();
    assert_eq!(eos(), [3, 4]);
    fs::remove_file(dir.path().join("generation_config.json")).unwrap();
    edit_config(dir.path(), &json!({"eos_token_id": [5, 6]}));
    assert_eq!(eos(), [5, 6]);
}

#[test]
fn stored_types_stay_and_saving_changes_no_byte() {
    for name in ["gpt2", "gpt_neox", "llama", "llama3_tied", "qwen2"] {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("saved model");
        let loaded = weights::load(&golden(name), Device::Cpu).unwrap();
        weights::save(&dir, &loaded.decoder, &loaded.report.config, Some(&golden(name))).unwrap();
        let (before, after) = (weights::open(&golden(name)).unwrap(), weights::open(&dir).unwrap());
        let names = |model: &weights::Model| model.checkpoint.iter().map(|(_, e)| e.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&before), names(&after));
        for ((file, entry), (new_file, new_entry)) in before.checkpoint.iter().zip(after.checkpoint.iter()) {
            assert_eq!((entry.kind, &entry.shape), (new_entry.kind, &new_entry.shape), "{name}");
            assert_eq!(file.bytes(entry), new_file.bytes(new_entry), "{name} {}", entry.name);
        }
        assert_eq!(before.config, after.config);
        assert_eq!(before.blueprint.config, after.blueprint.config);
        assert!(dir.join("generation_config.json").is_file());
        let left: Vec<_> = fs::read_dir(parent.path()).unwrap().map(|i| i.unwrap().file_name()).collect();
        assert_eq!(left, ["saved model"]);
    }
}

#[test]
fn changed_weights_are_saved_as_f32_and_nothing_is_overwritten() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("changed");
    let mut loaded = weights::load(&golden("qwen2"), Device::Cpu).unwrap();
    let id = loaded.decoder.params.find("model.norm.weight").unwrap();
    loaded.decoder.params.get_mut(id).values_mut()[0] = 0.123;
    weights::save(&dir, &loaded.decoder, &loaded.report.config, None).unwrap();
    let saved = weights::load(&dir, Device::Cpu).unwrap();
    assert_eq!(saved.report.config["dtype"], "float32");
    assert_eq!(saved.decoder.params.get(id).values()[0], 0.123);
    let before = fs::read(dir.join("model.safetensors")).unwrap();
    let error = weights::save(&dir, &loaded.decoder, &loaded.report.config, None).unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(fs::read(dir.join("model.safetensors")).unwrap(), before);
}

#[test]
fn a_save_that_fails_leaves_nothing() {
    let parent = tempfile::tempdir().unwrap();
    fs::write(parent.path().join("file"), "x").unwrap();
    let loaded = weights::load(&golden("gpt2"), Device::Cpu).unwrap();
    let dir = parent.path().join("file").join("model");
    let error = weights::save(&dir, &loaded.decoder, &loaded.report.config, None).unwrap_err();
    assert!(error.to_string().contains("file:"), "{error}");
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
}

#[test]
fn inspect_shows_what_is_there() {
    let show = |dir: &Path, as_json| {
        let mut out = Vec::new();
        let ok = inspect(dir, as_json, &mut out).unwrap();
        (ok, String::from_utf8(out).unwrap())
    };
    let (ok, text) = show(&golden("llama"), false);
    assert!(ok);
    for part in [
        "family       llama",
        "4 heads of 4 sharing 2 key/value heads",
        "model.layers.1.mlp.up_proj.weight",
        "[24, 16]",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let (_, json) = show(&golden("qwen2"), true);
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let n: usize = tensors(&golden("qwen2")).iter().map(|(_, _, values)| values.len()).sum();
    assert_eq!(report["n_parameters"], n);
    assert_eq!(report["tensors"][0]["dtype"], "BF16");
    assert_eq!(report["tensors"].as_array().unwrap().len(), 26);

    let dir = copy("gpt2");
    edit_config(dir.path(), &json!({"n_layer": 3, "n_inner": 25}));
    let (ok, text) = show(dir.path(), false);
    assert!(!ok);
    assert!(text.contains("missing: transformer.h.2.ln_1.weight"), "{text}");
    assert!(text.contains("has shape [16, 24] but config.json asks for [16, 25]"), "{text}");
}

#[test]
fn odd_addresses_give_the_same_numbers() {
    let dir = copy("gpt2");
    let path = dir.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = format!("{}   ", std::str::from_utf8(&bytes[8..8 + length]).unwrap());
    fs::write(&path, super::build::with_header(&header, &bytes[8 + length..])).unwrap();
    let reference = golden("gpt2").join("reference.safetensors");
    assert!(verify(dir.path(), Device::Cpu, &reference, false, &mut Vec::new()).unwrap());
}
