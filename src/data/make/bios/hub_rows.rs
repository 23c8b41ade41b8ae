//! People as rows of the published data set: one object a person, with questions, answers and three kinds of
//! biographies.
//! Source: minsungkim/bioS_v1 on the hub; `spans` are ours.

use serde_json::{Map, Value, json};

use super::person::{People, Person};
use super::text::{Biography, Style, biography, draw_sentences, question};
use super::{Bios, Field, Names, Order};
use crate::engine::rng::Stream;
use crate::error::Result;

/// Biographies of one person in the permuted column.
const PERMUTES: u64 = 5;

/// Hands out the rows of `bios.people` people in order.
pub fn hub_rows(bios: &Bios, seed: u64, take: &mut dyn FnMut(Value) -> Result<()>) -> Result<()> {
    let seed = bios.seed.unwrap_or(seed);
    let mut people = People::new(seed, bios.pronouns);
    let texts = Stream::new(seed, "bios/text");
    for number in 0..bios.people {
        take(row(&people.next(), number, bios.leading_space, &texts.item(number as u64)))?;
    }
    Ok(())
}

fn row(person: &Person, number: usize, leading_space: bool, texts: &Stream) -> Value {
    let name = person.name();
    let [first, middle, last] = person.names;
    let mut row = Map::new();
    for (key, value) in [("name", name.as_str()), ("first", first), ("middle", middle), ("last", last)] {
        row.insert(key.to_owned(), json!(value));
    }
    row.insert("id".to_owned(), json!(number));
    row.insert("pronoun".to_owned(), json!(person.pronoun.subject()));
    for (field, value) in Field::ALL.iter().zip(&person.values) {
        row.insert(field.name().to_owned(), json!(value));
    }
    for (field, value) in Field::ALL.iter().zip(&person.values) {
        row.insert(format!("{}_q", field.name()), json!(question(*field, &name)));
        row.insert(format!("{}_a", field.name()), json!(value));
    }
    let write = |names: Names, order: Order, form: u64| {
        let mut stream = texts.item(form);
        let sentences = draw_sentences(&mut stream);
        biography(person, Style { names, order, leading_space }, sentences, &mut stream)
    };
    let Biography { text, spans } = write(Names::Once, Order::Fixed, 0);
    row.insert("bioS".to_owned(), json!(text));
    row.insert("bioS_fullname".to_owned(), json!(write(Names::Always, Order::Fixed, 0).text));
    // Sentences of their own, none of them those of the biography above.
    let permuted: Vec<String> = (1..=PERMUTES).map(|form| write(Names::Once, Order::Permuted, form).text).collect();
    row.insert("bioS_multi5_permutes".to_owned(), json!(permuted));
    let spans: Map<String, Value> =
        Field::ALL.iter().zip(spans).map(|(field, span)| (field.name().to_owned(), json!(span))).collect();
    row.insert("spans".to_owned(), Value::Object(spans));
    Value::Object(row)
}
