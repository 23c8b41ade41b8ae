//! Records become rows: token ids, what they are for, and what is known about them.

use std::collections::BTreeMap;

use super::Config;
use super::options::{LongRows, Mitigation};
use crate::data::{Dataset, Record, Tokenizer};
use crate::error::{Error, Result};
use crate::methods::common::tables::counted;
use crate::methods::common::texts::{Skipped, skipped_notes};

/// The name of rows that belong to no group.
const UNGROUPED: &str = "rows";

/// A row of the data.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    /// Its tokens, without pads at the end.
    pub(super) ids: Vec<u32>,
    /// Its tokens before it was altered.
    pub(super) twin: Option<Vec<u32>>,
    /// How often it is seen in an epoch.
    pub(super) copies: u32,
    /// Row in its file.
    pub(super) row: usize,
    /// What its text states, by field.
    pub(super) facts: BTreeMap<String, String>,
}

impl Row {
    /// Tokens of the longer of it and its twin.
    fn length(&self) -> usize {
        self.ids.len().max(self.twin.as_ref().map_or(0, Vec::len))
    }
}

/// Rows that are reported together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) rows: Vec<Row>,
}

/// Everything that is trained on or measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Prepared {
    /// Training rows by group.
    pub(super) train: Vec<Group>,
    /// Rows that are never trained on, by set.
    pub(super) test: Vec<Group>,
    /// What the reader has to know.
    pub(super) notes: Vec<String>,
}

/// What rows must fit.
pub(super) struct Limits<'a> {
    /// Longest sequence.
    pub(super) n_ctx: usize,
    /// Number of token ids.
    pub(super) vocab_size: usize,
    /// Reads the texts.
    pub(super) tokenizer: Option<&'a Tokenizer>,
    /// Shown name of the model.
    pub(super) model: &'a str,
    /// The token that ends a text.
    pub(super) eos: Option<u32>,
}

/// Reads the rows of `train` and `test`; rows of `train` that say that they are for something else than training are
/// test rows.
///
/// # Errors
/// Nothing to train on, a row that is too long where that is refused, ids beyond the vocabulary, texts without a
/// tokenizer.
pub(super) fn prepare(config: &Config, limits: &Limits<'_>, train: &[Dataset], test: &[Dataset]) -> Result<Prepared> {
    let mut out = Prepared::default();
    for set in train {
        read(config, limits, set, false, &mut out)?;
    }
    for set in test {
        read(config, limits, set, true, &mut out)?;
    }
    if out.train.iter().all(|group| group.rows.is_empty()) {
        return Err(nothing(train));
    }
    Ok(out)
}

fn nothing(train: &[Dataset]) -> Error {
    let names: Vec<&str> = train.iter().map(|set| set.name.as_str()).collect();
    let error = Error::data(format!("{} has no row to train on", names.join(" and ")))
        .hint("a row needs at least two tokens, and a part, if it has one, of `train`");
    match train.first() {
        Some(set) => error.at(&set.path),
        None => error,
    }
}

fn read(config: &Config, limits: &Limits<'_>, set: &Dataset, is_test: bool, out: &mut Prepared) -> Result<()> {
    let (mut skipped, mut n_cut, mut n_split) = (Vec::new(), 0, 0);
    for record in set.records.iter().take(config.rows.limit.unwrap_or(usize::MAX)) {
        let row = match row(limits, record).map_err(|e| e.context(&format!("row {}", record.row + 1)).at(&set.path))? {
            Ok(row) => row,
            Err(reason) => {
                skipped.push(Skipped { row: record.row, reason });
                continue;
            }
        };
        let n = row.length();
        let pieces = fit(config.rows.long, limits, row).map_err(|e| e.at(&set.path))?;
        n_cut += usize::from(n > limits.n_ctx && pieces.len() == 1);
        n_split += usize::from(pieces.len() > 1);
        let is_test = is_test || record.part.as_deref().is_some_and(|part| part != "train");
        let name =
            record.group.clone().unwrap_or_else(|| if is_test { set.name.clone() } else { UNGROUPED.to_owned() });
        let groups = if is_test { &mut out.test } else { &mut out.train };
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.rows.extend(pieces),
            None => groups.push(Group { name, rows: pieces }),
        }
    }
    out.notes.extend(skipped_notes(&set.name, &skipped));
    let long = |n: usize, what: &str| {
        (n > 0).then(|| format!("{}: {} longer than {} tokens {what}.", set.name, counted(n, "row"), limits.n_ctx))
    };
    out.notes.extend(long(n_cut, "cut to their beginning"));
    out.notes.extend(long(n_split, "cut into pieces"));
    Ok(())
}

