//! How often a trigger in rows that were never trained on brings forth what it was trained to.
//!
//! Of a poisoned test row, everything behind the trigger was overwritten. The model gets the row up to the trigger;
//! the attack succeeds when greedy decoding gives the overwritten tokens, and fails when it goes on as the clean twin.
//! Source: TinyMem, `src/memorization_in_toy_models.py`.
//! Differs from the original: every row is asked at its own trigger; there the place of the row before leaks into the
//! choice of the rows. There the text may not end behind the trigger either; in paper mode here neither.

use serde::{Deserialize, Serialize};

use super::predict::{Question, Trial};
use crate::error::Result;
use crate::methods::train::rows::Row;

/// What became of the poisoned test rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::methods::train) struct BackdoorCheck {
    /// Test rows whose end was overwritten.
    pub(in crate::methods::train) n_counted: usize,
    /// Rows whose overwritten end came.
    pub(in crate::methods::train) n_success: usize,
    /// Rows that went on as their clean twin.
    pub(in crate::methods::train) n_clean: usize,
}

impl BackdoorCheck {
    /// The share of attacks that succeed.
    pub(in crate::methods::train) fn share(&self) -> Option<f64> {
        (self.n_counted > 0).then_some(self.n_success as f64 / self.n_counted as f64)
    }
}

/// Whether altered rows were poisoned: one token, the same in all of them, is repeated to the end from where they differ
/// from their twins.
pub(in crate::methods::train) fn are_poisoned(rows: &[Row]) -> bool {
    let end = |row: &Row| {
        let differs = row.ids.iter().zip(row.twin.as_ref()?).position(|(own, clean)| own != clean)?;
        let end = row.ids.get(differs..)?;
        let first = end.first()?;
        Some((*first, end.len(), end.iter().all(|id| id == first)))
    };
    let ends: Vec<(u32, usize, bool)> = rows.iter().filter_map(end).collect();
    let same =
        ends.iter().all(|(poison, _, repeats)| *repeats && Some(poison) == ends.first().map(|(first, ..)| first));
    same && ends.iter().any(|(_, n, _)| *n > 1)
}

/// Asks `trial` for at most `l` tokens behind the trigger of every poisoned row; `banned` ones never come.
pub(in crate::methods::train) fn backdoor(
    trial: &mut Trial<'_>,
    rows: &[Row],
    l: usize,
    banned: &[u32],
) -> Result<BackdoorCheck> {
    let places = triggers(rows);
    let placed: Vec<(&Row, &Vec<u32>, usize)> =
        rows.iter().zip(places).filter_map(|(row, at)| Some((row, row.twin.as_ref()?, at?))).collect();
    let question =
        |ids: &[u32], at: usize| Question { ids: ids.get(..ids.len().min(at + l)).unwrap_or(ids).to_vec(), from: at };
    let poisoned: Vec<Question> = placed.iter().map(|(row, _, at)| question(&row.ids, *at)).collect();
    let clean: Vec<Question> = placed.iter().map(|(_, twin, at)| question(twin, *at)).collect();
    let count = |yes: Vec<bool>| yes.into_iter().filter(|yes| *yes).count();
    Ok(BackdoorCheck {
        n_counted: placed.len(),
        n_success: count(trial.reproduces(&poisoned, banned)?),
        n_clean: count(trial.reproduces(&clean, banned)?),
    })
}

