//! From rows with facts to questions with options.

use std::collections::{BTreeMap, BTreeSet};

use super::{Config, Distractors};
use crate::data::make::bios::Field;
use crate::data::{Dataset, Record};
use crate::engine::rng::Stream;
use crate::methods::Compat;

/// Who a question is about, as far as the training data is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::methods) enum Seen {
    /// The rows do not say.
    Unknown,
    /// Neither the person nor the question was trained on.
    Nonmember,
    /// The person was trained on, the question was not.
    Member,
    /// Both were.
    Asked,
}

impl Seen {
    pub(in crate::methods) fn name(self) -> &'static str {
        match self {
            Self::Unknown => "people",
            Self::Nonmember => "nonmembers",
            Self::Member => "members",
            Self::Asked => "members, trained on the question",
        }
    }
}

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::methods) struct Item {
    /// Row of the person in the file.
    pub(in crate::methods) row: usize,
    pub(in crate::methods) person: String,
    pub(in crate::methods) seen: Seen,
    pub(in crate::methods) field: String,
    pub(in crate::methods) question: String,
    pub(in crate::methods) answer: String,
    /// The answer among others, in random order; empty when there are too few different ones.
    pub(in crate::methods) options: Vec<String>,
}

impl Item {
    /// Place of the answer among the options.
    pub(in crate::methods) fn right(&self) -> Option<usize> {
        self.options.iter().position(|option| *option == self.answer)
    }
}

/// The questions, and what was left out.
#[derive(Clone, Debug, Default)]
pub(in crate::methods) struct Items {
    pub(in crate::methods) items: Vec<Item>,
    /// Facts without a question.
    pub(in crate::methods) unasked: BTreeSet<String>,
    /// Fields with too few different answers for the options.
    pub(in crate::methods) poor: BTreeSet<String>,
}

/// A person with everything that is known of them.
pub(in crate::methods) struct Person<'a> {
    record: &'a Record,
    pub(in crate::methods) name: String,
    seen: Seen,
}

/// All questions about the people of `data`, in the order of their first rows.
pub(in crate::methods) fn items(config: &Config, data: &Dataset, seed: u64) -> Items {
    let everyone = people(data);
    let asked = everyone.len().min(config.people.unwrap_or(usize::MAX));
    let (measured, _) = everyone.split_at(asked);
    let pools = match config.distractors() {
        Distractors::Subset => pools(measured),
        Distractors::Global => pools(&everyone),
    };
    let options = Stream::new(seed, "qa/options");
    let mut out = Items::default();
    for (number, person) in measured.iter().enumerate() {
        let stream = options.item(number as u64);
        for (place, field) in fields(person.record).into_iter().enumerate() {
            let Some(question) = question(person, &field) else {
                out.unasked.insert(field);
                continue;
            };
            let answer = person.record.facts.get(&field).cloned().unwrap_or_default();
            let pool = pools.get(pool_name(config, &field, &question)).map_or(&[][..], Vec::as_slice);
            let options = draw_options(&answer, pool, config.options, &mut stream.item(place as u64));
            if options.is_empty() {
                out.poor.insert(field.clone());
            }
            let (row, person, seen) = (person.record.row, person.name.clone(), person.seen);
            out.items.push(Item { row, person, seen, field, question, answer, options });
        }
    }
    out
}

/// One entry a person: rows with the same name belong together.
pub(in crate::methods) fn people(data: &Dataset) -> Vec<Person<'_>> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut people: Vec<Person<'_>> = Vec::new();
    for record in data.records.iter().filter(|record| !record.facts.is_empty()) {
        let name = record.facts.get("name").or(record.id.as_ref()).cloned();
        let name = name.unwrap_or_else(|| format!("row {}", record.row + 1));
        let seen = match (record.group.as_deref(), record.label) {
            (Some("question"), _) => Seen::Asked,
            (_, Some(1)) => Seen::Member,
            (_, Some(_)) => Seen::Nonmember,
            (_, None) => Seen::Unknown,
        };
        if let Some(person) = places.get(&name).and_then(|place| people.get_mut(*place)) {
            person.seen = person.seen.max(seen);
        } else {
            places.insert(name.clone(), people.len());
            people.push(Person { record, name, seen });
        }
    }
    people
}

/// Fields that can be asked about: those of biographies in their order, then all others.
fn fields(record: &Record) -> Vec<String> {
    let known: Vec<String> = Field::ALL.iter().map(|field| field.name().to_owned()).collect();
    let is_question = |key: &String| key.strip_suffix("_q").is_some_and(|field| record.facts.contains_key(field));
    let others = record.facts.keys().filter(|key| *key != "name" && !is_question(key) && !known.contains(key));
    known.iter().filter(|field| record.facts.contains_key(*field)).chain(others).cloned().collect()
}