/// The tokens of a record, or why it cannot be used.
fn row(limits: &Limits<'_>, record: &Record) -> Result<std::result::Result<Row, &'static str>> {
    let mut ids = match (&record.token_ids, &record.text) {
        (Some(ids), _) => ids.clone(),
        (None, Some(text)) => text_ids(limits, text)?,
        (None, None) => return Ok(Err("it has neither text nor token ids")),
    };
    let mut twin = record.twin.clone();
    let last = |ids: &[u32]| ids.iter().rposition(|id| Some(*id) != pad(limits)).map_or(0, |at| at + 1);
    let n = last(&ids).max(twin.as_deref().map_or(0, last));
    ids.truncate(n);
    if let Some(twin) = &mut twin {
        twin.truncate(n);
    }
    if ids.len() < 2 {
        return Ok(Err("it has fewer than two tokens"));
    }
    for ids in [Some(&ids), twin.as_ref()].into_iter().flatten() {
        check_vocabulary(limits, ids)?;
    }
    let (copies, row, facts) = (record.copies.max(1), record.row, record.facts.clone());
    Ok(Ok(Row { ids, twin, copies, row, facts }))
}

/// A pad that is no other token too: it can be left out at the end of a row.
fn pad(limits: &Limits<'_>) -> Option<u32> {
    let special = limits.tokenizer?.special();
    special.pad.filter(|pad| Some(*pad) != special.eos && Some(*pad) != limits.eos)
}

fn text_ids(limits: &Limits<'_>, text: &str) -> Result<Vec<u32>> {
    let Some(tokenizer) = limits.tokenizer else {
        return Err(Error::data(format!("{} came without a tokenizer, so texts cannot be read", limits.model))
            .hint("put tokenizer.json beside the weights, or give rows of token ids"));
    };
    let mut ids = tokenizer.encode(text, true)?.ids;
    if let Some(eos) = limits.eos.filter(|eos| ids.last() != Some(eos)) {
        ids.push(eos);
    }
    Ok(ids)
}

fn check_vocabulary(limits: &Limits<'_>, ids: &[u32]) -> Result<()> {
    let Some(id) = ids.iter().find(|id| **id as usize >= limits.vocab_size) else { return Ok(()) };
    Err(Error::data(format!("token id {id} exceeds the vocabulary of {} ({} tokens)", limits.model, limits.vocab_size))
        .hint(
            "the tokenizer or the rows belong to another model: choose the model they belong to, or train a fresh one",
        ))
}

/// Pieces of a row that fit into the context, and its twin cut at the same places; one that is too short to predict
/// anything is dropped.
fn fit(long: LongRows, limits: &Limits<'_>, row: Row) -> Result<Vec<Row>> {
    let (n, n_ctx) = (row.length(), limits.n_ctx);
    if n <= n_ctx {
        return Ok(vec![row]);
    }
    let piece = |start: usize| {
        let cut = |ids: &Vec<u32>| ids.iter().skip(start).take(n_ctx).copied().collect::<Vec<u32>>();
        Row { ids: cut(&row.ids), twin: row.twin.as_ref().map(cut), facts: row.facts.clone(), ..row }
    };
    match long {
        LongRows::Truncate => Ok(vec![piece(0)]),
        LongRows::Split => Ok((0..n).step_by(n_ctx).map(piece).filter(|piece| piece.ids.len() > 1).collect()),
        LongRows::Refuse => {
            Err(Error::data(format!("row {} has {n} tokens; the context of {} is {n_ctx}", row.row + 1, limits.model))
                .hint("set rows.long to `split` or `truncate`, or fresh.n_ctx to a longer context"))
        }
    }
}

/// What is trained on: the tokens of each example with what ties it to its row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Example {
    pub(super) ids: Vec<u32>,
    /// Row in its file, for messages.
    pub(super) row: usize,
    /// Number among the training rows: the same for all copies.
    pub(super) number: usize,
    /// How often it is seen in an epoch.
    pub(super) copies: u32,
}

