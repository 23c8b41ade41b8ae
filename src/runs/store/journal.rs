//! The record log of a run: what is computed is kept at once, and a torn end is cut off.
//!
//! Layout: 8 bytes of magic, then records of `length: u32, crc32: u32, payload`, little-endian. The
//! payload is postcard of (name, record). Each record is handed to the system when it is kept, so a
//! killed process loses none; [`Journal::sync`] makes them survive a power cut and is called at least
//! every ten seconds by the heartbeat of the run.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"MSCOPEJ1";
const HEADER_BYTES: u64 = 8;
/// A single record above this size is refused, and a length above it in the file is damage.
const MAX_RECORD_BYTES: usize = 1 << 30;

/// What a journal needs of its file; a trait so that tests can fill the disk.
pub trait LogFile: Write + Send {
    /// Cuts the file to `length` bytes and goes on writing there.
    fn cut(&mut self, length: u64) -> std::io::Result<()>;
}

impl LogFile for File {
    fn cut(&mut self, length: u64) -> std::io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(|_| ())
    }
}

/// An append-only record log.
pub struct Journal<F = File> {
    file: F,
    path: PathBuf,
    /// Bytes up to the end of the last good record.
    length: u64,
    /// Where the records of an earlier process are, by name.
    earlier: BTreeMap<String, Vec<Span>>,
    /// Bytes behind the last good record that were cut off when the journal was opened.
    torn_bytes: u64,
}

#[derive(Clone, Copy)]
struct Span {
    start: u64,
    length: usize,
}

impl Journal<File> {
    /// Size of a journal without records.
    pub const EMPTY_BYTES: u64 = HEADER_BYTES;

    /// Opens or makes the journal at `path` and cuts a torn end off.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |e: std::io::Error| Error::io("opening the journal", path, &e);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let mut journal = Self { file, path: path.to_owned(), length: 0, earlier: BTreeMap::new(), torn_bytes: 0 };
        if size < HEADER_BYTES {
            journal.start_over(size)?;
            return Ok(journal);
        }
        file = journal.file.try_clone().map_err(io)?;
        journal.scan(BufReader::new(file), size)?;
        journal.file.cut(journal.length).map_err(io)?;
        Ok(journal)
    }

    /// A second handle for [`File::sync_data`] from another thread.
    pub fn handle(&self) -> Result<File> {
        self.file.try_clone().map_err(|e| Error::io("opening the journal", &self.path, &e))
    }

    /// Makes everything that is kept survive a power cut.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| Error::io("writing the journal", &self.path, &e))
    }

    /// Record number `at` of an earlier process under `name`; none behind the last.
    pub fn earlier(&mut self, name: &str, at: usize) -> Result<Option<Vec<u8>>> {
        let Some(span) = self.earlier.get(name).and_then(|spans| spans.get(at)).copied() else { return Ok(None) };
        let record = self.read(span).and_then(|record| {
            self.file.seek(SeekFrom::Start(self.length))?;
            Ok(record)
        });
        record.map(Some).map_err(|e| Error::io("reading the journal", &self.path, &e))
    }

    /// Bytes that were cut off as torn when the journal was opened.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    fn start_over(&mut self, size: u64) -> Result<()> {
        self.torn_bytes = size;
        let started = self.file.cut(0).and_then(|()| self.file.write_all(MAGIC));
        started.map_err(|e| Error::io("writing the journal", &self.path, &e))?;
        self.length = HEADER_BYTES;
        Ok(())
    }

    fn scan(&mut self, mut reader: impl Read, size: u64) -> Result<()> {
        let mut magic = [0; 8];
        reader.read_exact(&mut magic).map_err(|e| Error::io("reading the journal", &self.path, &e))?;
        if &magic != MAGIC {
            return Err(Error::data("not a journal of this program")
                .hint("delete the file to start the run over")
                .at(&self.path));
        }
        self.length = HEADER_BYTES;
        while let Some(payload) = next_record(&mut reader, size - self.length) {
            let Ok((name, record)) = postcard::take_from_bytes::<String>(&payload) else { break };
            // The payload ends with the bytes of the record behind their length, both written by postcard.
            let Ok((_, body)) = postcard::take_from_bytes::<u64>(record) else { break };
            let end = self.length + HEADER_BYTES + payload.len() as u64;
            let span = Span { start: end - body.len() as u64, length: body.len() };
            self.earlier.entry(name).or_default().push(span);
            self.length = end;
        }
        self.torn_bytes = size - self.length;
        Ok(())
    }

    fn read(&mut self, span: Span) -> std::io::Result<Vec<u8>> {
        let mut record = vec![0; span.length];
        self.file.seek(SeekFrom::Start(span.start))?;
        self.file.read_exact(&mut record)?;
        Ok(record)
    }
}

