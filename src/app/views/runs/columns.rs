//! Columns of the table of runs: settings, numbers and what is known of every run.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::app::names::RunNames;
use crate::app::numbers::{duration, rounded};
use crate::app::runs::RunEntry;
use crate::app::widgets::GridColumn;

/// Columns of numbers in the usual choice.
const NUMBERS: usize = 6;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    State,
    Name,
    Method,
    Model,
    Device,
    Tags,
    Sweep,
    Created,
    Time,
    /// A setting by its dotted name.
    Config(String),
    /// A headline number by its id.
    Number(String),
}

/// Columns that every run has.
const FIXED: [(Column, &str, &str, f32); 9] = [
    (Column::State, "state", "State", 128.0),
    (Column::Name, "name", "Name", 210.0),
    (Column::Method, "method", "Method", 130.0),
    (Column::Model, "model", "Model", 110.0),
    (Column::Device, "device", "Device", 80.0),
    (Column::Tags, "tags", "Tags", 130.0),
    (Column::Sweep, "sweep", "Sweep", 150.0),
    (Column::Created, "created", "Created", 130.0),
    (Column::Time, "time", "Time", 72.0),
];

impl Column {
    /// The column of this key.
    pub(super) fn of(key: &str) -> Self {
        if let Some(name) = key.strip_prefix("config:") {
            return Self::Config(name.to_owned());
        }
        if let Some(name) = key.strip_prefix("number:") {
            return Self::Number(name.to_owned());
        }
        FIXED.into_iter().find(|f| f.1 == key).map_or_else(|| Self::Config(key.to_owned()), |f| f.0)
    }

    /// What it goes by in the settings.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Config(name) => format!("config:{name}"),
            Self::Number(name) => format!("number:{name}"),
            fixed => FIXED.iter().find(|f| f.0 == *fixed).map_or("", |f| f.1).to_owned(),
        }
    }

    /// Shown name: of a setting its last part.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Config(name) => short(name).to_owned(),
            Self::Number(name) => name.clone(),
            fixed => FIXED.iter().find(|f| f.0 == *fixed).map_or("", |f| f.2).to_owned(),
        }
    }

    /// For the grid.
    pub(super) fn grid(&self, widths: &BTreeMap<String, f32>) -> GridColumn {
        let width = widths.get(&self.key()).copied();
        match self {
            Self::Config(name) => {
                GridColumn::text(self.title(), width.unwrap_or(110.0)).about(format!("Setting {name}"))
            }
            Self::Number(name) => GridColumn::number(self.title(), width.unwrap_or(132.0)).about(name.as_str()),
            Self::Time => GridColumn::number(self.title(), width.unwrap_or(72.0)).about("Time of work"),
            fixed => {
                let usual = FIXED.iter().find(|f| f.0 == *fixed).map_or(100.0, |f| f.3);
                GridColumn::text(self.title(), width.unwrap_or(usual))
            }
        }
    }

    /// The value of a run in words; empty when it has none.
    pub(super) fn text(&self, run: &RunEntry) -> String {
        match self {
            Self::State => run.state.title().to_owned(),
            Self::Name => run.name.clone(),
            Self::Method => run.methods.join(", "),
            Self::Model => run.model.clone(),
            Self::Device => run.device.clone(),
            Self::Tags => run.tags.join(", "),
            Self::Sweep => run.sweep.as_ref().map(|sweep| sweep.title().to_owned()).unwrap_or_default(),
            Self::Created => date(run.created),
            Self::Time => run.seconds.map(duration).unwrap_or_default(),
            Self::Config(name) => run.config.get(name).cloned().unwrap_or_default(),
            Self::Number(name) => {
                run.scalars.get(name).map(|v| crate::figures::ticks::short(rounded(*v))).unwrap_or_default()
            }
        }
    }

    /// The value of a run as a number, where it is one.
    pub(super) fn number(&self, run: &RunEntry) -> Option<f64> {
        match self {
            Self::Number(name) => run.scalars.get(name).copied(),
            Self::Config(name) => run.config.get(name)?.parse().ok(),
            Self::Time => run.seconds,
            Self::Created => Some(run.created),
            _ => None,
        }
    }

    /// Order of two runs: by number where both have one, runs without a value before those with one.
    pub(super) fn compare(&self, a: &RunEntry, b: &RunEntry) -> Ordering {
        if *self == Self::State {
            return a.state.cmp(&b.state);
        }
        match (self.number(a), self.number(b)) {
            (Some(x), Some(y)) => x.total_cmp(&y),
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (None, None) => self.text(a).cmp(&self.text(b)),
        }
    }
}

/// Day and minute in local time, `2026-01-02 10:30`.
pub(super) fn date(seconds: f64) -> String {
    let at = chrono::DateTime::from_timestamp(seconds as i64, 0);
    at.map(|t| t.with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
}

/// A dotted setting without what is the same for all: `steps.0.config.k` is `k`.
fn short(name: &str) -> &str {
    name.rsplit_once(".config.").map_or(name, |(_, last)| last)
}

/// All columns there are: the fixed ones, the numbers and the settings that differ between runs, then the others.
pub(super) fn all(names: &RunNames) -> Vec<Column> {
    let fixed = FIXED.into_iter().map(|f| f.0);
    let numbers = names.numbers.iter().cloned().map(Column::Number);
    let (differing, same): (Vec<_>, Vec<_>) = names.settings.iter().partition(|(_, differs)| *differs);
    let settings = differing.into_iter().chain(same).map(|(name, _)| Column::Config(name.clone()));
    fixed.chain(numbers).chain(settings).collect()
}

/// The columns shown until the user chooses others.
pub(super) fn usual(names: &RunNames) -> Vec<Column> {
    let first = [Column::State, Column::Name, Column::Method, Column::Model].into_iter();
    let tags = names.has_tags.then_some(Column::Tags);
    let numbers = names.numbers.iter().take(NUMBERS).cloned().map(Column::Number);
    first.chain(tags).chain([Column::Time]).chain(numbers).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn run(k: &str, auroc: Option<f64>) -> Arc<RunEntry> {
        Arc::new(RunEntry {
            config: [("steps.0.config.k".into(), k.into()), ("seed".into(), "1".into())].into(),
            scalars: auroc.map(|v| ("auroc".to_owned(), v)).into_iter().collect(),
            order: vec!["auroc".into()],
            ..RunEntry::default()
        })
    }

    #[test]
    fn columns_go_by_their_keys() {
        let runs = [run("9", None), run("10", Some(0.5))];
        let names = RunNames::of(&runs);
        let all = all(&names);
        assert!(all.iter().all(|c| Column::of(&c.key()) == *c && !c.title().is_empty()));
        let differing = all.iter().position(|c| c.title() == "k");
        assert!(differing < all.iter().position(|c| c.title() == "seed"), "what differs comes first");
        assert_eq!(usual(&names).last(), Some(&Column::Number("auroc".into())));
    }

    #[test]
    fn numbers_are_ordered_as_numbers_and_missing_ones_come_first() {
        let (a, b) = (run("9", None), run("10", Some(0.5)));
        assert_eq!(Column::of("config:steps.0.config.k").compare(&a, &b), Ordering::Less);
        assert_eq!(Column::of("number:auroc").compare(&a, &b), Ordering::Less);
    }
}
