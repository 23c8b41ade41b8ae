//! Lengths and repetitions of a set of records.

use std::collections::HashSet;

use serde::Serialize;

use super::{Record, Tokenizer};
use crate::error::Result;

/// Smallest, middle and largest of some lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Smallest.
    pub min: usize,
    /// Middle one; of an even number the lower of the two.
    pub median: usize,
    /// Largest.
    pub max: usize,
    /// Arithmetic mean.
    pub mean: f64,
}

/// Lengths and repetitions of a set of records.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Statistics {
    /// Number of records.
    pub rows: usize,
    /// Records whose text or ids already occurred before them.
    pub duplicates: usize,
    /// Lengths of the texts in characters, where there are texts.
    pub characters: Option<Spread>,
    /// Lengths in tokens: of id rows, and of texts when a tokenizer is given. Without special tokens.
    pub tokens: Option<Spread>,
    /// Records longer than the context, when one is given; they would be cut.
    pub too_long: usize,
}

/// Measures `records`; `context` is the longest sequence of the model in tokens.
pub fn statistics(records: &[Record], tokenizer: Option<&Tokenizer>, context: Option<usize>) -> Result<Statistics> {
    let mut seen = HashSet::new();
    let duplicates = records.iter().filter(|record| !seen.insert((&record.text, &record.token_ids))).count();
    let characters = records.iter().filter_map(|record| Some(record.text.as_ref()?.chars().count())).collect();
    let mut lengths = Vec::new();
    for record in records {
        match (&record.token_ids, &record.text, tokenizer) {
            (Some(ids), ..) => lengths.push(ids.len()),
            (None, Some(text), Some(tokenizer)) => lengths.push(tokenizer.encode(text, false)?.ids.len()),
            _ => {}
        }
    }
    let too_long = lengths.iter().filter(|&&length| context.is_some_and(|context| length > context)).count();
    Ok(Statistics {
        rows: records.len(),
        duplicates,
        characters: spread(characters),
        tokens: spread(lengths),
        too_long,
    })
}

fn spread(mut lengths: Vec<usize>) -> Option<Spread> {
    lengths.sort_unstable();
    let mean = lengths.iter().sum::<usize>() as f64 / lengths.len() as f64;
    let median = *lengths.get(lengths.len().checked_sub(1)? / 2)?;
    Some(Spread { min: *lengths.first()?, median, max: *lengths.last()?, mean })
}
