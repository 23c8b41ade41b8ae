//! From records to token ids: beginning token, texts longer than the context, what cannot be used.
//!
//! A text of N tokens has N − 1 predictions: its first token is never one. With a beginning token in front, every
//! token of the text is predicted.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tables::{counted, listed};
use crate::data::{Dataset, Record};
use crate::engine::score::score_tokens;
use crate::engine::{Decoder, TokenScore, Want};
use crate::error::{Error, Result};
use crate::methods::LoadedModel;

/// Whether a text begins with the model's beginning-of-sequence token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bos {
    /// As the tokenizer does by itself.
    #[default]
    Auto,
    /// Always; refused for models that name none.
    Always,
    /// Never.
    Never,
}

/// What happens to texts that are longer than the context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LongTexts {
    /// Only their beginning is used, and they are counted.
    #[default]
    Truncate,
    /// They are read in overlapping windows; every token is scored once, in the first window that holds it.
    Window,
    /// They stop the run.
    Refuse,
}

/// How texts are prepared.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextOptions {
    /// Beginning token.
    pub bos: Bos,
    /// Texts longer than `max_tokens`.
    pub long: LongTexts,
    /// Tokens a text or window may have, beginning token included; the model's context when absent.
    pub max_tokens: Option<usize>,
    /// Only so many records.
    pub limit: Option<usize>,
}

/// A text as the model sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// Index among the records of its data set.
    pub index: usize,
    /// Row in the file.
    pub row: usize,
    /// Token ids.
    pub ids: Vec<u32>,
    /// Bytes of each token in the record's text; empty for special tokens and for rows given as ids.
    pub spans: Vec<Range<usize>>,
    /// Tokens at the front that are not of the text: the beginning token.
    pub n_special: usize,
    /// Tokens that were cut off.
    pub n_cut: usize,
}

/// A record that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Row in the file.
    pub row: usize,
    /// Why.
    pub reason: &'static str,
}

/// The usable texts of a data set.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    /// In the order of the records.
    pub texts: Vec<Text>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
    /// Tokens a sequence may have.
    pub max_tokens: usize,
}

impl Prepared {
    /// Sentences about what was left out and what was cut; what reading the file left out is said by the plan.
    pub fn notes(&self, data: &Dataset, long: LongTexts) -> Vec<String> {
        let mut notes = skipped_notes(&data.name, &self.skipped);
        let long_texts = self.texts.iter().filter(|t| t.n_cut > 0).count();
        if long_texts > 0 {
            let n = counted(long_texts, "text");
            notes.push(format!("{}: {n} cut to the first {} tokens.", data.name, self.max_tokens));
        }
        let windowed = self.texts.iter().filter(|t| t.ids.len() > self.max_tokens).count();
        if windowed > 0 && long == LongTexts::Window {
            let n = counted(windowed, "text");
            notes.push(format!("{}: {n} read in windows of {} tokens.", data.name, self.max_tokens));
        }
        notes
    }
}

/// A sentence for each reason why rows were left out.
pub fn skipped_notes(name: &str, skipped: &[Skipped]) -> Vec<String> {
    let mut reasons: Vec<&str> = skipped.iter().map(|s| s.reason).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let note = |reason: &str| {
        // People count rows from 1.
        let rows: Vec<usize> = skipped.iter().filter(|s| s.reason == reason).map(|s| s.row + 1).collect();
        format!("{name}: {} left out, {reason} (row {}).", counted(rows.len(), "row"), listed(&rows))
    };
    reasons.into_iter().map(note).collect()
}

/// Token ids of the records of `data` for `model`; each text has at least one prediction.
pub fn prepare(model: &LoadedModel, data: &Dataset, options: &TextOptions) -> Result<Prepared> {
    let encoder = Encoder::new(model, options)?;
    let mut out = Prepared { max_tokens: encoder.max_tokens, ..Prepared::default() };
    for (index, record) in data.records.iter().enumerate().take(options.limit.unwrap_or(usize::MAX)) {
        match encoder.record(record, index).map_err(|e| e.at(&data.path))? {
            Ok(text) => out.texts.push(text),
            Err(reason) => out.skipped.push(Skipped { row: record.row, reason }),
        }
    }
    if out.texts.is_empty() {
        let why = out.skipped.first().map_or("it has no rows", |s| s.reason);
        return Err(Error::data(format!("{} has no text that can be measured: {why}", data.name))
            .hint("a text needs at least two tokens, or one and a beginning token")
            .at(&data.path));
    }
    Ok(out)
}