/// The row's own question, or that of biographies.
fn question(person: &Person<'_>, field: &str) -> Option<String> {
    let own = person.record.facts.get(&format!("{field}_q")).cloned();
    let known = Field::ALL.into_iter().find(|known| known.name() == field);
    own.or_else(|| Some(known?.question(person.record.facts.get("name")?)))
}

/// Different answers by field.
fn pools(people: &[Person<'_>]) -> BTreeMap<String, Vec<String>> {
    let mut pools: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (field, answer) in people.iter().flat_map(|person| &person.record.facts) {
        pools.entry(field.clone()).or_default().insert(answer.clone());
    }
    pools.into_iter().map(|(field, answers)| (field, answers.into_iter().collect())).collect()
}

/// The field that wrong options are taken from. The published code finds it by the first word of the question, so that
/// dates stand among cities and universities among companies.
fn pool_name<'a>(config: &Config, field: &'a str, question: &str) -> &'a str {
    if config.compat == Compat::Correct {
        return field;
    }
    match question.split_whitespace().next() {
        Some("What") => Field::BirthDate.name(),
        Some("Which") => Field::University.name(),
        Some("Where") => Field::CompanyCity.name(),
        _ => field,
    }
}

fn draw_options(answer: &str, pool: &[String], n: usize, stream: &mut Stream) -> Vec<String> {
    let mut others: Vec<&String> = pool.iter().filter(|other| *other != answer).collect();
    if others.len() + 1 < n {
        return Vec::new();
    }
    stream.shuffle(&mut others);
    let mut options: Vec<String> = others.into_iter().take(n - 1).cloned().collect();
    options.insert(stream.below(n), answer.to_owned());
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(row: usize, name: &str, label: Option<u8>, group: &str, facts: &[(&str, &str)]) -> Record {
        let facts = facts.iter().chain(&[("name", name)]).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Record { row, label, group: Some(group.to_owned()), facts, ..Record::default() }
    }

    fn data() -> Dataset {
        let major = |m: &'static str| [("major", m), ("color", "red"), ("color_q", "Which color?"), ("shoe", "9")];
        let records = vec![
            record(0, "Ann", Some(1), "form 1", &major("Law")),
            record(1, "Ann", Some(1), "question", &major("Law")),
            record(2, "Bob", Some(1), "form 1", &major("Art")),
            record(3, "Cy", Some(0), "form 1", &major("Music")),
            Record { row: 4, text: Some("no facts".to_owned()), ..Record::default() },
        ];
        Dataset { records, ..Dataset::default() }
    }

    #[test]
    fn rows_of_one_person_are_one_and_say_what_was_seen() {
        let config = Config { options: 3, ..Config::default() };
        let Items { items, unasked, poor } = items(&config, &data(), 0);
        let seen: Vec<(&str, &str, Seen)> =
            items.iter().map(|i| (i.person.as_str(), i.field.as_str(), i.seen)).collect();
        assert_eq!(
            seen[..3],
            [("Ann", "major", Seen::Asked), ("Ann", "color", Seen::Asked), ("Bob", "major", Seen::Member)]
        );
        assert_eq!(seen.last(), Some(&("Cy", "color", Seen::Nonmember)));
        assert_eq!(unasked.into_iter().collect::<Vec<_>>(), ["shoe"]);
        assert_eq!(poor.into_iter().collect::<Vec<_>>(), ["color"]);
        assert_eq!(items[0].question, "What subject did Ann major in?");
        assert_eq!(items[1].question, "Which color?");
        let mut options = items[0].options.clone();
        options.sort();
        assert_eq!(options, ["Art", "Law", "Music"]);
        assert_eq!(items[0].options[items[0].right().unwrap()], "Law");
        assert_eq!((items[1].options.len(), items[1].right()), (0, None));
    }

    #[test]
    fn wrong_options_come_from_where_they_are_asked_for() {
        let subset = Config { options: 3, people: Some(2), distractors: Distractors::Subset, ..Config::default() };
        assert!(items(&subset, &data(), 0).poor.contains("major"), "two people have two majors");
        let global = Config { distractors: Distractors::Global, ..subset };
        assert!(!items(&global, &data(), 0).poor.contains("major"));
        assert_eq!(pool_name(&Config::default(), "major", "What subject did Ann major in?"), "major");
        let paper = Config { compat: Compat::Paper, ..Config::default() };
        assert_eq!(pool_name(&paper, "major", "What subject did Ann major in?"), "bdate");
        assert_eq!(pool_name(&paper, "employer", "Which employer?"), "university");
    }
}