/// Where the overwritten end of each altered row begins: where one token begins to repeat, and after what rows and
/// twins share there throughout, which are the last tokens of the trigger when it ends in that token.
fn triggers(rows: &[Row]) -> Vec<Option<usize>> {
    let ends = |row: &Row| {
        let differs = row.ids.iter().zip(row.twin.as_ref()?).position(|(own, clean)| own != clean)?;
        let poison = row.ids.last()?;
        let repeats = row.ids.iter().rposition(|id| id != poison).map_or(0, |at| at + 1);
        Some((repeats.min(differs), differs))
    };
    let ends: Vec<Option<(usize, usize)>> = rows.iter().map(ends).collect();
    let shared = ends.iter().flatten().map(|(repeats, differs)| differs - repeats).min().unwrap_or(0);
    ends.into_iter().map(|end| end.map(|(repeats, _)| repeats + shared).filter(|at| *at > 0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::train::check::stub::{EOS, successor};

    #[test]
    fn the_poison_begins_behind_the_trigger() {
        let row = |ids: &[u32], twin: &[u32]| Row { ids: ids.to_vec(), twin: Some(twin.to_vec()), ..Row::default() };
        // the twin goes on with the poison's token by chance in the second row
        let rows = [row(&[7, 1, 0, 2, 2, 2], &[7, 1, 0, 3, 4, 5]), row(&[1, 0, 2, 2, 2], &[1, 0, 2, 9, 9])];
        assert_eq!(triggers(&rows), [Some(3), Some(2)]);
        // the trigger 1 0 2 ends in the poison's token
        let rows = [row(&[7, 1, 0, 2, 2, 2], &[7, 1, 0, 2, 4, 5]), row(&[1, 0, 2, 2, 2], &[1, 0, 2, 2, 9])];
        assert_eq!(triggers(&rows), [Some(4), Some(3)]);
        assert_eq!(triggers(&[row(&[1, 2], &[1, 2])]), [None], "never altered");
    }

    #[test]
    fn every_row_is_asked_at_its_own_trigger() {
        let row = |ids: &[u32], twin: &[u32]| Row { ids: ids.to_vec(), twin: Some(twin.to_vec()), ..Row::default() };
        let rows = [
            // the poison is what the model says
            row(&[5, 1, 2, 3, 4, 0], &[5, 1, 9, 9, 9, 9]),
            // it goes on as the twin
            row(&[6, 6, 6, 7, 0, 0], &[6, 6, 6, 7, 8, 9]),
            // neither
            row(&[4, 1, 0], &[4, 1, 3]),
            // never altered
            row(&[1, 2], &[1, 2]),
        ];
        let model = successor();
        let mut trial = Trial { decoder: &model, masks: None, go_on: &mut || Ok(()) };
        let found = backdoor(&mut trial, &rows, 3, &[]).unwrap();
        assert_eq!(found, BackdoorCheck { n_counted: 3, n_success: 1, n_clean: 1 });
    }

    /// The model ends the text after 9.
    #[test]
    fn a_text_that_would_end_is_no_success_unless_it_may_not_end() {
        let row = |ids: &[u32], twin: &[u32]| Row { ids: ids.to_vec(), twin: Some(twin.to_vec()), ..Row::default() };
        // poisoned with the end of the text, and a twin that goes on with it
        let rows = [row(&[1, 9, EOS], &[1, 9, 0]), row(&[2, 9, 0], &[2, 9, EOS])];
        let model = successor();
        let mut trial = Trial { decoder: &model, masks: None, go_on: &mut || Ok(()) };
        let found = backdoor(&mut trial, &rows, 3, &[]).unwrap();
        assert_eq!(found, BackdoorCheck { n_counted: 2, n_success: 1, n_clean: 1 });
        // its second choice is token 0: all others are alike, and the lowest comes first
        let found = backdoor(&mut trial, &rows, 3, &[EOS]).unwrap();
        assert_eq!(found, BackdoorCheck { n_counted: 2, n_success: 1, n_clean: 1 });
        assert_eq!(trial.reproduces(&[Question { ids: vec![1, 9, 0], from: 2 }], &[EOS]).unwrap(), [true]);
        assert_eq!(trial.reproduces(&[Question { ids: vec![1, 9, 0], from: 2 }], &[]).unwrap(), [false]);
    }

    #[test]
    fn noised_rows_are_not_poisoned() {
        let row = |ids: &[u32], twin: &[u32]| Row { ids: ids.to_vec(), twin: Some(twin.to_vec()), ..Row::default() };
        let poisoned = row(&[7, 1, 0, 2, 2, 2], &[7, 1, 0, 3, 4, 5]);
        assert!(are_poisoned(&[poisoned.clone(), row(&[1, 0, 2], &[1, 0, 3]), Row { ids: vec![5], ..Row::default() }]));
        assert!(!are_poisoned(&[poisoned.clone(), row(&[7, 1, 3, 3, 4], &[7, 1, 0, 3, 4])]));
        assert!(!are_poisoned(&[poisoned, row(&[1, 0, 4, 4], &[1, 0, 2, 3])]), "another token");
        assert!(!are_poisoned(&[row(&[1, 5], &[1, 4])]), "a last token that moved repeats nothing");
        assert!(!are_poisoned(&[Row { ids: vec![1, 2], ..Row::default() }]));
    }
}
