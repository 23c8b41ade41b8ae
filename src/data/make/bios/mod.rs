//! bioS: biographies of people who do not exist, so that what a model knows of them it has from these texts alone.
//!
//! Each person has a name and six attributes; a biography states them in six sentences. Members are trained on,
//! nonmembers are not. Rows: `train` with the biographies of members, `test` with one biography of each nonmember,
//! `paraphrase` with further biographies of both, in words that were never trained on.
//! Source: Allen-Zhu and Li, "Physics of Language Models: Part 3.1", 2023, section 2; minsungkim/bioS_v1. Names, places
//! and sentences are our own lists of the same sizes.

mod hub_rows;
mod person;
mod pools;
mod text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{About, Wrong};
use crate::data::Record;
use crate::engine::rng::Stream;
use crate::error::Result;
pub use hub_rows::hub_rows;
use person::{People, Person};
use text::{Style, biography, draw_sentences};

/// An attribute of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Date of birth, such as `May 26, 1939`.
    BirthDate,
    /// City of birth, such as `Denver, CO`.
    BirthCity,
    /// Where the person studied.
    University,
    /// What the person studied.
    Major,
    /// For whom the person worked.
    Employer,
    /// Where that company has its seat, such as `Omaha, Nebraska`.
    CompanyCity,
}

impl Field {
    /// In the order of the sentences.
    pub const ALL: [Self; 6] =
        [Self::BirthDate, Self::BirthCity, Self::University, Self::Major, Self::Employer, Self::CompanyCity];

    /// The name in files: that of the published columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::BirthDate => "bdate",
            Self::BirthCity => "bcity",
            Self::University => "university",
            Self::Major => "major",
            Self::Employer => "employer",
            Self::CompanyCity => "company_city",
        }
    }

    /// The question about it.
    pub fn question(self, name: &str) -> String {
        text::question(self, name)
    }
}

/// Where the name of the person stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Names {
    /// In the first sentence; then a pronoun.
    #[default]
    Once,
    /// In every sentence.
    Always,
}

/// In which order the sentences come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Birth date, birth city, university, major, employer, city of the company.
    #[default]
    Fixed,
    /// At random.
    Permuted,
    /// Pairs of sentences that belong together, at random.
    Couples,
}

/// Sentences of the further biographies of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wording {
    /// Each biography has its own.
    #[default]
    Fresh,
    /// All biographies of a person have the same; only their order differs.
    Same,
}

/// How a person is referred to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pronouns {
    /// He and she by turns.
    #[default]
    Parity,
    /// He, she or they, at random.
    Random,
}

/// Parameters of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bios {
    /// Number of people.
    #[schemars(range(min = 1, max = 1000000))]
    pub people: usize,
    /// How many of them are trained on, the first ones; half of them when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1000000))]
    pub members: Option<usize>,
    /// Biographies of a member to train on.
    #[schemars(range(min = 1, max = 1000))]
    pub forms: usize,
    /// Where the name stands.
    pub names: Names,
    /// Order of the sentences.
    pub order: Order,
    /// Sentences of the further biographies of a person.
    pub wording: Wording,
    /// Further biographies of each person that are not trained on.
    #[schemars(range(max = 100))]
    pub paraphrases: usize,
    /// Members, from the first on, whose questions and answers are trained on too.
    #[schemars(range(max = 1000000))]
    pub question_people: usize,
    /// He, she or they.
    pub pronouns: Pronouns,
    /// A space before the first word, as in the published texts.
    pub leading_space: bool,
    /// Seed of these people; that of the experiment when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Default for Bios {
    fn default() -> Self {
        Self {
            people: 1_000,
            members: None,
            forms: 1,
            names: Names::default(),
            order: Order::default(),
            wording: Wording::default(),
            paraphrases: 0,
            question_people: 0,
            pronouns: Pronouns::default(),
            leading_space: false,
            seed: None,
        }
    }
}

impl Bios {
    /// Members among the people.
    fn n_members(&self) -> usize {
        self.members.unwrap_or(self.people / 2)
    }

    /// What fields say against each other.
    pub(super) fn check(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let (people, members) = (self.people, self.n_members());
        if members > people {
            let message = format!("is {members}, but there are {people} people");
            wrong.push(Wrong::new("members", message, "at most as many as `people`"));
        }
        if self.question_people > members {
            let message = format!("is {}, but there are {members} members", self.question_people);
            wrong.push(Wrong::new("question_people", message, "at most as many as members"));
        }
        if self.forms > 1 && self.wording == Wording::Same && self.order == Order::Fixed {
            let message = format!("{} biographies of a person would be the same", self.forms);
            wrong.push(Wrong::new("forms", message, "set `order` to `permuted` or `wording` to `fresh`"));
        }
        wrong
    }

    /// Hands out the records, person by person; memory does not grow but for the names that are taken.
    pub fn each(&self, seed: u64, take: &mut dyn FnMut(Record) -> Result<()>) -> Result<About> {
        let seed = self.seed.unwrap_or(seed);
        let streams = ["bios/text", "bios/paraphrase"].map(|name| Stream::new(seed, name));
        let mut people = People::new(seed, self.pronouns);
        let mut row = 0;
        for number in 0..self.people {
            let person = people.next();
            let [texts, others] = streams.each_ref().map(|stream| stream.item(number as u64));
            for record in self.records(number, &person, &texts, &others) {
                take(Record { row, ..record })?;
                row += 1;
            }
        }
        let members = self.n_members();
        let schema = format!(
            "bioS: {members} members with {} each, {} nonmembers",
            if self.forms == 1 { "1 biography".to_owned() } else { format!("{} biographies", self.forms) },
            self.people - members
        );
        Ok(About { name: "bios".to_owned(), schema, ..About::default() })
    }

