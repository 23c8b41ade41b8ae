//! The k largest or smallest of many numbers, by selection and not by sorting.
//!
//! Equal numbers are taken from the lower index on, so that a choice depends on the numbers alone. Cost: about two
//! passes over the numbers and one word of memory a number.

use crate::tensor::Real;

/// Whose `k` are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Largest,
    Smallest,
}

/// The indices of the `k` numbers at one end, ascending, and how many numbers equal the last one taken.
/// NaN counts as larger than every number.
pub fn select(values: &[Real], k: usize, end: End) -> (Vec<u32>, usize) {
    let (mut lists, n_ties) = select_among(&[values], k, end);
    (lists.pop().unwrap_or_default(), n_ties)
}

/// As [`select`], among the numbers of all lists together: the indices in each list. Of equal numbers, those of earlier
/// lists come first. A list has less than 2³² numbers; all together may have more.
pub fn select_among(lists: &[&[Real]], k: usize, end: End) -> (Vec<Vec<u32>>, usize) {
    let k = k.min(lists.iter().map(|list| list.len()).sum());
    if k == 0 {
        return (vec![Vec::new(); lists.len()], 0);
    }
    // the order of the numbers as the order of integers, the wanted end first
    let key = |x: Real| match end {
        End::Largest => !ascending(x),
        End::Smallest => ascending(x),
    };
    let mut keys: Vec<_> = lists.iter().copied().flatten().map(|x| key(*x)).collect();
    let cut = *keys.select_nth_unstable(k - 1).1;
    // those before the k-th, which are not larger than it
    let n_before = keys[..k].iter().filter(|x| **x < cut).count();
    drop(keys);
    let mut ties_left = k - n_before;
    let mut n_ties = 0;
    let mut of_list = |values: &&[Real]| {
        let mut chosen = Vec::new();
        for (i, x) in values.iter().enumerate() {
            match key(*x).cmp(&cut) {
                std::cmp::Ordering::Less => chosen.push(i as u32),
                std::cmp::Ordering::Equal => {
                    n_ties += 1;
                    if ties_left > 0 {
                        ties_left -= 1;
                        chosen.push(i as u32);
                    }
                }
                std::cmp::Ordering::Greater => {}
            }
        }
        chosen
    };
    let chosen = lists.iter().map(&mut of_list).collect();
    (chosen, n_ties)
}

#[cfg(not(feature = "f64"))]
fn ascending(x: Real) -> u32 {
    let x = if x == 0.0 { 0.0 } else { x };
    let bits = x.to_bits();
    if x.is_nan() {
        u32::MAX
    } else if bits >> 31 == 1 {
        !bits
    } else {
        bits | 1 << 31
    }
}

#[cfg(feature = "f64")]
fn ascending(x: Real) -> u64 {
    let x = if x == 0.0 { 0.0 } else { x };
    let bits = x.to_bits();
    if x.is_nan() {
        u64::MAX
    } else if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn ties_go_to_the_lower_index_and_are_counted() {
        let values = [1.0, -2.0, 3.0, 1.0, -0.0, 0.0, 1.0];
        assert_eq!(select(&values, 2, End::Largest), (vec![0, 2], 3));
        assert_eq!(select(&values, 2, End::Smallest), (vec![1, 4], 2));
        assert_eq!(select(&values, 0, End::Largest), (vec![], 0));
        assert_eq!(select(&values, 99, End::Smallest).0.len(), 7);
        assert_eq!(select(&[1.0, Real::NAN, 2.0], 1, End::Largest).0, [1]);
    }

    /// Equal numbers in several lists, empty ones between them.
    #[test]
    fn among_lists_it_is_as_in_one() {
        let lists: [&[Real]; 4] = [&[1.0, 5.0], &[], &[5.0, 2.0, 5.0], &[9.0]];
        assert_eq!(select_among(&lists, 3, End::Largest), (vec![vec![1], vec![], vec![0], vec![0]], 3));
        assert_eq!(select_among(&lists, 2, End::Smallest), (vec![vec![0], vec![], vec![1], vec![]], 1));
        assert_eq!(select_among(&lists, 0, End::Largest), (vec![vec![]; 4], 0));
        assert_eq!(select_among(&[], 3, End::Largest), (vec![], 0));
    }

    #[test]
    fn a_selection_is_the_front_of_the_sorted_numbers() {
        let mut stream = Stream::new(3, "selection");
        let values: Vec<Real> = (0..1000).map(|_| (stream.normal() * 8.0).round() as Real + 0.0).collect(); // no −0, which is 0 here
        let mut order: Vec<u32> = (0..1000).collect();
        order.sort_by(|a, b| values[*b as usize].total_cmp(&values[*a as usize]).then(a.cmp(b)));
        for k in [1, 7, 500, 999, 1000] {
            let mut wanted = order[..k].to_vec();
            wanted.sort_unstable();
            assert_eq!(select(&values, k, End::Largest).0, wanted, "k = {k}");
        }
    }
}
