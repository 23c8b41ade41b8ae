//! How the table of runs looks: what is remembered of its columns, order and groups.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What is remembered of the table of runs. Columns go by their keys, such as `state` or `config.seed`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableLook {
    /// Shown columns in order; empty for the usual ones.
    pub columns: Vec<String>,
    /// Columns that stay at the left.
    pub pinned: BTreeSet<String>,
    /// Widths that were changed, points.
    pub widths: BTreeMap<String, f32>,
    /// Saved choices of columns by name.
    pub sets: BTreeMap<String, Vec<String>>,
    /// What rows are grouped by.
    pub group: Option<String>,
    /// Whether archived runs are shown.
    pub archived: bool,
}

impl TableLook {
    /// Shows a column at the end, or hides it.
    pub fn toggle(&mut self, key: &str) {
        match self.columns.iter().position(|c| c == key) {
            Some(at) => {
                self.columns.remove(at);
                self.pinned.remove(key);
            }
            None => self.columns.push(key.to_owned()),
        }
    }

    /// Moves a column by so many places.
    pub fn shift(&mut self, key: &str, by: isize) {
        let Some(at) = self.columns.iter().position(|c| c == key) else { return };
        let to = at.saturating_add_signed(by).min(self.columns.len() - 1);
        let column = self.columns.remove(at);
        self.columns.insert(to, column);
    }

    /// Pins a column to the left, or lets it go.
    pub fn pin(&mut self, key: &str) {
        if !self.pinned.remove(key) {
            self.pinned.insert(key.to_owned());
        }
    }

    /// The shown columns, pinned ones first, and how many are pinned.
    pub fn order(&self) -> (Vec<String>, usize) {
        let (pinned, free): (Vec<_>, Vec<_>) = self.columns.iter().cloned().partition(|c| self.pinned.contains(c));
        let n = pinned.len();
        (pinned.into_iter().chain(free).collect(), n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_move_hide_and_stay_at_the_left() {
        let mut look = TableLook { columns: ["a", "b", "c"].map(str::to_owned).to_vec(), ..TableLook::default() };
        look.shift("a", 1);
        assert_eq!(look.columns, ["b", "a", "c"]);
        look.shift("c", -9);
        assert_eq!(look.columns, ["c", "b", "a"]);
        look.pin("a");
        assert_eq!(look.order(), (["a", "c", "b"].map(str::to_owned).to_vec(), 1));
        look.toggle("a");
        look.toggle("d");
        assert_eq!(look.order(), (["c", "b", "d"].map(str::to_owned).to_vec(), 0));
    }
}
