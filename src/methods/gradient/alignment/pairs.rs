//! Originals with the paraphrases that count.

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::methods::common::paraphrases::{self, Chooser, Counted};
use crate::methods::common::quality::{Quality, quality};
use crate::methods::common::tables::counted;
use crate::methods::common::texts::{Encoder, LongTexts, Prepared, Skipped, Text, TextOptions};
use crate::methods::{Amount, Context, LoadedModel};

/// A file and what its texts are.
pub(super) struct Set<'a> {
    pub(super) data: &'a Dataset,
    /// Whether all its texts are members; `None` when the rows say so themselves, or nothing is known.
    pub(super) label: Option<bool>,
}

/// Which paraphrases count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter {
    pub(super) min_word_jaccard: f64,
    pub(super) max_zlib_ratio: f64,
    pub(super) drop_duplicates: bool,
    /// Fill up with the first paraphrase, or with the original, to the number of the first text.
    pub(super) paper: bool,
    /// Shorter texts have no target.
    pub(super) min_tokens: usize,
}

/// An original with the paraphrases that count.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Index of the set.
    pub(super) set: usize,
    pub(super) original: Text,
    pub(super) label: Option<bool>,
    pub(super) paraphrases: Vec<Paraphrase>,
    /// Paraphrases of the file that do not count.
    pub(super) n_excluded: usize,
}

/// A paraphrase that counts.
#[derive(Clone, Debug)]
pub(super) struct Paraphrase {
    /// Index among the record's paraphrases; `None` for the original in its own place (paper mode).
    pub(super) index: Option<usize>,
    pub(super) ids: Vec<u32>,
    pub(super) quality: Option<Quality>,
}

/// Items, and sentences about what was left out.
pub(super) struct Collected {
    pub(super) items: Vec<Item>,
    pub(super) notes: Vec<String>,
}

/// The inputs that were given.
pub(super) fn sets<'a>(cx: &Context<'a>) -> Result<Vec<Set<'a>>> {
    let labelled = [("data", None), ("members", Some(true)), ("nonmembers", Some(false))];
    let of = |(slot, label): (&str, Option<bool>)| cx.datasets(slot).iter().map(move |data| Set { data, label });
    let sets: Vec<Set<'a>> = labelled.into_iter().flat_map(of).collect();
    if sets.is_empty() {
        return Err(no_texts());
    }
    Ok(sets)
}

/// The quality of every paraphrase, by set, record and paraphrase.
pub(super) fn qualities(
    cx: &mut Context<'_>,
    sets: &[Set<'_>],
    limit: Option<usize>,
) -> Result<Vec<Vec<Vec<Quality>>>> {
    const CHUNK: usize = 8;
    let mut all = Vec::new();
    for (i, set) in sets.iter().enumerate() {
        let records = &set.data.records;
        let n = records.len().min(limit.unwrap_or(usize::MAX));
        all.push(cx.map(&format!("quality of set {}", i + 1), n, CHUNK, |range| {
            let of = |r: &crate::data::Record| {
                let original = r.text.as_deref().unwrap_or_default();
                (0..r.paraphrases.len()).map(|k| quality(original, &r.paraphrases, k)).collect()
            };
            records[range].iter().map(of).collect()
        })?);
    }
    Ok(all)
}

/// Encodes originals and paraphrases and leaves out what does not count.
pub(super) fn collect(
    model: &LoadedModel,
    sets: &[Set<'_>],
    qualities: &[Vec<Vec<Quality>>],
    options: &TextOptions,
    filter: &Filter,
) -> Result<Collected> {
    let encoder = Encoder::new(model, options)?;
    let mut collected = Collected { items: Vec::new(), notes: Vec::new() };
    for (s, (set, qualities)) in sets.iter().zip(qualities).enumerate() {
        let chooser = Chooser::new(&encoder, filter.min_tokens, filter.paper);
        let mut sorting = Sorting { chooser, filter, prepared: Prepared::default() };
        sorting.prepared.max_tokens = encoder.max_tokens;
        let mut excluded = 0;
        for (index, qualities) in qualities.iter().enumerate() {
            let item = sorting.item(set, s, index, qualities).map_err(|e| e.at(&set.data.path))?;
            excluded += item.as_ref().map_or(0, |i| i.n_excluded);
            collected.items.extend(item);
        }
        collected.notes.extend(sorting.notes(set.data, excluded));
    }
    if collected.items.is_empty() {
        let names: Vec<&str> = sets.iter().map(|s| s.data.name.as_str()).collect();
        return Err(no_paraphrase(&format!("no text of {} has a valid paraphrase", names.join(", "))));
    }
    Ok(collected)
}

fn no_texts() -> Error {
    Error::config("no texts were given").hint("give `data`, or `members` and `nonmembers`")
}

fn no_paraphrase(message: &str) -> Error {
    Error::data(message).hint("the file needs a column `paraphrases`, a list of texts for each original")
}

/// Refuses inputs without any pair.
pub(super) fn fits(amount: &Amount) -> Result<()> {
    if amount.all_texts() == 0 {
        return Err(no_texts());
    }
    match amount.with_paraphrases.values().sum() {
        0u64 => Err(no_paraphrase("no text has a paraphrase")),
        _ => Ok(()),
    }
}

struct Sorting<'a> {
    chooser: Chooser<'a>,
    filter: &'a Filter,
    prepared: Prepared,
}

impl Sorting<'_> {
    /// The item of a record; `None`, with the reason kept, when it cannot be used.
    fn item(&mut self, set: &Set<'_>, s: usize, index: usize, qualities: &[Quality]) -> Result<Option<Item>> {
        let Some(record) = set.data.records.get(index) else { return Ok(None) };
        let keeps = |k: usize| qualities.get(k).is_none_or(|quality| self.filter.keeps(quality));
        let Counted { original, paraphrases, n_excluded } = match self.chooser.choose(record, index, &keeps)? {
            Ok(counted) => counted,
            Err(reason) => return Ok(self.skip(record.row, reason)),
        };
        let quality = |p: &paraphrases::Paraphrase| p.index.and_then(|k| qualities.get(k)).copied();
        let paraphrases =
            paraphrases.into_iter().map(|p| Paraphrase { quality: quality(&p), index: p.index, ids: p.ids }).collect();
        if original.n_cut > 0 {
            self.prepared.texts.push(original.clone());
        }
        let label = set.label.or_else(|| record.label.map(|l| l == 1));
        Ok(Some(Item { set: s, original, label, paraphrases, n_excluded }))
    }

    fn skip(&mut self, row: usize, reason: &'static str) -> Option<Item> {
        self.prepared.skipped.push(Skipped { row, reason });
        None
    }

    fn notes(&self, data: &Dataset, excluded: usize) -> Vec<String> {
        let mut notes = self.prepared.notes(data, LongTexts::Truncate);
        if excluded > 0 {
            let n = counted(excluded, "paraphrase");
            notes.push(format!("{}: {n} left out: empty, a copy of the original, too short, or filtered.", data.name));
        }
        notes
    }
}

impl Filter {
    fn keeps(&self, quality: &Quality) -> bool {
        quality.word_jaccard >= self.min_word_jaccard
            && quality.zlib_ratio <= self.max_zlib_ratio
            && !(self.drop_duplicates && quality.is_duplicate)
    }
}
