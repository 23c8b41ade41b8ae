//! What the model says now: how it goes on from the beginning of some training rows.

use super::rows::{Prepared, Row};
use crate::data::Tokenizer;
use crate::engine::Decoder;
use crate::engine::generate::greedy_from;
use crate::error::Result;
use crate::methods::Sample;

/// Rows that are tried.
const ROWS: usize = 3;

/// Greedy continuations of the first rows of each group, at most [`ROWS`] in all, by as many tokens as the rows have,
/// but at most l.
pub(super) fn samples(
    decoder: &Decoder,
    tokenizer: Option<&Tokenizer>,
    prepared: &Prepared,
    [k, l]: [usize; 2],
    go_on: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<Sample>> {
    let long = |group: &'_ super::rows::Group| group.rows.iter().find(|row| row.ids.len() > k).cloned();
    let rows: Vec<Row> = prepared.train.iter().filter_map(long).take(ROWS).collect();
    let prompts: Vec<&[u32]> = rows.iter().map(|row| row.ids.get(..k).unwrap_or_default()).collect();
    let truths: Vec<&[u32]> =
        rows.iter().map(|row| row.ids.get(k..row.ids.len().min(k + l)).unwrap_or_default()).collect();
    let lengths: Vec<usize> = truths.iter().map(|ids| ids.len()).collect();
    let found = greedy_from(decoder, &prompts, &lengths, &mut |_| go_on().is_ok())?;
    // Special tokens are shown: a row of TinyMem begins and ends with one, and means something else without it.
    let text = |before: &[u32], ids: &[u32]| match tokenizer {
        Some(tokenizer) => {
            let whole = tokenizer.decode_with_special(&[before, ids].concat());
            let head = tokenizer.decode_with_special(before);
            whole.strip_prefix(&head).map_or_else(|| tokenizer.decode_after(before, ids), str::to_owned)
        }
        None => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    };
    let sample = |((prompt, truth), ids): ((&&[u32], &&[u32]), &Vec<u32>)| Sample {
        prompt: text(&[], prompt),
        text: text(prompt, ids),
        truth: Some(text(prompt, truth)),
    };
    Ok(prompts.iter().zip(&truths).zip(&found).map(sample).collect())
}
