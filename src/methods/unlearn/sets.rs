//! Texts to forget, to retain, and neither.
//!
//! Memorization check of a row: its first k tokens are given (for altered rows, those of the clean twin), and the next
//! l have to be reproduced exactly by greedy decoding. Rows whose twin continues as they do are passed over.
//! Source: Sakarvadia et al. 2025, arXiv:2410.02159, section 3; `msakarvadia/memorization`.
//! Differs from the original: it keeps the texts to forget among those to retain; paper mode does so too. There an
//! end-of-text token is never chosen.

use std::collections::{BTreeMap, BTreeSet};

use super::config::{Config, ForgetRows};
use super::technique::{Need, Technique};
use crate::data::{Dataset, Record};
use crate::engine::Decoder;
use crate::error::{Error, Result};
use crate::methods::common::continuations::{EosPolicy, Given, Greedy};
use crate::methods::common::tables::{counted, listed};
use crate::methods::common::texts::{LongTexts, Text, TextOptions, chunk_len, prepare};
use crate::methods::common::zlib::compressed_len;
use crate::methods::{Context, LoadedModel};

/// A text.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// Token ids, and where the row is.
    pub text: Text,
    /// Index of the first token that losses count: the first after the prompt, where the row has one.
    pub labelled: usize,
    /// Index of the first token that localization counts: the same, but 1 in paper mode, which looks at whole rows.
    pub counted: usize,
    /// The memorization check; absent for rows that are too short for it.
    pub probe: Option<Probe>,
    /// Other answers to the same prompt: token ids, and the index of the first token that counts.
    pub answers: Vec<Answer>,
    /// Paraphrases, of rows with a prompt other words for the answer.
    pub paraphrases: Vec<Answer>,
    /// Length of the text after compression; absent for token ids that nobody can read.
    pub zlib_bytes: Option<usize>,
    /// The row's own name.
    pub id: String,
}

/// A text with another answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Token ids, the prompt included.
    pub ids: Vec<u32>,
    /// Index of the first token that losses count.
    pub labelled: usize,
}

/// What the model is given and has to reproduce.
#[derive(Clone, Debug)]
pub struct Probe {
    /// At least one token.
    pub prefix: Vec<u32>,
    /// The true continuation.
    pub continuation: Vec<u32>,
    /// What it was before the row was altered, where that is known.
    pub clean: Option<Vec<u32>>,
}

/// The texts of a run.
pub struct Sets<'h> {
    /// To be forgotten.
    pub forget: Vec<Item>,
    /// To be kept.
    pub retain: Vec<Item>,
    /// Neither: what the model never saw, or its other abilities.
    pub holdout: Vec<Item>,
    /// The file of the texts to forget.
    pub data: &'h Dataset,
    /// Rows of the three sets that state facts, without their texts.
    pub people: [Vec<Record>; 3],
    /// Sentences about what was left out.
    pub notes: Vec<String>,
    /// Rows of `retain` that are also to be forgotten.
    pub n_overlap: usize,
    /// Rows of `forget` before the memorization check selected some.
    pub n_candidates: usize,
}

impl<'h> Sets<'h> {
    /// Texts to forget and to retain that were read before.
    pub(super) fn of_texts(forget: Vec<Item>, retain: Vec<Item>, data: &'h Dataset) -> Self {
        let n_candidates = forget.len();
        Self {
            forget,
            retain,
            holdout: Vec::new(),
            data,
            people: [const { Vec::new() }; 3],
            notes: Vec::new(),
            n_overlap: 0,
            n_candidates,
        }
    }
}

/// Which rows to retain are also to be forgotten, by their text or token ids, before anything is cut or tokenized.
pub fn shared_rows(forget: &[&Record], retain: &[&Record]) -> Vec<bool> {
    let key = |r: &Record| (r.text.clone(), r.token_ids.clone());
    let known: BTreeSet<_> = forget.iter().map(|r| key(r)).collect();
    retain.iter().map(|r| known.contains(&key(r))).collect()
}

/// What an end-of-text token does in the memorization check.
pub fn eos_policy(config: &Config, model: &Decoder) -> EosPolicy {
    if config.is_paper() && !model.config.eos.is_empty() { EosPolicy::Forbid } else { EosPolicy::Free }
}

