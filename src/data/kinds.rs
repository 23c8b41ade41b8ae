//! Which parts and groups the rows of a set belong to.

use std::collections::BTreeSet;

use super::record::Record;
use super::spec::DataSpec;
use crate::error::{Error, Result};

/// So many names are remembered of each.
const MAX_NAMES: usize = 64;

/// The parts and groups that were seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds {
    parts: BTreeSet<String>,
    groups: BTreeSet<String>,
    rows: usize,
}

impl Kinds {
    /// Notes rows before any is left out.
    pub(super) fn see(&mut self, records: &[Record]) {
        self.rows += records.len();
        for record in records {
            for (names, name) in [(&mut self.parts, &record.part), (&mut self.groups, &record.group)] {
                if let Some(name) = name
                    && names.len() < MAX_NAMES
                    && !names.contains(name)
                {
                    names.insert(name.clone());
                }
            }
        }
    }

    /// Fails when no row is left because none belongs to what `spec` asks for.
    pub(super) fn check(&self, spec: &DataSpec) -> Result<()> {
        if self.rows == 0 || (spec.part.is_none() && spec.group.is_none()) {
            return Ok(());
        }
        let list = |names: &BTreeSet<String>| {
            let shown: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
        };
        let asked = [("part", &spec.part), ("group", &spec.group)];
        let asked: Vec<String> =
            asked.iter().filter_map(|(kind, name)| Some(format!("{kind} `{}`", name.as_ref()?))).collect();
        Err(Error::config(format!("no row belongs to the {}", asked.join(" and the "))).hint(format!(
            "parts here are {}; groups are {}",
            list(&self.parts),
            list(&self.groups)
        )))
    }
}
