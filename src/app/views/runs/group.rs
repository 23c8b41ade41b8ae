//! Runs that share a value, with mean and deviation of their numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::columns::Column;
use crate::app::runs::RunEntry;
use crate::runs::sweep::Spread;

/// Runs with the same value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    /// The value; empty for runs without one.
    pub(super) value: String,
    /// Places of its runs in the list.
    pub(super) runs: Vec<usize>,
    /// Mean and deviation of every column; none for columns without numbers.
    pub(super) numbers: Vec<Option<Spread>>,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Head of a group, by its place in the list of groups.
    Group(usize),
    /// A run, by its place in the list of runs.
    Run(usize),
}

/// Groups `runs` by `key`, in the order in which their first runs stand.
pub(super) fn groups(runs: &[Arc<RunEntry>], key: &Column, columns: &[Column]) -> Vec<Group> {
    let mut places = BTreeMap::<String, usize>::new();
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        let value = key.text(run);
        let place = *places.entry(value.clone()).or_insert_with(|| {
            groups.push((value, Vec::new()));
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.1.push(i);
        }
    }
    let finished = |(value, members): (String, Vec<usize>)| {
        let spread = |column: &Column| {
            let is_number = matches!(column, Column::Number(_) | Column::Time);
            let values = members.iter().filter_map(|i| column.number(runs.get(*i)?)).collect::<Vec<f64>>();
            if is_number { Spread::of(&values) } else { None }
        };
        Group { value, numbers: columns.iter().map(spread).collect(), runs: members }
    };
    groups.into_iter().map(finished).collect()
}

/// The lines on screen: each group, and the runs of those that are open.
pub(super) fn lines(groups: &[Group], open: &BTreeSet<String>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        lines.push(Line::Group(i));
        if open.contains(&group.value) {
            lines.extend(group.runs.iter().map(|run| Line::Run(*run)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_mean_and_deviation_of_a_sample() {
        let run = |k: &str, auroc: Option<f64>| {
            Arc::new(RunEntry {
                config: [("k".into(), k.into())].into(),
                scalars: auroc.map(|v| ("auroc".to_owned(), v)).into_iter().collect(),
                ..RunEntry::default()
            })
        };
        let runs = [run("2", Some(1.0)), run("1", Some(5.0)), run("2", Some(2.0)), run("2", None), run("2", Some(4.0))];
        let columns = [Column::Name, Column::Number("auroc".into())];
        let groups = groups(&runs, &Column::Config("k".into()), &columns);
        assert_eq!(groups[0].runs, [0, 2, 3, 4]);
        assert_eq!(groups[0].numbers[0], None);
        let spread = groups[0].numbers[1].unwrap();
        // Mean 7/3, squares 16/9 + 1/9 + 25/9 = 42/9, over 2.
        assert!((spread.mean - 7.0 / 3.0).abs() < 1e-12 && spread.n == 3);
        assert!((spread.deviation.unwrap() - (21.0f64 / 9.0).sqrt()).abs() < 1e-12);
        assert_eq!(groups[1].numbers[1], Some(Spread { mean: 5.0, deviation: None, n: 1 }));
        let open = BTreeSet::from(["1".to_owned()]);
        assert_eq!(lines(&groups, &open), [Line::Group(0), Line::Group(1), Line::Run(1)]);
    }
}
