//! Finds out what is wrong with a `tokenizer.json` before the `tokenizers` crate reads it.
//!
//! The crate slices by untrusted lengths in places (merges longer than every token, templates that name missing
//! tokens, trimming by more than there is), and for the rest says little. Everything it relies on is checked here,
//! in one pass that borrows from the file.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{Error, Result};

/// Longest part other than vocabulary and merges, in bytes.
const MAX_PART_BYTES: usize = 8 << 20;

/// The parts of a `tokenizer.json` that matter here.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    model: &'a RawValue,
    #[serde(borrow)]
    normalizer: Option<&'a RawValue>,
    #[serde(borrow)]
    pre_tokenizer: Option<&'a RawValue>,
    #[serde(borrow)]
    post_processor: Option<&'a RawValue>,
    #[serde(borrow)]
    decoder: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Model<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    vocab: Option<&'a RawValue>,
    #[serde(borrow)]
    merges: Option<&'a RawValue>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    dropout: Option<f64>,
    #[serde(default)]
    unk_token: Option<String>,
}

type Text<'a> = Cow<'a, str>;

#[derive(Deserialize)]
#[serde(untagged)]
enum Merges {
    Pairs(Vec<(String, String)>),
    Lines(Vec<String>),
}

/// What is learned on the way.
pub(super) struct Facts {
    /// The algorithm.
    pub(super) model: String,
    /// The decoder part of the file.
    pub(super) decoder: Value,
}

/// Checks the text of a `tokenizer.json`.
pub(super) fn check(text: &str) -> Result<Facts> {
    let file: File<'_> = serde_json::from_str(text).map_err(|error| damaged("", &error))?;
    let model: Model<'_> = serde_json::from_str(file.model.get()).map_err(|error| damaged("model: ", &error))?;
    let parts = [
        ("normalizer", file.normalizer),
        ("pre_tokenizer", file.pre_tokenizer),
        ("post_processor", file.post_processor),
        ("decoder", file.decoder),
    ];
    let mut decoder = Value::Null;
    for (name, part) in parts {
        let Some(part) = part else { continue };
        if part.get().len() > MAX_PART_BYTES {
            return Err(wrong(format!("{name} takes {} MiB", part.get().len() >> 20)));
        }
        let value: Value = serde_json::from_str(part.get()).map_err(|error| damaged(&format!("{name}: "), &error))?;
        check_part(name, &value)?;
        if name == "decoder" {
            decoder = value;
        }
    }
    let kind =
        model.kind.clone().unwrap_or_else(|| if model.merges.is_some() { "BPE" } else { "WordLevel" }.to_owned());
    check_model(&kind, &model)?;
    Ok(Facts { model: kind, decoder })
}