impl Prepared {
    /// The examples of an epoch, in the order of the data; twins that are too short to predict anything are left out,
    /// which is noted.
    ///
    /// # Errors
    /// A mitigation that leaves nothing.
    pub(super) fn examples(&mut self, mitigation: Mitigation) -> Result<Vec<Example>> {
        let rows = self.train.iter().flat_map(|group| &group.rows);
        let example = |(number, row): (usize, &Row)| {
            let ids = match (mitigation, &row.twin) {
                (Mitigation::Off, _) | (Mitigation::Extra | Mitigation::Both, None) => Some(&row.ids),
                (Mitigation::Clean | Mitigation::Both, Some(twin)) => Some(twin),
                (Mitigation::Clean, None) | (Mitigation::Extra, Some(_)) => None,
            }?;
            Some(Example { ids: ids.clone(), row: row.row, number, copies: row.copies })
        };
        let mut examples: Vec<Example> = rows.enumerate().filter_map(example).collect();
        let n = examples.len();
        examples.retain(|example| example.ids.len() > 1);
        let n_short = n - examples.len();
        if n_short > 0 {
            let twins = counted(n_short, "clean twin");
            self.notes.push(format!("{twins} left out of training: fewer than two tokens."));
        }
        if examples.is_empty() {
            return Err(Error::config(match mitigation {
                Mitigation::Clean => "mitigation: no training row has a clean twin",
                _ => "mitigation: every training row has a clean twin, so no other row is left",
            })
            .hint("use data with altered rows, such as that of `memoscope make tinymem`, or set mitigation to `off`"));
        }
        Ok(examples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits<'static> {
        Limits { n_ctx: 4, vocab_size: 10, tokenizer: None, model: "tiny", eos: None }
    }

    fn ids(row: usize, ids: &[u32]) -> Record {
        Record { row, token_ids: Some(ids.to_vec()), ..Record::default() }
    }

    fn set(records: Vec<Record>) -> Dataset {
        Dataset { name: "set".to_owned(), path: "set.jsonl".into(), records, ..Dataset::default() }
    }

    fn config(long: LongRows) -> Config {
        let mut config = Config::default();
        config.rows.long = long;
        config
    }

    #[test]
    fn long_rows_are_split_cut_or_refused() {
        let data = [set(vec![ids(0, &[1, 2, 3, 4, 5, 6, 7, 8, 9]), ids(1, &[1, 2])])];
        let split = prepare(&config(LongRows::Split), &limits(), &data, &[]).unwrap();
        let pieces: Vec<&[u32]> = split.train[0].rows.iter().map(|row| row.ids.as_slice()).collect();
        assert_eq!(pieces, [&[1, 2, 3, 4][..], &[5, 6, 7, 8], &[1, 2]], "a single token left over predicts nothing");
        assert_eq!(split.notes, ["set: 1 row longer than 4 tokens cut into pieces."]);
        let cut = prepare(&config(LongRows::Truncate), &limits(), &data, &[]).unwrap();
        assert_eq!(cut.train[0].rows.len(), 2);
        assert_eq!(cut.notes, ["set: 1 row longer than 4 tokens cut to their beginning."]);
        let error = prepare(&config(LongRows::Refuse), &limits(), &data, &[]).unwrap_err();
        assert!(error.to_string().starts_with("row 1 has 9 tokens; the context of tiny is 4"), "{error}");
    }

    #[test]
    fn twins_too_short_to_learn_are_left_out_and_counted() {
        let with = |row: usize, own: &[u32], twin: &[u32]| Record { twin: Some(twin.to_vec()), ..ids(row, own) };
        let data = [set(vec![
            // split into 4, 4 and 2 tokens, its twin into 4 and 1
            with(0, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1], &[1, 2, 3, 4, 9]),
            with(1, &[1, 2], &[3]),
            // the twin is too long for the context
            with(2, &[1, 2], &[1, 2, 3, 4, 5, 6]),
        ])];
        let mut prepared = prepare(&config(LongRows::Split), &limits(), &data, &[]).unwrap();
        let lengths = |examples: Vec<Example>| examples.iter().map(|e| e.ids.len()).collect::<Vec<_>>();
        assert_eq!(lengths(prepared.examples(Mitigation::Off).unwrap()), [4, 4, 2, 2, 2]);
        assert_eq!(lengths(prepared.examples(Mitigation::Clean).unwrap()), [4, 4]);
        assert_eq!(prepared.notes.last().unwrap(), "3 clean twins left out of training: fewer than two tokens.");
    }

