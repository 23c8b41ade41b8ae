//! Questions to groups of people, asked beside other measurements: how much of each group a model still knows.

use std::collections::BTreeMap;

use super::items::{Item, items, people};
use super::mode::Mode;
use super::score::{Answered, Asker};
use super::{Config, Format};
use crate::data::{Dataset, Record};
use crate::error::Result;
use crate::methods::{Context, LoadedModel};

/// Right answers of one group.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Marks {
    /// Share of the questions whose right option has the largest mean log-likelihood a token.
    pub choice: Option<f64>,
    /// Questions that could be put.
    pub n_choice: usize,
    /// Share of the questions that are answered rightly in the model's own words.
    pub direct: Option<f64>,
    /// Questions that could be put.
    pub n_direct: usize,
}

/// The questions.
pub struct Quiz {
    config: Config,
    items: Vec<Item>,
    /// Group of each item.
    groups: Vec<usize>,
    n_groups: usize,
}

impl Quiz {
    /// Questions about the first `most` people of each group of rows; who is in several groups belongs to the first.
    /// Wrong options come from everyone. None where no row states facts that can be asked about.
    pub fn new(groups: &[Vec<Record>], most: usize, seed: u64) -> Option<Self> {
        let config = Config { formats: vec![Format::Likelihood, Format::Direct], ..Config::default() };
        let mut group_of: BTreeMap<String, usize> = BTreeMap::new();
        let mut everyone = Dataset::default();
        for (number, records) in groups.iter().enumerate() {
            let own = Dataset { records: records.clone(), ..Dataset::default() };
            let new: Vec<String> =
                people(&own).into_iter().map(|p| p.name).filter(|name| !group_of.contains_key(name)).collect();
            group_of.extend(new.into_iter().take(most).map(|name| (name, number)));
            everyone.records.extend(own.records);
        }
        let all = items(&config, &everyone, seed).items.into_iter();
        let (items, groups_of): (Vec<Item>, Vec<usize>) =
            all.filter_map(|item| group_of.get(&item.person).copied().map(|group| (item, group))).unzip();
        (!items.is_empty()).then_some(Self { config, items, groups: groups_of, n_groups: groups.len() })
    }

    /// Asks a model; `stage` is shown and names the records. One entry a group.
    ///
    /// # Errors
    /// A model without tokenizer; those of the engine; `Cancelled`.
    pub fn put(&self, cx: &mut Context<'_>, stage: &str, model: &LoadedModel) -> Result<Vec<Marks>> {
        let asker = Asker::new(&self.config, model)?;
        let size = self.config.batch_size;
        let answered = cx.map(stage, self.items.len(), size, |range| asker.ask(&self.items[range]))?;
        Ok((0..self.n_groups).map(|group| self.marks(group, &answered)).collect())
    }

    fn marks(&self, group: usize, answered: &[Answered]) -> Marks {
        let share = |mode: Mode| {
            let own = self.items.iter().zip(answered).zip(&self.groups).filter(|(_, g)| **g == group);
            let right: Vec<bool> =
                own.filter_map(|((item, answered), _)| mode.is_right(&self.config, item, answered)).collect();
            let n_right = right.iter().filter(|r| **r).count() as f64;
            ((!right.is_empty()).then(|| n_right / right.len() as f64), right.len())
        };
        let ((choice, n_choice), (direct, n_direct)) = (share(Mode::Mean), share(Mode::Direct));
        Marks { choice, n_choice, direct, n_direct }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, major: &str) -> Record {
        let facts = [("name", name), ("major", major)].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        Record { facts, ..Record::default() }
    }

    #[test]
    fn everyone_belongs_to_one_group_and_is_an_option_for_all() {
        let forget = vec![record("Ann", "Law"), record("Ann", "Law"), record("Bob", "Art")];
        let retain = vec![record("Bob", "Art"), record("Cy", "Music"), record("Di", "Physics"), record("Ed", "Law")];
        let quiz = Quiz::new(&[forget, retain], 2, 1).unwrap();
        let asked: Vec<(&str, usize)> =
            quiz.items.iter().map(|i| i.person.as_str()).zip(quiz.groups.iter().copied()).collect();
        assert_eq!(asked, [("Ann", 0), ("Bob", 0), ("Cy", 1), ("Di", 1)]);
        assert!(quiz.items.iter().all(|i| i.options.len() == 4), "all four majors");
        let answered =
            |sums: [f64; 4]| Answered { options: sums.to_vec(), n_tokens: vec![1; 4], ..Answered::default() };
        let right = |i: usize| {
            let mut sums = [-5.0; 4];
            sums[quiz.items[i].right().unwrap()] = -1.0;
            answered(sums)
        };
        let wrong = |i: usize| {
            let mut sums = [-1.0; 4];
            sums[quiz.items[i].right().unwrap()] = -5.0;
            answered(sums)
        };
        let found = [right(0), wrong(1), right(2), right(3)];
        let marks = [0, 1].map(|group| quiz.marks(group, &found));
        assert_eq!((marks[0].choice, marks[0].n_choice, marks[1].choice), (Some(0.5), 2, Some(1.0)));
        assert_eq!((marks[0].direct, marks[0].n_direct), (None, 0), "nobody was asked for own words");
        assert!(Quiz::new(&[vec![Record::default()]], 2, 1).is_none());
    }
}
