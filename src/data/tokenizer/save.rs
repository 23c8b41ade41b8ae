//! Writes a tokenizer as the files that transformers reads.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::Tokenizer;
use crate::error::{Error, Result};

pub(super) fn save(tokenizer: &Tokenizer, folder: &Path) -> Result<()> {
    let text =
        tokenizer.inner.to_string(true).map_err(|e| Error::bug(format!("a tokenizer cannot be written: {e}")))?;
    let settings = serde_json::to_string_pretty(&settings(tokenizer)).map_err(|e| Error::bug(e.to_string()))?;
    for (name, text) in [("tokenizer.json", text), ("tokenizer_config.json", settings)] {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|e| Error::io("writing", &path, &e))?;
    }
    Ok(())
}

/// What was read beside it, or the names of its special tokens.
fn settings(tokenizer: &Tokenizer) -> Value {
    if tokenizer.settings.is_object() {
        return tokenizer.settings.clone();
    }
    let mut settings = Map::new();
    settings.insert("tokenizer_class".to_owned(), json!("PreTrainedTokenizerFast"));
    let special = tokenizer.special();
    for (name, id) in
        [("bos_token", special.bos), ("eos_token", special.eos), ("unk_token", special.unk), ("pad_token", special.pad)]
    {
        if let Some(token) = id.and_then(|id| tokenizer.token(id)) {
            settings.insert(name.to_owned(), json!(token));
        }
    }
    Value::Object(settings)
}
