//! Length of a text after compression with stock zlib.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::error::{Error, Result};

/// Bytes of the zlib stream of `bytes` at level 6, header and checksum included.
///
/// Other deflate encoders give other lengths: published zlib scores rest on the C library.
pub fn compressed_len(bytes: &[u8]) -> Result<usize> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    let failed = |e: std::io::Error| Error::bug(format!("zlib failed: {e}"));
    encoder.write_all(bytes).map_err(failed)?;
    Ok(encoder.finish().map_err(failed)?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths of zlib 1.2.13 through Python's `zlib.compress`.
    #[test]
    fn lengths_are_those_of_stock_zlib() {
        let len = |s: &[u8]| compressed_len(s).unwrap();
        assert_eq!(len(b""), 8);
        assert_eq!(len(b"a"), 9);
        assert_eq!(len("a".repeat(1000).as_bytes()), 17);
        assert_eq!(len("The quick brown fox jumps over the lazy dog. ".repeat(4).as_bytes()), 55);
        assert_eq!(len(&(0..=255).collect::<Vec<u8>>()), 267);
        let numbers: Vec<String> = (0..200).map(|i| (i * 7919 % 1000).to_string()).collect();
        assert_eq!(len(numbers.join(" ").as_bytes()), 382);
    }
}
