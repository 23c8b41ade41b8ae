//! A file read once: hashed on the way, byte order mark skipped, no row longer than the limit.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// Longest row that is read into memory, in bytes.
pub(super) const MAX_ROW_BYTES: usize = 64 << 20;

const BUFFER_BYTES: usize = 256 << 10;

/// A data file being read.
pub(super) struct Source {
    reader: BufReader<Hashing>,
}

struct Hashing {
    file: File,
    hash: Sha256,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.hash.update(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

/// One line, without its end.
pub(super) enum Line<'a> {
    /// The bytes.
    Whole(&'a [u8]),
    /// The line has more bytes than the limit; [`Source::skip_line`] skips the rest of it.
    TooLong,
}

impl Source {
    /// Opens `path` and skips a UTF-8 byte order mark.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io("opening", path, &e))?;
        let hashing = Hashing { file, hash: Sha256::new() };
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, hashing);
        let start = reader.fill_buf().map_err(|e| Error::io("reading", path, &e))?;
        if start.starts_with(b"\xEF\xBB\xBF") {
            reader.consume(3);
        }
        Ok(Self { reader })
    }

    /// The next line in `buffer`, which is reused; `None` at the end. A carriage return before the line end is dropped.
    pub(super) fn line<'a>(&mut self, buffer: &'a mut Vec<u8>) -> io::Result<Option<Line<'a>>> {
        buffer.clear();
        let n = (&mut self.reader).take(MAX_ROW_BYTES as u64 + 1).read_until(b'\n', buffer)?;
        if n == 0 {
            return Ok(None);
        }
        if buffer.last() == Some(&b'\n') {
            buffer.pop();
            if buffer.last() == Some(&b'\r') {
                buffer.pop();
            }
        } else if n > MAX_ROW_BYTES {
            *buffer = Vec::new();
            return Ok(Some(Line::TooLong));
        }
        Ok(Some(Line::Whole(buffer)))
    }

    /// What was read ahead.
    pub(super) fn peek(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    /// Skips to behind the line end.
    pub(super) fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let chunk = self.reader.fill_buf()?;
            let (n, is_end) = match chunk.iter().position(|&byte| byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (chunk.len(), chunk.is_empty()),
            };
            self.reader.consume(n);
            if is_end {
                return Ok(());
            }
        }
    }

    /// Reads what is left and returns the SHA-256 of the whole file in hexadecimal.
    pub(super) fn finish(mut self) -> io::Result<String> {
        io::copy(&mut self.reader, &mut io::sink())?;
        Ok(hexadecimal(&self.reader.into_inner().hash.finalize()))
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