/// Turns texts into ids for one model.
pub struct Encoder<'a> {
    model: &'a LoadedModel,
    options: TextOptions,
    bos: Option<u32>,
    /// Tokens a sequence may have.
    pub max_tokens: usize,
}

impl<'a> Encoder<'a> {
    /// For `model`; fails when a beginning token is wanted and the model names none.
    pub fn new(model: &'a LoadedModel, options: &TextOptions) -> Result<Self> {
        let config = &model.decoder.config;
        if options.bos == Bos::Always && config.bos.is_none() {
            return Err(Error::config(format!(
                "bos is `always`, but {} names no beginning-of-sequence token",
                model.name
            ))
            .hint("set bos to `auto` or `never`"));
        }
        let max_tokens = options.max_tokens.unwrap_or(config.n_ctx).min(config.n_ctx).max(1);
        Ok(Self { model, options: *options, bos: config.bos, max_tokens })
    }

    /// The text of a record, or why it cannot be used.
    pub fn record(&self, record: &Record, index: usize) -> Result<std::result::Result<Text, &'static str>> {
        let text = match (&record.token_ids, &record.text) {
            (Some(ids), _) => self.ids(ids, record)?,
            (None, Some(text)) if text.is_empty() => return Ok(Err("the text is empty")),
            (None, Some(text)) => self.text(text)?,
            (None, None) => return Ok(Err("it has neither text nor token ids")),
        };
        let text = Text { index, row: record.row, ..text };
        if text.ids.len() < 2 { Ok(Err("it has a single token")) } else { Ok(Ok(text)) }
    }

    /// A text of its own; may have fewer than two tokens.
    pub fn text(&self, text: &str) -> Result<Text> {
        let Some(tokenizer) = &self.model.tokenizer else {
            return Err(Error::data(format!("{} came without a tokenizer, so texts cannot be read", self.model.name))
                .hint("put tokenizer.json beside the weights, or give rows of token ids")
                .at(&self.model.path));
        };
        let encoding = tokenizer.encode(text, self.options.bos == Bos::Auto)?;
        let spans: Vec<Range<usize>> = encoding.offsets.iter().map(|(start, end)| *start..*end).collect();
        let added = |(id, span): &(&u32, &Range<usize>)| span.is_empty() && tokenizer.is_special(**id);
        let n_special = encoding.ids.iter().zip(&spans).take_while(added).count();
        self.finish(Text { ids: encoding.ids, spans, n_special, ..Text::default() })
    }

    fn ids(&self, ids: &[u32], record: &Record) -> Result<Text> {
        let vocab_size = self.model.decoder.config.vocab_size;
        if let Some(id) = ids.iter().find(|id| **id as usize >= vocab_size) {
            return Err(Error::data(format!(
                "row {}: token id {id} exceeds the vocabulary of {} ({vocab_size} tokens)",
                record.row + 1,
                self.model.name
            ))
            .hint("these rows were made with another tokenizer: choose the model they belong to"));
        }
        self.finish(Text { ids: ids.to_vec(), ..Text::default() })
    }

    /// Ids that another model's tokenizer made, cut to what this model may read.
    pub fn foreign_ids(&self, ids: &[u32]) -> Result<Vec<u32>> {
        let mut ids = ids.to_vec();
        if self.options.long != LongTexts::Window {
            ids.truncate(self.max_tokens);
        }
        self.check_vocabulary(&ids).map(|()| ids)
    }

    /// Adds the beginning token and cuts.
    fn finish(&self, mut text: Text) -> Result<Text> {
        if let (Bos::Always, Some(bos)) = (self.options.bos, self.bos)
            && text.ids.first() != Some(&bos)
        {
            text.ids.insert(0, bos);
            if !text.spans.is_empty() {
                text.spans.insert(0, 0..0);
            }
            text.n_special = 1;
        }
        let n = text.ids.len();
        match self.options.long {
            LongTexts::Truncate if n > self.max_tokens => {
                text.n_cut = n - self.max_tokens;
                text.ids.truncate(self.max_tokens);
                text.spans.truncate(self.max_tokens);
            }
            LongTexts::Refuse if n > self.max_tokens => {
                return Err(Error::data(format!("a text has {n} tokens; {} are allowed", self.max_tokens))
                    .hint("set long_texts to `truncate` or `window`"));
            }
            _ => {}
        }
        self.check_vocabulary(&text.ids)?;
        Ok(text)
    }

    fn check_vocabulary(&self, ids: &[u32]) -> Result<()> {
        let vocab_size = self.model.decoder.config.vocab_size;
        let Some(id) = ids.iter().find(|id| **id as usize >= vocab_size) else { return Ok(()) };
        Err(Error::data(format!(
            "the tokenizer of {} makes token {id}, but the model knows only {vocab_size} tokens",
            self.model.name
        ))
        .hint("the tokenizer in this folder belongs to another model")
        .at(&self.model.path))
    }
}

