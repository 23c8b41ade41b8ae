//! Reads a data file as a whole.

use std::collections::BTreeMap;
use std::path::Path;

use super::collect::{Collected, Collector};
use super::record::{Dataset, Record};
use super::source::Source;
use super::spec::{DataSpec, Format};
use super::{columnar, detect, json, jsonl, table, text};
use crate::error::{Error, Result};

/// Reads every row of `path` as `spec` says, in file order.
///
/// Bad rows are kept in [`Dataset::bad`] with their number and reason; blank lines are skipped.
/// Memory stays near the size of the texts themselves: the file is read as a stream.
///
/// # Errors
/// A missing file, one of another kind or encoding, a column that is not there (the error lists
/// those that are), a role that does not exist, or no usable row.
///
/// ```no_run
/// use memoscope::data::{DataSpec, load};
/// let data = load(std::path::Path::new("members.jsonl"), &DataSpec::default())?;
/// println!("{} rows, {} bad; {}", data.records.len(), data.bad.len(), data.schema);
/// # Ok::<(), memoscope::error::Error>(())
/// ```
pub fn load(path: &Path, spec: &DataSpec) -> Result<Dataset> {
    let format = detect::format(path, spec.format)?;
    let mut collector = Collector::new(spec).map_err(|error| error.at(path))?;
    let (source, key) = read_rows(path, format, &mut collector)?;
    let Collected { records, bad, schema, odd_labels, .. } = collector.finish().map_err(|error| error.at(path))?;
    let hash = source.finish().map_err(|error| Error::io("reading", path, &error))?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(Dataset {
        name: stem.unwrap_or_default(),
        path: path.to_owned(),
        schema: match key {
            Some(key) => format!("{format}, rows under {key}: {schema}"),
            None => format!("{format}: {schema}"),
        },
        notes: notes(&records, odd_labels),
        records,
        bad,
        hash,
        tokenizer: None,
    })
}

/// Hands the rows of a file to `collector` until it has enough; returns the source, whose rest is unread, and the key
/// under which a JSON document had its rows.
pub(super) fn read_rows(
    path: &Path,
    format: Format,
    collector: &mut Collector<'_>,
) -> Result<(Source, Option<&'static str>)> {
    let mut source = Source::open(path)?;
    let done = match format {
        Format::Jsonl => jsonl::read(&mut source, collector).map(|()| None),
        Format::Json => json::read(&mut source, collector),
        Format::Csv => table::read(&mut source, b',', collector).map(|()| None),
        Format::Tsv => table::read(&mut source, b'\t', collector).map(|()| None),
        Format::Text => text::read_lines(&mut source, collector).map(|()| None),
        Format::Paragraphs => text::read_paragraphs(&mut source, collector).map(|()| None),
        Format::Parquet => {
            columnar::read(path, collector).map_err(|error| error.at(path))?;
            Ok(None)
        }
    };
    done.map(|key| (source, key)).map_err(|error| Error::io("reading", path, &error))
}

/// What a user should know about the rows that were kept.
fn notes(records: &[Record], odd_labels: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if odd_labels > 0 {
        notes.push(format!("{odd_labels} labels say neither member nor non-member and were left out"));
    }
    let mut first = BTreeMap::new();
    let mut repeated = records.iter().filter_map(|record| {
        let id = record.id.as_deref()?;
        first.insert(id, record.row).map(|earlier| (id, earlier, record.row))
    });
    if let Some((id, earlier, later)) = repeated.next() {
        let more = repeated.count() + 1;
        let (one, other) = (earlier + 1, later + 1);
        notes.push(format!(
            "{more} rows repeat an id that occurred before, the first is `{id}` in rows {one} and {other}"
        ));
    }
    let excluded = records.iter().fold((0, 0), |(empty, identical), record| {
        (empty + record.excluded.empty, identical + record.excluded.identical)
    });
    if excluded != (0, 0) {
        let (empty, identical) = excluded;
        notes.push(format!("paraphrases left out: {empty} empty, {identical} equal to their original"));
    }
    notes
}
