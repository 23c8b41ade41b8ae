//! What the model says about one text, token by token.

use std::ops::Range;

/// One token of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// Token id.
    pub id: u32,
    /// Bytes of the text it stands for; empty for tokens without text, such as beginning of sequence.
    pub span: Range<usize>,
    /// Its bytes, as the vocabulary has them.
    pub bytes: Vec<u8>,
    /// What is shown: spaces, tabs and line ends as signs, incomplete characters as hexadecimal.
    pub shown: String,
    /// ln p, nats; absent for the first token, which nothing predicts.
    pub log_prob: Option<f64>,
    /// 0 = the most likely token.
    pub rank: Option<u32>,
    /// Entropy of the prediction, nats.
    pub entropy: Option<f64>,
    /// The most likely tokens here.
    pub top: Vec<Alternative>,
    /// Share of this token in the gradient alignment.
    pub contribution: Option<f64>,
}

impl Cell {
    /// −ln p, nats.
    pub fn loss(&self) -> Option<f64> {
        self.log_prob.map(|p| -p)
    }
}

/// A token the model holds likely.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alternative {
    /// Token id.
    pub id: u32,
    /// What is shown.
    pub shown: String,
    /// Probability.
    pub probability: f64,
}

/// Scores of a whole text. Undefined ones are absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// Tokens, those without text included.
    pub n_tokens: usize,
    /// Mean −ln p, nats/token.
    pub loss: Option<f64>,
    /// Mean of the 20 % lowest ln p, nats.
    pub min_k: Option<f64>,
    /// Loss over the zlib length of what was read of the text, nats/byte.
    pub zlib_ratio: Option<f64>,
    /// Tokens from the start that greedy decoding would produce.
    pub exact_prefix: usize,
    /// Share of the tokens that are the most likely ones.
    pub top1: Option<f64>,
}

impl Scores {
    /// exp(loss).
    pub fn perplexity(&self) -> Option<f64> {
        self.loss.map(f64::exp)
    }
}

/// A measured text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurement {
    /// The text.
    pub text: String,
    /// Its tokens.
    pub cells: Vec<Cell>,
    /// Its scores.
    pub scores: Scores,
    /// Tokens left out because the text is longer than the model's context.
    pub n_cut: usize,
}

/// A character, or a few, that several tokens make up together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The character, visible.
    pub shown: String,
    /// Which of the tokens this is, from 0.
    pub index: usize,
    /// How many tokens there are.
    pub n: usize,
}

impl Measurement {
    /// The part of the text that was read: all of it unless it was cut.
    pub fn read_text(&self) -> &str {
        let end = self.cells.iter().map(|cell| cell.span.end).max().filter(|_| self.n_cut > 0);
        end.and_then(|end| self.text.get(..end)).unwrap_or(&self.text)
    }

    /// What the token at `index` shares with its neighbors; absent when it has characters of its own.
    pub fn shared(&self, index: usize) -> Option<Shared> {
        let touches = |i: usize| {
            let (a, b) = (self.cells.get(i), self.cells.get(i + 1));
            a.zip(b).is_some_and(|(a, b)| overlap(&a.span, &b.span))
        };
        let mut first = index;
        while first > 0 && touches(first - 1) {
            first -= 1;
        }
        let mut last = index;
        while touches(last) {
            last += 1;
        }
        if first == last {
            return None;
        }
        let bytes = self.cells.get(first)?.span.start..self.cells.get(last)?.span.end;
        let shown = visible(self.text.get(bytes)?.as_bytes());
        Some(Shared { shown, index: index - first, n: last - first + 1 })
    }
}

/// Whether two ranges of bytes have some in common.
pub(super) fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start.max(b.start) < a.end.min(b.end)
}

/// How alike the gradients of two texts with respect to the output head are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alignment {
    /// Cosine; undefined when a gradient is zero.
    pub cosine: Option<f64>,
    /// Further numbers by name.
    pub numbers: Vec<(String, f64)>,
    /// Share of each token of the original in the inner product.
    pub original: Vec<Option<f64>>,
    /// Share of each token of the paraphrase.
    pub paraphrase: Vec<Option<f64>>,
}

/// Text with white space as signs; what is no valid UTF-8 as hexadecimal bytes.
pub(super) fn visible(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                ' ' => shown.push('·'),
                '\n' => shown.push('⏎'),
                '\r' => shown.push('␍'),
                '\t' => shown.push('⇥'),
                '\u{a0}' => shown.push('⍽'),
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => {
                    shown.extend(format!("‹U+{:04X}›", c as u32).chars());
                }
                c if c.is_control() => shown.extend(format!("‹{:02X}›", c as u32).chars()),
                c => shown.push(c),
            }
        }
        for byte in chunk.invalid() {
            shown.extend(format!("‹{byte:02X}›").chars());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_broken_characters_become_visible() {
        assert_eq!(visible(" a\tb\n".as_bytes()), "·a⇥b⏎");
        assert_eq!(visible(&[0xea, 0xb0]), "‹EA›‹B0›");
        assert_eq!(visible("기억🙂".as_bytes()), "기억🙂");
        assert_eq!(visible("a\u{202e}b".as_bytes()), "a‹U+202E›b");
    }

    #[test]
    fn tokens_that_make_up_one_character_know_each_other() {
        let cell = |span: Range<usize>| Cell { span, ..Cell::default() };
        let text = "a기🙂".to_owned();
        let cells = vec![cell(0..1), cell(1..4), cell(1..4), cell(1..8), cell(4..8), cell(0..0)];
        let measurement = Measurement { text, cells, ..Measurement::default() };
        assert_eq!(measurement.shared(0), None);
        for index in 0..4 {
            assert_eq!(measurement.shared(1 + index), Some(Shared { shown: "기🙂".to_owned(), index, n: 4 }));
        }
        assert_eq!(measurement.shared(5), None, "a token without text shares nothing");
    }

    #[test]
    fn what_was_cut_off_was_not_read() {
        let cell = |span: Range<usize>| Cell { span, ..Cell::default() };
        let cells = vec![cell(0..0), cell(0..2), cell(2..5)];
        let whole = Measurement { text: "ab cd ef".to_owned(), cells, ..Measurement::default() };
        assert_eq!(whole.read_text(), "ab cd ef");
        assert_eq!(Measurement { n_cut: 2, ..whole }.read_text(), "ab cd");
    }
}
