//! Records become rows: a prefix that is given and a continuation that has to be reproduced.

use super::{Config, Split};
use crate::data::{Dataset, Record};
use crate::error::{Error, Result};
use crate::methods::LoadedModel;
use crate::methods::common::tables::counted;
use crate::methods::common::texts::{Encoder, LongTexts, Skipped, Text, TextOptions, skipped_notes};

/// Why a record that has too few tokens is left out.
fn too_short(split: Split) -> &'static str {
    match split {
        Split::Tokens => "shorter than k + l tokens",
        Split::Row => "fewer than l tokens after its split",
    }
}

/// A row that is long enough.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) index: usize,
    pub(super) row: usize,
    pub(super) source: String,
    /// Tokens at the front that are not of the row.
    pub(super) n_special: usize,
    /// Beginning token, if any, and the tokens that are given.
    pub(super) prefix: Vec<u32>,
    pub(super) continuation: Vec<u32>,
}

/// The rows that are long enough, and what is to be said about the others.
pub(super) struct Rows {
    pub(super) list: Vec<Row>,
    pub(super) notes: Vec<String>,
}

/// How long the usable records are, in tokens: what they could be cut into.
#[derive(Default)]
struct Lengths(Vec<usize>);

impl Lengths {
    /// The largest length that nine of ten records have.
    fn of_most(&self) -> Option<usize> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 10).copied()
    }

    /// Values of k and l, or of l alone, that keep nine of ten records.
    fn suggestion(&self, split: Split) -> Option<String> {
        let n = self.of_most()?;
        match split {
            Split::Tokens if n >= 2 => Some(format!("k = {} and l = {} keep nine of ten rows", n / 2, n - n / 2)),
            Split::Row if n >= 1 => Some(format!("l = {n} keeps nine of ten rows")),
            _ => None,
        }
    }
}

/// Cuts every record that has enough tokens.
pub(super) fn rows(config: &Config, model: &LoadedModel, data: &Dataset) -> Result<Rows> {
    // Long texts are read whole here: only some of their tokens are used.
    let options = TextOptions { bos: config.bos, long: LongTexts::Window, max_tokens: None, limit: config.limit };
    let encoder = Encoder::new(model, &options)?;
    let (mut list, mut skipped, mut lengths, mut n_crossed) = (Vec::new(), Vec::new(), Lengths::default(), 0);
    for (index, record) in data.records.iter().enumerate().take(config.limit.unwrap_or(usize::MAX)) {
        let text = encoder.record(record, index).map_err(|e| e.at(&data.path))?;
        match text.and_then(|text| Ok((split_of(config, record, &text)?, text))) {
            Err(reason) => skipped.push(Skipped { row: record.row, reason }),
            Ok((split, text)) => {
                lengths.0.push(split.n_tokens);
                match cut(config, record, &text, split.at) {
                    Some(row) => list.push(row),
                    None => skipped.push(Skipped { row: record.row, reason: too_short(config.split) }),
                }
                n_crossed += usize::from(split.is_crossed);
            }
        }
    }
    if list.is_empty() {
        return Err(none_fits(config, data, &skipped, &lengths));
    }
    let mut notes = skipped_notes(&data.name, &skipped);
    let n_short = skipped.iter().filter(|s| s.reason == too_short(config.split)).count();
    if n_short * 10 > lengths.0.len() {
        notes.extend(lengths.suggestion(config.split).map(|text| format!("{}: {text}.", data.name)));
    }
    notes.extend(split_notes(config, data, &list, n_crossed));
    Ok(Rows { list, notes })
}

/// Where a record is split.
struct At {
    /// Index of the continuation's first token.
    at: usize,
    /// Tokens that could be k + l, or l alone where the row says where it is split.
    n_tokens: usize,
    /// Whether a token lies on both sides.
    is_crossed: bool,
}

fn split_of(config: &Config, record: &Record, text: &Text) -> std::result::Result<At, &'static str> {
    let n = text.ids.len();
    if config.split == Split::Tokens {
        return Ok(At { at: text.n_special + config.k, n_tokens: n - text.n_special, is_crossed: false });
    }
    let (at, is_crossed) = match (record.split_at, record.split_byte) {
        (Some(at), _) if record.token_ids.is_some() => (text.n_special + at, false),
        (_, Some(byte)) => {
            let at = text.spans.iter().position(|span| span.end > byte).unwrap_or(n);
            (at, text.spans.get(at).is_some_and(|span| span.start < byte))
        }
        _ => return Err("the file does not split it into prompt and continuation"),
    };
    if at <= text.n_special {
        return Err("its prompt has no token");
    }
    Ok(At { at, n_tokens: n.saturating_sub(at), is_crossed })
}

/// At most k tokens before `at`, and l from there on; `None` where there are fewer.
fn cut(config: &Config, record: &Record, text: &Text, at: usize) -> Option<Row> {
    let continuation = text.ids.get(at..at + config.l)?.to_vec();
    let special = text.ids.get(..text.n_special)?;
    let given = text.ids.get(at.saturating_sub(config.k).max(text.n_special)..at)?;
    Some(Row {
        index: text.index,
        row: record.row,
        source: record.source.clone().unwrap_or_default(),
        n_special: text.n_special,
        prefix: [special, given].concat(),
        continuation,
    })
}

fn none_fits(config: &Config, data: &Dataset, skipped: &[Skipped], lengths: &Lengths) -> Error {
    let (Some(shortest), Some(longest)) = (lengths.0.iter().min(), lengths.0.iter().max()) else {
        let why = skipped.first().map_or("it has no rows", |s| s.reason);
        return Error::data(format!("{} has no row that can be scored: {why}", data.name))
            .hint("use rows of at least two tokens; rows with prompt and continuation for `split` = `row`")
            .at(&data.path);
    };
    let range = if shortest == longest { shortest.to_string() } else { format!("{shortest} to {longest}") };
    let need = match config.split {
        Split::Tokens => format!("k + l = {} tokens; its rows have {range}", config.k + config.l),
        Split::Row => format!("l = {} tokens after its split; its rows have {range}", config.l),
    };
    let hint = lengths.suggestion(config.split).unwrap_or_else(|| "use longer rows".to_owned());
    Error::data(format!("no row of {} has {need}", data.name)).hint(hint).at(&data.path)
}

fn split_notes(config: &Config, data: &Dataset, rows: &[Row], n_crossed: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if n_crossed > 0 {
        let n = counted(n_crossed, "row");
        notes.push(format!("{}: {n} split inside a token, which counts as the continuation's first.", data.name));
    }
    let split_elsewhere = |row: &Row| {
        let record = data.records.get(row.index);
        record.is_some_and(|r| r.split_byte.is_some() || r.split_at.is_some_and(|at| at != config.k))
    };
    if config.split == Split::Tokens && rows.iter().any(split_elsewhere) {
        notes.push(format!(
            "Rows were split at {} tokens, not where the file split them; `split` = `row` keeps its places.",
            config.k
        ));
    }
    notes
}
