//! Text in, token ids out. Knows files and tokenizers, no models.
//!
//! [`load()`] reads a file into a [`Dataset`]: a list of [`Record`]s in file order, with every bad
//! line kept beside them with its number and reason. [`preview()`] shows the first rows without
//! reading the rest. [`Tokenizer`] turns text into ids and back and knows the bytes of every
//! token; conversions between byte and token offsets happen there and nowhere else. [`hub`] brings
//! models and data sets from a hub into the cache that Python shares.
//!
//! [`make`] makes sets from parameters and a seed, without any file.
//!
//! How a row becomes a record: a reader (`jsonl`, `json`, `table`, `text`, `columnar`) hands
//! each row as a JSON object to `collect`, which finds the columns (`columns`) and builds the
//! record (`row`). Nothing here depends on a method.
#![warn(missing_docs)]

mod collect;
mod columnar;
mod columns;
mod compat;
mod detect;
pub mod hub;
mod json;
mod jsonl;
mod kinds;
mod lines;
mod load;
pub mod make;
mod preview;
mod published;
mod record;
pub mod rng_compat;
mod row;
mod source;
mod spec;
mod statistics;
mod table;
mod text;
mod tokenizer;

pub use compat::Compat;
pub use load::load;
pub use preview::{Preview, preview};
pub use published::{PublishedRow, published};
pub use record::{BadLine, Dataset, Excluded, Record};
pub use spec::{DataSpec, Format, Role};
pub use statistics::{Spread, Statistics, statistics};
pub use tokenizer::{Encoding, Special, Tokenizer, TokenizerSummary, check_vocabulary};
