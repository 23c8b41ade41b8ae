//! The fourteen characters of the mathematical tasks as a tokenizer.

use serde_json::{Map, Value, json};

use crate::data::Tokenizer;
use crate::error::Result;

/// Characters by id: digits, begin, end, separator, and what fills rows.
pub(super) const CHARACTERS: [&str; 14] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "^", "$", " ", "_"];

/// A tokenizer that transformers reads too. Every other character is dropped, as in the published code.
pub(super) fn tokenizer() -> Result<Tokenizer> {
    let vocab: Map<String, Value> = CHARACTERS.iter().enumerate().map(|(id, c)| ((*c).to_owned(), id.into())).collect();
    let special = |id: usize| {
        json!({"id": id, "content": CHARACTERS.get(id), "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true})
    };
    let file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [special(10), special(11), special(13)],
        "normalizer": {"type": "Replace", "pattern": {"Regex": "[^0-9^$ _]"}, "content": ""},
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "[0-9^$ _]"}, "behavior": "Isolated", "invert": false},
        "post_processor": null,
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "_"},
    });
    let settings = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "^", "eos_token": "$", "pad_token": "_",
        "clean_up_tokenization_spaces": false,
    });
    Tokenizer::from_json(&file.to_string(), settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_become_ids_and_come_back() {
        let tokenizer = tokenizer().unwrap();
        let ids = |text: &str| tokenizer.encode(text, true).unwrap().ids;
        assert_eq!(ids("^-1 -1 0$"), [10, 1, 12, 1, 12, 0, 11]);
        assert_eq!(ids("^7 14x\n 21"), [10, 7, 12, 1, 4, 12, 2, 1]);
        assert_eq!(tokenizer.decode(&[10, 7, 12, 1, 4, 11, 13]), "7 14");
        assert_eq!(tokenizer.decode_with_special(&[10, 7, 12, 1, 4, 11, 13]), "^7 14$_");
        let special = tokenizer.special();
        assert_eq!((special.bos, special.eos, special.pad), (Some(10), Some(11), Some(13)));
        assert_eq!(tokenizer.vocab_size(), 14);
    }
}
