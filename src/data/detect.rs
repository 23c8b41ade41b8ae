//! Which format and which encoding a file has, from its name and its first bytes.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::str::Utf8Error;

use super::spec::Format;
use crate::error::{Error, Result};

/// How much of a file is looked at.
const SNIFF_BYTES: usize = 64 << 10;

/// The format of `path`, and refusal of what is no data file at all.
pub(super) fn format(path: &Path, asked: Option<Format>) -> Result<Format> {
    let start = start(path)?;
    refuse_binary(&start).map_err(|error| error.at(path))?;
    if start.starts_with(b"PAR1") {
        return Ok(Format::Parquet);
    }
    refuse_encoding(&start, path)?;
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    if let Some(format) = asked {
        return Ok(format);
    }
    let body = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&start).trim_ascii_start();
    Ok(match extension.as_str() {
        "csv" => Format::Csv,
        "tsv" | "tab" => Format::Tsv,
        "txt" | "text" | "md" => Format::Text,
        "parquet" | "pq" => Format::Parquet,
        "jsonl" | "ndjson" if !body.starts_with(b"[") => Format::Jsonl,
        _ if body.starts_with(b"[") => Format::Json,
        _ if body.starts_with(b"{") => object_format(body, start.len() < SNIFF_BYTES),
        "json" => Format::Json,
        _ => Format::Text,
    })
}

/// A file that starts with an object is JSONL when its first line is a whole object and more follows.
fn object_format(body: &[u8], is_whole_file: bool) -> Format {
    let end = body.iter().position(|&byte| byte == b'\n');
    let line = end.and_then(|end| body.get(..end)).unwrap_or(body);
    let more = end.and_then(|end| body.get(end..)).is_some_and(|rest| !rest.trim_ascii().is_empty());
    if end.is_none() && !is_whole_file {
        // One line longer than what was looked at: rows of JSONL end, a document of one line does not.
        return if looks_like_document(line) { Format::Json } else { Format::Jsonl };
    }
    let is_object = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
    if is_object && (more || !looks_like_document(line)) { Format::Jsonl } else { Format::Json }
}

/// Whether one line of JSON is a document with rows inside, by its keys.
fn looks_like_document(line: &[u8]) -> bool {
    let head = line.get(..line.len().min(4096)).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    ["\"data\"", "\"GeneratedParaphrases\"", "\"original_texts\"", "\"results\"", "\"domain_name\"", "\"rows\""]
        .iter()
        .any(|key| head.contains(key))
}

fn start(path: &Path) -> Result<Vec<u8>> {
    if path.is_dir() {
        return Err(folder(path));
    }
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SNIFF_BYTES as u64).read_to_end(&mut start))
        .map_err(|e| Error::io("reading", path, &e))?;
    Ok(start)
}

fn folder(path: &Path) -> Error {
    let mut names: Vec<String> = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .take(20)
        .collect();
    names.sort();
    let hint = if names.is_empty() { "it holds no files".to_owned() } else { format!("it holds {}", names.join(", ")) };
    Error::config("a folder where a data file was expected").hint(format!("name one file; {hint}")).at(path)
}

/// Kinds of binary files that users open by mistake.
fn refuse_binary(start: &[u8]) -> Result<()> {
    let kinds: [(&[u8], &str, &str); 8] = [
        (b"\x1F\x8B", "a gzip archive", "unpack it first: gunzip FILE"),
        (b"\x28\xB5\x2F\xFD", "a zstd archive", "unpack it first: unzstd FILE"),
        (b"PK\x03\x04", "a zip archive (also xlsx, npz and PyTorch files)", "unpack or export it as CSV or JSONL"),
        (b"BZh", "a bzip2 archive", "unpack it first: bunzip2 FILE"),
        (b"\xFD7zXZ", "an xz archive", "unpack it first: unxz FILE"),
        (b"\x80\x04\x95", "a Python pickle", "pickles run code when opened and are never read; save it as JSONL"),
        (b"\x93NUMPY", "a NumPy array", "save it as JSONL with a token_ids column"),
        (b"ARROW1", "an Arrow file", "save it as Parquet: dataset.to_parquet(...)"),
    ];
    match kinds.iter().find(|(magic, ..)| start.starts_with(magic)) {
        Some((_, what, hint)) => Err(Error::data(format!("this is {what}, not a data file")).hint(*hint)),
        None => Ok(()),
    }
}

/// Refuses files that are UTF-16, UTF-32 or no text as a whole.
fn refuse_encoding(start: &[u8], path: &Path) -> Result<()> {
    let Some(name) = wide_encoding(start) else {
        let texts = start.split(|&byte| byte == 0).count();
        return if (texts - 1) * 10 > start.len() {
            Err(Error::data("this is a binary file, not text")
                .hint("choose JSONL, JSON, CSV, text or Parquet")
                .at(path))
        } else {
            Ok(())
        };
    };
    Err(Error::data(format!("the file is {name}, not UTF-8"))
        .hint(format!("convert it: iconv -f {name} -t UTF-8 IN > OUT"))
        .at(path))
}

/// UTF-16 or UTF-32 by byte order mark, or by where the zeros of ASCII text lie.
fn wide_encoding(start: &[u8]) -> Option<&'static str> {
    if start.starts_with(b"\xFF\xFE\0\0") {
        return Some("UTF-32LE");
    }
    if start.starts_with(b"\0\0\xFE\xFF") {
        return Some("UTF-32BE");
    }
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(start) {
        return if encoding == encoding_rs::UTF_8 { None } else { Some(encoding.name()) };
    }
    let (mut even, mut odd) = (0, 0);
    for pair in start.chunks_exact(2) {
        even += usize::from(pair.first() == Some(&0));
        odd += usize::from(pair.get(1) == Some(&0));
    }
    let pairs = start.len() / 2;
    if pairs < 4 {
        None
    } else if odd * 10 > pairs * 7 && even * 10 < pairs {
        Some("UTF-16LE")
    } else if even * 10 > pairs * 7 && odd * 10 < pairs {
        Some("UTF-16BE")
    } else {
        None
    }
}

/// Why bytes are not UTF-8: where, and which encoding they look like.
pub(super) fn not_utf8(bytes: &[u8], error: &Utf8Error) -> String {
    let at = error.valid_up_to();
    let byte = bytes.get(at).copied().unwrap_or_default();
    if error.error_len().is_none() {
        return format!("not UTF-8: a character is cut off at byte {at}");
    }
    let high = bytes.iter().filter(|byte| !byte.is_ascii()).count();
    let controls = bytes.iter().filter(|&&byte| byte < 9).count();
    let guess = if controls > 0 || high * 2 > bytes.len() {
        "; this does not look like text".to_owned()
    } else {
        let (text, _, _) = encoding_rs::WINDOWS_1252.decode(bytes.get(at..).unwrap_or_default());
        let sample: String = text.chars().take(12).collect();
        format!(
            "; it looks like Windows-1252 or Latin-1 ({sample:?}): convert the file with iconv -f WINDOWS-1252 -t UTF-8"
        )
    };
    format!("not UTF-8: byte 0x{byte:02X} at {at}{guess}")
}
