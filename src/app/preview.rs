//! The first rows of a data set, as training sees them: what is altered against the clean twin, and in which class.

use std::sync::Arc;

use super::state::Slot;
use super::widgets::{Piece, diff_words};
use super::worker::Trouble;
use crate::data::make::Make;
use crate::data::{Dataset, Record, Tokenizer};
use crate::error::{Error, Result};

/// Rows of each group that are kept.
const EACH: usize = 40;
/// Rows that are looked at.
const MOST: usize = 50_000;
/// Tokens of a row that are shown.
const TOKENS: usize = 400;
/// Characters of a text that are shown.
const CHARACTERS: usize = 1200;

/// The first rows of every group.
#[derive(Clone, Debug, Default)]
pub struct RowsPreview {
    /// What the set is, in words.
    pub schema: String,
    /// What a user should know about it.
    pub notes: Vec<String>,
    /// In the order of their first rows.
    pub groups: Vec<RowGroup>,
    /// In the order of the set.
    pub rows: Vec<PreviewRow>,
    /// Whether there are more rows than were looked at.
    pub is_part: bool,
}

/// Rows that are reported together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowGroup {
    /// What the rows are for.
    pub part: String,
    /// Their name; empty for rows without one.
    pub group: String,
    /// How often each is seen in an epoch.
    pub copies: u32,
    /// Rows.
    pub n: usize,
    /// Rows that differ from their clean twin.
    pub n_altered: usize,
}

impl RowGroup {
    /// Shown name.
    pub fn title(&self) -> String {
        let name = if self.group.is_empty() { "rows" } else { self.group.as_str() };
        let part =
            if self.part.is_empty() || self.part == "train" { String::new() } else { format!(" ({})", self.part) };
        format!("{name}{part}")
    }
}

/// A row.
#[derive(Clone, Debug)]
pub struct PreviewRow {
    /// Its group.
    pub group: usize,
    /// Its place in the set.
    pub row: usize,
    /// Its text; what its clean twin has instead is among the pieces.
    pub pieces: Vec<Piece>,
}

/// Rows while they come in.
#[derive(Default)]
struct Gathered {
    groups: Vec<RowGroup>,
    kept: Vec<(usize, Record)>,
    n: usize,
}

impl Gathered {
    fn see(&mut self, record: &Record) {
        self.n += 1;
        let (part, group) = (record.part.as_deref().unwrap_or_default(), record.group.as_deref().unwrap_or_default());
        let same = |g: &RowGroup| g.part == part && g.group == group && g.copies == record.copies;
        let place = self.groups.iter().position(same).unwrap_or_else(|| {
            let (part, group) = (part.to_owned(), group.to_owned());
            self.groups.push(RowGroup { part, group, copies: record.copies, ..RowGroup::default() });
            self.groups.len() - 1
        });
        let Some(group) = self.groups.get_mut(place) else { return };
        group.n += 1;
        group.n_altered += usize::from(record.twin.is_some() && record.twin != record.token_ids);
        if group.n <= EACH {
            self.kept.push((place, record.clone()));
        }
    }

    fn finish(self, tokenizer: Option<&Tokenizer>) -> RowsPreview {
        let row = |(group, record): (usize, Record)| {
            let shown = shown(&record, tokenizer);
            let twin = record.twin.as_ref().map_or_else(|| shown.clone(), |ids| spelled(ids, tokenizer));
            PreviewRow { group, row: record.row, pieces: diff_words(&twin, &shown) }
        };
        let is_part = self.n >= MOST;
        RowsPreview {
            groups: self.groups,
            rows: self.kept.into_iter().map(row).collect(),
            is_part,
            ..RowsPreview::default()
        }
    }
}

impl RowsPreview {
    /// Rows that are made; only the first ones of a very large set.
    ///
    /// # Errors
    /// Parameters that do not fit, files that cannot be read.
    pub fn of_make(make: &Make, seed: u64) -> Result<Self> {
        let mut gathered = Gathered::default();
        let made = make.each(seed, &mut |record| {
            if gathered.n >= MOST {
                return Err(Error::Cancelled);
            }
            gathered.see(&record);
            Ok(())
        });
        let about = match made {
            Ok(about) => about,
            Err(Error::Cancelled) => crate::data::make::About::default(),
            Err(error) => return Err(error),
        };
        let preview = gathered.finish(about.tokenizer.as_deref());
        Ok(Self { schema: about.schema, notes: about.notes, ..preview })
    }

