//! Which paraphrases of an original count.
//!
//! Those that are neither empty nor the original, and have a target. Paper mode does as Paramem: every text of a file
//! gets as many as its first one has, missing ones replaced by its first or, where it has none, by the original.

use super::quality::is_valid;
use super::texts::{Encoder, Text};
use crate::data::Record;
use crate::error::Result;

/// Tokens of a text that Paramem reads.
pub const PAPER_TOKENS: usize = 512;

/// A paraphrase that counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Paraphrase {
    /// Index among the record's paraphrases; `None` for the original in its own place (paper mode).
    pub index: Option<usize>,
    /// Its tokens.
    pub ids: Vec<u32>,
}

/// An original with the paraphrases that count.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// The original.
    pub original: Text,
    /// The paraphrases; at least one.
    pub paraphrases: Vec<Paraphrase>,
    /// Paraphrases of the file that do not count.
    pub n_excluded: usize,
}

/// Goes through the originals of one file in their order.
pub struct Chooser<'a> {
    encoder: &'a Encoder<'a>,
    min_tokens: usize,
    is_paper: bool,
    /// Paper mode: paraphrases of the first text, for all.
    per_text: Option<usize>,
}

impl<'a> Chooser<'a> {
    /// Texts shorter than `min_tokens` have no target.
    pub fn new(encoder: &'a Encoder<'a>, min_tokens: usize, is_paper: bool) -> Self {
        Self { encoder, min_tokens, is_paper, per_text: None }
    }

    /// The original at `index` of its file with its paraphrases, or why it cannot be used; `keeps` says which
    /// paraphrases are wanted, by their place.
    ///
    /// # Errors
    /// Texts that the model's tokenizer cannot read, or that are too long where that is refused.
    pub fn choose(
        &mut self,
        record: &Record,
        index: usize,
        keeps: &dyn Fn(usize) -> bool,
    ) -> Result<std::result::Result<Counted, &'static str>> {
        let original = match self.encoder.record(record, index)? {
            Ok(text) if text.ids.len() >= self.min_tokens => text,
            Ok(_) => return Ok(Err("it is too short")),
            Err(reason) => return Ok(Err(reason)),
        };
        let text = record.text.as_deref().unwrap_or_default();
        let mut paraphrases = Vec::new();
        for (k, paraphrase) in record.paraphrases.iter().enumerate() {
            if !is_valid(text, paraphrase) || !keeps(k) {
                continue;
            }
            let ids = self.encoder.text(paraphrase)?.ids;
            if ids.len() >= self.min_tokens {
                paraphrases.push(Paraphrase { index: Some(k), ids });
            }
        }
        let n_excluded = record.excluded.total() + record.paraphrases.len() - paraphrases.len();
        if self.is_paper {
            let own = Paraphrase { index: None, ids: original.ids.clone() };
            let first = paraphrases.first().cloned().unwrap_or(own);
            let wanted = *self.per_text.get_or_insert_with(|| paraphrases.len().max(1));
            paraphrases.resize(wanted, first);
        }
        if paraphrases.is_empty() {
            return Ok(Err("no valid paraphrase"));
        }
        Ok(Ok(Counted { original, paraphrases, n_excluded }))
    }
}
