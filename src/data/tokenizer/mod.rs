//! The tokenizer of a model: text to ids and back, with byte offsets.
//!
//! Wraps the `tokenizers` crate, which reads the files of every family, and keeps its surprises in:
//! truncation and padding that a file asks for are switched off, damaged files are refused before
//! they can panic (`check`), and every token has its exact bytes (`bytes`), valid UTF-8 or not.
//! Conversions between byte offsets and tokens happen here and nowhere else.

mod bytes;
mod check;
mod load;
mod save;
mod train;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result};
use bytes::Spelling;

/// Text to ids and back.
#[derive(Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    spelling: Spelling,
    files: Vec<PathBuf>,
    model: String,
    vocab_size: usize,
    special: Special,
    max_length: Option<u64>,
    /// What its `tokenizer_config.json` says.
    settings: serde_json::Value,
}

/// Ids with a meaning of their own; absent where the tokenizer has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Special {
    /// Begins a text.
    pub bos: Option<u32>,
    /// Ends a text.
    pub eos: Option<u32>,
    /// Stands for what the vocabulary cannot spell.
    pub unk: Option<u32>,
    /// Fills batches; never used by this program.
    pub pad: Option<u32>,
}

/// The tokens of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Bytes `start..end` of the text that each token came from, on character boundaries; white space that a
    /// tokenizer leaves out belongs to the token after it. Tokens that share a character have the same range;
    /// tokens that the tokenizer added have an empty one.
    pub offsets: Vec<(usize, usize)>,
}

/// What `inspect` shows of a tokenizer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenizerSummary {
    /// The algorithm: BPE, Unigram, WordPiece or WordLevel.
    pub model: String,
    /// How tokens spell bytes: byte-level, byte fallback, or plain.
    pub spelling: String,
    /// Number of ids, added tokens included.
    pub vocab_size: usize,
    /// Ids with a meaning of their own.
    pub special: Special,
    /// Whether encoding with special tokens begins with one.
    pub adds_bos: bool,
    /// Whether encoding with special tokens ends with one.
    pub adds_eos: bool,
    /// Longest text in tokens, as the tokenizer states it.
    pub max_length: Option<u64>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
}

impl fmt::Debug for Tokenizer {
    /// In short: a vocabulary has tens of thousands of entries.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokenizer({}, {} ids)", self.model, self.vocab_size)
    }
}

impl Tokenizer {
    /// Loads the tokenizer of a model folder: `tokenizer.json`, or `vocab.json` with `merges.txt`.
    /// `dir` may also be a `tokenizer.json` itself.
    ///
    /// # Errors
    /// No tokenizer file there, or a damaged one: the error names the file and what is wrong.
    pub fn load(dir: &Path) -> Result<Self> {
        load::load(dir)
    }

    /// A tokenizer from the text of a `tokenizer.json`, with the settings of a `tokenizer_config.json`.
    ///
    /// # Errors
    /// The text is damaged.
    pub fn from_json(text: &str, settings: serde_json::Value) -> Result<Self> {
        load::parse(text, settings)
    }

    /// A byte-level byte-pair tokenizer trained on `texts`: 256 bytes, `<|endoftext|>`, and the most frequent pairs
    /// until there are `vocab_size` tokens or no pair occurs twice. The same texts give the same tokenizer, in whatever
    /// order they come.
    ///
    /// # Errors
    /// No texts, or a vocabulary smaller than bytes and end together.
    ///
    /// # Source
    /// Sennrich et al. 2016; over bytes as in Radford et al. 2019 (GPT-2).
    pub fn train_bpe<S: AsRef<str> + Sync>(texts: &[S], vocab_size: usize) -> Result<Self> {
        train::bpe(texts, vocab_size)
    }

    /// Writes `tokenizer.json` and `tokenizer_config.json` into `folder`, where [`Self::load`] and transformers find
    /// them.
    pub fn save(&self, folder: &Path) -> Result<()> {
        save::save(self, folder)
    }

    /// The tokens of `text`. With `add_special` the tokenizer adds what it always adds (Llama: the
    /// beginning-of-text token; GPT-2 and Pythia: nothing).
    pub fn encode(&self, text: &str, add_special: bool) -> Result<Encoding> {
        let encoding = self.inner.encode(text, add_special).map_err(|error| {
            Error::data(format!("the tokenizer cannot encode this text: {error}"))
                .hint("its vocabulary or its splitting pattern is damaged; fetch the tokenizer files again")
        })?;
        let mut end = 0;
        let added = encoding.get_special_tokens_mask();
        let offsets = encoding.get_offsets().iter().zip(added.iter().chain(std::iter::repeat(&0)));
        let offsets = offsets
            .map(|(&(start, stop), &is_added)| {
                if is_added == 1 && start == stop {
                    return (end, end);
                }
                let gap = text.get(end..start).is_some_and(|gap| gap.chars().all(char::is_whitespace));
                let start = if gap { end } else { start };
                end = end.max(stop);
                (start, stop)
            })
            .collect();
        let mut encoding = Encoding { ids: encoding.get_ids().to_vec(), offsets };
        self.unshare_prefix(&mut encoding);
        Ok(encoding)
    }

