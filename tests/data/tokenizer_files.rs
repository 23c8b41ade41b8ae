//! Damaged tokenizer files: a specific error that names the file, fast, and never a panic.

use std::path::Path;
use std::time::Instant;

use memoscope::data::Tokenizer;
use serde_json::{Value, json};

use super::file;

fn good() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tokenizers/byte_level.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The message for a file of that content.
fn refused(content: impl AsRef<[u8]>) -> String {
    let (folder, _) = file("tokenizer.json", content);
    let start = Instant::now();
    let error = Tokenizer::load(folder.path()).expect_err("must be refused").to_string();
    assert!(error.contains("tokenizer.json"), "the error must name the file: {error}");
    assert!(start.elapsed().as_secs_f64() < 3.0, "{:?}", start.elapsed());
    error
}

/// The message for the good tokenizer after a change.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut json = good();
    change(&mut json);
    refused(json.to_string())
}

#[test]
fn structure() {
    for (content, word) in [
        ("", "EOF"),
        ("[]", "invalid"),
        ("{}", "missing field `model`"),
        ("{\"model\": 3}", "model"),
        ("{\"model\": {\"type\": \"BPE\"}}", "model.vocab is missing"),
        ("{\"model\": {\"type\": \"Magic\", \"vocab\": {}}}", "\"Magic\" is not known"),
        ("not json", "expected"),
    ] {
        let error = refused(content);
        assert!(error.contains(word), "{content}: {error}");
    }
    assert!(refused(b"{\"model\": \"\xFF\"}").contains("not UTF-8 at byte 11"), "encoding");
}