/// A part of a text that goes through the model at once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Window {
    tokens: Range<usize>,
    /// Predictions at its front that an earlier window has made.
    known: usize,
}

/// Windows of at most `size` tokens, each `stride` further; every prediction is new in exactly one.
fn windows(n: usize, size: usize, stride: usize) -> Vec<Window> {
    let size = size.max(2);
    let stride = stride.clamp(1, size - 1);
    let mut windows = vec![Window { tokens: 0..n.min(size), known: 0 }];
    while let Some(last) = windows.last().filter(|w| w.tokens.end < n) {
        let end = (last.tokens.end + stride).min(n);
        let start = end - size.min(end);
        windows.push(Window { tokens: start..end, known: last.tokens.end - start - 1 });
    }
    windows
}

/// Scores of every predicted token of each text: `ids.len() − 1` entries a text. Texts longer than `max_tokens` are
/// read in windows `stride` apart.
pub fn score(
    decoder: &Decoder,
    texts: &[&[u32]],
    want: Want,
    max_tokens: usize,
    stride: usize,
) -> Result<Vec<Vec<TokenScore>>> {
    let cut: Vec<Vec<Window>> = texts.iter().map(|ids| windows(ids.len(), max_tokens, stride)).collect();
    let pieces: Vec<&[u32]> =
        cut.iter().zip(texts).flat_map(|(windows, ids)| windows.iter().map(|w| &ids[w.tokens.clone()])).collect();
    let mut scored = score_tokens(decoder, &pieces, want)?.into_iter();
    let join = |windows: &Vec<Window>| {
        windows.iter().flat_map(|w| scored.next().unwrap_or_default().into_iter().skip(w.known)).collect()
    };
    Ok(cut.iter().map(join).collect())
}

/// Items per chunk so that a chunk has about `batch_tokens` tokens.
pub fn chunk_len(lengths: impl IntoIterator<Item = usize>, batch_tokens: usize) -> usize {
    let (mut n, mut total) = (0, 0);
    for length in lengths {
        n += 1;
        total += length;
    }
    (batch_tokens * n).checked_div(total).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_make_every_prediction_once() {
        for (n, size, stride) in [(10, 4, 2), (11, 4, 3), (5, 8, 3), (9, 2, 1), (30, 7, 6), (4, 4, 2)] {
            let mut next = 1;
            for w in windows(n, size, stride) {
                assert!(w.tokens.len() <= size.max(2));
                // The first prediction of a window is of its second token.
                assert_eq!(w.tokens.start + 1 + w.known, next, "n {n}, size {size}, stride {stride}");
                next = w.tokens.end;
            }
            assert_eq!(next, n);
        }
    }

    #[test]
    fn chunks_follow_the_mean_length() {
        assert_eq!(chunk_len([100, 100, 200], 1024), 7);
        assert_eq!(chunk_len([5000], 1024), 1);
        assert_eq!(chunk_len([], 1024), 1);
    }
}
