//! Names of everything that runs report or were set to, gathered beside the window: ten thousand runs have many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::runs::RunEntry;

/// Names over all runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunNames {
    /// Headline numbers, the most frequent first, then as in the reports.
    pub numbers: Vec<String>,
    /// Settings, and whether runs differ in them.
    pub settings: Vec<(String, bool)>,
    /// Whether some run has a tag.
    pub has_tags: bool,
}

impl RunNames {
    /// Gathers the names.
    pub fn of(runs: &[Arc<RunEntry>]) -> Self {
        let has_tags = runs.iter().any(|r| !r.tags.is_empty());
        Self { numbers: numbers(runs), settings: settings(runs), has_tags }
    }
}

fn settings(runs: &[Arc<RunEntry>]) -> Vec<(String, bool)> {
    let mut seen: BTreeMap<&String, (usize, BTreeSet<&String>)> = BTreeMap::new();
    for (name, value) in runs.iter().flat_map(|r| &r.config) {
        let (n, values) = seen.entry(name).or_default();
        *n += 1;
        // Two values tell as much as two hundred.
        if values.len() < 2 {
            values.insert(value);
        }
    }
    seen.into_iter().map(|(name, (n, values))| (name.clone(), values.len() > 1 || n < runs.len())).collect()
}

fn numbers(runs: &[Arc<RunEntry>]) -> Vec<String> {
    let mut counts = BTreeMap::<&String, (usize, usize)>::new();
    for (place, name) in runs.iter().flat_map(|r| r.order.iter().enumerate()) {
        let (n, first) = counts.entry(name).or_insert((0, place));
        *n += 1;
        *first = place.min(*first);
    }
    let mut names: Vec<_> = counts.into_iter().collect();
    names.sort_by_key(|(_, (n, place))| (std::cmp::Reverse(*n), *place));
    names.into_iter().map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_differs_and_what_is_frequent() {
        let run = |k: &str, order: &[&str]| {
            Arc::new(RunEntry {
                config: [("k".into(), k.into()), ("seed".into(), "1".into())].into(),
                order: order.iter().map(|o| (*o).to_owned()).collect(),
                ..RunEntry::default()
            })
        };
        let names = RunNames::of(&[run("9", &["rare", "auroc"]), run("10", &["auroc", "loss"]), run("9", &["loss"])]);
        assert_eq!(names.settings, [("k".to_owned(), true), ("seed".to_owned(), false)]);
        assert_eq!(names.numbers, ["auroc", "loss", "rare"]);
        assert!(!names.has_tags);
    }
}