#[test]
fn vocabulary_and_merges() {
    let error = changed(|json| json["model"]["vocab"]["a"] = json!("seven"));
    assert!(error.contains("model.vocab") && error.contains("seven"), "{error}");
    let error = changed(|json| json["model"]["vocab"]["a"] = json!(-1));
    assert!(error.contains("model.vocab"), "{error}");
    let error = changed(|json| json["model"]["vocab"]["a"] = json!(0));
    assert!(error.contains("different ids"), "{error}");
    let error = changed(|json| json["model"]["vocab"] = json!({}));
    assert!(error.contains("empty"), "{error}");
    let error = changed(|json| json["model"]["merges"][3] = json!(["zebra", "q"]));
    assert!(error.contains("merge 3") && error.contains("zebra"), "{error}");
    // Longer than every token of the vocabulary: this one would panic inside the crate.
    let long = "y".repeat(400);
    let error = changed(|json| {
        json["model"]["vocab"][&long] = json!(600);
        json["model"]["merges"][0] = json!([long, long]);
    });
    assert!(error.contains("merge 0"), "{error}");
    let error = changed(|json| json["model"]["merges"][0] = json!(["", "a"]));
    assert!(error.contains("empty side"), "{error}");
    let error = changed(|json| json["model"]["merges"] = json!(["abc"]));
    assert!(error.contains("not two tokens"), "{error}");
    let error = changed(|json| json["model"]["merges"] = json!(5));
    assert!(error.contains("model.merges"), "{error}");
    let error = changed(|json| _ = json["model"].as_object_mut().unwrap().remove("merges"));
    assert!(error.contains("model.merges is missing"), "{error}");
    let error = changed(|json| json["model"]["continuing_subword_prefix"] = json!("##"));
    assert!(error.contains("does not begin with"), "{error}");
    let error = changed(|json| json["model"]["dropout"] = json!(0.5));
    assert!(error.contains("random"), "{error}");
    let error = changed(|json| json["model"]["unk_token"] = json!("nowhere"));
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn added_tokens_and_parts() {
    let error = changed(|json| json["added_tokens"][0]["id"] = json!(99_999));
    assert!(error.contains("has id 99999, but its place is 0"), "{error}");
    let error = changed(|json| json["added_tokens"][0]["id"] = json!("x"));
    assert!(error.contains("added_tokens") || error.contains("u32"), "{error}");
    let error = changed(|json| json["decoder"] = json!({"type": "Strip", "content": "x", "start": 0, "stop": 9}));
    assert!(error.contains("Strip"), "{error}");
    let error = changed(|json| json["pre_tokenizer"] = json!({"type": "FixedLength", "length": 0}));
    assert!(error.contains("length of 0"), "{error}");
    let error = changed(|json| json["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"}));
    assert!(error.contains("SentencePiece table"), "{error}");
    let error = changed(|json| {
        json["post_processor"] = json!({"type": "Sequence", "processors": [{"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [], "special_tokens": {}}]});
    });
    assert!(error.contains("\"<s>\" is not defined"), "{error}");
    let error = changed(|json| {
        json["pre_tokenizer"] =
            json!({"type": "Split", "pattern": {"Regex": "(unclosed"}, "behavior": "Isolated", "invert": false});
    });
    assert!(error.contains("damaged"), "{error}");
}

#[test]
fn depth_and_size() {
    let deep =
        format!("{{\"model\": {{\"type\": \"BPE\", \"vocab\": {}1{}}}}}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    let error = refused(deep);
    assert!(error.contains("model.vocab"), "{error}");
    let deep = format!(
        "{{\"model\": {{}}, \"decoder\": {}{}}}",
        "{\"a\":".repeat(100_000),
        "1".to_owned() + &"}".repeat(100_000)
    );
    let error = refused(deep);
    assert!(error.contains("recursion"), "{error}");
    let wide = format!("{{\"model\": {{}}, \"decoder\": [{}1]}}", "{},".repeat(4 << 20));
    let error = refused(wide);
    assert!(error.contains("decoder takes 12 MiB"), "{error}");
}

#[test]
fn a_pattern_that_backtracks_forever_is_an_error_of_the_text() {
    let mut json = good();
    json["pre_tokenizer"] =
        json!({"type": "Split", "pattern": {"Regex": "(?=(a+)+\\1$)x"}, "behavior": "Isolated", "invert": false});
    let (folder, _) = file("tokenizer.json", json.to_string());
    let Ok(tokenizer) = Tokenizer::load(folder.path()) else { return };
    let start = Instant::now();
    let outcome = tokenizer.encode(&format!("{}b", "a".repeat(60)), false);
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    if let Err(error) = outcome {
        assert!(error.to_string().contains("cannot encode"), "{error}");
    }
}

#[test]
fn harmless_oddities_are_taken() {
    let mut json = good();
    json["truncation"] = json!({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 5});
    json["padding"] = json!({"strategy": {"Fixed": 50}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
        "pad_type_id": 0, "pad_token": "<|endoftext|>"});
    let text = format!("\u{FEFF}{}", serde_json::to_string_pretty(&json).unwrap().replace('\n', "\r\n"));
    let (folder, _) = file("tokenizer.json", text);
    let tokenizer = Tokenizer::load(folder.path()).unwrap();
    assert_eq!(tokenizer.encode("one two three four", false).unwrap().ids.len(), {
        let plain = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tokenizers/byte_level.json");
        Tokenizer::load(&plain).unwrap().encode("one two three four", false).unwrap().ids.len()
    });
    std::fs::write(
        folder.path().join("tokenizer_config.json"),
        r#"{"eos_token": {"content": "a"}, "model_max_length": 2048}"#,
    )
    .unwrap();
    let summary = Tokenizer::load(folder.path()).unwrap().summary();
    assert_eq!(
        (summary.special.eos, summary.max_length, summary.files.len()),
        (tokenizer.token_id("a"), Some(2048), 2)
    );
}

#[test]
fn nothing_there() {
    let (folder, _) = file("tokenizer.model", "x");
    let error = Tokenizer::load(folder.path()).err().unwrap().to_string();
    assert!(error.contains("no tokenizer") && error.contains("save_pretrained"), "{error}");
    let error = Tokenizer::load(Path::new("/nowhere/at/all")).err().unwrap().to_string();
    assert!(error.contains("no tokenizer"), "{error}");
}
