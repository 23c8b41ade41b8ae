//! The labelled texts of a run.

use std::collections::BTreeMap;

use super::Config;
use crate::data::{Dataset, Record};
use crate::error::{Error, Result};
use crate::methods::common::tables::counted;
use crate::methods::common::texts::{Text, prepare};
use crate::methods::{Context, LoadedModel};

/// A text with what is known of it.
pub(super) struct Sample<'a> {
    pub(super) data: &'a Dataset,
    pub(super) record: &'a Record,
    pub(super) text: Text,
    pub(super) is_member: bool,
    /// Its place among the rows of all files, one after the other.
    pub(super) place: usize,
}

/// All labelled texts, members first where they come from two files.
pub(super) struct Samples<'a> {
    pub(super) list: Vec<Sample<'a>>,
    /// Rows of all files, those that are not measured among them.
    pub(super) n_rows: usize,
    /// The files, in the order of the places.
    pub(super) sets: Vec<&'a Dataset>,
    /// Tokens a sequence may have.
    pub(super) max_tokens: usize,
    /// What was left out and cut.
    pub(super) notes: Vec<String>,
}

impl<'a> Samples<'a> {
    /// Adds the texts of a file; its rows say what they are unless `label` does.
    fn read(&mut self, config: &Config, model: &LoadedModel, data: &'a Dataset, label: Option<bool>) -> Result<()> {
        let prepared = prepare(model, data, &config.text_options())?;
        self.max_tokens = prepared.max_tokens;
        self.notes.extend(prepared.notes(data, config.long_texts));
        let (first, mut n_unlabelled) = (self.list.len(), 0);
        for text in prepared.texts {
            let Some(record) = data.records.get(text.index) else { continue };
            match label.or_else(|| record.label.map(|l| l == 1)) {
                Some(is_member) => {
                    let place = self.n_rows + text.index;
                    self.list.push(Sample { data, record, text, is_member, place });
                }
                None => n_unlabelled += 1,
            }
        }
        if n_unlabelled > 0 {
            self.notes.push(format!("{}: {n_unlabelled} rows without a label left out.", data.name));
        }
        let doubts = doubts(&data.name, self.list.get(first..).unwrap_or_default());
        self.notes.extend(doubts);
        self.n_rows += data.records.len();
        self.sets.push(data);
        Ok(())
    }

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
    let mut samples = Samples { list: Vec::new(), n_rows: 0, sets: Vec::new(), max_tokens: 0, notes: Vec::new() };
    for (slot, label) in given {
        for data in cx.datasets(slot) {
            samples.read(config, model, data, label)?;
        }
    }
    let n_members = samples.list.iter().filter(|s| s.is_member).count();
    both_sides(n_members as u64, (samples.list.len() - n_members) as u64)?;
    Ok(samples)
}

/// What the rows of a file say against what they count as.
fn doubts(name: &str, samples: &[Sample<'_>]) -> Vec<String> {
    let mut parts: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    let mut groups: BTreeMap<&str, [bool; 2]> = BTreeMap::new();
    for Sample { record, is_member, .. } in samples {
        if let Some(part) = record.part.as_deref().filter(|part| (*part == "train") != *is_member) {
            *parts.entry((part, *is_member)).or_default() += 1;
        }
        if let Some(group) = record.group.as_deref() {
            let [nonmembers, members] = groups.entry(group).or_default();
            if *is_member { *members = true } else { *nonmembers = true }
        }
    }
    let of_part = |((part, is_member), n): ((&str, bool), usize)| {
        let (rows, what) = (counted(n, "row"), if is_member { "members" } else { "nonmembers" });
        format!("{name}: {rows} of the part `{part}` taken as {what}.")
    };
    let mut notes: Vec<String> = parts.into_iter().map(of_part).collect();
    let one_sided = groups.iter().filter(|(_, sides)| sides.contains(&false));
    let one_sided: Vec<String> = one_sided.map(|(group, _)| format!("`{group}`")).collect();
    if !one_sided.is_empty() && one_sided.len() < groups.len() {
        notes.push(format!(
            "{name}: all rows of {} are on one side, other groups have members and nonmembers: what tells the groups \
             apart tells members apart too. Choose rows by their `group`.",
            one_sided.join(", ")
        ));
    }
    notes
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
