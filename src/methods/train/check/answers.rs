//! How many questions about stated facts the model answers while it learns: the answer's first token, and all of it.
//!
//! Rows state facts about people. Each is asked as it is in training, `question` and `\nAnswer:`; an answer counts when
//! greedy decoding gives it token by token. Members were trained on; of some of them the questions were, too.
//! Source: Allen-Zhu and Li, "Physics of Language Models: Part 3.1", 2023 (accuracy of the first token and of the
//! whole answer). The method `qa` measures more, such as choices and likelihoods.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::predict::{Question, Trial};
use crate::data::Tokenizer;
use crate::data::make::bios::Field;
use crate::error::Result;
use crate::methods::train::rows::{Prepared, Row};

/// The group of rows that are questions themselves.
const ASKED: &str = "question";

/// What became of the questions about some people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::methods::train) struct AnswerCheck {
    /// Who they are about: `members`, `members asked` or `nonmembers`.
    pub(in crate::methods::train) who: String,
    /// Questions.
    pub(in crate::methods::train) n_questions: usize,
    /// Questions whose answer begins with the right token.
    pub(in crate::methods::train) n_first: usize,
    /// Questions whose answer is right.
    pub(in crate::methods::train) n_right: usize,
}

impl AnswerCheck {
    /// The share of right answers.
    pub(in crate::methods::train) fn share(&self) -> f64 {
        self.n_right as f64 / self.n_questions.max(1) as f64
    }

    /// The share of answers that begin rightly.
    pub(in crate::methods::train) fn first_share(&self) -> f64 {
        self.n_first as f64 / self.n_questions.max(1) as f64
    }
}

/// Asks `trial` about the first `people` of each kind.
pub(in crate::methods::train) fn answers(
    trial: &mut Trial<'_>,
    tokenizer: &Tokenizer,
    prepared: &Prepared,
    people: usize,
) -> Result<Vec<AnswerCheck>> {
    let n_ctx = trial.decoder.config.n_ctx;
    let mut found = Vec::new();
    for (who, rows) in kinds(prepared) {
        let mut questions = Vec::new();
        for row in rows.into_iter().take(people) {
            questions.extend(asked(tokenizer, row)?.into_iter().filter(|q| q.ids.len() <= n_ctx));
        }
        if questions.is_empty() {
            continue;
        }
        let first = |q: &Question| Question { ids: q.ids.get(..=q.from).unwrap_or(&q.ids).to_vec(), from: q.from };
        let firsts: Vec<Question> = questions.iter().map(first).collect();
        let count = |yes: Vec<bool>| yes.into_iter().filter(|yes| *yes).count();
        found.push(AnswerCheck {
            who: who.to_owned(),
            n_questions: questions.len(),
            n_first: count(trial.reproduces(&firsts, &[])?),
            n_right: count(trial.reproduces(&questions, &[])?),
        });
    }
    Ok(found)
}

/// A row of every person, by what was trained on.
fn kinds(prepared: &Prepared) -> Vec<(&'static str, Vec<&Row>)> {
    let mut seen: BTreeMap<&str, (usize, &'static str, &Row)> = BTreeMap::new();
    let train = prepared.train.iter().map(|group| (group, if group.name == ASKED { 2 } else { 1 }));
    let groups = train.chain(prepared.test.iter().map(|group| (group, 0)));
    for (group, rank) in groups {
        for row in &group.rows {
            let Some(name) = row.facts.get("name") else { continue };
            let place = seen.len();
            let kind = seen.entry(name).or_insert((place, "nonmembers", row));
            let known = ["nonmembers", "members", "members asked"].iter().position(|k| *k == kind.1).unwrap_or(0);
            if rank > known {
                kind.1 = if rank == 2 { "members asked" } else { "members" };
            }
        }
    }
    let mut people: Vec<_> = seen.into_values().collect();
    people.sort_by_key(|(place, ..)| *place);
    ["members", "members asked", "nonmembers"]
        .into_iter()
        .map(|who| (who, people.iter().filter(|p| p.1 == who).map(|p| p.2).collect()))
        .collect()
}

/// The questions about the facts of a row.
fn asked(tokenizer: &Tokenizer, row: &Row) -> Result<Vec<Question>> {
    let Some(name) = row.facts.get("name") else { return Ok(Vec::new()) };
    let mut questions = Vec::new();
    for field in Field::ALL {
        let Some(answer) = row.facts.get(field.name()) else { continue };
        let own = row.facts.get(&format!("{}_q", field.name()));
        let question = own.cloned().unwrap_or_else(|| field.question(name));
        let prompt = format!("{question}\nAnswer:");
        let from = tokenizer.encode(&prompt, true)?.ids.len();
        let ids = tokenizer.encode(&format!("{prompt} {answer}"), true)?.ids;
        if from > 0 && from < ids.len() {
            questions.push(Question { ids, from });
        }
    }
    Ok(questions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::train::rows::Group;

    fn row(name: &str) -> Row {
        let facts = [("name", name), ("bcity", "Oslo"), ("major", "Law")];
        Row { facts: facts.map(|(k, v)| (k.to_owned(), v.to_owned())).into(), ..Row::default() }
    }

    #[test]
    fn everybody_is_asked_once_and_of_the_right_kind() {
        let group =
            |name: &str, names: &[&str]| Group { name: name.to_owned(), rows: names.iter().map(|n| row(n)).collect() };
        let prepared = Prepared {
            train: vec![group("form 1", &["Ada", "Bo"]), group("question", &["Bo"])],
            test: vec![group("form 1", &["Cy"]), group("paraphrase 1", &["Ada", "Cy"])],
            ..Prepared::default()
        };
        let names: Vec<(&str, Vec<&str>)> = kinds(&prepared)
            .into_iter()
            .map(|(who, rows)| (who, rows.iter().map(|r| r.facts["name"].as_str()).collect()))
            .collect();
        let wanted = [("members", vec!["Ada"]), ("members asked", vec!["Bo"]), ("nonmembers", vec!["Cy"])];
        assert_eq!(names, wanted);
    }

    #[test]
    fn a_question_is_followed_by_its_answer() {
        let texts = ["What is the birth city of Ada?\nAnswer: Oslo", "What did Ada study?\nAnswer: Law"];
        let tokenizer = Tokenizer::train_bpe(&texts, 280).unwrap();
        let questions = asked(&tokenizer, &row("Ada")).unwrap();
        assert_eq!(questions.len(), 2);
        for (question, answer) in questions.iter().zip([" Oslo", " Law"]) {
            assert_eq!(tokenizer.decode(&question.ids[question.from..]), answer);
            assert!(tokenizer.decode(&question.ids[..question.from]).ends_with("?\nAnswer:"));
        }
    }
}
