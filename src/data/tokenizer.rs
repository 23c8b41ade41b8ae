//! The tokenizer of a model.

/// Text to ids and back, with byte offsets.
pub struct Tokenizer;
