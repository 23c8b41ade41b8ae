//! How good a paraphrase is, before anything is measured on it.
//!
//! Base models asked to paraphrase mostly continue: their output shares few words with the original, repeats
//! itself, or is the original. These measures let such outputs be seen and left out.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation as _;

use super::overlap::edit_distance;
use super::zlib::compressed_len;
use crate::error::Result;

/// What distinguishes a paraphrase from its original.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Shared over all distinct words, split at white space, case kept.
    pub word_jaccard: f64,
    /// Edit distance of the characters (grapheme clusters) over the longer length: 0 the same, 1 nothing in common.
    pub edit_ratio: f64,
    /// Bytes over zlib bytes: above 6 is strongly repetitive.
    pub zlib_ratio: f64,
    /// Its length over the original's, in characters.
    pub length_ratio: f64,
    /// The original itself, but for outer white space.
    pub is_original: bool,
    /// The same as an earlier paraphrase of this original.
    pub is_duplicate: bool,
}

/// Measures paraphrase `index` of `paraphrases` against `original`.
pub fn quality(original: &str, paraphrases: &[String], index: usize) -> Result<Quality> {
    let paraphrase = paraphrases.get(index).map_or("", String::as_str);
    let [a, b] = numbered(original, paraphrase);
    let longer = a.len().max(b.len()).max(1) as f64;
    let earlier = paraphrases.iter().take(index);
    Ok(Quality {
        word_jaccard: word_jaccard(original, paraphrase),
        edit_ratio: edit_distance(&a, &b) as f64 / longer,
        zlib_ratio: paraphrase.len() as f64 / compressed_len(paraphrase.as_bytes())? as f64,
        length_ratio: b.len() as f64 / a.len().max(1) as f64,
        is_original: is_original(original, paraphrase),
        is_duplicate: earlier.into_iter().any(|e| e.trim() == paraphrase.trim()),
    })
}

/// The grapheme clusters of two texts as numbers, equal where they are equal: quick to compare.
fn numbered<'a>(a: &'a str, b: &'a str) -> [Vec<usize>; 2] {
    let mut numbers: BTreeMap<&'a str, usize> = BTreeMap::new();
    [a, b].map(|text| {
        let mut number = |g: &'a str| {
            let next = numbers.len();
            *numbers.entry(g).or_insert(next)
        };
        text.graphemes(true).map(&mut number).collect()
    })
}

/// Whether a paraphrase can be used: not empty, and not the original itself.
pub fn is_valid(original: &str, paraphrase: &str) -> bool {
    !paraphrase.trim().is_empty() && !is_original(original, paraphrase)
}

fn is_original(original: &str, paraphrase: &str) -> bool {
    original.trim() == paraphrase.trim()
}

/// Shared over all distinct words, split at white space; 1 for two texts without words.
pub fn word_jaccard(a: &str, b: &str) -> f64 {
    let [a, b]: [BTreeSet<&str>; 2] = [a, b].map(|t| t.split_whitespace().collect());
    let all = a.union(&b).count();
    if all == 0 { 1.0 } else { a.intersection(&b).count() as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(original: &str, paraphrases: &[&str], index: usize) -> Quality {
        let list: Vec<String> = paraphrases.iter().map(|&p| p.to_owned()).collect();
        quality(original, &list, index).unwrap()
    }

    #[test]
    fn measures_of_small_texts() {
        let q = of("the cat sat", &["the dog sat down"], 0);
        assert!((q.word_jaccard - 0.4).abs() < 1e-12, "2 of 5 words");
        // cat → dog and " down": 3 + 5 edits over 16 characters.
        assert!((q.edit_ratio - 0.5).abs() < 1e-12);
        assert!((q.length_ratio - 16.0 / 11.0).abs() < 1e-12);
        assert!(!q.is_original && !q.is_duplicate);
    }

    #[test]
    fn copies_are_flagged() {
        let q = of("same text", &["other", " same text\n", "other "], 1);
        assert!(q.is_original && !q.is_duplicate);
        assert!(of("same text", &["other", " same text\n", "other "], 2).is_duplicate);
        assert!(!is_valid("a", " a "));
        assert!(!is_valid("a", " \n"));
        assert!(is_valid("a", "b"));
    }

    #[test]
    fn repetition_compresses() {
        assert!(of("x", &[&"again ".repeat(100)], 0).zlib_ratio > 6.0);
    }

    #[test]
    fn characters_are_grapheme_clusters() {
        // One flag is two code points and eight bytes, but one character.
        assert_eq!(of("🇰🇷", &["🇫🇷"], 0).edit_ratio, 1.0);
        assert_eq!(of("e\u{301}a", &["a"], 0).edit_ratio, 0.5);
    }
}
