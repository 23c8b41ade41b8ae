//! The parts of a set, and how they become records.

use super::draws::Draws;
use crate::data::Record;

/// A row and, where it was altered, what it was before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) ids: Vec<u32>,
    pub(super) twin: Option<Vec<u32>>,
}

impl Row {
    pub(super) fn plain(ids: Vec<u32>) -> Self {
        Self { ids, twin: None }
    }
}

/// Rows of one kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    /// `noise`, `backdoor`, `main`, `extra 3`.
    pub(super) name: String,
    /// Where they came from: `increment 7`.
    pub(super) source: String,
    pub(super) rows: Vec<Row>,
}

/// A whole set, before the altered rows are repeated.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// Altered training rows; none when nothing is altered.
    pub(super) artifact: Group,
    pub(super) train: Vec<Group>,
    pub(super) test: Vec<Group>,
}

impl Parts {
    pub(super) fn n_train(&self) -> usize {
        self.artifact.rows.len() + self.train.iter().map(|group| group.rows.len()).sum::<usize>()
    }

    pub(super) fn n_test(&self) -> usize {
        self.test.iter().map(|group| group.rows.len()).sum()
    }

    /// The records: altered training rows first, then the other training rows, then test rows.
    ///
    /// With `powers`, altered rows are dealt at random into as many classes, and a row of class p is seen 10^p times.
    pub(super) fn records(
        self,
        powers: &[u32],
        draws: &mut Draws,
        take: &mut dyn FnMut(Record) -> crate::error::Result<()>,
    ) -> crate::error::Result<()> {
        let mut classes = vec![None; self.artifact.rows.len()];
        if !powers.is_empty() {
            for (i, row) in draws.order(classes.len()).into_iter().enumerate() {
                if let (Some(class), Some(power)) = (classes.get_mut(row), powers.get(i % powers.len())) {
                    *class = Some(10_u32.saturating_pow(*power));
                }
            }
        }
        let mut number = 0;
        let mut emit = |part: &str, group: &str, source: &str, row: Row, copies: u32| {
            number += 1;
            take(Record {
                row: number - 1,
                token_ids: Some(row.ids),
                twin: row.twin,
                part: Some(part.to_owned()),
                group: Some(group.to_owned()),
                source: Some(source.to_owned()),
                copies,
                ..Record::default()
            })
        };
        let Group { name, source, rows } = self.artifact;
        for (row, copies) in rows.into_iter().zip(classes) {
            let class = copies.map(|copies| format!("x{copies}"));
            emit("train", class.as_ref().unwrap_or(&name), &source, row, copies.unwrap_or(1))?;
        }
        for (part, groups) in [("train", self.train), ("test", self.test)] {
            for group in groups {
                for row in group.rows {
                    emit(part, &group.name, &group.source, row, 1)?;
                }
            }
        }
        Ok(())
    }
}