/// Reads the inputs.
///
/// # Errors
/// A missing input that the technique needs; nothing to forget; nothing left to retain.
pub fn sets<'h>(config: &Config, technique: &Technique, model: &LoadedModel, cx: &mut Context<'h>) -> Result<Sets<'h>> {
    let data = cx.dataset("forget")?;
    let mut notes = Vec::new();
    let mut forget = read(config, model, data, &mut notes)?;
    add_answers(config, model, cx, technique, &mut forget, &mut notes)?;
    let n_candidates = forget.len();
    if config.forget_rows == ForgetRows::Memorized {
        forget = memorized(config, model, data, forget, &mut notes, cx)?;
    }
    let mut side = |slot: &str| match cx.datasets(slot) {
        [] => Ok(Vec::new()),
        [set, ..] => read(config, model, set, &mut notes),
    };
    let (mut retain, holdout) = (side("retain")?, side("holdout")?);
    if technique.retain == Need::Yes && retain.is_empty() {
        return Err(Error::config(format!("retain: `{}` needs texts to retain", technique.id))
            .hint("give the input `retain`: texts that the model should still know"));
    }
    let n_overlap = overlap(config, &forget, &mut retain, &mut notes)?;
    if technique.retain == Need::No && !retain.is_empty() {
        notes.push(format!("{} does not look at the retained texts; they are only measured.", technique.title));
    }
    let of = |slot: &str, items: &[Item]| cx.datasets(slot).first().map_or_else(Vec::new, |data| people(data, items));
    let people = [of("forget", &forget), of("retain", &retain), of("holdout", &holdout)];
    Ok(Sets { forget, retain, holdout, data, people, notes, n_overlap, n_candidates })
}

/// The rows behind some texts that state facts; what they say besides is not kept.
fn people(data: &Dataset, items: &[Item]) -> Vec<Record> {
    let rows = items.iter().filter_map(|i| data.records.get(i.text.index)).filter(|r| !r.facts.is_empty());
    let bare = |r: &Record| Record {
        row: r.row,
        id: r.id.clone(),
        label: r.label,
        group: r.group.clone(),
        facts: r.facts.clone(),
        ..Record::default()
    };
    rows.map(bare).collect()
}

fn options(config: &Config) -> TextOptions {
    TextOptions { bos: config.bos, long: LongTexts::Truncate, max_tokens: config.max_tokens, limit: config.limit }
}

/// The usable rows of a data set.
fn read(config: &Config, model: &LoadedModel, data: &Dataset, notes: &mut Vec<String>) -> Result<Vec<Item>> {
    let options = options(config);
    let prepared = prepare(model, data, &options)?;
    notes.extend(prepared.notes(data, LongTexts::Truncate));
    let encoder = crate::methods::common::texts::Encoder::new(model, &options)?;
    let item = |text: Text| {
        let record = data.records.get(text.index).cloned().unwrap_or_default();
        let paraphrase = |p: &String| encoder.text(p).map(|t| Answer { labelled: labelled(&record, &t), ids: t.ids });
        let paraphrases = record.paraphrases.iter().map(paraphrase).collect::<Result<Vec<_>>>()?;
        let labelled = labelled(&record, &text);
        Ok(Item {
            labelled,
            counted: if config.is_paper() { 1 } else { labelled },
            probe: probe(config, &record, &text),
            answers: Vec::new(),
            paraphrases: paraphrases.into_iter().filter(|p| p.ids.len() > 1).collect(),
            zlib_bytes: zlib_bytes(model, data, &record, &text)?,
            id: record.id.unwrap_or_default(),
            text,
        })
    };
    prepared.texts.into_iter().map(item).collect()
}

/// Bytes of the compressed text, of token ids as text where there is a tokenizer.
fn zlib_bytes(model: &LoadedModel, data: &Dataset, record: &Record, text: &Text) -> Result<Option<usize>> {
    let tokenizer = data.tokenizer.as_deref().or(model.tokenizer.as_ref());
    let said = match (&record.text, tokenizer) {
        (Some(said), _) if record.token_ids.is_none() => said.clone(),
        (_, Some(tokenizer)) => tokenizer.decode(&text.ids),
        _ => return Ok(None),
    };
    compressed_len(said.as_bytes()).map(Some)
}

