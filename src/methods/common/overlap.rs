//! How two sequences overlap.

/// Length of the longest common prefix.
pub fn common_prefix<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// Length of the longest run of equal elements, at any two places.
pub fn common_substring<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    let mut longest = 0;
    let mut row = vec![0_usize; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (j, y) in b.iter().enumerate() {
            let up = row[j + 1];
            row[j + 1] = if x == y { diagonal + 1 } else { 0 };
            longest = longest.max(row[j + 1]);
            diagonal = up;
        }
    }
    longest
}

/// Fewest insertions, deletions and replacements that turn `a` into `b` (Levenshtein).
pub fn edit_distance<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    let shared = common_prefix(a, b);
    let (a, b) = (&a[shared..], &b[shared..]);
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        let mut left = i + 1;
        for (y, cell) in b.iter().zip(&mut row[1..]) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = replaced.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_overlaps() {
        assert_eq!(common_prefix(&[1, 2, 3], &[1, 2, 4, 3]), 2);
        assert_eq!(common_substring(b"xabcdy", b"zzabcz"), 3);
        assert_eq!(common_substring(b"abab", b"babab"), 4);
        assert_eq!(common_substring::<u8>(b"", b"a"), 0);
    }

    #[test]
    fn known_distances() {
        assert_eq!(edit_distance(b"kitten", b"sitting"), 3);
        assert_eq!(edit_distance(b"flaw", b"lawn"), 2);
        assert_eq!(edit_distance(b"", b"abc"), 3);
        assert_eq!(edit_distance(b"abc", b""), 3);
        assert_eq!(edit_distance(b"same", b"same"), 0);
    }
}
