//! tokenizer.json, and vocab.json with merges.txt.

use std::fs;
use std::path::Path;
use std::time::Instant;

use memoscope::data::Tokenizer;
use serde_json::{Value, json};

use super::assert_refused;

/// A byte-level tokenizer of three tokens and a special one.
fn good() -> Value {
    let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    json!({
        "version": "1.0",
        "added_tokens": [{"id": 3, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}],
        "normalizer": null,
        "pre_tokenizer": level,
        "post_processor": null,
        "decoder": level,
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]},
    })
}

fn write(dir: &Path, bytes: &[u8]) {
    fs::write(dir.join("tokenizer.json"), bytes).unwrap();
}

#[track_caller]
fn refuses(what: &str, dir: &Path, part: &str) {
    assert_refused(what, dir, part, || Tokenizer::load(dir));
}

/// The good tokenizer with one place changed.
#[track_caller]
fn refuses_change(pointer: &str, value: Value, part: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut tokenizer = good();
    *tokenizer.pointer_mut(pointer).unwrap() = value;
    write(dir.path(), tokenizer.to_string().as_bytes());
    refuses(pointer, dir.path(), part);
}

#[test]
fn the_good_one_is_good_with_marks_and_carriage_returns_too() {
    let dir = tempfile::tempdir().unwrap();
    let text = serde_json::to_string_pretty(&good()).unwrap();
    for text in [text.clone(), text.replace('\n', "\r\n"), format!("\u{feff}{text}")] {
        write(dir.path(), text.as_bytes());
        let tokenizer = Tokenizer::load(dir.path()).unwrap();
        assert_eq!(tokenizer.encode("abba<end>", true).unwrap().ids, [2, 1, 0, 3]);
    }
}

#[test]
fn parts_of_the_wrong_type() {
    refuses_change("/model", json!(3), "model");
    refuses_change("/model", Value::Null, "model");
    refuses_change("/model/type", json!("Magic"), "\"Magic\" is not known");
    refuses_change("/model/vocab", json!([1, 2]), "model.vocab");
    refuses_change("/model/vocab", json!({}), "model.vocab is empty");
    refuses_change("/model/vocab", json!({"a": -1}), "model.vocab");
    refuses_change("/model/vocab", json!({"a": 0, "b": 0, "ab": 2}), "only 2 different ids");
    refuses_change("/model/merges", json!(null), "model.merges is missing");
    refuses_change("/model/merges", json!([1]), "model.merges is not a list of pairs");
    refuses_change("/pre_tokenizer", json!({"type": "Unheard"}), "tokenizer is damaged");
    refuses_change("/added_tokens", json!([{"id": "x"}]), "tokenizer is damaged");
}

#[test]
fn merges_and_added_tokens_out_of_range() {
    refuses_change("/model/merges", json!([["a", "c"]]), "needs the token \"c\"");
    refuses_change("/model/merges", json!([["b", "a"]]), "needs the token \"ba\"");
    refuses_change("/model/merges", json!([["a", ""]]), "empty side");
    refuses_change("/model/merges", json!(["a"]), "not two tokens");
    refuses_change("/added_tokens/0/id", json!(900), "has id 900, but its place is 3");
}

/// A merge makes a longer token, so that merges cannot go round in a circle; this is the nearest they come.
#[test]
fn merges_that_undo_each_other_come_to_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut tokenizer = good();
    tokenizer["model"] = json!({"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "ba": 3, "aba": 4, "abab": 5},
        "merges": [["a", "b"], ["b", "a"], ["ab", "a"], ["a", "ba"], ["ab", "ab"], ["a", "b"]]});
    tokenizer["added_tokens"][0]["id"] = json!(6);
    write(dir.path(), tokenizer.to_string().as_bytes());
    let tokenizer = Tokenizer::load(dir.path()).unwrap();
    let text = "ab".repeat(2000);
    assert_eq!(tokenizer.decode(&tokenizer.encode(&text, true).unwrap().ids), text);
}

#[test]
fn not_json_at_all() {
    let dir = tempfile::tempdir().unwrap();
    for bytes in [&b""[..], b"{", b"[]", b"\xFF\xFE{\0", b"{\"model\": \xC3}", "[".repeat(100_000).as_bytes()] {
        write(dir.path(), bytes);
        refuses(&String::from_utf8_lossy(&bytes[..bytes.len().min(20)]), dir.path(), "");
    }
}

#[test]
fn missing_files() {
    let dir = tempfile::tempdir().unwrap();
    refuses("an empty folder", dir.path(), "no tokenizer");
    fs::write(dir.path().join("vocab.json"), r#"{"a":0,"b":1,"ab":2}"#).unwrap();
    refuses("no merges.txt", dir.path(), "no tokenizer");
    fs::write(dir.path().join("merges.txt"), "#version: 0.2\na c\n").unwrap();
    refuses("a merge of an unknown token", dir.path(), "\"c\"");
    fs::write(dir.path().join("merges.txt"), "#version: 0.2\r\na b\r\n").unwrap();
    assert_eq!(Tokenizer::load(dir.path()).unwrap().encode("ab", true).unwrap().ids, [2]);
}

#[test]
fn a_pattern_that_backtracks_for_ever_ends() {
    let dir = tempfile::tempdir().unwrap();
    let mut tokenizer = good();
    tokenizer["pre_tokenizer"] = json!({"type": "Split", "pattern": {"Regex": "^(?=(a+)+$)\\1b"},
        "behavior": "Isolated", "invert": false});
    write(dir.path(), tokenizer.to_string().as_bytes());
    let start = Instant::now();
    if let Ok(tokenizer) = Tokenizer::load(dir.path()) {
        let text = format!("{}b", "a".repeat(40));
        drop(tokenizer.encode(&text, true));
    }
    assert!(start.elapsed().as_secs_f64() < 1.0, "{:?}", start.elapsed());
}
