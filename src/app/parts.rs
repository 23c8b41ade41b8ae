//! Parts of the tables of runs: the window never holds a long table as a whole.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::runs::RunDetails;
use super::worker::Trouble;
use crate::methods::Table;

/// Rows that are shown, and held, at once.
pub const PAGE_ROWS: usize = 20_000;

/// Who looks at a part; each holds one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Viewer {
    /// The tables of the Runs view.
    Details,
    /// The tables of the Figures view.
    Figures,
    /// The rows behind a brushed mark.
    Brush,
}

/// Rows of a table that somebody wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// Id of the run.
    pub run: String,
    /// The file of the table.
    pub file: String,
    /// Ascending, without overlap.
    pub rows: Vec<Range<usize>>,
}

/// The wanted rows, or why they cannot be had.
#[derive(Clone, Debug)]
pub struct TablePart {
    /// What was asked for.
    pub want: Want,
    /// The rows in ascending order.
    pub table: Result<Arc<Table>, Trouble>,
}

/// What can be drawn of a want.
#[derive(Debug)]
pub enum Found<'a> {
    /// The rows; the first of the page is this row of the table.
    Here(&'a Arc<Table>),
    /// Being read.
    Coming,
    /// Not to be had.
    Failed(&'a Trouble),
}

impl Want {
    /// Page `page` of a table.
    pub fn page(run: &str, file: &str, page: usize) -> Self {
        let start = page * PAGE_ROWS;
        Self { run: run.to_owned(), file: file.to_owned(), rows: vec![start..start + PAGE_ROWS] }
    }

    /// Single rows of a table, in any order.
    pub fn rows(run: &str, file: &str, rows: &[usize]) -> Self {
        let mut sorted = rows.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for row in sorted {
            match ranges.last_mut() {
                Some(last) if last.end == row => last.end += 1,
                _ => ranges.push(row..row + 1),
            }
        }
        Self { run: run.to_owned(), file: file.to_owned(), rows: ranges }
    }

    /// Where each of `rows` stands among the wanted ones; `None` for rows that are not wanted.
    pub fn places(&self, rows: &[usize]) -> Vec<Option<usize>> {
        let mut starts = Vec::with_capacity(self.rows.len());
        let mut before = 0;
        for range in &self.rows {
            starts.push(before);
            before += range.len();
        }
        let place = |row: &usize| {
            let at = self.rows.partition_point(|r| r.end <= *row);
            self.rows.get(at).filter(|r| r.contains(row)).map(|r| starts.get(at).map_or(0, |s| s + row - r.start))
        };
        rows.iter().map(place).collect()
    }
}

/// Which page of a table is looked at, and what was asked for to show it.
#[derive(Debug, Default)]
pub struct Pager {
    of: (String, usize),
    page: usize,
    asked: Option<Want>,
}

impl Pager {
    /// The page of this table; another table begins at its first.
    pub fn page(&mut self, run: &str, table: usize) -> &mut usize {
        if self.of.0 != run || self.of.1 != table {
            *self = Self { of: (run.to_owned(), table), ..Self::default() };
        }
        &mut self.page
    }

    /// The rows of the page, from what was read of the run or from `parts`; otherwise they are asked for by `ask`, once.
    pub fn find<'a>(
        &mut self,
        viewer: Viewer,
        details: &'a RunDetails,
        parts: &'a BTreeMap<Viewer, Arc<TablePart>>,
        ask: impl FnOnce(Want),
    ) -> Found<'a> {
        let (page, table) = (self.page, self.of.1);
        if let Some(head) = details.tables.get(table).filter(|_| page == 0) {
            return Found::Here(head);
        }
        let file = details.table_files.get(table).map_or("", String::as_str);
        self.part(viewer, Want::page(&details.id, file, page), parts, ask)
    }

    /// The wanted rows from `parts`; otherwise they are asked for by `ask`, once.
    pub fn part<'a>(
        &mut self,
        viewer: Viewer,
        want: Want,
        parts: &'a BTreeMap<Viewer, Arc<TablePart>>,
        ask: impl FnOnce(Want),
    ) -> Found<'a> {
        if let Some(part) = parts.get(&viewer).filter(|p| p.want == want) {
            return match &part.table {
                Ok(table) => Found::Here(table),
                Err(trouble) => Found::Failed(trouble),
            };
        }
        if self.asked.as_ref() != Some(&want) {
            self.asked = Some(want.clone());
            ask(want);
        }
        Found::Coming
    }
}

/// Pages of a table of `rows` rows; at least one.
pub fn n_pages(rows: usize) -> usize {
    rows.div_ceil(PAGE_ROWS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_rows_become_ranges_and_are_found_again() {
        let want = Want::rows("r", "f", &[9, 3, 4, 3, 12]);
        assert_eq!(want.rows, [3..5, 9..10, 12..13]);
        assert_eq!(want.places(&[4, 12, 9, 5]), [Some(1), Some(3), Some(2), None]);
    }

    #[test]
    fn a_page_is_asked_for_once_and_another_table_begins_at_the_first() {
        let table = |n: usize| Arc::new(Table::new("t", "T").column("row", "", "", crate::methods::Values::ints(0..n)));
        let details = RunDetails {
            id: "r".into(),
            tables: vec![table(3), table(2)],
            table_rows: vec![2 * PAGE_ROWS + 1, 2],
            table_files: vec!["a.csv".into(), "b.csv".into()],
            ..RunDetails::default()
        };
        assert_eq!(n_pages(2 * PAGE_ROWS + 1), 3);
        let (mut pager, mut parts, mut asked) = (Pager::default(), BTreeMap::new(), Vec::new());
        *pager.page("r", 0) = 2;
        for _ in 0..3 {
            let found = pager.find(Viewer::Details, &details, &parts, |want| asked.push(want));
            assert!(matches!(found, Found::Coming), "not read yet");
        }
        let want = Want::page("r", "a.csv", 2);
        assert_eq!(asked, std::slice::from_ref(&want), "asked for once");
        parts.insert(Viewer::Details, Arc::new(TablePart { want, table: Ok(table(1)) }));
        let found = pager.find(Viewer::Details, &details, &parts, |_| panic!("it is there"));
        assert!(matches!(found, Found::Here(t) if t.rows() == 1), "the part");
        assert_eq!(*pager.page("r", 1), 0, "another table");
        let found = pager.find(Viewer::Details, &details, &parts, |_| panic!("its beginning is there"));
        assert!(matches!(found, Found::Here(t) if t.rows() == 2), "the beginning of the other table");
    }
}
