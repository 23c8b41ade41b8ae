//! Fingerprints of inputs.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// Files up to this size are hashed whole; of larger ones a fixed sample is.
const WHOLE_BYTES: u64 = 1 << 29;
const SAMPLES: u64 = 256;
const SAMPLE_BYTES: u64 = 1 << 16;

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The fingerprint of a file: `sha256:` and the hash of its content, or, for files above half a
/// gigabyte, `sampled:` and the hash of its size and of 256 blocks evenly spread over it.
pub fn fingerprint(path: &Path) -> Result<String> {
    let io = |e: std::io::Error| Error::io("reading", path, &e);
    let mut file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let mut hash = Sha256::new();
    if size <= WHOLE_BYTES {
        std::io::copy(&mut file, &mut HashWriter(&mut hash)).map_err(io)?;
        return Ok(format!("sha256:{}", hex(&hash.finalize())));
    }
    hash.update(size.to_le_bytes());
    let mut block = vec![0; SAMPLE_BYTES as usize];
    for i in 0..SAMPLES {
        file.seek(SeekFrom::Start((size - SAMPLE_BYTES) / (SAMPLES - 1) * i)).map_err(io)?;
        file.read_exact(&mut block).map_err(io)?;
        hash.update(&block);
    }
    Ok(format!("sampled:{}", hex(&hash.finalize())))
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        text.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('?')));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn known_answer() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn large_files_are_sampled_and_changes_of_size_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        let file = File::create(&path).unwrap();
        file.set_len(WHOLE_BYTES + 1).unwrap();
        let first = fingerprint(&path).unwrap();
        assert!(first.starts_with("sampled:"), "{first}");
        file.set_len(WHOLE_BYTES + 2).unwrap();
        assert_ne!(fingerprint(&path).unwrap(), first);
    }
}
