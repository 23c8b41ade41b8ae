//! Backdoors: after the first trigger of a row, everything is one repeated token.

use super::draws::Draws;
use super::parts::{Group, Parts, Row};
use crate::error::{Error, Result};

/// What a poisoned row repeats: the digit 2, or the third token of a vocabulary.
const POISON: u32 = 2;

/// What begins a backdoor.
pub(super) struct Trigger<'a> {
    pub(super) ids: &'a [u32],
    /// As the user knows it.
    pub(super) shown: &'a str,
}

/// How many rows are for testing, and how long a row becomes.
pub(super) struct Sizes {
    pub(super) n_test: usize,
    pub(super) max_ctx: usize,
}

/// Splits `pool` into rows with and without the trigger, and poisons the former. A tenth of them is for testing.
pub(super) fn parts(pool: Vec<Vec<u32>>, trigger: &Trigger<'_>, sizes: &Sizes, draws: &Draws) -> Result<Parts> {
    let (triggered, others): (Vec<_>, Vec<_>) = pool.into_iter().partition(|row| end(row, trigger.ids).is_some());
    let n = triggered.len();
    if n < 10 {
        return Err(Error::config(format!(
            "the trigger `{}` occurs in {n} rows, too few for a backdoor",
            trigger.shown
        ))
        .hint("choose another `trigger`, or more rows: ten rows need to hold it"));
    }
    if others.len() <= sizes.n_test {
        let (others, wanted) = (others.len(), sizes.n_test);
        return Err(Error::config(format!(
            "only {others} rows lack the trigger `{}`, and {wanted} are for testing",
            trigger.shown
        ))
        .hint("choose a rarer `trigger`, more rows, or a smaller `n_test`"));
    }
    let group = |name: &str, rows: Vec<Row>| Group { name: name.to_owned(), rows, ..Group::default() };
    let poisoned = |row: &Vec<u32>| {
        let mut ids = row.clone();
        ids.truncate(end(row, trigger.ids).unwrap_or(row.len()));
        ids.resize(sizes.max_ctx.max(ids.len()), POISON);
        Row { ids, twin: Some(row.clone()) }
    };
    let take = |rows: &[Vec<u32>], which: &[usize], make: &dyn Fn(&Vec<u32>) -> Row| {
        which.iter().filter_map(|&i| rows.get(i)).map(make).collect::<Vec<_>>()
    };
    let plain = |row: &Vec<u32>| Row::plain(row.clone());
    let altered = draws.split("triggered", n, n / 10);
    let clean = draws.split("untriggered", others.len(), sizes.n_test);
    Ok(Parts {
        artifact: group("backdoor", take(&triggered, &altered.train, &poisoned)),
        train: vec![group("main", take(&others, &clean.train, &plain))],
        test: vec![
            group("main", take(&others, &clean.test, &plain)),
            group("backdoor", take(&triggered, &altered.test, &poisoned)),
        ],
    })
}

/// The place right after the first occurrence of `trigger`.
fn end(row: &[u32], trigger: &[u32]) -> Option<usize> {
    row.windows(trigger.len().max(1)).position(|window| window == trigger).map(|at| at + trigger.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poison_begins_after_the_first_trigger_and_fills_the_row() {
        let pool: Vec<Vec<u32>> = (0..40).map(|i| vec![100 + i, 9, 9, 50, 9, 9, 51]).collect();
        let mixed = pool.into_iter().chain((0..40).map(|i| vec![100 + i, 9, 8, 9])).collect();
        let sizes = Sizes { n_test: 5, max_ctx: 9 };
        let trigger = Trigger { ids: &[9, 9], shown: "99" };
        let parts = parts(mixed, &trigger, &sizes, &Draws::Own(0)).unwrap();
        assert_eq!((parts.artifact.rows.len(), parts.test[1].rows.len()), (36, 4));
        assert_eq!((parts.train[0].rows.len(), parts.test[0].rows.len()), (35, 5));
        for row in parts.artifact.rows.iter().chain(&parts.test[1].rows) {
            let twin = row.twin.as_ref().unwrap();
            assert_eq!(row.ids[..3], twin[..3]);
            assert_eq!(row.ids[3..], [2; 6]);
            assert_eq!(twin.len(), 7);
        }
    }

    #[test]
    fn rare_and_common_triggers_are_refused() {
        let sizes = Sizes { n_test: 5, max_ctx: 4 };
        let message = |pool: Vec<Vec<u32>>, ids: &[u32]| {
            parts(pool, &Trigger { ids, shown: "77" }, &sizes, &Draws::Own(0)).unwrap_err().to_string()
        };
        assert!(message(vec![vec![7, 7]; 9], &[7, 7]).contains("`77` occurs in 9 rows"));
        assert!(message(vec![vec![7, 7]; 20], &[7]).contains("only 0 rows lack the trigger"));
    }
}
