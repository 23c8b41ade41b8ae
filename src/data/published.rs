//! Published tables of membership inference: `method,auroc,fpr95,tpr05` with percentages.

use std::path::Path;

use crate::error::{Error, Result};

/// One line of such a table, as fractions.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedRow {
    /// Name of the score.
    pub method: String,
    /// Area under the curve.
    pub auroc: f64,
    /// False positive rate at 95 % true positives.
    pub fpr95: f64,
    /// True positive rate at 5 % false positives.
    pub tpr05: f64,
}

/// Reads a published table. A method that occurs twice keeps its last line: the release appends to its files.
///
/// # Errors
/// A missing file, column or number; the error names the line.
pub fn published(path: &Path) -> Result<Vec<PublishedRow>> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("reading", path, &e))?;
    parse(&bytes).map_err(|e| e.at(path))
}

fn parse(bytes: &[u8]) -> Result<Vec<PublishedRow>> {
    const COLUMNS: [&str; 4] = ["method", "auroc", "fpr95", "tpr05"];
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let head = reader.headers().map_err(|e| Error::data(format!("not a table: {e}")))?.clone();
    let place = |name: &str| {
        head.iter().position(|h| h.eq_ignore_ascii_case(name)).ok_or_else(|| {
            Error::data(format!("the column `{name}` is missing")).hint("the first line is method,auroc,fpr95,tpr05")
        })
    };
    let [method, auroc, fpr95, tpr05] = COLUMNS.map(place);
    let (method, places) = (method?, [auroc?, fpr95?, tpr05?]);
    let mut rows: Vec<PublishedRow> = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let line = i + 2;
        let record = record.map_err(|e| Error::data(format!("line {line}: {e}")))?;
        let cell = |place: usize| record.get(place).unwrap_or_default();
        let mut values = [0.0; 3];
        for (value, place) in values.iter_mut().zip(places) {
            *value = percent(cell(place))
                .ok_or_else(|| Error::data(format!("line {line}: `{}` is not a percentage", cell(place))))?;
        }
        let [auroc, fpr95, tpr05] = values;
        rows.retain(|r| r.method != cell(method));
        rows.push(PublishedRow { method: cell(method).to_owned(), auroc, fpr95, tpr05 });
    }
    Ok(rows)
}

/// "77.6%" or "77.6" as 0.776.
fn percent(text: &str) -> Option<f64> {
    let value: f64 = text.trim_end_matches('%').trim().parse().ok()?;
    // Rounded, so that 81.1 % is 0.811 and not the nearest number below.
    (0.0..=100.0).contains(&value).then_some((value * 1e6).round() / 1e8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_become_fractions_and_later_lines_win() {
        let rows =
            parse(b"method,auroc,fpr95,tpr05\nloss,91.9%,33.7%,59.6%\nloss,50%,90%,5%\nzlib,81,66,17\n").unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(percent("81.1%"), Some(0.811));
        assert_eq!((rows[0].auroc, rows[1].method.as_str(), rows[1].tpr05), (0.5, "zlib", 0.17));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
        assert!(message(b"method,auroc\n").contains("`fpr95` is missing"));
        assert!(message(b"method,auroc,fpr95,tpr05\nloss,x,1,1\n").contains("line 2: `x`"));
    }
}
