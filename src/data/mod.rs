//! Text in, token ids out. Knows files and tokenizers, no models.
//!
//! A [`Dataset`] is a list of [`Record`]s read from a file or a hub data set, with every
//! bad line reported. Nothing here depends on a method.

mod record;
mod tokenizer;

pub use record::{BadLine, Dataset, Record};
pub use tokenizer::Tokenizer;
