//! Trains a byte-level byte-pair tokenizer.

use serde_json::json;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, DecoderWrapper, PostProcessorWrapper, PreTokenizerWrapper};
use tokenizers::{NormalizerWrapper, TokenizerBuilder};

use super::{Tokenizer, load};
use crate::error::{Error, Result};

/// Ends a text, begins one, and fills rows; its id is 0.
const END: &str = "<|endoftext|>";

/// Bytes and the end.
const SMALLEST: usize = 257;

pub(super) fn bpe<S: AsRef<str> + Sync>(texts: &[S], vocab_size: usize) -> Result<Tokenizer> {
    if vocab_size < SMALLEST {
        return Err(Error::config(format!("a vocabulary of {vocab_size} tokens"))
            .hint(format!("a tokenizer of bytes has at least {SMALLEST}: 256 bytes and the end of a text")));
    }
    if texts.iter().all(|text| text.as_ref().is_empty()) {
        return Err(Error::config("no texts to train a tokenizer on").hint("give at least one text"));
    }
    let failed = |e: &dyn std::fmt::Display| Error::bug(format!("training a tokenizer: {e}"));
    let mut trainer = BpeTrainer::builder()
        .vocab_size(vocab_size)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(vec![AddedToken::from(END, true)])
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let level = ByteLevel::new(false, false, true);
    let mut inner =
        TokenizerBuilder::<BPE, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>::new()
            .with_model(BPE::default())
            .with_pre_tokenizer(Some(PreTokenizerWrapper::ByteLevel(level)))
            .with_post_processor(Some(PostProcessorWrapper::ByteLevel(level)))
            .with_decoder(Some(DecoderWrapper::ByteLevel(level)))
            .build()
            .map_err(|e| failed(&e))?;
    inner.train(&mut trainer, texts.iter().map(AsRef::as_ref)).map_err(|e| failed(&e))?;
    let text = inner.to_string(false).map_err(|e| failed(&e))?;
    let settings = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END, "eos_token": END, "pad_token": END,
        "clean_up_tokenization_spaces": false,
    });
    load::parse(&text, settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 3] = ["the cat sat on the mat", "the dog sat on the log", "Ünïcode 한 the end"];

    #[test]
    fn texts_come_back_and_frequent_words_are_tokens() {
        let tokenizer = bpe(&TEXTS, 300).unwrap();
        assert!(tokenizer.vocab_size() <= 300 && tokenizer.vocab_size() > SMALLEST, "{}", tokenizer.vocab_size());
        for text in TEXTS.iter().chain(&["a word it never saw: żółw\n"]) {
            let ids = tokenizer.encode(text, true).unwrap().ids;
            assert_eq!(tokenizer.decode(&ids), *text);
        }
        assert_eq!(tokenizer.encode(" the", false).unwrap().ids.len(), 1);
        let special = tokenizer.special();
        assert_eq!((special.eos, special.bos, special.pad), (Some(0), Some(0), Some(0)));
    }

    #[test]
    fn the_order_of_texts_does_not_matter_and_the_limit_is_kept() {
        let written = |tokenizer: Tokenizer| tokenizer.inner.to_string(false).unwrap();
        let mut turned = TEXTS;
        turned.reverse();
        assert_eq!(written(bpe(&TEXTS, 280).unwrap()), written(bpe(&turned, 280).unwrap()));
        assert_eq!(bpe(&TEXTS, 260).unwrap().vocab_size(), 260);
    }

    #[test]
    fn what_cannot_be_trained_is_explained() {
        let message = |texts: &[&str], n| bpe(texts, n).unwrap_err().to_string();
        assert!(message(&TEXTS, 256).contains("at least 257"));
        assert!(message(&[""], 300).contains("no texts"));
    }
}
