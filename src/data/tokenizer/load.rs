//! Reads the tokenizer files of a model folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, DecoderWrapper, ModelWrapper};

use super::bytes::Spelling;
use super::{Special, Tokenizer, check};
use crate::error::{Error, Result};

/// Longest tokenizer file; the largest published ones have some 35 MB.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// A tokenizer's own limit above this is the sentinel of "no limit".
const NO_LIMIT: u64 = 1 << 40;

pub(super) fn load(dir: &Path) -> Result<Tokenizer> {
    let (json, folder) = if dir.is_dir() {
        (dir.join("tokenizer.json"), dir.to_owned())
    } else {
        (dir.to_owned(), dir.parent().map(Path::to_owned).unwrap_or_default())
    };
    let (vocab, merges) = (folder.join("vocab.json"), folder.join("merges.txt"));
    let (inner, spelling, model, mut files) = if json.is_file() {
        let (inner, spelling, model) = from_json(&json).map_err(|error| error.at(&json))?;
        (inner, spelling, model, vec![json])
    } else if vocab.is_file() && merges.is_file() {
        let inner = from_pair(&vocab, &merges)?;
        (inner, Spelling::ByteLevel, "BPE".to_owned(), vec![vocab, merges])
    } else {
        return Err(absent(&folder));
    };
    let config = folder.join("tokenizer_config.json");
    let settings = if config.is_file() {
        files.push(config.clone());
        serde_json::from_str(&text_of(&config)?).map_err(|error| {
            Error::data(format!("not valid JSON: {error}"))
                .hint("fetch the tokenizer files of this model again, or remove this one")
                .at(&config)
        })?
    } else {
        Value::Null
    };
    Ok(finish(inner, spelling, model, files, settings))
}

/// A tokenizer from the text of a `tokenizer.json` and the settings of its `tokenizer_config.json`.
pub(super) fn parse(text: &str, settings: Value) -> Result<Tokenizer> {
    let (inner, spelling, model) = from_text(text)?;
    Ok(finish(inner, spelling, model, Vec::new(), settings))
}

fn absent(folder: &Path) -> Error {
    let hint = if folder.join("tokenizer.model").is_file() {
        "only tokenizer.model is there: make a tokenizer.json with \
         transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"
    } else {
        "put tokenizer.json, or vocab.json and merges.txt, beside the model"
    };
    Error::data("no tokenizer in this folder").hint(hint).at(folder)
}

fn finish(
    inner: tokenizers::Tokenizer,
    spelling: Spelling,
    model: String,
    files: Vec<PathBuf>,
    settings: Value,
) -> Tokenizer {
    let vocab_size = inner.get_vocab_size(true);
    let special = special(&inner, &settings);
    let max_length = settings.get("model_max_length").and_then(Value::as_u64).filter(|&length| length < NO_LIMIT);
    Tokenizer { inner, spelling, files, model, vocab_size, special, max_length, settings }
}

/// Special ids from `tokenizer_config.json`, else by the names that the families use.
fn special(inner: &tokenizers::Tokenizer, settings: &Value) -> Special {
    let find = |key: &str, usual: &[&str]| {
        let named = settings.get(key).and_then(|value| value.as_str().or_else(|| value.get("content")?.as_str()));
        match named {
            Some(name) => inner.token_to_id(name),
            None => usual.iter().find_map(|name| inner.token_to_id(name)),
        }
    };
    Special {
        bos: find("bos_token", &["<s>", "<|begin_of_text|>", "<|endoftext|>"]),
        eos: find("eos_token", &["</s>", "<|end_of_text|>", "<|endoftext|>"]),
        unk: find("unk_token", &["<unk>", "[UNK]"]),
        pad: find("pad_token", &["<pad>", "[PAD]", "<|padding|>"]),
    }
}

fn from_json(path: &Path) -> Result<(tokenizers::Tokenizer, Spelling, String)> {
    from_text(&text_of(path)?)
}

fn from_text(text: &str) -> Result<(tokenizers::Tokenizer, Spelling, String)> {
    let facts = check::check(text)?;
    let mut inner: tokenizers::Tokenizer = serde_json::from_str(text).map_err(check::wrong)?;
    // A file may ask to cut or fill every text, which would falsify scores without a word.
    inner.with_padding(None);
    inner.with_truncation(None).map_err(check::wrong)?;
    check_added(&inner, text)?;
    let spelling = spelling(&facts.decoder, inner.get_model());
    Ok((inner, spelling, facts.model))
}

