//! Files of lines, each read and judged by itself.

use std::io;

use super::collect::Collector;
use super::source::{Line, MAX_ROW_BYTES, Source};
use crate::error::Error;

/// Hands every line to `take` with its number from 1, until it does not want to go on. Lines that are too long are bad
/// rows.
pub(super) fn each(
    source: &mut Source,
    collector: &mut Collector<'_>,
    mut take: impl FnMut(&mut Collector<'_>, usize, &[u8]) -> bool,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut number = 0;
    while let Some(line) = source.line(&mut buffer)? {
        number += 1;
        let go_on = match line {
            Line::TooLong => too_long(source, collector, number)?,
            Line::Whole(bytes) => take(collector, number, bytes),
        };
        if !go_on {
            break;
        }
    }
    Ok(())
}

/// Whether a line has nothing but white space.
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.trim_ascii().is_empty()
}

/// Skips a line that is too long; as the first row it means that the file is of another kind.
fn too_long(source: &mut Source, collector: &mut Collector<'_>, number: usize) -> io::Result<bool> {
    let reason = format!("the line is longer than {} MiB", MAX_ROW_BYTES >> 20);
    if collector.rows == 0 {
        let error = Error::data(format!("line {number}: {reason}"));
        return Ok(collector.fail(error.hint("this may be a file of another kind; write one example a line")));
    }
    source.skip_line()?;
    Ok(collector.bad(number, reason))
}
