//! Biographies: six sentences about one person.

use super::person::Person;
use super::pools::pools;
use super::{Field, Names, Order};
use crate::engine::rng::Stream;

/// A biography and where each value stands in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Biography {
    pub(super) text: String,
    /// Bytes `start..end` of each value, in the order of [`Field::ALL`].
    pub(super) spans: [(usize, usize); 6],
}

/// How biographies are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) names: Names,
    pub(super) order: Order,
    pub(super) leading_space: bool,
}

/// Which sentence is taken for each field.
pub(super) fn draw_sentences(stream: &mut Stream) -> [&'static str; 6] {
    let mut sentences = [""; 6];
    for (sentence, pool) in sentences.iter_mut().zip(&pools().sentences) {
        *sentence = pool[stream.below(pool.len())];
    }
    sentences
}

/// Writes the biography with these sentences; `stream` decides about their order.
pub(super) fn biography(person: &Person, style: Style, sentences: [&str; 6], stream: &mut Stream) -> Biography {
    let name = person.name();
    let mut out = Biography::default();
    for (place, i) in order(style.order, stream).into_iter().enumerate() {
        let subject = if place == 0 || style.names == Names::Always { name.as_str() } else { person.pronoun.subject() };
        if place > 0 || style.leading_space {
            out.text.push(' ');
        }
        let sentence = sentences[i].replace("{S}", subject).replace("{p}", person.pronoun.possessive());
        let (before, after) = sentence.split_once("{V}").unwrap_or((&sentence, ""));
        out.text.push_str(before);
        let start = out.text.len();
        out.text.push_str(&person.values[i]);
        out.spans[i] = (start, out.text.len());
        out.text.push_str(after);
    }
    out
}

fn order(order: Order, stream: &mut Stream) -> [usize; 6] {
    let mut places = [0, 1, 2, 3, 4, 5];
    match order {
        Order::Fixed => {}
        Order::Permuted => stream.shuffle(&mut places),
        Order::Couples => {
            let mut couples = [[0, 1], [2, 3], [4, 5]];
            stream.shuffle(&mut couples);
            places.iter_mut().zip(couples.into_iter().flatten()).for_each(|(place, field)| *place = field);
        }
    }
    places
}

/// The question about a field; its first word is that of the published questions.
pub(super) fn question(field: Field, name: &str) -> String {
    match field {
        Field::BirthDate => format!("What is the date of birth of {name}?"),
        Field::BirthCity => format!("What is the native city of {name}?"),
        Field::University => format!("Which school did {name} attend for a degree?"),
        Field::Major => format!("What subject did {name} major in?"),
        Field::Employer => format!("Which employer did {name} work for?"),
        Field::CompanyCity => format!("Where was the job of {name} located?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::make::bios::Pronouns;
    use crate::data::make::bios::person::People;

    #[test]
    fn every_value_stands_in_its_sentence_and_the_name_where_it_belongs() {
        let mut people = People::new(5, Pronouns::Random);
        for i in 0..300 {
            let person = people.next();
            for (names, order) in [
                (Names::Once, Order::Fixed),
                (Names::Always, Order::Fixed),
                (Names::Once, Order::Permuted),
                (Names::Once, Order::Couples),
            ] {
                let mut stream = Stream::new(5, "test").item(i);
                let sentences = draw_sentences(&mut stream);
                let style = Style { names, order, leading_space: i % 2 == 0 };
                let Biography { text, spans } = biography(&person, style, sentences, &mut stream);
                assert_eq!(text.starts_with(' '), style.leading_space);
                assert!(text.trim_start().starts_with(&person.name()), "{text}");
                assert_eq!(text.matches(&person.name()).count(), if names == Names::Always { 6 } else { 1 });
                for ((start, end), value) in spans.into_iter().zip(&person.values) {
                    assert_eq!(&text[start..end], value);
                }
                if order == Order::Fixed {
                    assert!(spans.is_sorted());
                }
                if order == Order::Couples {
                    assert!(spans[0] < spans[1] && spans[2] < spans[3] && spans[4] < spans[5]);
                }
                assert!(!text.contains(['{', '}', '\n']) && text.ends_with('.'), "{text}");
            }
        }
    }
}