    /// Rows of a set that was read.
    pub fn of_dataset(set: &Dataset) -> Self {
        let mut gathered = Gathered::default();
        for record in set.records.iter().take(MOST) {
            gathered.see(record);
        }
        let preview = gathered.finish(set.tokenizer.as_deref());
        Self { schema: set.schema.clone(), notes: set.notes.clone(), ..preview }
    }
}

fn shown(record: &Record, tokenizer: Option<&Tokenizer>) -> String {
    match (&record.text, &record.token_ids) {
        (Some(text), _) => text.chars().take(CHARACTERS).collect(),
        (None, Some(ids)) => spelled(ids, tokenizer),
        _ => String::new(),
    }
}

fn spelled(ids: &[u32], tokenizer: Option<&Tokenizer>) -> String {
    let ids = ids.get(..ids.len().min(TOKENS)).unwrap_or_default();
    match tokenizer {
        Some(tokenizer) => tokenizer.decode_with_special(ids),
        None => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    }
}

/// Previews of made sets: the last few that were asked for.
#[derive(Debug, Default)]
pub struct MadeRows {
    known: Vec<(String, Slot<Arc<RowsPreview>>)>,
}

impl MadeRows {
    /// Names a set and its seed.
    pub fn key(make: &Make, seed: u64) -> String {
        format!("{seed} {}", serde_json::to_string(make).unwrap_or_default())
    }

    /// What is known of a set; none when nobody asked.
    pub fn get(&self, key: &str) -> Option<&Slot<Arc<RowsPreview>>> {
        self.known.iter().find(|(known, _)| known == key).map(|(_, slot)| slot)
    }

    /// Takes note that a set is asked for; what was asked before and did not come is not waited for any more.
    pub fn ask(&mut self, key: String) {
        self.known.retain(|(_, slot)| !matches!(slot, Slot::Loading(_)));
        self.put(key, Slot::Loading(std::path::PathBuf::new()));
    }

    /// Takes over what came.
    pub fn take(&mut self, key: String, made: Result<Arc<RowsPreview>, Trouble>) {
        let slot = match made {
            Ok(rows) => Slot::Ready(rows),
            Err(trouble) => Slot::Failed(std::path::PathBuf::new(), trouble),
        };
        self.put(key, slot);
    }

    fn put(&mut self, key: String, slot: Slot<Arc<RowsPreview>>) {
        const KEPT: usize = 6;
        self.known.retain(|(known, _)| *known != key);
        self.known.insert(0, (key, slot));
        self.known.truncate(KEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::make::tinymem::TinyMem;

    #[test]
    fn what_noise_moved_stands_beside_the_clean_number() {
        let tinymem = TinyMem {
            rows: Some(60),
            n_test: 10,
            n_noise: 20,
            length: 8,
            max_ctx: 64,
            extra_constants: Vec::new(),
            duplicate: vec![0, 1],
            ..TinyMem::default()
        };
        let make = Make { tinymem: Some(tinymem), ..Make::default() };
        let preview = RowsPreview::of_make(&make, 3).unwrap();
        assert_eq!(preview.groups.iter().map(|g| g.n).sum::<usize>(), 60);
        let copies: Vec<u32> = preview.groups.iter().filter(|g| g.n_altered > 0).map(|g| g.copies).collect();
        assert_eq!(copies.len(), 2, "two classes: {:?}", preview.groups);
        assert!(copies.contains(&1) && copies.contains(&10));
        for row in &preview.rows {
            let is_marked = row.pieces.iter().any(|p| !p.is_same());
            assert!(!is_marked || preview.groups[row.group].n_altered > 0, "clean rows have no mark");
        }
        let marked = preview.rows.iter().filter(|r| r.pieces.iter().any(|p| !p.is_same())).count();
        assert_eq!(marked, preview.groups.iter().map(|g| g.n_altered).sum::<usize>());
    }

    #[test]
    fn only_the_newest_question_is_waited_for() {
        let mut rows = MadeRows::default();
        rows.ask("a".into());
        rows.ask("b".into());
        assert!(rows.get("a").is_none() && matches!(rows.get("b"), Some(Slot::Loading(_))));
        rows.take("a".into(), Ok(Arc::default()));
        assert!(rows.get("a").is_some_and(|slot| slot.ready().is_some()));
    }
}
