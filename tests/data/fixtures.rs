//! Real files, read as a user would.

use memoscope::data::{DataSpec, Tokenizer, check_vocabulary, load};

use super::fixtures;

#[test]
fn pile_rows_have_text() {
    let Some(folder) = fixtures() else { return };
    let data = load(&folder.join("pile/dm_mathematics/train_text.jsonl"), &DataSpec::default()).unwrap();
    assert_eq!(data.records.len(), 89);
    assert_eq!(data.schema, "JSONL: text");
    assert!(data.bad.is_empty(), "{:?}", data.bad);
    assert!(data.records.iter().all(|record| record.text.is_some()));
}

#[test]
fn amber_rows_are_ids_split_in_the_middle() {
    let Some(folder) = fixtures() else { return };
    let data = load(&folder.join("amber/train_143.jsonl"), &DataSpec::default()).unwrap();
    assert_eq!(data.records.len(), 1000);
    let first = &data.records[0];
    assert_eq!((first.token_ids.as_ref().map(Vec::len), first.split_at), (Some(64), Some(32)));
    assert_eq!(first.source.as_deref(), Some("starcoderdata"));
    let wikipedia = data.records.iter().filter(|record| record.source.as_deref() == Some("wikipedia")).count();
    assert_eq!(wikipedia, 18, "counts by source as published with the file");
    let error = check_vocabulary(first.token_ids.as_ref().unwrap(), 512).unwrap_err().to_string();
    assert!(error.contains("exceeds the model's vocabulary of 512"), "{error}");
    assert!(error.contains("belong to another model"), "{error}");
}

#[test]
fn wikitext_lines_keep_their_leading_space() {
    let Some(folder) = fixtures() else { return };
    let data = load(&folder.join("text/wikitext.txt"), &DataSpec::default()).unwrap();
    assert_eq!(data.records.len(), 1000);
    assert!(data.records[0].text.as_deref().unwrap().starts_with(" One is that"));
}

#[test]
fn the_llama_tokenizer_adds_its_beginning_and_finds_offsets() {
    let Some(folder) = fixtures() else { return };
    let tokenizer = Tokenizer::load(&folder.join("stories260k")).unwrap();
    let text = "Once upon a time, there was a little girl named Lily.";
    let encoding = tokenizer.encode(text, true).unwrap();
    assert_eq!(encoding.ids[0], 1);
    assert_eq!(encoding.offsets[0], (0, 0));
    assert_eq!(tokenizer.decode(&encoding.ids), text);
    let joined: String = encoding.offsets.iter().map(|&(start, end)| &text[start..end]).collect();
    assert_eq!(joined, text);
    let summary = tokenizer.summary();
    assert_eq!((summary.vocab_size, summary.adds_bos, summary.adds_eos), (512, true, false));
    let (context, rest) = encoding.ids.split_at(5);
    let tail = tokenizer.decode_after(context, rest);
    assert!(text.ends_with(&tail) && !tail.is_empty(), "{tail:?}");
    assert_eq!(format!("{}{tail}", tokenizer.decode(context)), text);
}
