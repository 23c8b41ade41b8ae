//! Reads a data file as a whole.

use std::path::Path;

use super::collect::{Collected, Collector};
use super::record::Dataset;
use super::source::Source;
use super::spec::{DataSpec, Format};
use super::{detect, jsonl, text};
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
    let hash = read(path, format, &mut collector)?;
    let Collected { records, bad, schema, .. } = collector.finish().map_err(|error| error.at(path))?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(Dataset {
        name: stem.unwrap_or_default(),
        path: path.to_owned(),
        schema: format!("{format}: {schema}"),
        records,
        bad,
        notes: Vec::new(),
        hash,
    })
}

/// Reads the rows, then the rest of the file for its hash.
fn read(path: &Path, format: Format, collector: &mut Collector<'_>) -> Result<String> {
    let mut source = Source::open(path)?;
    let done = match format {
        Format::Jsonl => jsonl::read(&mut source, collector),
        Format::Text => text::read_lines(&mut source, collector),
        Format::Paragraphs => text::read_paragraphs(&mut source, collector),
        other => return Err(Error::config(format!("{other} is not read yet")).at(path)),
    };
    done.and_then(|()| source.finish()).map_err(|error| Error::io("reading", path, &error))
}