impl<F: LogFile> Journal<F> {
    /// Keeps one record. A write that fails half-way, as on a full disk, is cut off again.
    pub fn keep(&mut self, name: &str, record: &[u8]) -> Result<()> {
        let payload = postcard::to_stdvec(&(name, record.len() as u64))
            .map_err(|e| Error::bug(format!("a record cannot be kept: {e}")))?;
        let length = payload.len() + record.len();
        if length > MAX_RECORD_BYTES {
            return Err(Error::bug(format!("a record of {length} bytes under `{name}` is too large to keep")));
        }
        let mut crc = crc32fast::Hasher::new();
        crc.update(&payload);
        crc.update(record);
        let mut bytes = Vec::with_capacity(length + HEADER_BYTES as usize);
        bytes.extend((length as u32).to_le_bytes());
        bytes.extend(crc.finalize().to_le_bytes());
        bytes.extend(payload);
        bytes.extend(record);
        if let Err(e) = self.file.write_all(&bytes) {
            let error = Error::io("writing the journal", &self.path, &e);
            // When the cut fails too, the torn record is cut off by the next process.
            let _ = self.file.cut(self.length);
            return Err(error);
        }
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// The payload of the next whole record; none at the end or at damage.
fn next_record(reader: &mut impl Read, left: u64) -> Option<Vec<u8>> {
    let mut header = [0; 8];
    if left < HEADER_BYTES {
        return None;
    }
    reader.read_exact(&mut header).ok()?;
    let [a, b, c, d, e, f, g, h] = header;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > MAX_RECORD_BYTES || length as u64 > left - HEADER_BYTES {
        return None;
    }
    let mut payload = vec![0; length];
    reader.read_exact(&mut payload).ok()?;
    (crc32fast::hash(&payload) == u32::from_le_bytes([e, f, g, h])).then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(journal: &mut Journal, name: &str) -> Vec<Vec<u8>> {
        (0..).map_while(|at| journal.earlier(name, at).unwrap()).collect()
    }

    fn filled(path: &Path) {
        let mut journal = Journal::open(path).unwrap();
        for i in 0..5_u8 {
            journal.keep("a", &[i; 10]).unwrap();
            journal.keep("b", &[i]).unwrap();
        }
    }

    #[test]
    fn records_come_back_by_name_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        filled(&path);
        let mut journal = Journal::open(&path).unwrap();
        assert_eq!(all(&mut journal, "a"), (0..5_u8).map(|i| vec![i; 10]).collect::<Vec<_>>());
        journal.keep("b", &[9]).unwrap();
        assert_eq!(all(&mut journal, "b").len(), 5, "those of the earlier process");
        assert_eq!(all(&mut Journal::open(&path).unwrap(), "b").last(), Some(&vec![9]));
    }

    #[test]
    fn a_file_cut_anywhere_keeps_the_whole_records_before_the_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        filled(&path);
        let whole = std::fs::read(&path).unwrap();
        let mut last = 0;
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut journal = Journal::open(&path).unwrap();
            let n = all(&mut journal, "a").len() + all(&mut journal, "b").len();
            assert!(n >= last, "a longer file has no fewer records");
            last = n;
            journal.keep("a", b"more").unwrap();
            drop(journal);
            let mut again = Journal::open(&path).unwrap();
            assert_eq!(again.torn_bytes(), 0);
            assert_eq!(all(&mut again, "a").last().map(Vec::as_slice), Some(b"more".as_slice()));
        }
        assert_eq!(last, 10);
    }

    #[test]
    fn a_flipped_bit_ends_the_good_part() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        filled(&path);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        std::fs::write(&path, &bytes).unwrap();
        let mut journal = Journal::open(&path).unwrap();
        assert!(journal.torn_bytes() > 0, "the damage is seen");
        assert!(all(&mut journal, "a").len() < 5, "damaged records are not used");
    }

    /// A disk with `room` bytes left.
    struct SmallDisk {
        bytes: Vec<u8>,
        room: usize,
    }

    impl Write for SmallDisk {
        fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
            let n = buffer.len().min(self.room - self.bytes.len());
            if n == 0 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            self.bytes.extend(&buffer[..n]);
            Ok(n)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl LogFile for SmallDisk {
        fn cut(&mut self, length: u64) -> std::io::Result<()> {
            self.bytes.truncate(length as usize);
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_explained_and_damages_nothing() {
        let disk = SmallDisk { bytes: MAGIC.to_vec(), room: 100 };
        let mut journal = Journal { file: disk, path: "j".into(), length: 8, earlier: BTreeMap::new(), torn_bytes: 0 };
        let mut kept = 0;
        let error = loop {
            match journal.keep("a", &[kept; 20]) {
                Ok(()) => kept += 1,
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("a run then goes on with `memoscope resume`"), "{error}");
        journal.file.room = 200;
        journal.keep("a", &[kept; 20]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        std::fs::write(&path, &journal.file.bytes).unwrap();
        let mut read = Journal::open(&path).unwrap();
        assert_eq!(all(&mut read, "a"), (0..=kept).map(|i| vec![i; 20]).collect::<Vec<_>>());
    }
}
