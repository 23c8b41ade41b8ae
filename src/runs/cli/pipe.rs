//! Standard output whose reader may leave.

use std::io::{ErrorKind, Result, Write};

/// Drops what nobody reads any more: `memoscope inspect MODEL | head` is no error.
pub struct Pipe<W>(pub W);

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, buffer: &[u8]) -> Result<usize> {
        match self.0.write(buffer) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(buffer.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that left, or a full disk.
    struct Fails(ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn only_a_reader_that_left_is_no_error() {
        let mut left = Pipe(Fails(ErrorKind::BrokenPipe));
        assert!(writeln!(left, "words").is_ok() && left.flush().is_ok(), "nobody reads");
        let mut full = Pipe(Fails(ErrorKind::StorageFull));
        assert!(writeln!(full, "words").is_err() && full.flush().is_err(), "a full disk is an error");
    }
}
