//! ReCaLL: LL(x given a prefix of nonmembers) / LL(x).   Source: Xie et al. 2024, arXiv:2406.15968, eq. 2.

/// From the two mean log-likelihoods; `None` when LL(x) is zero.
pub(in crate::methods::mia) fn score(conditional: f64, original: f64) -> Option<f64> {
    (original != 0.0).then(|| conditional / original)
}

/// The prefix of the shots, from the last backwards, that fit into `room` tokens, and how many these are.
pub(in crate::methods::mia) fn prefix(shots: &[&[u32]], room: usize) -> (Vec<u32>, usize) {
    let mut left = room;
    let fits = |shot: &&&[u32]| {
        let ok = shot.len() <= left;
        left -= if ok { shot.len() } else { 0 };
        ok
    };
    let kept: Vec<&[u32]> = shots.iter().rev().filter(fits).copied().collect();
    let n_kept = kept.len();
    (kept.into_iter().rev().flatten().copied().collect(), n_kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_shots_that_fit_stay_in_order() {
        let shots: [&[u32]; 3] = [&[1, 2, 3], &[4, 5], &[6]];
        assert_eq!(prefix(&shots, 10), (vec![1, 2, 3, 4, 5, 6], 3));
        assert_eq!(prefix(&shots, 5), (vec![4, 5, 6], 2));
        assert_eq!(prefix(&shots, 0), (vec![], 0));
        let shots: [&[u32]; 3] = [&[1], &[2, 3, 4], &[5]];
        assert_eq!(prefix(&shots, 3), (vec![1, 5], 2), "one that does not fit does not keep others out");
    }
}
