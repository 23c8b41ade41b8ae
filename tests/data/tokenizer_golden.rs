//! The tokenizer against Python's `tokenizers` on 55 hard strings (`tests/golden/make/tokenizer_cases.py`).

use std::path::{Path, PathBuf};

use memoscope::data::Tokenizer;
use serde::Deserialize;

use super::{file, fixtures};

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    with_special: Vec<u32>,
    offsets: Vec<(usize, usize)>,
    decoded: String,
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tokenizers").join(name)
}

fn cases(name: &str) -> Vec<Case> {
    serde_json::from_str(&std::fs::read_to_string(golden(name)).unwrap()).unwrap()
}

fn check(tokenizer: &Tokenizer, cases: &[Case]) {
    assert!(cases.len() >= 50, "{}", cases.len());
    for case in cases {
        let text = &case.text;
        let plain = tokenizer.encode(text, false).unwrap();
        assert_eq!(plain.ids, case.ids, "{text:?}");
        assert_eq!(tokenizer.encode(text, true).unwrap().ids, case.with_special, "{text:?}");
        assert_eq!(tokenizer.decode(&case.ids), case.decoded, "{text:?}");
        for (i, (found, expected)) in plain.offsets.iter().zip(&case.offsets).enumerate() {
            // The space that SentencePiece puts before the text has no bytes here, and the first character there.
            let is_prefix = i == 0 && found.0 == found.1;
            assert!(found == expected || is_prefix, "{text:?}, token {i}: {found:?} instead of {expected:?}");
            assert!(text.get(found.0..found.1).is_some(), "{text:?}: {found:?} cuts a character");
        }
        assert_eq!(plain.offsets.last().map_or(0, |range| range.1), text.len(), "{text:?}");
    }
}

#[test]
fn byte_level_as_in_python() {
    let tokenizer = Tokenizer::load(&golden("byte_level.json")).unwrap();
    let cases = cases("byte_level.cases.json");
    check(&tokenizer, &cases);
    for case in &cases {
        let bytes: Vec<u8> = case.ids.iter().flat_map(|&id| tokenizer.token_bytes(id).unwrap()).collect();
        assert_eq!(bytes, case.text.as_bytes(), "the tokens' bytes are the text");
    }
    let summary = tokenizer.summary();
    assert_eq!((summary.model.as_str(), summary.spelling.as_str(), summary.vocab_size), ("BPE", "byte-level", 480));
    assert_eq!((summary.adds_bos, summary.adds_eos, summary.special.eos), (false, false, Some(0)));
}

#[test]
fn llama_as_in_python() {
    let Some(folder) = fixtures() else { return };
    let tokenizer = Tokenizer::load(&folder.join("stories260k")).unwrap();
    let cases = cases("llama.cases.json");
    check(&tokenizer, &cases);
    for case in cases.iter().filter(|case| !case.text.contains("<s>") && !case.text.contains('▁')) {
        let bytes: Vec<u8> = case.ids.iter().flat_map(|&id| tokenizer.token_bytes(id).unwrap()).collect();
        let expected = if case.text.is_empty() { String::new() } else { format!(" {}", case.text) };
        assert_eq!(bytes, expected.as_bytes(), "{:?}", case.text);
    }
    assert_eq!(tokenizer.token_bytes(13), Some(b"\n".to_vec()), "byte fallback <0x0A>");
    assert_eq!(tokenizer.token_bytes(512), None);
}

#[test]
fn any_slice_decodes_after_its_context() {
    let Some(folder) = fixtures() else { return };
    for dir in [folder.join("stories260k"), golden("byte_level.json")] {
        let tokenizer = Tokenizer::load(&dir).unwrap();
        for text in ["Once upon a time, Lily  said hi.", "한국어 text", "a😀b c", " leading"] {
            let ids = tokenizer.encode(text, true).unwrap().ids;
            for cut in 0..=ids.len() {
                let (context, rest) = ids.split_at(cut);
                let before = tokenizer.decode(context);
                let whole = format!("{}{}", before.trim_end_matches('\u{FFFD}'), tokenizer.decode_after(context, rest));
                assert_eq!(whole, tokenizer.decode(&ids), "{text:?} cut at {cut}");
            }
        }
    }
}

#[test]
fn gpt2_files_give_the_same_tokens() {
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(golden("byte_level.json")).unwrap()).unwrap();
    let merges = json["model"]["merges"].as_array().unwrap().iter().map(|pair| {
        let side = |i: usize| pair[i].as_str().unwrap().to_owned();
        format!("{} {}\n", side(0), side(1))
    });
    let merges = format!("#version: 0.2\n{}", merges.collect::<String>());
    let (folder, _) = file("vocab.json", json["model"]["vocab"].to_string());
    std::fs::write(folder.path().join("merges.txt"), &merges).unwrap();
    let tokenizer = Tokenizer::load(folder.path()).unwrap();
    check(&tokenizer, &cases("byte_level.cases.json"));
    std::fs::write(folder.path().join("merges.txt"), format!("{merges}Q Z\n")).unwrap();
    let error = Tokenizer::load(folder.path()).err().unwrap().to_string();
    assert!(error.contains("\"QZ\"") && error.contains("merges.txt"), "{error}");
}

#[test]
fn white_space_belongs_to_the_token_after_it() {
    let mut json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(golden("byte_level.json")).unwrap()).unwrap();
    json["post_processor"]["trim_offsets"] = true.into();
    let (folder, _) = file("tokenizer.json", json.to_string());
    let trimmed = Tokenizer::load(folder.path()).unwrap();
    let encoding = trimmed.encode("the model is  small", false).unwrap();
    let mut end = 0;
    for (start, stop) in encoding.offsets {
        assert_eq!(start, end, "no gaps");
        end = stop;
    }
    assert_eq!(end, 19);
}
