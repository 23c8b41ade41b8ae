//! How many training rows the model reproduces from their prefix, under two protocols.
//!
//! A row counts as memorized when greedy decoding from its first k tokens gives the next l exactly, or as many as it
//! has: one token behind the prefix suffices, and how many rows have all l is counted beside the share. Of rows with a clean twin only those count whose l tokens differ from the twin's.
//! `trained_prefix`: the prefix the model was trained on; an end-of-text token is a token like any other and ends the
//! comparison. `clean_prefix`: the twin's prefix, and no end-of-text token may be chosen, as TinyMem's code measures:
//! rows whose prefix was altered too are then asked for something they never followed, and rows that end within l
//! tokens cannot count. Both confounds are counted beside the shares.
//! Cost: one teacher-forced pass a protocol decides it: greedy decoding gives the true tokens exactly when each is the
//! likeliest after those before it.

use serde::{Deserialize, Serialize};

use super::predict::{Question, Trial};
use crate::error::Result;
use crate::methods::train::rows::Row;

/// How a row is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::methods::train) enum Protocol {
    /// By the prefix it was trained with.
    TrainedPrefix,
    /// By the prefix of its clean twin, without end-of-text tokens.
    CleanPrefix,
}

/// What became of the rows of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::methods::train) struct MemorizationCheck {
    /// Rows that were looked at.
    pub(in crate::methods::train) n_rows: usize,
    /// Rows that count: long enough, and altered within the l tokens if they have a twin.
    pub(in crate::methods::train) n_counted: usize,
    /// Of these, rows with all l tokens behind the prefix.
    pub(in crate::methods::train) n_full: usize,
    /// Of these, rows with a clean twin.
    pub(in crate::methods::train) n_with_twin: usize,
    /// Of these, rows whose prefix is that of their twin.
    pub(in crate::methods::train) n_same_prefix: usize,
    /// Of these, rows with an end-of-text token among the l tokens.
    pub(in crate::methods::train) n_with_eos: usize,
    /// Rows reproduced from the prefix they were trained with.
    pub(in crate::methods::train) n_trained_prefix: usize,
    /// Rows reproduced from the clean prefix; absent without twins.
    pub(in crate::methods::train) n_clean_prefix: Option<usize>,
    /// Rows whose clean continuation comes from the clean prefix; absent without twins.
    pub(in crate::methods::train) n_clean_continuation: Option<usize>,
}

impl MemorizationCheck {
    /// The share of rows that are memorized; by the clean prefix, of those that have one.
    pub(in crate::methods::train) fn share(&self, protocol: Protocol) -> Option<f64> {
        match protocol {
            Protocol::TrainedPrefix => share(self.n_trained_prefix, self.n_counted),
            Protocol::CleanPrefix => share(self.n_clean_prefix?, self.n_with_twin),
        }
    }

    /// The share of rows with a clean twin that go on as it does.
    pub(in crate::methods::train) fn clean_share(&self) -> Option<f64> {
        share(self.n_clean_continuation?, self.n_with_twin)
    }
}

fn share(n: usize, of: usize) -> Option<f64> {
    (of > 0).then_some(n as f64 / of as f64)
}

/// Asks `trial` for the first rows of a group.
pub(in crate::methods::train) fn memorized(
    trial: &mut Trial<'_>,
    rows: &[Row],
    [k, l]: [usize; 2],
    eos: &[u32],
) -> Result<MemorizationCheck> {
    let counted: Vec<&Row> = rows.iter().filter(|row| counts(row, k, l)).collect();
    let twins: Vec<(&Row, &Vec<u32>)> = counted.iter().filter_map(|row| Some((*row, row.twin.as_ref()?))).collect();
    let trained: Vec<Question> = counted.iter().map(|row| until_eos(&row.ids, k, l, eos)).collect();
    let mut check = MemorizationCheck {
        n_rows: rows.len(),
        n_counted: counted.len(),
        n_full: counted.iter().filter(|row| row.ids.len() >= k + l).count(),
        n_with_twin: twins.len(),
        n_same_prefix: twins.iter().filter(|(row, twin)| row.ids.get(..k) == twin.get(..k)).count(),
        n_with_eos: counted.iter().filter(|row| window(&row.ids, k, l).iter().any(|id| eos.contains(id))).count(),
        n_trained_prefix: count(&trial.reproduces(&trained, &[])?),
        ..MemorizationCheck::default()
    };
    if !twins.is_empty() {
        let altered: Vec<Question> =
            twins.iter().map(|(row, twin)| joined(twin.get(..k).unwrap_or(twin), window(&row.ids, k, l))).collect();
        let clean: Vec<Question> =
            twins.iter().map(|(_, twin)| joined(twin.get(..k).unwrap_or(twin), window(twin, k, l))).collect();
        check.n_clean_prefix = Some(count(&trial.reproduces(&altered, eos)?));
        check.n_clean_continuation = Some(count(&trial.reproduces(&clean, eos)?));
    }
    Ok(check)
}

fn count(yes: &[bool]) -> usize {
    yes.iter().filter(|yes| **yes).count()
}

/// The l tokens behind the first k; fewer where the row ends.
fn window(ids: &[u32], k: usize, l: usize) -> &[u32] {
    ids.get(k..ids.len().min(k + l)).unwrap_or_default()
}

