//! The labelled texts of a run.

use super::Config;
use crate::data::{Dataset, Record};
use crate::error::{Error, Result};
use crate::methods::common::texts::{Text, prepare};
use crate::methods::{Context, LoadedModel};

/// A text with what is known of it.
pub(super) struct Sample<'a> {
    pub(super) data: &'a Dataset,
    pub(super) record: &'a Record,
    pub(super) text: Text,
    pub(super) is_member: bool,
}

/// All labelled texts, members first where they come from two files.
pub(super) struct Samples<'a> {
    pub(super) list: Vec<Sample<'a>>,
    /// Tokens a sequence may have.
    pub(super) max_tokens: usize,
    /// What was left out and cut.
    pub(super) notes: Vec<String>,
}

impl Samples<'_> {
    pub(super) fn labels(&self) -> Vec<bool> {
        self.list.iter().map(|s| s.is_member).collect()
    }

    pub(super) fn lengths(&self) -> impl Iterator<Item = usize> {
        self.list.iter().map(|s| s.text.ids.len())
    }
}

impl Sample<'_> {
    /// The part of the text that was read: all of it unless it was cut. `None` for rows of token ids.
    pub(super) fn read_text(&self) -> Option<&str> {
        let text = self.record.text.as_deref()?;
        match self.text.spans.last() {
            Some(last) if self.text.n_cut > 0 => text.get(..last.end),
            _ => Some(text),
        }
    }

    /// The tokens of the text itself, without a beginning token.
    pub(super) fn body(&self) -> &[u32] {
        &self.text.ids[self.text.n_special..]
    }
}

/// Reads the inputs: members and nonmembers, or labelled rows.
pub(super) fn samples<'a>(config: &Config, cx: &Context<'a>, model: &LoadedModel) -> Result<Samples<'a>> {
    let given = [("members", Some(true)), ("nonmembers", Some(false)), ("data", None)];
    let mut samples = Samples { list: Vec::new(), max_tokens: 0, notes: Vec::new() };
    for (slot, label) in given {
        for data in cx.datasets(slot) {
            let prepared = prepare(model, data, &config.text_options())?;
            samples.max_tokens = prepared.max_tokens;
            samples.notes.extend(prepared.notes(data, config.long_texts));
            let mut n_unlabelled = 0;
            for text in prepared.texts {
                let Some(record) = data.records.get(text.index) else { continue };
                match label.or_else(|| record.label.map(|l| l == 1)) {
                    Some(is_member) => samples.list.push(Sample { data, record, text, is_member }),
                    None => n_unlabelled += 1,
                }
            }
            if n_unlabelled > 0 {
                samples.notes.push(format!("{}: {n_unlabelled} rows without a label left out.", data.name));
            }
        }
    }
    let n_members = samples.list.iter().filter(|s| s.is_member).count();
    both_sides(n_members as u64, (samples.list.len() - n_members) as u64)?;
    Ok(samples)
}

/// Refuses to tell members from nonmembers where one of them is missing.
pub(super) fn both_sides(members: u64, nonmembers: u64) -> Result<()> {
    let which = match (members, nonmembers) {
        (0, _) => "members",
        (_, 0) => "nonmembers",
        _ => return Ok(()),
    };
    Err(Error::config(format!("there are no {which}"))
        .hint("give the inputs `members` and `nonmembers`, or `data` with a column of labels 1 and 0"))
}