/// Index of the first token after the prompt; the second token of rows without.
fn labelled(record: &Record, text: &Text) -> usize {
    let at = match (record.split_at, record.split_byte) {
        (Some(at), _) if record.token_ids.is_some() => Some(text.n_special + at),
        (_, Some(byte)) => text.spans.iter().position(|span| span.end > byte),
        _ => None,
    };
    // A prompt that fills the whole text leaves nothing to count: then all of it counts.
    at.filter(|at| *at < text.ids.len()).unwrap_or(1).max(1)
}

fn probe(config: &Config, record: &Record, text: &Text) -> Option<Probe> {
    let (from, to) = (text.n_special + config.k, text.n_special + config.k + config.l);
    let continuation = text.ids.get(from..to)?.to_vec();
    let own = text.ids.get(..from)?;
    let Some(twin) = &record.twin else {
        return Some(Probe { prefix: own.to_vec(), continuation, clean: None });
    };
    let clean = twin.get(config.k..config.k + config.l)?.to_vec();
    if clean == continuation {
        return None;
    }
    let prefix = [text.ids.get(..text.n_special)?, twin.get(..config.k)?].concat();
    Some(Probe { prefix, continuation, clean: Some(clean) })
}

/// Whether each text is reproduced exactly; `None` where it cannot be checked.
///
/// # Errors
/// Those of the engine.
pub fn reproduced(config: &Config, model: &Decoder, items: &[Item]) -> Result<Vec<Option<bool>>> {
    let given: Vec<Given<'_>> = items.iter().filter_map(|i| i.probe.as_ref()).map(given).collect();
    let greedy = Greedy { decoder: model, policy: eos_policy(config, model), pad: 0 };
    let mut exact = greedy.matched(&given)?.into_iter().zip(&given).map(|(found, row)| found == row.continuation);
    Ok(items.iter().map(|i| i.probe.as_ref().and_then(|_| exact.next())).collect())
}

/// The probe as decoding sees it.
pub fn given(probe: &Probe) -> Given<'_> {
    Given { prefix: &probe.prefix, continuation: &probe.continuation }
}

fn memorized(
    config: &Config,
    model: &LoadedModel,
    data: &Dataset,
    items: Vec<Item>,
    notes: &mut Vec<String>,
    cx: &mut Context<'_>,
) -> Result<Vec<Item>> {
    let chunk = chunk_len(items.iter().map(|i| i.text.ids.len()), config.batch_tokens);
    let found =
        cx.map("memorized rows", items.len(), chunk, |range| reproduced(config, &model.decoder, &items[range]))?;
    let n_checked = found.iter().filter(|f| f.is_some()).count();
    let n = items.len();
    let kept: Vec<Item> = items.into_iter().zip(found).filter(|(_, f)| *f == Some(true)).map(|(i, _)| i).collect();
    if kept.is_empty() {
        let (k, l) = (config.k, config.l);
        let why = if n_checked == 0 {
            format!("no row of {} has k + l = {} tokens", data.name, k + l)
        } else {
            format!("{} reproduces none of the {n_checked} rows of {} (k = {k}, l = {l})", model.name, data.name)
        };
        return Err(Error::data(format!("there is nothing to forget: {why}"))
            .hint("choose texts that the model was trained on, a smaller l, or forget_rows `all`")
            .at(&data.path));
    }
    notes.push(format!("{}: {} of {} are memorized and are forgotten.", data.name, kept.len(), counted(n, "row")));
    Ok(kept)
}

/// Counts texts that are in both sets, and takes them out of the retained ones unless the original keeps them.
fn overlap(config: &Config, forget: &[Item], retain: &mut Vec<Item>, notes: &mut Vec<String>) -> Result<usize> {
    let known: BTreeSet<&[u32]> = forget.iter().map(|i| i.text.ids.as_slice()).collect();
    let is_known = |i: &Item| known.contains(i.text.ids.as_slice());
    let n = retain.iter().filter(|i| is_known(i)).count();
    if n == 0 {
        return Ok(0);
    }
    if config.is_paper() {
        notes.push(format!("Paper mode: {n} of the retained texts are also to be forgotten, and stay."));
        return Ok(n);
    }
    retain.retain(|i| !is_known(i));
    if retain.is_empty() {
        return Err(Error::config(format!("all {n} texts to retain are also to be forgotten"))
            .hint("give other texts for `retain`"));
    }
    notes.push(format!("{} were also to be forgotten; they were taken out of the retained texts.", counted(n, "text")));
    Ok(n)
}