fn check_model(kind: &str, model: &Model<'_>) -> Result<()> {
    let Some(vocab) = model.vocab else { return Err(wrong("model.vocab is missing")) };
    if model.dropout.is_some_and(|dropout| dropout != 0.0) {
        return Err(wrong("model.dropout makes tokens random").hint("set it to null in this file"));
    }
    match kind {
        "BPE" => {
            let vocab = vocabulary(vocab.get())?;
            let Some(merges) = model.merges else { return Err(wrong("model.merges is missing")) };
            let merges: Merges = serde_json::from_str(merges.get())
                .map_err(|_what| wrong("model.merges is not a list of pairs or of \"a b\" lines"))?;
            if let Some(unk) = &model.unk_token
                && !vocab.contains_key(unk.as_str())
            {
                return Err(wrong(format!("model.unk_token {unk:?} is not in the vocabulary")));
            }
            check_merges(&vocab, &merges, model.continuing_subword_prefix.as_deref().unwrap_or_default())
        }
        "WordPiece" | "WordLevel" => vocabulary(vocab.get()).map(|_| ()),
        "Unigram" => {
            let entries: Vec<(Text<'_>, f64)> =
                serde_json::from_str(vocab.get()).map_err(|error| damaged("model.vocab: ", &error))?;
            if entries.is_empty() { Err(wrong("model.vocab is empty")) } else { Ok(()) }
        }
        other => Err(wrong(format!(
            "model.type {other:?} is not known; the known ones are BPE, Unigram, WordPiece, WordLevel"
        ))),
    }
}

/// Token → id, with every id named once.
fn vocabulary(text: &str) -> Result<HashMap<String, u32>> {
    let vocab: HashMap<String, u32> = serde_json::from_str(text).map_err(|error| damaged("model.vocab: ", &error))?;
    if vocab.is_empty() {
        return Err(wrong("model.vocab is empty"));
    }
    let ids: BTreeSet<u32> = vocab.values().copied().collect();
    if ids.len() < vocab.len() {
        return Err(wrong(format!("model.vocab has {} tokens but only {} different ids", vocab.len(), ids.len())));
    }
    Ok(vocab)
}

/// Every merge joins two tokens of the vocabulary into a third.
pub(super) fn check_merges_of(vocab: &HashMap<String, u32>, merges: &[(String, String)]) -> Result<()> {
    merges.iter().enumerate().try_for_each(|(i, (a, b))| check_merge(vocab, i, a, b, ""))
}

fn check_merges(vocab: &HashMap<String, u32>, merges: &Merges, prefix: &str) -> Result<()> {
    match merges {
        Merges::Pairs(pairs) => {
            pairs.iter().enumerate().try_for_each(|(i, (a, b))| check_merge(vocab, i, a, b, prefix))
        }
        Merges::Lines(lines) => lines.iter().enumerate().try_for_each(|(i, line)| {
            if line.starts_with("#version") {
                return Ok(());
            }
            match line.split_once(' ') {
                Some((a, b)) if !b.contains(' ') => check_merge(vocab, i, a, b, prefix),
                _ => Err(wrong(format!("merge {i} ({line:?}) is not two tokens with a space between"))),
            }
        }),
    }
}

fn check_merge(vocab: &HashMap<String, u32>, i: usize, a: &str, b: &str, prefix: &str) -> Result<()> {
    if a.is_empty() || b.is_empty() {
        return Err(wrong(format!("merge {i} has an empty side")));
    }
    let Some(tail) = b.strip_prefix(prefix) else {
        return Err(wrong(format!("merge {i}: {b:?} does not begin with {prefix:?}")));
    };
    let joined = format!("{a}{tail}");
    for token in [a, b, joined.as_str()] {
        if !vocab.contains_key(token) {
            return Err(wrong(format!(
                "merge {i} ({a:?} + {b:?}) needs the token {token:?}, which is not in the vocabulary"
            )));
        }
    }
    Ok(())
}

/// Walks a part and its nested sequences for what the crate would trip over.
fn check_part(name: &str, value: &Value) -> Result<()> {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
    match (name, kind) {
        ("normalizer", "Precompiled") => {
            return Err(wrong("the normalizer is a compiled SentencePiece table, which is not supported")
                .hint("save the tokenizer again with a current transformers, or use the model's own tokenizer.json"));
        }
        ("pre_tokenizer", "FixedLength") if value.get("length").and_then(Value::as_u64) == Some(0) => {
            return Err(wrong("pre_tokenizer: a fixed length of 0"));
        }
        ("decoder", "Strip") if value.get("stop").and_then(Value::as_u64) != Some(0) => {
            return Err(wrong("decoder: a Strip with a stop other than 0 is not supported"));
        }
        ("post_processor", "TemplateProcessing") => check_template(value)?,
        _ => {}
    }
    for list in ["normalizers", "pretokenizers", "processors", "decoders"] {
        for inner in value.get(list).and_then(Value::as_array).into_iter().flatten() {
            check_part(name, inner)?;
        }
    }
    Ok(())
}

/// Every special token that a template names is defined, with as many ids as tokens.
fn check_template(value: &Value) -> Result<()> {
    let defined = value.get("special_tokens").and_then(Value::as_object);
    for piece in ["single", "pair"].iter().filter_map(|list| value.get(*list)?.as_array()).flatten() {
        let Some(id) = piece.get("SpecialToken").and_then(|token| token.get("id")).and_then(Value::as_str) else {
            continue;
        };
        let lengths = defined.and_then(|defined| defined.get(id)).map(|token| {
            ["ids", "tokens"].map(|list| token.get(list).and_then(Value::as_array).map(Vec::len).unwrap_or_default())
        });
        match lengths {
            Some([ids, tokens]) if ids == tokens && ids > 0 => {}
            _ => return Err(wrong(format!("post_processor: the special token {id:?} is not defined there"))),
        }
    }
    Ok(())
}

/// The error of a damaged tokenizer.
pub(super) fn wrong<T: std::fmt::Display>(message: T) -> Error {
    Error::data(format!("the tokenizer is damaged: {message}")).hint("fetch the tokenizer files of this model again")
}

fn damaged(part: &str, error: &serde_json::Error) -> Error {
    wrong(format!("{part}{error}"))
}
