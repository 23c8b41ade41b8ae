//! Which texts are the neighbors of which.

use std::collections::BTreeMap;

use super::samples::{Sample, Samples};
use crate::data::{Dataset, Record};
use crate::error::{Error, Result};
use crate::methods::common::tables::counted;

/// The neighbors of each sample: the paraphrases of the row with its text, or, where no row has any of the texts, of
/// the row at its place; or m rows a text, row i·m + j for text i.
///
/// Places are those in the files, one after the other: rows that are not measured have neighbors too.
pub(super) fn neighbors<'a>(data: &'a [Dataset], samples: &Samples<'_>) -> Result<Vec<Vec<&'a str>>> {
    let rows: Vec<&Record> = data.iter().flat_map(|d| &d.records).collect();
    if rows.is_empty() {
        return Err(Error::config("the score `neighborhood` needs the input `neighbors`"));
    }
    let n = samples.n_rows;
    let have_paraphrases = rows.iter().any(|r| !r.paraphrases.is_empty());
    if have_paraphrases && let Some(found) = by_text(&rows, samples)? {
        return Ok(found.into_iter().map(paraphrases).collect());
    }
    let fits = if have_paraphrases { rows.len() == n } else { rows.len().is_multiple_of(n.max(1)) };
    if !fits {
        let (found, wanted) = (counted(rows.len(), "row"), counted(n, "row"));
        return Err(Error::data(format!("{found} of neighbors for {wanted} of texts: every text needs as many"))
            .hint("give rows with the texts and their paraphrases, or as many rows for every row of the files"));
    }
    if let Some(set) = data.iter().chain(samples.list.iter().map(|s| s.data)).find(|set| !set.bad.is_empty()) {
        return Err(Error::data(
            "rows that could not be read were left out, so neighbors cannot be told by their place",
        )
        .hint("mend these rows, or give rows with the texts and their paraphrases")
        .at(&set.path));
    }
    if have_paraphrases {
        return Ok(samples.list.iter().filter_map(|s| rows.get(s.place)).map(|r| paraphrases(r)).collect());
    }
    let m = rows.len() / n.max(1);
    let own = |s: &Sample<'_>| rows.iter().skip(s.place * m).take(m).filter_map(|r| r.text.as_deref()).collect();
    Ok(samples.list.iter().map(own).collect())
}

fn paraphrases(row: &Record) -> Vec<&str> {
    row.paraphrases.iter().map(String::as_str).collect()
}

/// The rows with the texts of the samples; `None` when no row has any of them.
fn by_text<'a>(rows: &[&'a Record], samples: &Samples<'_>) -> Result<Option<Vec<&'a Record>>> {
    let known: BTreeMap<&str, &'a Record> = rows.iter().filter_map(|r| Some((r.text.as_deref()?, *r))).collect();
    let row_of = |s: &Sample<'_>| s.record.text.as_deref().and_then(|text| known.get(text)).copied();
    let found: Vec<&Record> = samples.list.iter().filter_map(row_of).collect();
    if found.is_empty() {
        return Ok(None);
    }
    match samples.list.iter().find(|s| row_of(s).is_none()) {
        None => Ok(Some(found)),
        Some(lost) => {
            let (n, all) = (samples.list.len() - found.len(), samples.list.len());
            let (row, name) = (lost.record.row + 1, &lost.data.name);
            Err(Error::data(format!(
                "{n} of {all} texts have no neighbors, though others do; the first is row {row} of {name}"
            ))
            .hint("give a row of `neighbors` with exactly the text of each row that is measured"))
        }
    }
}