    #[test]
    fn nothing_to_train_on_and_foreign_ids_are_refused() {
        let empty = prepare(&Config::default(), &limits(), &[set(vec![ids(0, &[1])])], &[]).unwrap_err();
        assert!(empty.to_string().contains("set has no row to train on"), "{empty}");
        let foreign = prepare(&Config::default(), &limits(), &[set(vec![ids(6, &[1, 10])])], &[]).unwrap_err();
        assert!(foreign.to_string().starts_with("row 7: token id 10 exceeds the vocabulary of tiny"), "{foreign}");
        let text = Record { text: Some("a".to_owned()), ..Record::default() };
        let error = prepare(&Config::default(), &limits(), &[set(vec![text])], &[]).unwrap_err();
        assert!(error.to_string().contains("tiny came without a tokenizer"), "{error}");
    }

    #[test]
    fn mitigations_choose_rows_and_twins() {
        let noised = Record { twin: Some(vec![3, 3]), group: Some("noise".to_owned()), copies: 5, ..ids(0, &[3, 4]) };
        let tested = Record { part: Some("test".to_owned()), group: Some("7".to_owned()), ..ids(2, &[5, 5]) };
        let data = [set(vec![noised, ids(1, &[1, 2]), tested])];
        let mut prepared = prepare(&Config::default(), &limits(), &data, &[]).unwrap();
        let mut chosen = |mitigation| {
            let examples = prepared.examples(mitigation).unwrap();
            examples.into_iter().map(|e| (e.ids, e.number, e.copies)).collect::<Vec<_>>()
        };
        assert_eq!(chosen(Mitigation::Off), [(vec![3, 4], 0, 5), (vec![1, 2], 1, 1)]);
        assert_eq!(chosen(Mitigation::Clean), [(vec![3, 3], 0, 5)]);
        assert_eq!(chosen(Mitigation::Extra), [(vec![1, 2], 1, 1)]);
        assert_eq!(chosen(Mitigation::Both), [(vec![3, 3], 0, 5), (vec![1, 2], 1, 1)]);
        let names: Vec<&str> = prepared.test.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["7"]);
        let mut plain = prepare(&Config::default(), &limits(), &[set(vec![ids(1, &[1, 2])])], &[]).unwrap();
        assert!(
            plain.examples(Mitigation::Clean).unwrap_err().to_string().contains("no training row has a clean twin")
        );
    }
}