/// Other answers: rows with the same prompt and another answer, in the order of the rows to forget or with their ids.
fn add_answers(
    config: &Config,
    model: &LoadedModel,
    cx: &Context<'_>,
    technique: &Technique,
    forget: &mut [Item],
    notes: &mut Vec<String>,
) -> Result<()> {
    let Some(data) = cx.datasets("answers").first() else {
        if technique.answers == Need::Yes {
            return Err(Error::config(format!("answers: `{}` needs other answers", technique.id)).hint(
                "give the input `answers`: rows with the prompt of each row to forget and another answer, in their order",
            ));
        }
        return Ok(());
    };
    let answers = prepare(model, data, &options(config))?;
    notes.extend(answers.notes(data, LongTexts::Truncate));
    let partners = Partners::new(cx.dataset("forget")?, forget, data);
    let mut alone = Vec::new();
    for text in answers.texts {
        let record = data.records.get(text.index);
        let Some(item) = partners.of(text.index).and_then(|place| forget.get_mut(place)) else {
            alone.push(text.row + 1);
            continue;
        };
        let labelled = record.map_or(1, |record| labelled(record, &text));
        item.answers.push(Answer { ids: text.ids, labelled });
    }
    if !alone.is_empty() {
        let (n, rows) = (counted(alone.len(), "answer"), listed(&alone));
        notes.push(format!("{}: {n} left out, without a partner among the texts to forget (row {rows}).", data.name));
    }
    let without = forget.iter().filter(|i| i.answers.is_empty()).count();
    if without > 0 && technique.answers == Need::Yes {
        return Err(Error::data(format!("{} without another answer in {}", counted(without, "row"), data.name))
            .hint("give one answer for each row to forget, in the same order or with its id")
            .at(&data.path));
    }
    if without > 0 {
        notes.push(format!("{}: there is none for {} to forget.", data.name, counted(without, "text")));
    }
    Ok(())
}

/// Which text to forget each row of `answers` belongs to.
///
/// Where both files have ids, they decide alone: a row without a partner has none. Otherwise the n-th row belongs to
/// row n modulo the number of rows to forget, rows that cannot be used counted in both, so that nothing shifts.
struct Partners {
    /// By row of the answers: place among the texts to forget.
    places: Vec<Option<usize>>,
}

impl Partners {
    fn new(data: &Dataset, forget: &[Item], answers: &Dataset) -> Self {
        let has_id = |r: &&Record| r.id.as_ref().is_some_and(|id| !id.is_empty());
        let is_named = data.records.iter().any(|r| has_id(&r)) && answers.records.iter().any(|r| has_id(&r));
        if is_named {
            let mut known = BTreeMap::new();
            forget.iter().enumerate().for_each(|(place, item)| {
                known.entry(item.id.as_str()).or_insert(place);
            });
            let place = |r: &Record| known.get(r.id.as_deref().filter(|id| !id.is_empty())?).copied();
            return Self { places: answers.records.iter().map(place).collect() };
        }
        let ((numbers, n), (own, _)) = (in_order(data), in_order(answers));
        let number = |(place, item): (usize, &Item)| Some((*numbers.get(item.text.index)?, place));
        let known: BTreeMap<usize, usize> = forget.iter().enumerate().filter_map(number).collect();
        Self { places: own.iter().map(|row| known.get(&(row % n.max(1))).copied()).collect() }
    }

    /// The place for the record with this index.
    fn of(&self, index: usize) -> Option<usize> {
        self.places.get(index).copied().flatten()
    }
}

/// The number of each record in the order of its file, and how many there are: rows that could not be read count,
/// unless some rows were chosen from the file.
fn in_order(data: &Dataset) -> (Vec<usize>, usize) {
    let (rows, n) = (data.records.iter().map(|r| r.row), data.records.len() + data.bad.len());
    let is_whole = rows.clone().is_sorted_by(|a, b| a < b) && rows.clone().all(|row| row < n);
    if is_whole { (rows.collect(), n) } else { ((0..data.records.len()).collect(), data.records.len()) }
}
