//! The named text sets on which the loss is measured.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::engine::{Batch, Real};
use crate::error::{Error, Result};
use crate::methods::common::texts::{Bos, LongTexts, Text, TextOptions, prepare};
use crate::methods::{Amount, LoadedModel};

/// What the loss of a set is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mean {
    /// The mean over all predicted tokens, as in training: long texts weigh more.
    #[default]
    Tokens,
    /// The mean over texts of the mean over their tokens: every text weighs the same.
    Texts,
}

/// A text set.
#[derive(Clone, Debug)]
pub(super) struct TextSet {
    /// Its name, unique among the sets.
    pub(super) name: String,
    /// The same with characters that file names allow, unique too.
    pub(super) slug: String,
    /// Its texts.
    pub(super) texts: Vec<Text>,
    /// Of each text, the first predicted token that has to be right for it to count as memorized.
    pub(super) splits: Vec<usize>,
}

/// How texts are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) bos: Bos,
    pub(super) max_tokens: Option<usize>,
    pub(super) limit: Option<usize>,
    /// Tokens of a text before the part that counts as memorized.
    pub(super) prefix: Option<usize>,
}

/// About how many tokens of the sets are read when a text may have `max_tokens`.
pub(super) fn tokens(amount: &Amount, max_tokens: Option<usize>) -> u64 {
    let most = max_tokens.map_or(u64::MAX, |most| amount.all_texts().saturating_mul(most as u64));
    amount.all_tokens().min(most)
}

/// The text sets of `data`, and sentences about what was left out.
pub(super) fn text_sets(
    model: &LoadedModel,
    data: &[Dataset],
    reading: Reading,
) -> Result<(Vec<TextSet>, Vec<String>)> {
    if data.is_empty() {
        return Err(Error::config("the input `data` is missing").hint("give at least one text set: `--data PATH`"));
    }
    let options = TextOptions {
        bos: reading.bos,
        long: LongTexts::Truncate,
        max_tokens: reading.max_tokens,
        limit: reading.limit,
    };
    let (mut sets, mut notes): (Vec<TextSet>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut taken, mut slugs) = (BTreeSet::new(), BTreeSet::new());
    for set in data {
        let prepared = prepare(model, set, &options)?;
        notes.extend(prepared.notes(set, LongTexts::Truncate));
        let splits = prepared.texts.iter().map(|text| split(set, text, reading.prefix)).collect();
        let slug: String = set.name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        let (name, slug) = (unique(&set.name, &mut taken), unique(&slug, &mut slugs).replace(' ', "_"));
        sets.push(TextSet { name, slug, texts: prepared.texts, splits });
    }
    Ok((sets, notes))
}

/// Where the part of a text begins that has to be reproduced, counted in predicted tokens: after the prefix, at the
/// place where the file splits the row, or in the middle.
fn split(set: &Dataset, text: &Text, prefix: Option<usize>) -> usize {
    let own = set.records.get(text.index).and_then(|record| record.split_at);
    let n = text.ids.len();
    let first = match prefix.or(own) {
        Some(prefix) => prefix + text.n_special,
        None => text.n_special + (n - text.n_special) / 2,
    };
    // token 0 is never predicted; prediction i is of token i + 1
    first.max(1) - 1
}

fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut tried = name.to_owned();
    let mut n = 2;
    while !taken.insert(tried.clone()) {
        tried = format!("{name} {n}");
        n += 1;
    }
    tried
}

/// The texts of a set in batches of about `rows` tokens, weighted so that the losses of all batches add up to the
/// loss of the set.
pub(super) fn batches(set: &TextSet, mean: Mean, rows: usize) -> Vec<Batch> {
    let predicted = |text: &Text| text.ids.len().saturating_sub(1).max(1);
    let total: usize = set.texts.iter().map(predicted).sum();
    let mut groups: Vec<Vec<&Text>> = Vec::new();
    let mut full = usize::MAX;
    for text in &set.texts {
        if full.saturating_add(text.ids.len()) > rows {
            groups.push(Vec::new());
            full = 0;
        }
        full += text.ids.len();
        if let Some(group) = groups.last_mut() {
            group.push(text);
        }
    }
    let weighted = |group: &Vec<&Text>| {
        let ids: Vec<&[u32]> = group.iter().map(|text| &text.ids[..]).collect();
        let mut batch = Batch::causal(&ids);
        for (own, text) in batch.offsets.clone().iter().zip(group) {
            let weight = match mean {
                Mean::Tokens => 1.0 / total as f64,
                Mean::Texts => 1.0 / (set.texts.len() * predicted(text)) as f64,
            };
            batch.weights[own].iter_mut().for_each(|w| *w *= weight as Real);
        }
        batch
    };
    groups.iter().map(weighted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Record;

    fn set(lengths: &[usize]) -> TextSet {
        let text = |n: &usize| Text { ids: vec![1; *n], ..Text::default() };
        TextSet {
            name: "s".to_owned(),
            slug: "s".to_owned(),
            texts: lengths.iter().map(text).collect(),
            splits: vec![0; lengths.len()],
        }
    }

    #[test]
    fn weights_of_all_batches_add_up_to_one() {
        for mean in [Mean::Tokens, Mean::Texts] {
            let batches = batches(&set(&[3, 5, 2, 9]), mean, 8);
            assert_eq!(batches.iter().map(|b| b.offsets.len()).collect::<Vec<_>>(), [2, 1, 1]);
            let sum: f64 = batches.iter().flat_map(|b| &b.weights).map(|w| f64::from(*w)).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{mean:?}: {sum}");
        }
        let texts = batches(&set(&[3, 5]), Mean::Texts, 100);
        assert_eq!(texts[0].weights, [0.25, 0.25, 0.0, 0.125, 0.125, 0.125, 0.125, 0.0]);
    }

    #[test]
    fn names_are_unique_and_splits_are_where_the_file_says() {
        let mut taken = BTreeSet::new();
        let names = ["a", "a", "b", "a"].map(|n| unique(n, &mut taken));
        assert_eq!(names, ["a", "a 2", "b", "a 3"]);
        let records = vec![Record { split_at: Some(3), ..Record::default() }, Record::default()];
        let data = Dataset { records, ..Dataset::default() };
        let text = |index: usize| Text { index, ids: vec![0; 9], n_special: 1, ..Text::default() };
        assert_eq!(split(&data, &text(0), None), 3);
        assert_eq!(split(&data, &text(1), None), 4);
        assert_eq!(split(&data, &text(0), Some(5)), 5);
        assert_eq!(split(&data, &Text { n_special: 0, ..text(0) }, Some(0)), 0);
    }
}
