//! One person: name and six attributes.

use std::collections::{BTreeMap, HashSet};

use super::pools::pools;
use super::{Field, Pronouns};
use crate::engine::rng::Stream;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const FIRST_YEAR: usize = 1900;
const YEARS: usize = 200;
/// So that every month has all of them.
const DAYS: usize = 28;

/// How a person is referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pronoun {
    He,
    She,
    They,
}

impl Pronoun {
    /// At the start of a sentence.
    pub(super) fn subject(self) -> &'static str {
        match self {
            Self::He => "He",
            Self::She => "She",
            Self::They => "They",
        }
    }

    /// Before what belongs to the person.
    pub(super) fn possessive(self) -> &'static str {
        match self {
            Self::He => "his",
            Self::She => "her",
            Self::They => "their",
        }
    }
}

/// A person who does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// First, middle and last name.
    pub(super) names: [&'static str; 3],
    pub(super) pronoun: Pronoun,
    /// In the order of [`Field::ALL`].
    pub(super) values: [String; 6],
}

impl Person {
    pub(super) fn name(&self) -> String {
        self.names.join(" ")
    }

    /// The name and every attribute, by field.
    pub(super) fn facts(&self) -> BTreeMap<String, String> {
        let values = Field::ALL.iter().zip(&self.values).map(|(field, value)| (field.name().to_owned(), value.clone()));
        values.chain([("name".to_owned(), self.name())]).collect()
    }
}

/// Draws people one after the other; no two have the same name.
pub(super) struct People {
    stream: Stream,
    pronouns: Pronouns,
    next: usize,
    /// Names that are taken, as numbers.
    taken: HashSet<u32>,
}

impl People {
    pub(super) fn new(seed: u64, pronouns: Pronouns) -> Self {
        Self { stream: Stream::new(seed, "bios/person"), pronouns, next: 0, taken: HashSet::new() }
    }

    /// The next person: the same whatever the number of people after it.
    pub(super) fn next(&mut self) -> Person {
        let p = pools();
        let number = self.next;
        self.next += 1;
        let mut stream = self.stream.item(number as u64);
        let names = loop {
            let places = [&p.first, &p.middle, &p.last].map(|pool| stream.below(pool.len()));
            let [first, middle, last] = places;
            let code = (first * p.middle.len() + middle) * p.last.len() + last;
            if self.taken.insert(code as u32) {
                break [p.first[first], p.middle[middle], p.last[last]];
            }
        };
        let pronoun = match (self.pronouns, number % 2) {
            (Pronouns::Parity, 0) => Pronoun::He,
            (Pronouns::Parity, _) => Pronoun::She,
            (Pronouns::Random, _) => [Pronoun::He, Pronoun::She, Pronoun::They][stream.below(3)],
        };
        let (year, month, day) = (stream.below(YEARS), stream.below(MONTHS.len()), stream.below(DAYS));
        let birth_date = format!("{} {}, {}", MONTHS[month], day + 1, FIRST_YEAR + year);
        let mut pick = |pool: &[&str]| pool[stream.below(pool.len())].to_owned();
        let (city, university, major) = (pick(&p.cities), pick(&p.universities), pick(&p.majors));
        let (employer, seat) = p.employers[stream.below(p.employers.len())];
        let values = [birth_date, city, university, major, employer.to_owned(), seat.to_owned()];
        Person { names, pronoun, values }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_people_do_not_depend_on_those_after_them() {
        let draw = |n: usize| {
            let mut people = People::new(0, Pronouns::Parity);
            (0..n).map(|_| people.next()).collect::<Vec<_>>()
        };
        let many = draw(30_000);
        assert_eq!(draw(10), many[..10]);
        assert_eq!(many.iter().map(Person::name).collect::<BTreeSet<_>>().len(), many.len());
        let seats: BTreeSet<(&str, &str)> = many.iter().map(|p| (p.values[4].as_str(), p.values[5].as_str())).collect();
        assert_eq!(seats.len(), 100, "a company has one seat");
        // 67200 dates, 30000 draws: 24 200 different ones are expected, deviation about 90
        let dates: BTreeSet<&str> = many.iter().map(|p| p.values[0].as_str()).collect();
        assert!((23_700..24_700).contains(&dates.len()), "{}", dates.len());
    }
}