    /// All rows about one person.
    fn records(&self, number: usize, person: &Person, texts: &Stream, others: &Stream) -> Vec<Record> {
        let is_member = number < self.n_members();
        let base = Record {
            label: Some(u8::from(is_member)),
            part: Some(if is_member { "train" } else { "test" }.to_owned()),
            source: Some("bios".to_owned()),
            facts: person.facts(),
            ..Record::default()
        };
        let style = Style { names: self.names, order: self.order, leading_space: self.leading_space };
        let first_words = draw_sentences(&mut texts.item(0));
        let write = |stream: &Stream, form: usize, wording: Wording, order: Order| {
            let mut stream = stream.item(form as u64);
            let fresh = draw_sentences(&mut stream);
            let sentences = if wording == Wording::Same { first_words } else { fresh };
            biography(person, Style { order, ..style }, sentences, &mut stream).text
        };
        // Other words, and in another order too where orders vary.
        let paraphrases: Vec<String> =
            (0..self.paraphrases).map(|form| write(others, form, Wording::Fresh, self.order)).collect();
        let named = |name: String, text: String, group: String| Record {
            id: Some(format!("{number}/{name}")),
            text: Some(text),
            group: Some(group),
            ..base.clone()
        };
        let mut records = Vec::new();
        for form in 0..if is_member { self.forms } else { 1 } {
            let form_number = form + 1;
            let text = write(texts, form, self.wording, self.order);
            let mut record = named(form_number.to_string(), text, format!("form {form_number}"));
            if form == 0 {
                record.paraphrases.clone_from(&paraphrases);
            }
            records.push(record);
        }
        if is_member && number < self.question_people {
            let name = person.name();
            for (field, answer) in Field::ALL.iter().zip(&person.values) {
                let text = format!("{}\nAnswer: {answer}", field.question(&name));
                records.push(named(field.name().to_owned(), text, "question".to_owned()));
            }
        }
        for (form, text) in paraphrases.into_iter().enumerate() {
            let form = form + 1;
            let record = named(format!("p{form}"), text, format!("paraphrase {form}"));
            // Never trained on, whoever it is about: neither a member nor what nonmembers are compared by.
            records.push(Record { part: Some("paraphrase".to_owned()), label: None, ..record });
        }
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DataSpec;
    use crate::data::make::Make;

    fn rows(bios: Bios) -> Vec<Record> {
        Make { bios: Some(bios), ..Make::default() }.dataset(0, &DataSpec::default()).unwrap().records
    }

    #[test]
    fn members_nonmembers_and_paraphrases_are_parts() {
        let bios =
            Bios { people: 10, members: Some(4), forms: 3, order: Order::Permuted, paraphrases: 2, ..Bios::default() };
        let all = rows(Bios { question_people: 1, ..bios.clone() });
        let count = |part: &str, group: &str| {
            all.iter().filter(|r| r.part.as_deref() == Some(part) && r.group.as_deref() == Some(group)).count()
        };
        assert_eq!(count("train", "form 1") + count("train", "form 2") + count("train", "form 3"), 12);
        assert_eq!(
            (count("test", "form 1"), count("train", "question"), count("paraphrase", "paraphrase 2")),
            (6, 6, 10)
        );
        assert_eq!(all.len(), 12 + 6 + 6 + 20);
        let label = |r: &Record| match r.part.as_deref() {
            Some("train") => Some(1),
            Some("test") => Some(0),
            _ => None,
        };
        assert!(all.iter().all(|r| r.label == label(r)));
        let first = &all[0];
        assert_eq!(first.paraphrases.len(), 2);
        assert!(first.paraphrases.iter().all(|text| text != first.text.as_ref().unwrap()));
        assert_eq!(first.facts.len(), 7);
        for record in all.iter().filter(|r| r.group.as_deref() != Some("question")) {
            assert!(record.facts.values().all(|value| record.text.as_ref().unwrap().contains(value.as_str())));
        }
        let questions: Vec<&str> =
            all.iter().filter(|r| r.group.as_deref() == Some("question")).filter_map(|r| r.text.as_deref()).collect();
        assert!(questions[0].starts_with("What is the date of birth of") && questions[0].contains("?\nAnswer: "));
        // a person is the same however many there are
        let more = rows(Bios { people: 12, ..bios });
        assert_eq!(more[0].text, first.text);
    }

    #[test]
    fn wording_decides_whether_sentences_change() {
        let bios = Bios {
            people: 1,
            members: Some(1),
            forms: 2,
            order: Order::Permuted,
            wording: Wording::Same,
            ..Bios::default()
        };
        let bag = |record: &Record| {
            let name = &record.facts["name"];
            let text = record.text.clone().unwrap().replace(name, "He");
            let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            words.sort();
            words
        };
        let same = rows(bios.clone());
        assert_eq!(bag(&same[0]), bag(&same[1]));
        let fresh = rows(Bios { wording: Wording::Fresh, ..bios.clone() });
        assert_ne!(bag(&fresh[0]), bag(&fresh[1]));
        let wrong = Bios { order: Order::Fixed, ..bios }.check();
        assert_eq!(wrong[0].field, "forms");
    }
}
