//! Whether what a model said is the answer.

use std::collections::BTreeMap;

use crate::methods::Compat;

/// Share of the answer that a shorter text has to hold.
const MOST: f64 = 0.8;
/// ROUGE-1 above which the published code takes an answer.
const ROUGE: f64 = 0.9;

/// The part of what was said that is the answer: its first line with words.
pub(in crate::methods) fn first_line(said: &str) -> &str {
    said.trim_start().lines().next().unwrap_or_default().trim()
}

/// Whether `said` is `answer`.
///
/// Correct: equal but for case and spaces, or the answer and then something that is no part of a word, or at least
/// 80 % of the answer. Paper: the text up to the first line break or full stop, equal, or one the beginning of the other
/// (an empty text too), or ROUGE-1 above 0.9.
pub(in crate::methods) fn is_right(said: &str, answer: &str, compat: Compat) -> bool {
    match compat {
        Compat::Correct => is_answer(&normal(first_line(said)), &normal(answer)),
        Compat::Paper => {
            let line = said.split('\n').next().unwrap_or_default();
            let said = line.split('.').next().unwrap_or_default().trim().to_lowercase();
            let answer = answer.trim().to_lowercase();
            said == answer || said.starts_with(&answer) || answer.starts_with(&said) || rouge(&said, &answer) > ROUGE
        }
    }
}

fn is_answer(said: &str, answer: &str) -> bool {
    if let Some(rest) = said.strip_prefix(answer) {
        return !rest.starts_with(char::is_alphanumeric);
    }
    answer.starts_with(said) && said.chars().count() as f64 >= MOST * answer.chars().count() as f64
}

/// Small letters, single spaces, no full stop at the end.
fn normal(text: &str) -> String {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").trim_end_matches('.').trim_end().to_owned()
}

/// F-measure of shared words.
fn rouge(a: &str, b: &str) -> f64 {
    let words = |text: &str| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let parts = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        parts.for_each(|word| *counts.entry(word.to_owned()).or_default() += 1);
        counts
    };
    let (a, b) = (words(a), words(b));
    let shared: usize = a.iter().map(|(word, n)| (*n).min(b.get(word).copied().unwrap_or(0))).sum();
    let all = a.values().sum::<usize>() + b.values().sum::<usize>();
    if all == 0 { 0.0 } else { 2.0 * shared as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_equal_or_go_on_behind_a_word() {
        let right = |said: &str, answer: &str| is_right(said, answer, Compat::Correct);
        assert!(right(" May 26, 1939", "May 26, 1939"));
        assert!(right("\n may 26,  1939.\nHe", "May 26, 1939"));
        assert!(right("Law. She was born", "Law"));
        assert!(!right("Lawrence", "Law"));
        assert!(!right("", "Law"));
        assert!(right("St. Louis, Missour", "St. Louis, Missouri"));
        assert!(!right("St. Louis", "St. Louis, Missouri"));
        assert!(!right("New York", "Newark"));
    }

    #[test]
    fn the_published_rule_takes_beginnings() {
        let right = |said: &str, answer: &str| is_right(said, answer, Compat::Paper);
        assert!(right("", "Law") && right("St. Paul", "St. Louis, Missouri"));
        assert!(right("Louisiana State University", "louisiana state university"));
        assert!(!right("Music", "Law"));
        assert!(right("science computer", "Computer Science"), "ROUGE-1 does not see the order");
    }
}
