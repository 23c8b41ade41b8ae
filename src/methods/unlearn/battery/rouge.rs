//! ROUGE-L recall: the longest common subsequence of words over the words of the truth.
//!
//! Words are runs of letters and digits in lower case, without stemming, which the published metric has.
//! Source: Lin 2004, "ROUGE: a package for automatic evaluation of summaries", section 3.

/// Words of a text.
pub(super) fn words(text: &str) -> Vec<String> {
    let split = text.split(|c: char| !c.is_alphanumeric());
    split.filter(|w| !w.is_empty()).map(str::to_lowercase).collect()
}

/// Share of `truth` that is in the longest common subsequence; `None` without truth.
pub(super) fn recall<T: PartialEq>(found: &[T], truth: &[T]) -> Option<f64> {
    (!truth.is_empty()).then(|| subsequence(found, truth) as f64 / truth.len() as f64)
}

/// Length of the longest common subsequence.
fn subsequence<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (j, y) in b.iter().enumerate() {
            let up = row[j + 1];
            row[j + 1] = if x == y { diagonal + 1 } else { up.max(row[j]) };
            diagonal = up;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_by_hand() {
        assert_eq!(words("The cat, 2nd-born; sat!"), ["the", "cat", "2nd", "born", "sat"]);
        let recall = |a: &str, b: &str| recall(&words(a), &words(b));
        assert_eq!(recall("police killed the gunman", "police kill the gunman"), Some(0.75));
        assert_eq!(recall("the gunman kill police", "police kill the gunman"), Some(0.5));
        assert_eq!(recall("", "a"), Some(0.0));
        assert_eq!(recall("a", "..."), None);
    }
}
