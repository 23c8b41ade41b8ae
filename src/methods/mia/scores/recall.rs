//! ReCaLL: LL(x given a prefix of nonmembers) / LL(x).   Source: Xie et al. 2024, arXiv:2406.15968, eq. 2.

/// From the two mean log-likelihoods; `None` when LL(x) is zero.
pub(in crate::methods::mia) fn score(conditional: f64, original: f64) -> Option<f64> {
    (original != 0.0).then(|| conditional / original)
}

/// The prefix of as many shots, from the last backwards, as fit into `room` tokens.
pub(in crate::methods::mia) fn prefix(shots: &[&[u32]], room: usize) -> Vec<u32> {
    let mut left = room;
    let fits = |shot: &&&[u32]| {
        let ok = shot.len() <= left;
        left -= if ok { shot.len() } else { 0 };
        ok
    };
    let kept: Vec<&[u32]> = shots.iter().rev().take_while(fits).copied().collect();
    kept.into_iter().rev().flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_shots_that_fit_stay_in_order() {
        let shots: [&[u32]; 3] = [&[1, 2, 3], &[4, 5], &[6]];
        assert_eq!(prefix(&shots, 10), [1, 2, 3, 4, 5, 6]);
        assert_eq!(prefix(&shots, 5), [4, 5, 6]);
        assert!(prefix(&shots, 0).is_empty());
    }
}
