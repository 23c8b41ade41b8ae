//! Which words of an original and its paraphrase correspond.
//!
//! The words of both texts (Unicode word boundaries) are compared by a shortest edit script; every
//! token belongs to the word that holds its first visible byte.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};
use unicode_segmentation::UnicodeSegmentation as _;

use super::measurement::Cell;

/// A stretch of both texts: one equal word, or words that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Tokens of the original.
    pub original: Range<usize>,
    /// Tokens of the paraphrase.
    pub paraphrase: Range<usize>,
    /// Whether the words differ.
    pub differs: bool,
}

/// The correspondence of two tokenized texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairing {
    /// In reading order; together they cover every token once.
    pub segments: Vec<Segment>,
    /// Share of the words of the original that the paraphrase keeps, in percent.
    pub kept_percent: u8,
}

impl Pairing {
    /// Compares two texts and lines up their tokens.
    pub fn new(original: (&str, &[Cell]), paraphrase: (&str, &[Cell])) -> Self {
        let words = [words(original.0), words(paraphrase.0)];
        let content = |i: usize| words[i].iter().map(|w| w.1).collect::<Vec<_>>();
        let ops = capture_diff_slices(Algorithm::Patience, &content(0), &content(1));
        let ends = [token_ends(&words[0], original.1), token_ends(&words[1], paraphrase.1)];
        let end = |side: usize, word: usize| ends[side].get(word).copied().unwrap_or(0);
        let mut segments = Vec::new();
        let mut at = [0, 0];
        let mut push = |to: [usize; 2], differs: bool| {
            let segment = Segment { original: at[0]..to[0], paraphrase: at[1]..to[1], differs };
            at = to;
            if !(segment.original.is_empty() && segment.paraphrase.is_empty()) {
                segments.push(segment);
            }
        };
        let mut kept = 0;
        for op in ops {
            match op {
                DiffOp::Equal { old_index, new_index, len } => {
                    kept += len;
                    for i in 0..len {
                        push([end(0, old_index + i), end(1, new_index + i)], false);
                    }
                }
                DiffOp::Delete { .. } | DiffOp::Insert { .. } | DiffOp::Replace { .. } => {
                    let (old, new) = (op.old_range(), op.new_range());
                    let stop = |side: usize, range: Range<usize>| range.end.checked_sub(1).map_or(0, |w| end(side, w));
                    push([stop(0, old), stop(1, new)], true);
                }
            }
        }
        push([original.1.len(), paraphrase.1.len()], false);
        let kept_percent = (100 * kept).checked_div(words[0].len()).unwrap_or(0).min(100) as u8;
        Self { segments, kept_percent }
    }

    /// One text alone: every word is a segment.
    pub fn single(text: &str, cells: &[Cell], is_original: bool) -> Self {
        let none: &[Cell] = &[];
        let mut pairing =
            if is_original { Self::new((text, cells), (text, none)) } else { Self::new((text, none), (text, cells)) };
        pairing.kept_percent = 0;
        pairing
    }
}

/// Words with their byte ranges; white space and punctuation between words go with the word before.
fn words(text: &str) -> Vec<(Range<usize>, &str)> {
    let mut words: Vec<(Range<usize>, &str)> = Vec::new();
    for (start, piece) in text.split_word_bound_indices() {
        if piece.trim().is_empty() {
            continue;
        }
        words.push((start..start + piece.len(), piece));
    }
    words
}

/// For each word the number of tokens up to and including its last one.
fn token_ends(words: &[(Range<usize>, &str)], cells: &[Cell]) -> Vec<usize> {
    let mut ends = Vec::with_capacity(words.len());
    let mut token = 0;
    for (index, _) in words.iter().enumerate() {
        let next_start = words.get(index + 1).map_or(usize::MAX, |w| w.0.start);
        while let Some(cell) = cells.get(token) {
            if first_visible(cell) >= next_start {
                break;
            }
            token += 1;
        }
        ends.push(token);
    }
    ends
}

/// Byte of the text where the visible part of a token begins.
fn first_visible(cell: &Cell) -> usize {
    let blank = cell.bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let inside = cell.span.start + blank;
    if inside >= cell.span.end { cell.span.start } else { inside }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(pieces: &[&str]) -> Vec<Cell> {
        let mut at = 0;
        let cell = |piece: &&str| {
            let span = at..at + piece.len();
            at = span.end;
            Cell { span, bytes: piece.as_bytes().to_vec(), ..Cell::default() }
        };
        pieces.iter().map(cell).collect()
    }

    #[test]
    fn every_token_is_in_one_segment_and_equal_words_meet() {
        let a = cells(&["The", " cat", " s", "at", " down", "."]);
        let b = cells(&["The", " old", " cat", " sat", "."]);
        let pairing = Pairing::new(("The cat sat down.", &a), ("The old cat sat.", &b));
        let mut at = [0, 0];
        for s in &pairing.segments {
            assert_eq!([s.original.start, s.paraphrase.start], at);
            at = [s.original.end, s.paraphrase.end];
        }
        assert_eq!(at, [a.len(), b.len()]);
        let equal = |o: Range<usize>, p: Range<usize>| Segment { original: o, paraphrase: p, differs: false };
        assert!(pairing.segments.contains(&equal(2..4, 3..4)), "s|at meets sat: {pairing:?}");
        assert!(pairing.segments.contains(&Segment { original: 1..1, paraphrase: 1..2, differs: true }));
        assert_eq!(pairing.kept_percent, 80);
    }

    #[test]
    fn empty_texts_and_tokens_without_text_are_fine() {
        let bos = [Cell::default()];
        let pairing = Pairing::new(("", &bos), ("", &[]));
        assert_eq!(pairing.segments, [Segment { original: 0..1, paraphrase: 0..0, differs: false }]);
        assert_eq!(Pairing::new(("", &[]), ("", &[])).segments, []);
    }
}