/// Whether a row says something: it goes on behind its prefix, and differently from its twin.
fn counts(row: &Row, k: usize, l: usize) -> bool {
    let own = window(&row.ids, k, l);
    match &row.twin {
        None => !own.is_empty(),
        Some(twin) => !own.is_empty() && twin.len() > k && own != window(twin, k, l),
    }
}

fn joined(prefix: &[u32], continuation: &[u32]) -> Question {
    Question { ids: [prefix, continuation].concat(), from: prefix.len() }
}

/// Prefix and continuation of a row; its end-of-text token is the last that is compared.
fn until_eos(ids: &[u32], k: usize, l: usize, eos: &[u32]) -> Question {
    let own = window(ids, k, l);
    let end = own.iter().position(|id| eos.contains(id)).map_or(own.len(), |at| at + 1);
    joined(ids.get(..k).unwrap_or(ids), own.get(..end).unwrap_or(own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::train::check::stub::{EOS, successor, successor_of};

    fn row(ids: &[u32], twin: &[u32]) -> Row {
        let twin = (!twin.is_empty()).then(|| twin.to_vec());
        Row { ids: ids.to_vec(), twin, copies: 1, ..Row::default() }
    }

    fn check(rows: &[Row]) -> MemorizationCheck {
        let model = successor();
        let mut trial = Trial { decoder: &model, masks: None, go_on: &mut || Ok(()) };
        memorized(&mut trial, rows, [2, 3], &[EOS]).unwrap()
    }

    /// The model says t + 1 after t, and the end of text after 9.
    #[test]
    fn both_protocols_by_hand() {
        let found = check(&[
            // altered into what the model says
            row(&[0, 1, 2, 3, 4], &[0, 1, 2, 8, 4]),
            // the model goes on as the twin
            row(&[0, 1, 5, 6, 7], &[0, 1, 2, 3, 4]),
            // memorized, but the clean prefix leads elsewhere
            row(&[3, 4, 5, 6, 7], &[3, 0, 9, 9, 9]),
            // memorized up to its end; the clean protocol forbids the end
            row(&[7, 8, 9, EOS], &[7, 8, 8, EOS]),
            // altered only in its prefix: says nothing
            row(&[1, 2, 3, 4, 5], &[0, 2, 3, 4, 5]),
            // no continuation at all
            row(&[1, 2], &[1, 3]),
        ]);
        let wanted = MemorizationCheck {
            n_rows: 6,
            n_counted: 4,
            n_full: 3,
            n_with_twin: 4,
            n_same_prefix: 3,
            n_with_eos: 1,
            n_trained_prefix: 3,
            n_clean_prefix: Some(1),
            n_clean_continuation: Some(1),
        };
        assert_eq!(found, wanted);
        assert_eq!(found.share(Protocol::TrainedPrefix), Some(0.75));
        assert_eq!(found.clean_share(), Some(0.25));
    }

    #[test]
    fn shares_by_the_clean_prefix_are_of_rows_that_have_one() {
        let found = check(&[row(&[0, 1, 2, 3, 4], &[0, 1, 2, 8, 4]), row(&[0, 1, 5, 6, 7], &[]), row(&[0, 1, 2], &[])]);
        assert_eq!((found.n_counted, found.n_with_twin, found.n_full), (3, 1, 2));
        assert_eq!(found.share(Protocol::TrainedPrefix), Some(2.0 / 3.0));
        assert_eq!((found.share(Protocol::CleanPrefix), found.clean_share()), (Some(1.0), Some(0.0)));
    }

    #[test]
    fn rows_without_twins_count_when_they_go_on() {
        let found = check(&[row(&[0, 1, 2, 3], &[]), row(&[0, 1, 3], &[]), row(&[0, 1], &[])]);
        assert_eq!((found.n_counted, found.n_trained_prefix, found.n_clean_prefix), (2, 1, None));
        assert_eq!(check(&[]).share(Protocol::TrainedPrefix), None, "nothing is no share");
    }

    /// Rows of the published data that count, that have the clean prefix, and that end within the window; counted there
    /// with the original's code (k = l = 50).
    #[test]
    fn the_confounds_of_the_published_data() {
        use crate::data::DataSpec;
        use crate::data::make::Make;
        use crate::data::make::tinymem::{Task, TinyMem};
        use crate::methods::Compat;
        for (task, wanted) in [(Task::Increment, [588, 216, 26]), (Task::Mult, [605, 236, 4])] {
            let options = TinyMem { task, compat: Compat::Paper, extra_constants: Vec::new(), ..TinyMem::default() };
            let make = Make { tinymem: Some(options), ..Make::default() };
            let set = make.dataset(0, &DataSpec::default()).unwrap();
            let noised = set.records.into_iter().filter(|r| r.group.as_deref() == Some("noise"));
            let row = |r: crate::data::Record| Row { ids: r.token_ids.unwrap(), twin: r.twin, ..Row::default() };
            let rows: Vec<Row> = noised.map(row).collect();
            assert_eq!(rows.len(), 1000);
            let model = successor_of(14, 128);
            let mut trial = Trial { decoder: &model, masks: None, go_on: &mut || Ok(()) };
            let found = memorized(&mut trial, &rows, [50, 50], &[EOS]).unwrap();
            assert_eq!([found.n_counted, found.n_same_prefix, found.n_with_eos], wanted, "{task:?}");
        }
    }
}