/// Added tokens have the ids that the file gives them.
fn check_added(inner: &tokenizers::Tokenizer, text: &str) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct File {
        #[serde(default)]
        added_tokens: Vec<Added>,
    }
    #[derive(serde::Deserialize)]
    struct Added {
        id: u32,
        content: String,
    }
    let file: File = serde_json::from_str(text).map_err(check::wrong)?;
    for token in file.added_tokens {
        if let Some(id) = inner.token_to_id(&token.content)
            && id != token.id
        {
            let (given, name) = (token.id, token.content);
            return Err(check::wrong(format!("the added token {name:?} has id {given}, but its place is {id}")));
        }
    }
    Ok(())
}

/// How tokens spell bytes, from the decoder and the model.
fn spelling(decoder: &Value, model: &ModelWrapper) -> Spelling {
    let mut kinds = Vec::new();
    let mut space = None;
    collect_decoders(decoder, &mut kinds, &mut space);
    if kinds.iter().any(|kind| kind == "ByteLevel") {
        return Spelling::ByteLevel;
    }
    let falls_back = matches!(model, ModelWrapper::BPE(bpe) if bpe.byte_fallback);
    if falls_back || space.is_some() || kinds.iter().any(|kind| kind == "ByteFallback") {
        return Spelling::ByteFallback { space: space.or(Some('\u{2581}')) };
    }
    let prefix = match model {
        ModelWrapper::WordPiece(model) => model.continuing_subword_prefix.clone(),
        _ => String::new(),
    };
    Spelling::Plain { prefix }
}

fn collect_decoders(decoder: &Value, kinds: &mut Vec<String>, space: &mut Option<char>) {
    let Some(kind) = decoder.get("type").and_then(Value::as_str) else { return };
    let character = |value: Option<&Value>| value.and_then(Value::as_str).and_then(|text| text.chars().next());
    match kind {
        "Metaspace" => *space = character(decoder.get("replacement")),
        "Replace" if decoder.get("content").and_then(Value::as_str) == Some(" ") => {
            *space = character(decoder.get("pattern").and_then(|pattern| pattern.get("String")));
        }
        _ => {}
    }
    kinds.push(kind.to_owned());
    for inner in decoder.get("decoders").and_then(Value::as_array).into_iter().flatten() {
        collect_decoders(inner, kinds, space);
    }
}

/// GPT-2's own two files: byte-level BPE without an added leading space.
fn from_pair(vocab_path: &Path, merges_path: &Path) -> Result<tokenizers::Tokenizer> {
    let vocab: HashMap<String, u32> = serde_json::from_str(&text_of(vocab_path)?).map_err(|error| {
        check::wrong(format!("the vocabulary is not a map from token to id: {error}")).at(vocab_path)
    })?;
    let merges = merges_of(&text_of(merges_path)?).map_err(|error| error.at(merges_path))?;
    check::check_merges_of(&vocab, &merges).map_err(|error| error.at(merges_path))?;
    let special: Vec<AddedToken> = ["<|endoftext|>", "<|padding|>"]
        .into_iter()
        .filter(|name| vocab.contains_key(*name))
        .map(|name| AddedToken::from(name, true))
        .collect();
    let vocab: tokenizers::models::bpe::Vocab = vocab.into_iter().collect();
    let bpe =
        BPE::builder().vocab_and_merges(vocab, merges).build().map_err(|error| check::wrong(error).at(merges_path))?;
    let mut inner = tokenizers::Tokenizer::new(bpe);
    let level = ByteLevel::new(false, false, true);
    inner.with_pre_tokenizer(Some(level)).with_post_processor(Some(level));
    inner.with_decoder(Some(DecoderWrapper::ByteLevel(level)));
    inner.add_special_tokens(special).map_err(|error| check::wrong(error).at(vocab_path))?;
    Ok(inner)
}

fn merges_of(text: &str) -> Result<Vec<(String, String)>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with("#version") && !line.is_empty());
    lines
        .map(|(i, line)| match line.trim_end_matches('\r').split_once(' ') {
            Some((a, b)) if !b.contains(' ') => Ok((a.to_owned(), b.to_owned())),
            _ => Err(check::wrong(format!("line {} ({line:?}) is not two tokens with a space between", i + 1))),
        })
        .collect()
}

/// The text of a small file, without a byte order mark.
fn text_of(path: &Path) -> Result<String> {
    let length = std::fs::metadata(path).map_err(|error| Error::io("reading", path, &error))?.len();
    if length > MAX_FILE_BYTES {
        return Err(check::wrong(format!("{} MiB is too long for such a file", length >> 20)).at(path));
    }
    let mut bytes = std::fs::read(path).map_err(|error| Error::io("reading", path, &error))?;
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes)
        .map_err(|error| check::wrong(format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to())).at(path))
}