    /// A space that the tokenizer put before the text (SentencePiece) is given the first character by the crate,
    /// which belongs to the token after it.
    fn unshare_prefix(&self, encoding: &mut Encoding) {
        let Some(first) = encoding.offsets.iter().position(|&(start, end)| start < end) else { return };
        let is_shared = match (encoding.offsets.get(first), encoding.offsets.get(first + 1)) {
            (Some(one), Some(next)) => one.0 == next.0,
            _ => false,
        };
        let is_space = encoding.ids.get(first).and_then(|&id| self.token_bytes(id)).is_some_and(|bytes| bytes == b" ");
        if is_shared
            && is_space
            && let Some(range) = encoding.offsets.get_mut(first)
        {
            range.1 = range.0;
        }
    }

    /// The text of `ids`, without special tokens. Bytes that are no UTF-8 become U+FFFD; ids that the vocabulary
    /// does not have are left out.
    pub fn decode(&self, ids: &[u32]) -> String {
        self.inner.decode(ids, true).unwrap_or_else(|_| self.spell(ids))
    }

    /// The text of `ids` with special tokens as the vocabulary spells them.
    pub fn decode_with_special(&self, ids: &[u32]) -> String {
        self.inner.decode(ids, false).unwrap_or_else(|_| self.spell(ids))
    }

    /// The text that `ids` add after `context`: decoding a slice alone would lose or gain a leading space, and
    /// would break a character that both share.
    pub fn decode_after(&self, context: &[u32], ids: &[u32]) -> String {
        let before = self.decode(context);
        let before = before.trim_end_matches('\u{FFFD}');
        let whole = self.decode(&[context, ids].concat());
        match whole.strip_prefix(before) {
            Some(rest) => rest.to_owned(),
            None => self.decode(ids),
        }
    }

    /// The exact bytes of a token: a piece of a character for byte-level tokens, the name of an added token;
    /// `None` for an id that the vocabulary does not have.
    pub fn token_bytes(&self, id: u32) -> Option<Vec<u8>> {
        let token = self.inner.id_to_token(id)?;
        let is_added = self.inner.get_added_vocabulary().get_added_tokens_decoder().contains_key(&id);
        Some(if is_added { token.into_bytes() } else { self.spelling.bytes(&token) })
    }

    /// A token as the vocabulary spells it, such as `Ġthe` or `▁the`.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The id of a token as the vocabulary spells it.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Number of ids, added tokens included.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Ids with a meaning of their own.
    pub fn special(&self) -> &Special {
        &self.special
    }

    /// Whether `id` is a special token, which [`Self::decode`] leaves out.
    pub fn is_special(&self, id: u32) -> bool {
        self.inner.get_added_vocabulary().get_added_tokens_decoder().get(&id).is_some_and(|token| token.special)
    }

    /// What `inspect` shows.
    pub fn summary(&self) -> TokenizerSummary {
        let empty = self.encode("", true).map(|encoding| encoding.ids).unwrap_or_default();
        let (adds_bos, adds_eos) = match empty.as_slice() {
            [] => (false, false),
            [only] => (Some(*only) != self.special.eos || Some(*only) == self.special.bos, self.special.bos.is_none()),
            _ => (true, true),
        };
        TokenizerSummary {
            model: self.model.clone(),
            spelling: self.spelling.name().to_owned(),
            vocab_size: self.vocab_size,
            special: self.special.clone(),
            adds_bos,
            adds_eos,
            max_length: self.max_length,
            files: self.files.clone(),
        }
    }

    /// The tokens' bytes one after the other, for ids that the decoder refuses.
    fn spell(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().filter_map(|&id| self.token_bytes(id)).flatten().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Refuses ids that a model with `vocab_size` rows of embeddings cannot take.
///
/// Rows that were tokenized elsewhere, or by another model's tokenizer, are found out here and not deep in the engine.
pub fn check_vocabulary(ids: &[u32], vocab_size: usize) -> Result<()> {
    match ids.iter().max() {
        Some(&largest) if largest as usize >= vocab_size => Err(Error::data(format!(
            "token id {largest} exceeds the model's vocabulary of {vocab_size} ids (0 to {})",
            vocab_size.saturating_sub(1)
        ))
        .hint("these rows or this tokenizer belong to another model; use the model that the rows were tokenized for")),
        _ => Ok(()),
    }
}
