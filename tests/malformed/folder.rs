//! Folders without usable weights, and files that are not files.

use std::fs;
use std::path::Path;

use memoscope::engine::{Device, weights};

use super::assert_refused;
use crate::models::build::{copy, golden};

#[track_caller]
fn refuses(what: &str, dir: &Path, part: &str) {
    assert_refused(what, dir, part, || weights::load(dir, Device::Cpu));
}

/// A folder with a good config.json and this file instead of the weights.
fn instead(name: &str, bytes: &[u8]) -> tempfile::TempDir {
    let dir = copy("gpt2");
    fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    fs::remove_file(dir.path().join("reference.safetensors")).unwrap();
    fs::write(dir.path().join(name), bytes).unwrap();
    dir
}

#[test]
fn foreign_formats_are_refused_with_a_recipe() {
    for name in ["pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.00.pth"] {
        let dir = instead(name, b"\x80\x02");
        refuses(name, dir.path(), "save_pretrained");
    }
    let dir = instead("model-Q4_K_M.gguf", b"GGUF");
    refuses("GGUF", dir.path(), "original safetensors checkpoint");
    let dir = instead("model-00001-of-00002.safetensors", b"");
    refuses("a lonely shard", dir.path(), "but neither model.safetensors nor");
    let dir = instead("notes.txt", b"");
    refuses("no weights", dir.path(), "download the folder completely");
    let file = dir.path().join("weights.bin");
    fs::write(&file, b"\x80\x02").unwrap();
    refuses("a pickle file", &file, "never opened here");
    let file = dir.path().join("m.gguf");
    fs::write(&file, b"GGUF").unwrap();
    refuses("a GGUF file", &file, "GGUF");
}

#[test]
fn paths_that_are_no_model() {
    refuses("nothing", Path::new("/nowhere/at/all"), "no such folder");
    refuses("a file", &golden("gpt2").join("config.json"), "give the folder");
    let dir = copy("gpt2");
    fs::remove_file(dir.path().join("config.json")).unwrap();
    refuses("no config.json", dir.path(), "no config.json");
    fs::create_dir(dir.path().join("config.json")).unwrap();
    refuses("a folder for config.json", dir.path(), "a folder; a file is needed");
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_to_devices() {
    use std::os::unix::fs::symlink;
    let dir = copy("gpt2");
    let weights_path = dir.path().join("model.safetensors");
    let blob = dir.path().join("blob");
    fs::rename(&weights_path, &blob).unwrap();
    // The cache of the hub is made of links like this.
    symlink(&blob, &weights_path).unwrap();
    assert!(weights::load(dir.path(), Device::Cpu).is_ok());
    for (target, part) in [
        ("/dev/zero", "not a regular file"),
        ("gone", "a link to something"),
        ("model.safetensors", "a link to something"),
    ] {
        fs::remove_file(&weights_path).unwrap();
        symlink(target, &weights_path).unwrap();
        refuses(target, dir.path(), part);
    }
}

#[cfg(unix)]
#[test]
fn read_only_folders_and_odd_names_work() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = copy("llama");
    let dir = parent.path().join("모델 \u{1F9E0} name with spaces");
    fs::create_dir(&dir).unwrap();
    for item in fs::read_dir(golden("llama")).unwrap() {
        let item = item.unwrap();
        let to = dir.join(item.file_name());
        fs::copy(item.path(), &to).unwrap();
        fs::set_permissions(&to, fs::Permissions::from_mode(0o444)).unwrap();
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o555)).unwrap();
    assert!(weights::load(&dir, Device::Cpu).is_ok());
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
}
